"""A run carried out by the calling process itself, in a thread with an event loop of its own.

A worker process could not do it: classes, functions and validators of a script or a notebook exist in that
program only. All else is as with a worker: the run is in the store, has a heartbeat, is watched and steered
from any terminal, and can be taken up again. It works whether or not the caller has an event loop running,
and Python's main thread stays free to take Ctrl-C.
"""

import asyncio
import threading
from collections.abc import Callable

from promptopt.domain import events as ev
from promptopt.domain.errors import RunError
from promptopt.runs.own import Own
from promptopt.runs.state import RunState
from promptopt.runs.worker import carry_out
from promptopt.store.commands import Commands, Stop
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog, Stored

EVERY = 0.1
"""Seconds between looks at the run's events."""

PATIENCE = 10.0
"""Seconds that an interrupted run has to end in order."""

Show = Callable[[Stored, RunState], object]
"""Is given each event, and the fold that has it in."""


def run_here(database: Database, run_id: str, own: Own, show: Show) -> RunState:
    """Carry a run out, and return where it stands at its end.

    A run that pauses itself because a model answers nobody is stopped: whoever called this waits for it. It
    can be resumed, and so can one that Ctrl-C ended.

    Args:
        show: called in this thread.

    Raises:
        RunError: the run failed, paused itself, or was taken over by another process.
        KeyboardInterrupt: the run was stopped.
    """
    began_after = RunLog(database, run_id).length()
    carrier = Carrier(database, run_id, own)
    carrier.start()
    try:
        state, waits = _follow(database, run_id, carrier, show, began_after)
    except BaseException:
        Commands(database, run_id).send(Stop(now=True))
        carrier.done.wait(PATIENCE)
        raise
    if carrier.failure is not None:
        raise carrier.failure
    fix = f"mend that, then go on, and nothing is paid twice: promptopt.optimize(resume={run_id!r})"
    if waits:
        raise RunError(f"the run had to stop: {waits}", where=f"run {run_id}", fix=fix)
    if state.status == "failed":
        detail = state.finished.detail if state.finished else ""
        raise RunError(detail or "the run failed", where=f"run {run_id}", fix=fix) from carrier.fault
    return state


class Carrier(threading.Thread):
    """The thread that carries a run out, once it is started.

    Attributes:
        done: set at the end. ``join`` is of no use: interrupted by Ctrl-C, Python 3.11 takes a thread that
            runs for one that has ended.
        failure: why it could not.
        fault: the error in an optimizer or a check that ended the run, if one did.
    """

    def __init__(self, database: Database, run_id: str, own: Own) -> None:
        super().__init__(name=f"promptopt run {run_id}", daemon=True)
        self.done = threading.Event()
        self.failure: Exception | None = None
        self.fault: Exception | None = None
        self._database = database
        self._run_id = run_id
        self._own = own

    def run(self) -> None:
        try:
            engine = carry_out(self._database, self._run_id, lambda give_up: give_up(), self._own)
            self.fault = engine.fault
        except asyncio.CancelledError:
            self.failure = RunError(f"run {self._run_id} was taken up by another process")
        except Exception as error:
            self.failure = error
        finally:
            self.done.set()


def _follow(
    database: Database, run_id: str, carrier: Carrier, show: Show, began_after: int
) -> tuple[RunState, str]:
    """Fold the run's events until it is over; returns the fold, and why the run paused itself, if it did."""
    log, state, n, waits = RunLog(database, run_id), RunState(), 0, ""
    while True:
        over = carrier.done.is_set()  # asked before reading: what was written before is still read
        while batch := log.after(n):
            for stored in batch:
                state.apply(stored.event, stored.at)
                if stored.n > began_after:
                    show(stored, state)
                    waits = waits or _waits(stored.event)
            n = batch[-1].n
            if waits and not state.stop_requested:
                Commands(database, run_id).send(Stop(now=True), "promptopt")
        if over:
            return state, waits
        carrier.done.wait(EVERY)


def _waits(event: ev.Event) -> str:
    return event.reason if isinstance(event, ev.Paused) and event.itself else ""
