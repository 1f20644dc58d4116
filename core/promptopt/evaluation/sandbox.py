"""Run code written by people (assertions, patterns, scoring functions) outside the engine's process.

A few warm worker processes (``sandbox_worker.py``) take one JSON line and give one back. What holds:

- *Time.* The parent ends a worker that is late and starts another; the next call is not affected.
- *Crashes, ``os._exit``, ``sys.exit``, floods of output.* They cost the call, never the engine.
- *Secrets in the environment.* A worker starts with an empty one, and inherits no open file.
- *No change of code.* Functions of a project are imported from what was handed over, not from the disk.
- *Nothing lives on.* Where processes can fork, each assertion runs in a child of its worker: what it patches
  and leaves behind ends with it. Functions of modules stay in a worker that serves no other function.
- *On Linux and macOS:* no core file, no data written to files, few open files, and no new process (a limit
  that does not bind root, so assertion workers of a root parent become ``nobody`` if Python is installed
  where nobody can read it). On Linux memory is limited; elsewhere a memory bomb costs a timeout.
- *On Linux, as far as the kernel has them:* landlock (nothing can be read but the standard library and, for
  functions, their folder and the packages) and seccomp (no process, thread, socket, signal or change to a
  file). The worker says at its start which of them stand.
- *On all systems* an audit hook refuses the same things with a clear reason. By itself it is a fence against
  accidents, not a wall, for Python has ways around it. So no code runs here of a project that its owner has
  not trusted; code of others belongs into Monty (``monty.py``).
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from promptopt.store.projectcode import ProjectCode

WORKER = Path(__file__).with_name("sandbox_worker.py")

START_TIMEOUT = 30.0
"""Seconds that a worker may take to start, and a callable's module to import, on a busy machine."""

LONGEST_REQUEST = 16 * 2**20
LONGEST_ANSWER = 64 * 1024

CLOSED = "the sandbox is closed"
TOO_LONG = "the output is too long to be judged"


@dataclass(frozen=True)
class Request:
    """One thing to do with one output.

    Attributes:
        op: ``monty`` runs ``source`` in Monty (``monty.py``) and ``assert`` in full Python; ``regex`` looks
            for the pattern ``source`` in the output; ``call`` calls the function ``source``
            (``module:function``) with (output, expected, inputs); ``load`` only imports that function;
            ``ours`` is ``call`` for a function of promptopt, which no module of a project may stand in for.
        timeout: seconds of wall time.
        full, ignore_case: for ``regex``: match the whole output; ignore case.
    """

    op: Literal["monty", "assert", "regex", "call", "load", "ours"]
    source: str
    output: str = ""
    expected: str | None = None
    input: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout: float = 2.0
    full: bool = False
    ignore_case: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a request: a score in [0, 1] and why.

    ``broken``: the code itself failed (a name that is not there, a timeout, the end of its process …). Errors
    that an output can cause (it has no such key, it is no number …) are no sign of that.
    """

    score: float
    reason: str = ""
    broken: bool = False


class Sandbox:
    """A small pool of warm workers. Calls beyond ``size`` wait their turn. Use it from one event loop.

    Args:
        size: workers at most; they start when first needed.
        paths: folders to import from besides the standard library. Giving any makes this the sandbox
            for the user's own modules, with the looser limits that those need.
        code: what modules of the project's folder are imported from; None: from the disk.
    """

    def __init__(self, size: int = 2, paths: Sequence[str] = (), code: ProjectCode | None = None) -> None:
        self._paths = tuple(paths)
        self._code = _handed_over(code) if code else b""
        self._slots = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._unloadable: dict[str, Outcome] = {}
        self._closed = False
        self.walls: list[str] = []

    async def run(self, request: Request) -> Outcome:
        """Do ``request``. Whatever the code does ends as an outcome, never as an exception."""
        line = _encode(request)
        if len(line) > LONGEST_REQUEST:
            return Outcome(0.0, TOO_LONG, broken=True)
        async with self._slots:
            while not self._closed:
                try:
                    worker = self._idle.pop() if self._idle else await self._start()
                except (OSError, _LostError) as error:
                    return Outcome(0.0, f"the sandbox could not start: {error}"[:300], broken=True)
                used = worker.calls > 0
                try:
                    return await self._ask(worker, line, request)
                except _LostError as lost:
                    # A used worker may have been spoilt by the check before: ask a fresh one.
                    if not used or lost.timed_out:
                        return Outcome(0.0, str(lost), broken=True)
        return Outcome(0.0, CLOSED, broken=True)

    async def close(self) -> None:
        """End all workers, also those at work, and wait until they are gone."""
        self._closed = True
        self._idle.clear()
        workers = list(self._workers)
        for worker in workers:
            worker.kill()
        await asyncio.gather(*(self._forget(worker) for worker in workers))

    async def _ask(self, worker: "_Worker", line: bytes, request: Request) -> Outcome:
        try:
            calls = request.op in ("call", "ours")
            outcome = await self._load(worker, request.source) if calls else None
            outcome = outcome or await worker.ask(line, request.timeout)
        except _LostError:
            await self._forget(worker)
            raise
        except BaseException:  # cancelled: the answer that is still to come must not meet the next call
            worker.kill()
            raise
        if worker.spent or self._closed:
            await self._forget(worker)
        else:
            self._idle.append(worker)
        return outcome

    async def _load(self, worker: "_Worker", function: str) -> Outcome | None:
        """Have ``worker`` import ``function``, with time for the import; None if that went well."""
        if function in worker.loaded:
            return None
        if function in self._unloadable:
            return self._unloadable[function]
        try:
            outcome = await worker.ask(
                _encode(Request("load", function, timeout=START_TIMEOUT)), START_TIMEOUT
            )
        except _LostError as lost:
            if lost.timed_out:  # not again for each case
                self._unloadable[function] = Outcome(0.0, f"the import of {function} {lost}", broken=True)
            raise
        if outcome.score < 1:
            self._unloadable[function] = outcome
            return outcome
        worker.loaded.add(function)
        return None

    async def _start(self) -> "_Worker":
        worker = await _Worker.start(self._paths, self._code)
        self._workers.add(worker)
        try:
            await worker.ready()
            self.walls = worker.walls
        except BaseException:
            worker.kill()
            raise
        return worker

    async def _forget(self, worker: "_Worker") -> None:
        await worker.gone()
        self._workers.discard(worker)


class _LostError(Exception):
    """A worker that is of no more use: late, gone, or speaking nonsense."""

    def __init__(self, reason: str, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


class _Worker:
    """One worker process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._process = process
        self._folder = folder
        self.calls = 0
        self.loaded: set[str] = set()
        self.spent = False
        self.walls: list[str] = []

    @classmethod
    async def start(cls, paths: Sequence[str], code: bytes) -> "_Worker":
        folder = tempfile.TemporaryDirectory(prefix="promptopt-", ignore_cleanup_errors=True)
        try:
            process = await asyncio.create_subprocess_exec(
                *_command(paths, bool(code)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                limit=LONGEST_ANSWER,
                **_surroundings(folder.name),
            )
        except BaseException:
            folder.cleanup()
            raise
        assert process.stdin
        process.stdin.write(code)
        return cls(process, folder)

    async def ready(self) -> None:
        text = await self._read(START_TIMEOUT, "the sandbox did not start in time")
        try:
            self.walls = [str(name) for name in json.loads(text)["walls"]]
        except (ValueError, KeyError, TypeError) as error:
            raise _LostError("it did not start as it should") from error

    async def ask(self, line: bytes, seconds: float) -> Outcome:
        """Send an encoded request and wait that many ``seconds`` for its answer.

        Raises:
            _LostError: no valid answer came; the worker has to go.
        """
        self.calls += 1
        token = secrets.token_hex(8)
        stdin = self._process.stdin
        assert stdin
        # The token is put in here, for an answer that was forged before this call can't know it.
        stdin.write(b'{"id": "' + token.encode() + b'", ' + line[1:] + b"\n")
        text = await self._read(seconds, late(seconds))
        try:
            outcome, given, self.spent = _decode(text)
        except (ValueError, KeyError, TypeError) as error:
            raise _LostError("the code wrote into the sandbox's own channel") from error
        if given != token:
            raise _LostError("the code wrote into the sandbox's own channel")
        return outcome

    async def _read(self, seconds: float, late: str) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin and stdout
        try:
            async with asyncio.timeout(seconds):
                with contextlib.suppress(ConnectionError):
                    await stdin.drain()
                line = await stdout.readline()
        except TimeoutError:
            self.kill()
            raise _LostError(late, timed_out=True) from None
        except ValueError:  # longer than LONGEST_ANSWER
            self.kill()
            raise _LostError("the code wrote into the sandbox's own channel") from None
        if not line:
            self.kill()
            raise _LostError(_death(await self._process.wait()))
        return line

    def kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if sys.platform == "win32":
                    self._process.kill()
                else:  # the worker leads its own session: whatever it started goes with it
                    os.killpg(self._process.pid, signal.SIGKILL)

    async def gone(self) -> None:
        """End the process, wait until it is reaped, and remove its folder."""
        self.kill()
        await self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._folder.cleanup()


def _command(paths: Sequence[str], code: bool) -> list[str]:
    settings = {
        "paths": list(paths),
        "code": code,
        "home": os.path.realpath(os.path.expanduser("~")),  # noqa: PTH111  (never raises)
        "memory_mb": 2048 if paths else 512,
        "files": 64 if paths else 16,
    }
    return [sys.executable, "-I", "-S", "-B", "-X", "utf8", str(WORKER), json.dumps(settings)]


def _handed_over(code: ProjectCode) -> bytes:
    """A project's code as the first line that a worker reads (see ``sandbox_imports.py``)."""
    told = {
        "folder": str(code.folder.absolute()),
        "sources": {name: b64encode(content).decode("ascii") for name, content in code.sources.items()},
        "binaries": dict(code.binaries),
        "left_out": [os.path.abspath(folder) for folder in code.left_out],  # noqa: PTH100
    }
    return json.dumps(told).encode("ascii") + b"\n"


def _surroundings(folder: str) -> dict[str, Any]:
    # One thread for numerical libraries: more can't start under the limits.
    env = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if sys.platform == "win32":
        env["SYSTEMROOT"] = os.environ.get("SYSTEMROOT", r"C:\Windows")
    return {"cwd": folder, "env": env, "start_new_session": sys.platform != "win32"}


def _encode(request: Request) -> bytes:
    return json.dumps({**asdict(request), "inputs": dict(request.inputs)}).encode("ascii")


def _decode(line: bytes) -> tuple[Outcome, str, bool]:
    """Outcome, token and whether the worker is spent. Raises ValueError, KeyError or TypeError."""
    answer = json.loads(line)
    score, reason = float(answer["score"]), str(answer["reason"])
    if not 0 <= score <= 1:
        raise ValueError("score out of range")
    broken, spent = bool(answer.get("broken")), bool(answer.get("spent"))
    return Outcome(score, reason[:300], broken), str(answer["id"]), spent


def late(timeout: float) -> str:
    """The reason of a call that was ended at its time limit."""
    return f"took longer than {timeout:g} s and was ended"


def _death(code: int) -> str:
    if code < 0:
        return f"its process crashed or was killed ({signal.Signals(-code).name})"
    return f"it ended its process (exit code {code})"
