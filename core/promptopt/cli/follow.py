"""Following a run from outside, until it is over, its worker is dead, or the follower leaves."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, Literal

from promptopt.cli.output import emit, note, say
from promptopt.domain import events as ev
from promptopt.runs.brackets import progress as tournament_progress
from promptopt.runs.state import Activity, RunState
from promptopt.store.commands import Commands, GiveUp, Stop
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog, Stored
from promptopt.store.runs import Runs

EVERY = 0.1
"""Seconds between looks at the stream."""

DEAD_AFTER = 2.0
"""Seconds that a worker must seem dead before it is believed."""

PROGRESS_EVERY = 5.0
"""Seconds between lines on an evaluation that is under way."""

Show = Callable[[Stored, RunState], None]


@dataclass(frozen=True)
class Followed:
    """How following ended: the run is ``over``, its worker ``died``, it paused itself and ``waits`` for a
    person (or is over for that, if there is none), or the follower ``left``.
    """

    state: RunState
    end: Literal["over", "died", "waits", "left"]


def follow(
    database: Database,
    run_id: str,
    show: Show,
    *,
    worker: "subprocess.Popen[bytes] | None" = None,
    began_after: int = 0,
    quiet: int = 0,
    unattended: bool = False,
    leave: Callable[[], bool] = lambda: False,
) -> Followed:
    """Fold a run's events as they come, and ``show`` each.

    Args:
        database: the store.
        run_id: the run.
        show: called with each event after it was folded in, and with the fold.
        worker: the worker's process, if this process started it.
        began_after: number of events that earlier workers left; an end among them is not the end.
        quiet: number of events that are known: a pause among them is no news.
        unattended: a run that pauses itself waits in vain for somebody: it is to end.
        leave: asked every tenth of a second; True ends the following, not the run.
    """
    log, state, death = RunLog(database, run_id), RunState(), _Death(database, run_id, worker)
    n = paused_at = given_up_at = 0
    gave_up = False
    while True:
        # Asked before reading: what a worker wrote before it died is still shown.
        died = death.believed()
        while batch := log.after(n):
            for stored in batch:
                state.apply(stored.event, stored.at)
                show(stored, state)
                if isinstance(stored.event, ev.Paused):
                    paused_at = stored.n
            n = batch[-1].n
        if state.over and n > began_after:
            failed = state.finished is not None and state.finished.status == "failed"
            return Followed(state, "waits" if gave_up and failed else "over")
        gave_up = gave_up and bool(state.pause_reason)  # unless somebody came
        if state.pause_reason and paused_at > max(quiet, given_up_at):
            if not unattended:
                return Followed(state, "waits")
            given_up_at, gave_up = paused_at, True
            Commands(database, run_id).send(GiveUp())
        if died:
            return Followed(state, "died")
        if leave():
            return Followed(state, "left")
        time.sleep(EVERY)


class _Death:
    """Whether the run's worker is dead."""

    def __init__(self, database: Database, run_id: str, worker: "subprocess.Popen[bytes] | None") -> None:
        self._runs = Runs(database)
        self._run_id = run_id
        self._worker = worker
        self._since: float | None = None
        self._next = 0.0

    def believed(self) -> bool:
        now = time.monotonic()
        if self._worker is not None and self._worker.poll() is not None:
            own, self._worker = self._worker.pid, None
            row = self._runs.find(self._run_id)
            # It may have found another worker at the run, which then carries it on.
            return not (row.live and row.pid not in (None, own))
        if now < self._next:
            return False
        self._next = now + DEAD_AFTER / 4
        if self._worker is not None or self._runs.find(self._run_id).status != "interrupted":
            self._since = None
            return False
        self._since = self._since or now
        return now - self._since >= DEAD_AFTER


class Interruptions:
    """Ctrl-C and SIGTERM while a run is followed. They never reach the run's worker by themselves.

    Args:
        stop_first: the first asks the run to end in order and the next leaves it; else the first leaves.
        sealed_test: the run has one, which it still scores if it ends in order.
    """

    def __init__(
        self, database: Database, run_id: str, *, stop_first: bool, sealed_test: bool = True
    ) -> None:
        self._db = database
        self._run_id = run_id
        self._stop_first = stop_first
        self._sealed_test = sealed_test
        self._asked = False
        self._count = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruptions":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def leave(self) -> bool:
        """Whether to leave; asks the run to stop on the way, if that is what was meant."""
        if self._count and self._stop_first and not self._asked:
            self._asked = True
            Commands(self._db, self._run_id).send(Stop(now=not self._sealed_test))
            said = " in order; it still scores the sealed test" if self._sealed_test else ""
            note(f"asked the run to end{said}. Ctrl-C again leaves it.")
        return self._count > (1 if self._stop_first else 0)

    def _interrupted(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1


class PlainLines:
    """Shows a run as a log for people.

    Args:
        quiet_until: number of the last event that is folded in without a line.
    """

    def __init__(self, quiet_until: int = 0) -> None:
        self._quiet_until = quiet_until
        self._last: Activity | None = None
        self._told_at = 0.0

    def __call__(self, stored: Stored, state: RunState) -> None:
        line = state.activity[-1] if state.activity else None
        if line is not None and line is not self._last:
            self._last, self._told_at = line, stored.at
            if stored.n > self._quiet_until:
                measured = state.simulated and isinstance(stored.event, _MEASURED)
                mark = "" if line.level == "info" else f"{line.level}: "
                say(f"{_clock(line.at)}  {mark}{line.text}{' (simulated)' if measured else ''}")
        elif stored.n > self._quiet_until:
            self._progress(stored, state)

    def _standings(self, stored: Stored, state: RunState) -> str:
        """The first of the standings, in short."""
        table = state.tournament
        if not isinstance(stored.event, ev.StandingsUpdated) or table is None or not table.played:
            return ""
        first = [f"{state.name(each.candidate_id)} {round(each.rating):+d}" for each in table.ratings[:3]]
        return f"{tournament_progress(state)}: {', '.join(first)}"

    def _progress(self, stored: Stored, state: RunState) -> None:
        if stored.at - self._told_at < PROGRESS_EVERY:
            return
        progress, said = state.progress, self._standings(stored, state)
        if progress is not None and not said:
            said = f"{progress.split}: {progress.done} of {progress.total} cases, {progress.passed} pass"
        if said:
            self._told_at = stored.at
            say(f"{_clock(stored.at)}  {said}{' (simulated)' if state.simulated else ''}")


_MEASURED = (ev.CandidateScored, ev.CandidateJudged, ev.EditJudged, ev.MatchFinished, ev.StandingsUpdated)


class JsonLines:
    """Shows one JSON object per event: ``n``, ``at`` (seconds since the epoch), ``kind``, its own keys.

    Args:
        quiet_until: number of the last event that is folded in without a line.
    """

    def __init__(self, quiet_until: int = 0) -> None:
        self._quiet_until = quiet_until

    def __call__(self, stored: Stored, state: RunState) -> None:
        if stored.n > self._quiet_until:
            emit({"n": stored.n, "at": stored.at, **stored.event.model_dump(mode="json")})


def silent(stored: Stored, state: RunState) -> None:
    """Shows nothing."""


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
