"""Workers that need not import what they import: each is forked from one process that has done so.

Most of the seconds of a small run go into importing litellm and DSPy. Tests that start workers by the dozen
fork them: each is a process of its own, in a session of its own, with a relay of its own, as
:func:`promptopt.runs.launch.start_worker` makes it.
"""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

from promptopt.runs import worker
from tests.engine.bench import Bench

_FORKING = multiprocessing.get_context("forkserver")


def prepare(folder: Path) -> None:
    """Say what the process that forks is to import, before it is first needed.

    Args:
        folder: for the files that DSPy makes when it is imported.
    """
    os.environ.setdefault("DSPY_CACHEDIR", str(folder))
    _FORKING.set_forkserver_preload(["tests.engine.preloaded"])


class WarmBench(Bench):
    """A bench whose workers start at once."""

    def start(self, run_id: str) -> None:
        self.workers[run_id] = _Worker(run_id)  # type: ignore[assignment]


class _Worker:
    """A forked worker, as far as a bench has to do with it."""

    def __init__(self, run_id: str) -> None:
        log = Path(os.environ["PROMPTOPT_HOME"]) / "logs" / f"{run_id}.log"
        self._process = _FORKING.Process(target=_work, args=(run_id, dict(os.environ), log), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0.0)
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


def _work(run_id: str, environment: dict[str, str], log: Path) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(worker.main(run_id))
