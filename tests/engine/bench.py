"""Real runs for tests: a worker process, a store, and a model server on loopback."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from promptopt.models.budget import Ledger
from promptopt.runs.engine import Engine
from promptopt.runs.launch import create_run, start_worker
from promptopt.runs.state import RunState, fold
from promptopt.store.commands import Command, Commands
from promptopt.store.database import Database
from promptopt.store.journal import Journal
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs

PATIENCE = 60.0


class Bench:
    """One store and its runs."""

    def __init__(self) -> None:
        self.database = Database.open()
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def create(self, project: Path, **options: Any) -> str:
        run_id, _ = create_run(self.database, project, **options)
        return run_id

    def start(self, run_id: str) -> None:
        self.workers[run_id] = start_worker(run_id)

    def run(self, project: Path, **options: Any) -> RunState:
        """Create, start, and wait for the end."""
        run_id = self.create(project, **options)
        self.start(run_id)
        return self.end(run_id)

    def state(self, run_id: str) -> RunState:
        """The fold over everything that the run has said."""
        return fold(RunLog(self.database, run_id))

    def until(self, run_id: str, condition: Callable[[RunState], object]) -> RunState:
        """Wait until the run's state is as wanted."""

        def there() -> RunState | None:
            state = self.state(run_id)
            return state if condition(state) else None

        return self.wait(there, lambda: self.said(run_id))

    def end(self, run_id: str) -> RunState:
        """Wait for the last event and for the worker to go."""
        state = self.until(run_id, lambda state: state.over)
        self.workers[run_id].wait(PATIENCE)
        return state

    def send(self, run_id: str, command: Command, author: str = "anna") -> int:
        return Commands(self.database, run_id).send(command, author)

    def kill(self, run_id: str) -> None:
        """SIGKILL the worker."""
        worker = self.workers[run_id]
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(PATIENCE)

    def answered(self, run_id: str) -> int:
        """Answers that are durable in the journal."""
        return Journal(self.database, run_id).load().answered

    def status(self, run_id: str) -> str:
        return Runs(self.database).find(run_id).status

    def said(self, run_id: str) -> str:
        """What a failing test should show: the end of the log, and of what the worker printed."""
        lines = [f"{line.level}: {line.text}" for line in list(self.state(run_id).activity)[-15:]]
        log = Path(os.environ["PROMPTOPT_HOME"]) / "logs" / f"{run_id}.log"
        return "\n".join([*lines, log.read_text()[-2000:] if log.exists() else "(no worker log)"])

    @staticmethod
    def wait(condition: Callable[[], Any], said: Callable[[], str] = str) -> Any:
        """Poll until ``condition`` gives something true, and return that."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"waited {PATIENCE} s in vain\n{said()}")

    def close(self) -> None:
        for worker in self.workers.values():
            if worker.poll() is None:
                worker.kill()
                worker.wait(PATIENCE)
        self.database.close()


class Desk:
    """A simulated run in this process, and a person who steers it."""

    def __init__(self, bench: Bench, run_id: str) -> None:
        self.bench = bench
        self.run_id = run_id
        self.engine = Engine(bench.database, Runs(bench.database).find(run_id))

    @property
    def state(self) -> RunState:
        return self.engine.state

    @property
    def ledger(self) -> Ledger:
        return self.engine._ledger

    @property
    def calls(self) -> int:
        return self.ledger.spent("target").calls + self.ledger.spent("optimizer").calls

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(60):
            while not condition():
                assert not self.state.over, [line.text for line in self.state.activity]
                await asyncio.sleep(0.01)

    async def tried(self, prompts: int) -> None:
        await self.until(lambda: len(self.state.candidates) > prompts)
