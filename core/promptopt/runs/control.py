"""Carrying out what people ask of a run while it runs."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from promptopt.domain import events as ev
from promptopt.domain.prompt import Prompt
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.statistics import compare
from promptopt.models.budget import Stopwatch
from promptopt.models.gateway import Gateway
from promptopt.runs.context import Context
from promptopt.runs.state import RunState
from promptopt.store.commands import Command, Commands, Decide, Edit, GiveUp, Pause, Resume, Sent, Stop

POLL_SECONDS = 0.1

LONGEST_PAUSE = 3600.0
"""Seconds that a run which paused itself waits for a person; then it ends, and can be resumed.

If a face knows that there is none, it says so (:class:`GiveUp`), and the run ends at once."""


class Voice(Protocol):
    """What control needs of the engine."""

    state: RunState
    watch: Stopwatch

    def emit(self, event: ev.Event) -> None: ...


class Control:
    """Pause, resume, stop and edit for one run."""

    def __init__(self, engine: Voice, context: Context, gateway: Gateway, commands: Commands) -> None:
        self._engine = engine
        self._context = context
        self._gateway = gateway
        self._commands = commands
        self._under_way: asyncio.Task[StopRun] | None = None
        self._stop: StopRun | None = None
        self._scoring: dict[int, asyncio.Task[None]] = {}
        self._moved = asyncio.Event()
        self._waiting_in_vain: asyncio.TimerHandle | None = None
        self._handlers: dict[type[Command], Callable[[Sent, Any], str | None]] = {
            Pause: self._pause,
            Resume: self._resume,
            Stop: self._stop_run,
            GiveUp: self._give_up,
            Edit: self._edit,
            Decide: self._decide,
        }

    async def watch_commands(self) -> None:
        """Look for commands for as long as the run lasts."""
        while True:
            for sent in self._commands.waiting():
                if sent.id not in self._scoring:
                    outcome = self._handlers[type(sent.command)](sent, sent.command)
                    if outcome is not None:
                        self._commands.done(sent.id, outcome)
                    self._moved.set()
            await asyncio.sleep(POLL_SECONDS)

    def drop_stale(self) -> None:
        """Answer what was asked of a worker that is gone. Edits and decisions still hold."""
        for sent in self._commands.waiting():
            if isinstance(sent.command, Pause | Resume | Stop | GiveUp):
                self._commands.done(sent.id, "the worker that it was for is gone")

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
            await self._give_up_scoring()

    async def edit_to_take(self) -> bool:
        """Wait until every edit is scored and decided on; return whether one waits to be taken up.

        Waiting for a person is no running time.
        """
        while self._scoring or self._waiting_edit():
            self._moved.clear()
            if not self._scoring:
                self._engine.watch.pause()
            await self._moved.wait()
            if not self._gateway.gate.shut:
                self._engine.watch.go_on()
        return self._context.edit_waits

    def _waiting_edit(self) -> bool:
        edit = self._engine.state.edit
        return edit is not None and edit.waiting

    def _pause(self, sent: Sent, _command: Pause) -> str:
        if self._gateway.gate.shut:
            return "already paused"
        self._gateway.gate.close()
        self._engine.watch.pause()
        self._engine.emit(ev.Paused(by=sent.author))
        return "paused"

    def pause_itself(self, reason: str) -> None:
        """Let the run wait for a person, who can mend what the run can't; not for ever."""
        self._gateway.gate.close()
        self._engine.watch.pause()
        self._engine.emit(ev.Paused(by="promptopt", reason=reason))
        self._waiting_in_vain = asyncio.get_running_loop().call_later(
            LONGEST_PAUSE, self._end, StopRun("error", reason, now=True)
        )

    def _resume(self, sent: Sent, _command: Resume) -> str:
        if not self._gateway.gate.shut:
            return "was not paused"
        self._go_on()
        self._engine.emit(ev.Resumed(by=sent.author))
        return "resumed"

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
        self._engine.emit(ev.StopRequested(by=sent.author, now=command.now))
        self._end(StopRun("user", f"stopped by {sent.author}", now=command.now or phase == "test"))
        return "stopping"

    def _too_early(self) -> bool:
        """Not searching yet; what an earlier worker said of the phase does not count."""
        return self._under_way is None or self._engine.state.phase in ("", "baseline")

    def _too_late(self) -> bool:
        return self._under_way is None or self._under_way.done() or self._engine.state.phase != "search"

    def _edit(self, sent: Sent, command: Edit) -> str | None:
        state = self._engine.state
        prompt = self._rewritten(command.text)
        if not state.has_search:
            kind = "an evaluation" if state.optimizer == "none" else "a tournament"
            return f"{kind} has no search that could go on from it"
        if self._too_early():
            return None
        if self._too_late():
            return "the search is over"
        if not command.text.strip():
            return "an empty prompt is not taken"
        if prompt.id == state.current_id:
            return "it is the prompt that the run goes on from already"
        if self._scoring:
            return None  # one after the other
        if state.edit and state.edit.waiting:
            before = self._context.prompt(state.edit.candidate_id)
            self._settle(before, False, sent.author, "a newer edit took its place")
        task = asyncio.create_task(self._score_edit(sent, command, prompt))
        self._scoring[sent.id] = task
        task.add_done_callback(lambda _: self._scored(sent.id))
        return None

    def _rewritten(self, text: str) -> Prompt:
        """The prompt that the run goes on from with another text; its demonstrations stay."""
        current = self._engine.state.current_id
        demonstrations = self._context.prompt(current).demonstrations if current else ()
        return Prompt(text=text, demonstrations=demonstrations)

    def _scored(self, command_id: int) -> None:
        del self._scoring[command_id]
        self._moved.set()

    async def _score_edit(self, sent: Sent, command: Edit, prompt: Prompt) -> None:
        """Compare the edit with the prompt it would replace, then adopt it or ask."""
        state = self._engine.state
        against = state.current_id
        if prompt.id not in state.candidates:
            self._context.propose(
                prompt,
                "human",
                iteration=state.iteration,
                parent_id=against,
                reasoning=f"edited by {sent.author}",
            )
        self._engine.emit(
            ev.PromptEdited(candidate_id=prompt.id, against_id=against, by=sent.author, command_id=sent.id)
        )
        cases = self._context.dataset.validation
        try:
            before = await self._context.score(
                self._context.prompt(against), "validation", cases, urgent=True
            )
            after = await self._context.score(prompt, "validation", cases, urgent=True)
        except (StopRun, Exception) as error:
            self._settle(prompt, False, sent.author, f"it could not be scored: {error}")
            self._commands.done(sent.id, f"could not be scored: {error}")
            return
        comparison, broken = compare(before, after), self._context.breaks(prompt)
        ask = command.adopt == "ask"
        self._engine.emit(
            ev.EditJudged(
                candidate_id=prompt.id,
                against_id=against,
                comparison=comparison,
                waiting=ask,
                breaks=broken,
                command_id=sent.id,
            )
        )
        if not ask:
            against_it = "it is worse" if comparison.verdict == "worse" else f"it {broken}" if broken else ""
            adopt = command.adopt == "always" or not against_it
            self._settle(prompt, adopt, sent.author, "" if adopt else against_it)
        # Last: a worker that dies before this line leaves the edit to the next one.
        self._commands.done(sent.id, comparison.verdict)

    def _decide(self, sent: Sent, command: Decide) -> str | None:
        if self._too_early():
            return None
        if self._too_late():
            return "the search is over"
        edit = self._engine.state.edit
        if edit is None or not edit.waiting or edit.candidate_id != command.candidate_id:
            return "no such edit is waiting"
        self._settle(self._context.prompt(command.candidate_id), command.adopt, sent.author)
        return "adopted" if command.adopt else "put aside"

    def _settle(self, prompt: Prompt, adopt: bool, by: str, reason: str = "") -> None:
        self._engine.emit(ev.EditDecided(candidate_id=prompt.id, adopted=adopt, by=by, reason=reason))
        if adopt:
            self._context.adopt(prompt)

    async def _give_up_scoring(self) -> None:
        tasks = list(self._scoring.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
