"""Workers that need not import what they import: each is forked from one process that has done so.

Most of the seconds of a small run go into importing litellm and DSPy. Tests that start workers by the dozen
fork them: each is a process of its own, in a session of its own, with a relay of its own, as
:func:`promptopt.runs.launch.start_worker` makes it.
"""

import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from promptopt.__main__ import main
from promptopt.runs import launch, worker
from tests.engine.bench import Bench

_FORKING = multiprocessing.get_context("forkserver")
_SERVER = multiprocessing.forkserver._forkserver  # type: ignore[attr-defined] # pyright: ignore


def prepare(folder: Path) -> None:
    """Say what the process that forks is to import, before it is first needed.

    Args:
        folder: for the files that DSPy makes when it is imported.
    """
    os.environ.setdefault("DSPY_CACHEDIR", str(folder))
    _FORKING.set_forkserver_preload(["tests.engine.preloaded"])


class WarmBench(Bench):
    """A bench whose workers start at once, also those that something else than the bench starts."""

    def __init__(self) -> None:
        super().__init__()
        self._forked: list[Worker] = []

    def fork(self, run_id: str) -> "Worker":
        """Start a worker, which is gone at the end of the test at the latest."""
        self._forked.append(Worker(run_id))
        return self._forked[-1]

    def start(self, run_id: str) -> None:
        self.workers[run_id] = self.fork(run_id)  # type: ignore[assignment]

    def close(self) -> None:
        for each in self._forked:
            if each.poll() is None:
                each.kill()
        super().close()


class _Forked:
    """A forked process, as far as tests have to do with it."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self._process = _FORKING.Process(target=target, args=arguments)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


class Worker(_Forked):
    """A forked worker."""

    def __init__(self, run_id: str) -> None:
        log = Path(os.environ["PROMPTOPT_HOME"]) / "logs" / f"{run_id}.log"
        super().__init__(_work, run_id, dict(os.environ), log)


class _Printing(_Forked):
    """A forked process, and what it prints."""

    def __init__(self, target: Callable[..., None], arguments: Sequence[str], folder: Path) -> None:
        self._printed = folder / "out", folder / "err"
        super().__init__(target, list(arguments), dict(os.environ), *self._printed)

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it has printed, after its end."""
        self.wait(timeout)
        out, err = (path.read_text("utf-8") for path in self._printed)
        return out, err


class WarmCommand(_Printing):
    """A command of promptopt in a process of its own, whose workers are forked, too.

    Args:
        arguments: of the command line.
        folder: an empty one, for what it prints.
    """

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        super().__init__(_command, arguments, folder)


class WarmScript(_Printing):
    """A script in a process of its own.

    Args:
        arguments: its path, and what follows.
        folder: an empty one, for what it prints.
    """

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        super().__init__(_script, arguments, folder)


def _work(run_id: str, environment: dict[str, str], log: Path) -> None:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _become(environment, log, log)
    _leave(worker.main(run_id))


def _command(arguments: list[str], environment: dict[str, str], out: Path, err: Path) -> None:
    _become(environment, out, err)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[1:] = arguments
    launch.start_worker = Worker  # type: ignore[assignment]
    try:
        status = main()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    _leave(status)


def _script(arguments: list[str], environment: dict[str, str], out: Path, err: Path) -> None:
    _become(environment, out, err)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[:] = arguments
    status = 0
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except BaseException:
        traceback.print_exc()
        status = 1
    _leave(status)


def _become(environment: dict[str, str], out: Path, err: Path) -> None:
    """Be a process as if it had been started with this environment, printing there."""
    os.setsid()
    # The server that forked this process forks for it, too; it need not have one of its own.
    _SERVER.ensure_running = lambda: None  # type: ignore[method-assign]
    os.environ.clear()
    os.environ.update(environment)
    places = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [place for place in places if place and place not in sys.path]
    for path, number in ((out, 1), (err, 2)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), number)


def _leave(status: int) -> None:
    """End without a look at the processes that were forked from here."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
