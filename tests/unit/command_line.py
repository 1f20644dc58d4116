"""Calling the command line in this process, with a worker that only writes what it is told."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from promptopt.__main__ import main
from promptopt.domain import events as ev
from promptopt.store.database import Database
from promptopt.store.runs import Runs
from tests.unit.finished_run import write_events


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """Runs commands as ``promptopt`` would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Result:
        self._monkeypatch.setattr("sys.argv", ["promptopt", *arguments])
        self._capsys.readouterr()
        try:
            status = main()
        except SystemExit as error:  # a usage error, which cyclopts reports itself
            status = int(error.code or 0)
        captured = self._capsys.readouterr()
        return Result(status, captured.out, captured.err)


class EndedProcess:
    """A worker process that has done its work, or died."""

    pid = 999_999_999

    def poll(self) -> int:
        return 0


Story = Callable[[str], Sequence[ev.Event]]


def scripted_worker(monkeypatch: pytest.MonkeyPatch, story: Story, status: str = "finished") -> list[str]:
    """Put a worker in place that writes ``story`` and is gone; returns the ids that it was started for."""
    started: list[str] = []

    def start(run_id: str) -> EndedProcess:
        started.append(run_id)
        database = Database.open()
        runs = Runs(database)
        events = story(run_id)
        if events:
            runs.claim(run_id, "scripted")
            write_events(database, run_id, events)
            runs.summarize(run_id, status=status)
            runs.release(run_id, "scripted", heartbeat_at=time.time())
        database.close()
        return EndedProcess()

    monkeypatch.setattr("promptopt.runs.launch.start_worker", start)
    return started
