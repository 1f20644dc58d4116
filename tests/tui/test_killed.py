"""A terminal UI that is killed takes nothing with it."""

import os
import signal
import time
from pathlib import Path

import pytest

from promptopt.runs.state import RunState, fold
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs

from .test_terminal import PATIENCE, Terminal, open_terminal, terminal

__all__ = ["open_terminal", "terminal"]

MOMENTS = {
    "when the cockpit is first shown": ("Standings",),
    "while it searches": ("phase search", "iteration 1"),
    "under a dialog": ("Stop the run?",),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_run_goes_on_to_its_end(terminal: Terminal, home: Path, moment: str) -> None:
    if "dialog" in moment:
        terminal.until("phase search")
        terminal.send("s")
    terminal.until(*MOMENTS[moment])
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.until_dead()

    state = _at_its_end()

    assert state.status == "finished" and state.finished and state.finished.comparison
    said = [line.text for line in state.activity]
    assert not [text for text in said if "resumed" in text or "paused" in text or "stop" in text.split()]


def _at_its_end() -> RunState:
    database = Database.open()
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            row = Runs(database).find("latest")
            assert row.status != "interrupted"
            if not row.live:
                return fold(RunLog(database, row.id))
            assert time.monotonic() < deadline, row
            time.sleep(0.05)
    finally:
        database.close()
