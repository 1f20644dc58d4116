"""Carrying out what people ask of a run while it runs."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from promptopt.domain import events as ev
from promptopt.domain.stopping import StopRun
from promptopt.models.gateway import Gateway
from promptopt.runs.context import Context
from promptopt.runs.editing import Editing
from promptopt.runs.guiding import Guiding
from promptopt.runs.mending import Mender
from promptopt.runs.voice import Handler, Room, Voice, When
from promptopt.store.commands import (
    Command,
    Commands,
    Decide,
    GiveUp,
    Pause,
    Resume,
    Sent,
    SetLimits,
    Step,
    Stop,
)

POLL_SECONDS = 0.1

LONGEST_PAUSE = 3600.0
"""Seconds that a run which paused itself waits for a person; then it ends, and can be resumed.

If a face knows that there is none, it says so (:class:`GiveUp`), and the run ends at once."""


class Control:
    """Pause, step, resume and stop of one run; the rest of what can be asked has rooms of its own.

    Args:
        guiding: of the optimizer's proposals.
        rooms: that carry out other commands.

    Attributes:
        editing: of people's own prompts.
        mender: of cases.
    """

    def __init__(
        self,
        engine: Voice,
        context: Context,
        gateway: Gateway,
        commands: Commands,
        guiding: Guiding,
        rooms: Sequence[Room] = (),
    ) -> None:
        self._engine = engine
        self._context = context
        self._gateway = gateway
        self._commands = commands
        self._guiding = guiding
        self._under_way: asyncio.Task[StopRun] | None = None
        self._stop: StopRun | None = None
        self._waiting_in_vain: asyncio.TimerHandle | None = None
        self._at_iteration: Sent | None = None
        """The step or the stop that takes effect when a new iteration begins."""
        self.editing = Editing(engine, context, gateway, commands, self._when)
        self.mender = Mender(engine, context, self._when, lambda: self.editing.busy)
        context.on_iteration(self._iteration_may_begin, self._iteration_begun)
        self._handlers: dict[type[Command], Handler] = {
            Pause: self._pause,
            Step: self._step,
            Resume: self._resume,
            Stop: self._stop_run,
            GiveUp: self._give_up,
            **self.editing.handlers,
            Decide: self._decide,
        }
        for room in (guiding, self.mender, *rooms):
            self._handlers.update(room.handlers)

    async def watch_commands(self) -> None:
        """Look for commands for as long as the run lasts."""
        while True:
            for sent in self._commands.waiting():
                if not self.editing.scores(sent):
                    outcome = self._handlers[type(sent.command)](sent, sent.command)
                    if outcome is not None:
                        self._commands.done(sent.id, outcome)
                    self.editing.moved()
            await asyncio.sleep(POLL_SECONDS)

    def drop_stale(self) -> None:
        """Answer what was asked of a worker that is gone, of the moment then. All else still holds."""
        for sent in self._commands.waiting():
            if isinstance(sent.command, Pause | Resume | Step | Stop | GiveUp):
                self._commands.done(sent.id, "the worker that it was for is gone")

    def take_limits(self) -> None:
        """Carry out caps that were asked for before the worker came: it could end at the old ones first."""
        for sent in self._commands.waiting():
            if isinstance(sent.command, SetLimits):
                outcome = self._handlers[SetLimits](sent, sent.command)
                if outcome is not None:
                    self._commands.done(sent.id, outcome)

    def close(self) -> None:
        """Answer what came too late; what still holds for a run that can be taken up waits for that."""
        for sent in self._commands.waiting():
            momentary = isinstance(sent.command, Pause | Resume | Step | Stop | GiveUp)
            if momentary or not self._engine.state.resumable:
                self._commands.done(sent.id, "the run is over")

    async def stoppable(self, work: Coroutine[Any, Any, StopRun]) -> StopRun:
        """Do ``work`` until it ends, a cap ends it, or a person stops it; return why it ended."""
        stop, self._stop = self._stop, None
        if stop and stop.now:  # asked for since the last work ended
            work.close()
            return stop
        self._under_way = asyncio.create_task(work)
        try:
            return await asyncio.shield(self._under_way)
        except StopRun as signal:
            return signal
        except asyncio.CancelledError:
            stop, self._stop = self._stop, None
            if stop is None:
                self._under_way.cancel()
                raise
            return stop
        finally:
            await asyncio.gather(self._under_way, return_exceptions=True)
            await self.editing.give_up()

    def _pause(self, sent: Sent, command: Pause | Step) -> str:
        if self._gateway.gate.shut:
            return "already paused"
        self._drop_step()
        self._gateway.gate.close()
        self._engine.watch.pause()
        self._engine.emit(ev.Paused(by=sent.author, reason=command.reason))
        return "paused"

    def _step(self, sent: Sent, command: Step) -> str:
        if not self._engine.state.has_search and self._engine.state.version:
            return "it has no iterations"
        if self._when() == "late" or self._stopping:
            return "the search is over, or about to end: no iteration follows"
        self._at_iteration = sent
        self._go_on()
        self._engine.emit(ev.StepAsked(by=sent.author, reason=command.reason))
        return "it pauses when the next iteration begins"

    def _drop_step(self) -> None:
        """A step is over once somebody pauses or resumes the run; a stop still holds."""
        if self._at_iteration is not None and isinstance(self._at_iteration.command, Step):
            self._at_iteration = None

    @property
    def _stopping(self) -> bool:
        """It ends with this iteration, or at once."""
        waits = self._at_iteration is not None and isinstance(self._at_iteration.command, Stop)
        return waits or bool(self._under_way and self._under_way.cancelling())

    def _iteration_may_begin(self) -> bool:
        """Whether a new iteration may begin: not if the run was to end with the one before."""
        sent = self._at_iteration
        if sent is None or not isinstance(sent.command, Stop):
            return True
        self._at_iteration = None
        self._end(StopRun("user", f"stopped by {sent.author}"))
        return False

    def _iteration_begun(self) -> None:
        """A new iteration has begun, and nothing was asked for it yet: here a step ends."""
        sent = self._at_iteration
        if sent is not None and isinstance(sent.command, Step):
            self._at_iteration = None
            self._pause(sent, sent.command)

    def pause_itself(self, reason: str) -> None:
        """Let the run wait for a person, who can mend what the run can't; not for ever."""
        self._gateway.gate.close()
        self._engine.watch.pause()
        self._engine.emit(ev.Paused(by="promptopt", reason=reason, itself=True))
        self._waiting_in_vain = asyncio.get_running_loop().call_later(
            LONGEST_PAUSE, self._end, StopRun("error", reason, now=True)
        )

    def _resume(self, sent: Sent, command: Resume) -> str:
        if not (self._gateway.gate.shut or self._engine.state.stepping):
            return "was not paused"
        self._drop_step()
        self._go_on()
        self._engine.emit(ev.Resumed(by=sent.author, reason=command.reason))
        return "resumed"

    def _decide(self, sent: Sent, command: Decide) -> str | None:
        """The answer to an edit or a proposal that waits."""
        when = self._when()
        if when != "search":
            return None if when == "early" else "the search is over"
        if self._guiding.knows(command):
            return self._guiding.decide(sent, command)
        return self.editing.decide(sent, command)

    def _give_up(self, _sent: Sent, _command: GiveUp) -> str:
        reason = self._engine.state.pause_reason
        if not reason:
            return "it waits for nobody"
        self._end(StopRun("error", reason, now=True))
        return "ending"

    def _end(self, stop: StopRun) -> None:
        self._stop = stop
        self._gateway.stop(stop)
        if self._under_way is not None:
            self._under_way.cancel()
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting_in_vain:
            self._waiting_in_vain.cancel()
        self._gateway.gate.open()
        self._engine.watch.go_on()

    def _stop_run(self, sent: Sent, command: Stop) -> str | None:
        if self._under_way is None:
            return None  # the worker is still starting
        phase = self._engine.state.phase
        ending = self._under_way.done() or self._under_way.cancelling()
        if ending and not (command.now and phase == "search"):
            return "the run is already ending"
        waits = (
            not command.now and command.after_iteration and self._engine.state.has_search and phase != "test"
        )
        self._engine.emit(
            ev.StopRequested(by=sent.author, now=command.now, after_iteration=waits, reason=command.reason)
        )
        if waits:
            self._at_iteration = sent
            self._go_on()
            return "it ends when this iteration is over"
        self._at_iteration = None
        self._end(StopRun("user", f"stopped by {sent.author}", now=command.now or phase == "test"))
        return "stopping"

    def _when(self) -> When:
        """Whether the run searches; what an earlier worker said of the phase does not count."""
        if self._under_way is None or self._engine.state.phase in ("", "baseline"):
            return "early"
        over = self._under_way.done() or self._engine.state.phase != "search"
        return "late" if over else "search"
