"""A run in the hand of a program: it goes on by itself, and is watched, steered and waited for from here."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from promptopt.domain.errors import RunError
from promptopt.domain.guidance import Form
from promptopt.domain.prompt import OptimizedPrompt
from promptopt.domain.text import one_line
from promptopt.domain.words import Role
from promptopt.notebook.embedded import opening
from promptopt.notebook.embedded.places import Way
from promptopt.notebook.pumping import pumping
from promptopt.runs import launch
from promptopt.runs.asking import alive, ask
from promptopt.runs.following import BATCH, Follower
from promptopt.runs.inprocess import Carrier
from promptopt.runs.library import best_of
from promptopt.runs.own import NOTHING, Own
from promptopt.runs.snapshots import Snapshots
from promptopt.runs.state import RunState
from promptopt.runs.summary import summarize
from promptopt.store.commands import (
    Command,
    Commands,
    Decide,
    Edit,
    Guide,
    Inject,
    Mend,
    Pause,
    Resume,
    SetApproval,
    SetConcurrency,
    SetLimits,
    SetModel,
    Step,
    Stop,
    Withdraw,
)
from promptopt.store.database import Database
from promptopt.store.home import home
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs

if TYPE_CHECKING:
    from promptopt.notebook.live import Live

TO_ANSWER = "run.answer(True), or run.answer(False)"

EVERY = 0.1
"""Seconds between looks at a run that is waited for."""


class Run:
    """A run of the store, whoever started it and wherever it is carried out.

    It goes on without this object: the end of a cell, an interrupt, or the end of the program does not touch
    it, unless functions of this program take part in it. All that is shown is a fold of what the run has said
    in the store, and all that is asked goes through the store, so terminals may watch and steer it as well.

    ``await run`` and :meth:`wait` wait for its end.

    Args:
        own: what this program brings beside its settings.

    Attributes:
        id: of the run, for ``promptopt attach ID`` and :func:`promptopt.attach`.
    """

    def __init__(self, database: Database, run_id: str, own: Own = NOTHING) -> None:
        self.id = run_id
        self._database = database
        self._own = own
        log, runs = RunLog(database, run_id), Runs(database)
        self._follower = Follower(log, lambda: runs.find(run_id), snapshots=Snapshots(log))
        self._reading = threading.Lock()
        self._worker: subprocess.Popen[bytes] | None = None
        self._carrier: Carrier | None = None
        self.view: Live | None = None
        """What shows it in a cell, if something does."""
        self._begun = 0
        """Events that there were when a worker was started from here last."""

    def __repr__(self) -> str:
        status, row = self.status, self.row
        with self.reading() as state:
            best = state.candidates.get(state.best_id)
            score = best.validation if best else None
            said = f", best {score.mean:.1%} on validation" if score else ""
            simulated = ", simulated" if state.simulated else ""
        return f"<Run {self.id} of {one_line(row.project, 60)!r}: {status}{said}{simulated}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """As a cell shows it; the plain line if it shows the run live already."""
        from promptopt.notebook.live import bundle_of, frame_of_run, shown_here

        return {"text/plain": repr(self)} if shown_here(self) else bundle_of(frame_of_run(self))

    def show(self) -> None:
        """Show it in this cell, live until it is over, with buttons below if there is ipywidgets."""
        from promptopt.notebook.live import show

        show(self)

    def tui(self, *, way: Way | None = None, rows: int = opening.ROWS) -> Any:
        """Open the terminal UI on this run: the same as ``promptopt.tui(run.id)``, which says more.

        Returns:
            In a notebook what shows it, with ``close()``: it is to be the last thing in its cell.
        """
        return opening.tui(self.id, way=way, rows=rows)

    # Where it stands

    @property
    def status(self) -> str:
        """``created``, ``starting``, ``running``, ``paused``, ``finished``, ``stopped``, ``failed``, or
        ``interrupted`` if nobody is at it any more.
        """
        self.look()
        return "starting" if self._starts else self._follower.status

    @property
    def _starts(self) -> bool:
        """A worker was started from here, and has not said anything yet."""
        if self._follower.state.version > self._begun:
            return False
        if self._carrier is not None:
            return not self._carrier.done.is_set()
        return self._worker is not None and self._worker.poll() is None

    @property
    def row(self) -> RunRow:
        """Its line in the store: project, optimizer, when it was made."""
        self.look()
        assert self._follower.row is not None
        return self._follower.row

    @property
    def version(self) -> tuple[int, str, str]:
        """Changes whenever there is something new to show."""
        return self._follower.version

    @contextmanager
    def reading(self) -> Generator[RunState]:
        """Where it stands now, to be read only, and not for long: nobody can look meanwhile, here too."""
        self.look()
        with self._follower.lock:
            yield self._follower.state

    def look(self) -> None:
        """Fold what is new in the store."""
        with self._reading:
            while self._follower.poll() >= BATCH:
                pass
            self._follower.look()

    def summary(self) -> dict[str, Any]:
        """What ``promptopt show --json`` tells, in JSON values."""
        with self.reading() as state:
            return summarize(state)

    @property
    def best(self) -> OptimizedPrompt:
        """The best prompt so far.

        Raises:
            RunError: none was scored yet.
        """
        with self.reading() as state:
            return best_of(self._database, state)

    # Waiting

    @property
    def over(self) -> bool:
        """It has come to an end, and its worker has let go of it."""
        self.look()
        state, row = self._follower.state, self._follower.row
        return state.over and state.version > self._begun and row is not None and not row.live

    def wait(self, timeout: float | None = None) -> OptimizedPrompt:
        """Wait for the end, and return the best prompt. An interrupt ends the waiting, not the run.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            RunError: the run failed, its worker died, or it paused itself because a model answers nobody:
                :meth:`resume` goes on, and nothing is paid twice.
            TimeoutError: it is not over yet; it goes on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._waiting() as turn:
            while not self.ended():
                if deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutError(f"run {self.id} is not over after {timeout:g} s; it goes on")
                turn()
                time.sleep(EVERY)
        return self.result()

    def __await__(self) -> Generator[Any, None, OptimizedPrompt]:
        return self._until_over().__await__()

    async def _until_over(self) -> OptimizedPrompt:
        with self._waiting() as turn:
            while not await asyncio.to_thread(self.ended):
                turn()
                await asyncio.sleep(EVERY)
        return await asyncio.to_thread(self.result)

    @contextmanager
    def _waiting(self) -> Generator[Callable[[], None]]:
        """While a cell waits, widgets are heard each time that it is their turn: buttons, a terminal."""
        with self.view.waiting() if self.view is not None else pumping() as turn:
            yield turn

    def ended(self) -> bool:
        """Whether it is over.

        Raises:
            RunError: it waits for somebody who would have to look elsewhere.
        """
        if self.over:
            return True
        if self._starts:
            return False
        state, fix = self._follower.state, "run.resume() goes on, and nothing is paid twice"
        if state.version == self._begun and self._carrier and self._carrier.failure:
            raise RunError(f"it could not begin: {self._carrier.failure}", where=f"run {self.id}", fix=fix)
        if state.version == self._begun and self._worker and self._worker.poll():
            log = home() / "logs" / f"{self.id}.log"
            raise RunError("its worker could not begin", where=str(log), fix=f"mend what it says; {fix}")
        if self._follower.status == "interrupted":
            raise RunError("its worker died", where=f"run {self.id}", fix=fix)
        if state.status == "paused" and state.pause_reason:
            fix = f"mend that; {fix}"
            raise RunError(f"it paused itself: {state.pause_reason}", where=f"run {self.id}", fix=fix)
        return False

    def result(self) -> OptimizedPrompt:
        """The best prompt of a run that is over, with scores, verdict and cost in its ``metadata``.

        Raises:
            RunError: it is not over, it failed, or nothing was scored.
        """
        with self.reading() as state:
            if not state.over:
                raise RunError("it is not over", where=f"run {self.id}", fix="run.wait() waits for its end")
            if state.status == "failed":
                detail = state.finished.detail if state.finished else ""
                fix = "mend that, then run.resume(): nothing is paid twice"
                raise RunError(detail or "it failed", where=f"run {self.id}", fix=fix)
            return best_of(self._database, state)

    # Steering: each returns what came of it, in words

    def pause(self, reason: str = "") -> str:
        """Start no new call; calls in flight finish."""
        return self._ask(Pause(reason=reason), "pause")

    def resume(
        self,
        reason: str = "",
        *,
        trust: bool = False,
        limits: Mapping[str, float | None] | None = None,
    ) -> str:
        """Go on: after a pause, or, with a new worker, after a death, a failure or a stop before the test.

        Args:
            limits: caps from now on, as ``{"usd": 5}``; None lifts one. A run that makes cases up and that a
                cap has ended goes on under a higher one.
            trust: you have looked at what changed since the run began, and trust it.

        Raises:
            RunError: it has come to its end.
            TrustError: code that its checks call was changed since its owner trusted it.
        """
        if self.row.live:
            if self.status != "paused":
                return "it is running already"
            self._limit(limits)
            return self._ask(Resume(reason=reason), "resume")
        launch.may_resume(self._database, self.id, trusted=trust)
        self._limit(limits)
        self.begin()
        return "it goes on; nothing that was answered is asked again"

    def _limit(self, limits: Mapping[str, float | None] | None) -> None:
        if limits:
            Commands(self._database, self.id).send(SetLimits(limits=dict(limits)))

    def begin(self) -> None:
        """Have it carried out: by a worker process, or by this one if it has functions of this program."""
        self.look()
        self._begun = self._follower.state.version
        if not self._own.here_only:
            self._worker = launch.start_worker(self.id)
        else:
            self._carrier = Carrier(self._database, self.id, self._own)
            self._carrier.start()
        self._follower.hurry()
        if self.view is not None:
            self.view.follow()

    def step(self, reason: str = "") -> str:
        """Go on until the next iteration begins, and pause there."""
        return self._ask(Step(reason=reason), "step")

    def stop(self, reason: str = "", *, now: bool = False, after_iteration: bool = False) -> str:
        """End the search, then score the sealed test.

        Args:
            now: without the sealed test.
            after_iteration: let the iteration that is under way come to its end first.
        """
        return self._ask(Stop(now=now, after_iteration=after_iteration, reason=reason), "stop")

    def edit(
        self, text: str, reason: str = "", *, adopt: Literal["always", "if_not_worse", "ask"] = "always"
    ) -> str:
        """Score a rewritten prompt against the current one, and go on from it.

        Args:
            adopt: go on from it whatever its score, only if it is not worse, or once :meth:`answer` says so.
        """
        return self._ask(Edit(text=text, adopt=adopt, reason=reason), "edit")

    def inject(self, text: str, reason: str = "") -> str:
        """Put a prompt in the running beside the search; it can win."""
        return self._ask(Inject(text=text, reason=reason), "inject")

    def answer(self, accept: bool, reason: str = "") -> str:
        """Answer what waits for a person: the edit that was scored, else the proposal that waits longest.

        Raises:
            RunError: nothing waits.
        """
        with self.reading() as state:
            edit, waiting = state.edit, state.wishes.waiting
            open_ = edit.candidate_id if edit and edit.waiting else next(iter(waiting), "")
        if not open_:
            raise RunError("nothing waits for an answer", where=f"run {self.id}")
        return self._ask(Decide(candidate_id=open_, adopt=accept, reason=reason), "answer")

    def guide(self, text: str, form: Form = "note", reason: str = "") -> str:
        """Ask something of all proposals from now on.

        Args:
            form: ``note`` tells the optimizer, ``keep`` is a text that they must contain, ``avoid`` one that
                they may not.
        """
        return self._ask(Guide(form=form, text=text, reason=reason), "guide")

    def withdraw(self, number: int, reason: str = "") -> str:
        """Take back what was asked with that number."""
        return self._ask(Withdraw(number=number, reason=reason), "withdraw")

    def approve(self, on: bool = True, reason: str = "") -> str:
        """Let every proposal wait for :meth:`answer` before it is scored, or none any more."""
        return self._ask(SetApproval(on=on, reason=reason), "change that")

    def limit(self, reason: str = "", **caps: float | None) -> str:
        """Change caps of the budget (``usd``, ``calls``, ``target_calls`` …); None lifts one."""
        return self._ask(SetLimits(limits=caps, reason=reason), "change limits")

    def concurrency(self, most: int, role: Role = "target", reason: str = "") -> str:
        """Change how many calls at once are made of a role's model at most."""
        return self._ask(SetConcurrency(role=role, most=most, reason=reason), "change limits")

    def model(self, changes: Mapping[str, Any], role: Role = "optimizer", reason: str = "") -> str:
        """Let another model answer in a role that makes no scores; ``changes`` as in ``[models.ROLE]``."""
        return self._ask(SetModel(role=role, changes=dict(changes), reason=reason), "change its model")

    def mend(self, case_id: str, expected: str | None, reason: str = "") -> str:
        """Put the expectation of a case right, or drop the case (None); all prompts are judged anew on it."""
        return self._ask(Mend(case_id=case_id, expected=expected, reason=reason), "mend")

    def _ask(self, command: Command, verb: str) -> str:
        lines = ask(self._database, alive(self._database, self.id, verb), command, verb, TO_ANSWER)
        self._follower.hurry()
        return "\n".join(lines)
