"""The process in which code written by people runs. Started by ``sandbox.py``; never imported by the engine.

It is run as ``python -I -S sandbox_worker.py SETTINGS``, needs nothing but the standard library, and speaks
one JSON line in, one JSON line out. What it keeps out, and what it does not, is told in ``sandbox.py``.
"""

import _thread
import ast
import functools
import importlib
import json
import math
import os
import re
import reprlib
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

LONGEST_REASON = 300
ASSERTION = "<assertion>"
LEFT, RIGHT = "_promptopt_left", "_promptopt_right"

Answer = dict[str, Any]

# What neither flavour may do. An entry ending in a dot stands for every event below it.
_NEVER = (
    "os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.posix_spawn", "os.spawn", "os.startfile",
    "os.system", "pty.spawn", "signal.pthread_kill", "socket.", "subprocess.", "_winapi.", "winreg.",
)  # fmt: skip
# What an assertion may not do besides, as it has no business beyond the texts that it is given.
_NOT_IN_ASSERTIONS = ("ctypes.", "gc.get_", "sqlite3.", "sys.settrace", "sys.setprofile")
_CHANGES_FILES = (
    "os.chflags", "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.setxattr", "os.symlink", "os.truncate", "os.utime", "shutil.",
)  # fmt: skip
_OF_THE_OUTPUT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What sound code may raise because of the output that it judges: no number, no such key, no JSON."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    settings = json.loads(sys.argv[1])
    requests, answers = _take_pipes()
    own_modules = bool(settings["paths"])
    sys.path.extend(settings["paths"])
    if not own_modules:
        _drop_root()
    _limit(settings["memory_mb"], settings["files"])
    if not own_modules:
        _forbid_threads()
    sys.addaudithook(_guard(own_modules))
    _say(answers, {"ready": True})
    for line in requests:
        request = json.loads(line)
        _answer(request, answers)


def _answer(request: dict[str, Any], answers: BinaryIO) -> None:
    operation = _OPERATIONS[request["op"]]
    _start_clock(request["timeout"])
    try:
        answer = operation(request)
    except MemoryError:  # nothing here can be relied on any more: the parent ends this worker
        answer = {**_failed("MemoryError: it used more memory than the sandbox has"), "spent": True}
    except BaseException as error:  # SystemExit and KeyboardInterrupt are failures like any other here
        ours = request["op"] == "regex" or not isinstance(error, _OF_THE_OUTPUT)
        answer = {**_failed(_explain(error)), "broken": ours}
    _stop_clock()
    _say(answers, {**answer, "id": request["id"]})


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Move the protocol off the standard streams, so that no user code reads or writes it by accident."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)
    return requests, answers


def _say(answers: BinaryIO, answer: Answer, dumps: Callable[[Any], str] = json.dumps) -> None:
    answers.write(dumps(answer).encode("ascii") + b"\n")
    answers.flush()


def _failed(reason: str) -> Answer:
    return {"score": 0.0, "reason": reason, "broken": True}


# --- Walls ---


def _drop_root() -> None:
    """Become nobody if we are root, unless nobody could then read the standard library."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return
    nobody = 65534
    try:
        os.setgroups([])
        os.setegid(nobody)
        os.seteuid(nobody)
        readable = os.access(os.__file__, os.R_OK, effective_ids=True)
        os.seteuid(0)
        os.setegid(0)
        if readable:
            os.setgid(nobody)
            os.setuid(nobody)
    except OSError:
        return  # a container without the right to change user: the other walls stand


def _limit(memory_mb: int, files: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        "RLIMIT_AS": memory_mb * 2**20,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NOFILE": files,
        "RLIMIT_NPROC": 0,
        "RLIMIT_CORE": 0,
    }
    for name, value in limits.items():
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, OSError, ValueError):
            continue  # macOS has no RLIMIT_AS


def _start_clock(timeout: float) -> None:
    """Die by ourselves if the parent is gone and can't end us: by processor time, and by the clock."""
    if sys.platform == "win32":
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = math.ceil(usage.ru_utime + usage.ru_stime + timeout) + 2
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )
    signal.setitimer(signal.ITIMER_REAL, 2 * timeout + 5)


def _stop_clock() -> None:
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, 0)


def _forbid_threads() -> None:
    """A thread would live on into the next check. Python before 3.12 raises no audit event for one."""

    def refuse(*_args: Any, **_named: Any) -> None:
        raise PermissionError("the sandbox does not allow threads")

    for name in ("start_new_thread", "start_new", "start_joinable_thread"):
        if hasattr(_thread, name):
            setattr(_thread, name, refuse)


def _guard(own_modules: bool) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that refuses, with a reason, what checks have no business doing."""
    denied = _NEVER + _CHANGES_FILES + (() if own_modules else _NOT_IN_ASSERTIONS)
    exact = frozenset(name for name in denied if name[-1] not in "._")
    prefixes = tuple(name for name in denied if name[-1] in "._")
    may_read = _readable(own_modules)
    devnull = os.devnull

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            if args[0] != devnull and (args[2] or 0) & _WRITES:
                raise PermissionError(f"the sandbox does not allow writing files ({args[0]!r})")
            if not may_read(args[0]):
                raise PermissionError(f"the sandbox does not allow reading {args[0]!r}")
        elif event in ("os.listdir", "os.scandir"):
            if not may_read(args[0]):
                raise PermissionError(f"the sandbox does not allow listing {args[0]!r}")
        elif event in exact or event.startswith(prefixes):
            raise PermissionError(f"the sandbox does not allow {event}")

    return hook


def _readable(own_modules: bool) -> Callable[[Any], bool]:
    """Which paths may be read: with own modules all but /proc, else the standard library and time zones."""
    folders = frozenset((*sys.path, "/usr/share/zoneinfo", os.devnull))
    below = tuple(folder + os.sep for folder in folders)
    abspath, fsdecode = os.path.abspath, os.fsdecode

    def may_read(path: Any) -> bool:
        if isinstance(path, int):
            return True
        place = abspath(fsdecode(path or "."))
        if own_modules:
            return not place.startswith("/proc")
        return place in folders or place.startswith(below)

    return may_read


# --- Assertions ---


class _KeepSides(ast.NodeTransformer):
    """Turn ``assert f(x) == 3`` into ``assert (left := f(x)) == 3``, so that a failure can show the value.

    Attributes:
        asserts: line to the source of the assert that it belongs to, and the names of the values kept.
    """

    def __init__(self, code: str) -> None:
        self._code = code
        self.asserts: dict[int, tuple[str, list[str]]] = {}

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        source = "assert " + (ast.get_source_segment(self._code, node.test) or "…")
        kept: list[str] = []
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            test.left = self._keep(LEFT, test.left, kept)
            test.comparators = [self._keep(RIGHT, test.comparators[0], kept)]
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            self.asserts[line] = source, kept
        return ast.fix_missing_locations(node)

    @staticmethod
    def _keep(name: str, value: ast.expr, kept: list[str]) -> ast.expr:
        if isinstance(value, ast.Constant):
            return value
        kept.append(name)
        return ast.copy_location(ast.NamedExpr(ast.Name(name, ast.Store()), value), value)


@functools.cache
def _compiled(code: str) -> tuple[types.CodeType, _KeepSides]:
    keeper = _KeepSides(code)
    tree = keeper.visit(ast.parse(code, ASSERTION))
    return compile(tree, ASSERTION, "exec"), keeper


def _assert(request: dict[str, Any]) -> Answer:
    code, keeper = _compiled(request["source"])
    names = {name: request[name] for name in ("output", "expected", "input", "inputs")}
    try:
        exec(code, {"__name__": "assertion", **names})
    except AssertionError as error:
        return {"score": 0.0, "reason": _broken_assert(error, keeper)}
    return {"score": 1.0, "reason": ""}


def _broken_assert(error: AssertionError, keeper: _KeepSides) -> str:
    frame, line = _last_frame(error, ASSERTION)
    source, kept = keeper.asserts.get(line, ("AssertionError", []))
    text = _one_line(source)
    if frame is not None and kept:
        values = {**frame.f_globals, **frame.f_locals}
        text += f" (was {' against '.join(_show(values[name]) for name in kept if name in values)})"
    message = _one_line(str(error))
    return f"{text}: {message}" if message else text


def _explain(error: BaseException) -> str:
    what = f"{type(error).__name__}: {_one_line(str(error))}".removesuffix(": ")
    frame, line = _last_frame(error, ASSERTION)
    if frame is None:
        frame, line = _last_frame(error, "")
    if frame is None:
        return what
    name = frame.f_code.co_filename
    return f"{what} (line {line}{'' if name == ASSERTION else ' of ' + Path(name).name})"


def _last_frame(error: BaseException, filename: str) -> tuple[types.FrameType | None, int]:
    """The innermost frame of the user's code that ``error`` went through, and its line."""
    found: tuple[types.FrameType | None, int] = (None, 0)
    step = error.__traceback__
    while step is not None:
        name = step.tb_frame.f_code.co_filename
        own = name in (__file__, importlib.__file__) or name.startswith("<frozen")
        if name == filename or (not filename and not own):
            found = step.tb_frame, step.tb_lineno
        step = step.tb_next
    return found


def _show(value: Any) -> str:
    shorten = reprlib.Repr()
    shorten.maxstring = shorten.maxother = 60
    try:
        return _one_line(shorten.repr(value))
    except Exception:
        return f"<{type(value).__name__}>"


def _one_line(text: str) -> str:
    text = " ".join(text[: 4 * LONGEST_REASON].split())
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"


# --- Patterns and functions ---


def _regex(request: dict[str, Any]) -> Answer:
    flags = re.IGNORECASE if request["ignore_case"] else 0
    pattern = re.compile(request["source"], flags)
    search = pattern.fullmatch if request["full"] else pattern.search
    return {"score": 1.0 if search(request["output"]) else 0.0, "reason": ""}


@functools.cache
def _function(name: str) -> Callable[..., Any] | str:
    """The function, or why there is none (kept as well, so that a slow import fails once)."""
    module_name, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        return f"can't import {module_name}: {_explain(error)}"
    module = found
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        return f"{module_name} ({getattr(module, '__file__', 'built in')}) has no function {attribute}"
    return found


def _load(request: dict[str, Any]) -> Answer:
    function = _function(request["source"])
    return _failed(function) if isinstance(function, str) else {"score": 1.0, "reason": ""}


def _call(request: dict[str, Any]) -> Answer:
    function = _function(request["source"])
    if isinstance(function, str):
        return _failed(function)
    return _score(function(request["output"], request["expected"], request["inputs"]))


def _score(value: Any) -> Answer:
    reason = ""
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        if "score" not in table:
            return _failed("the function returned a dict without 'score'")
        value, reason = table["score"], str(table.get("reason") or "")
    elif isinstance(value, tuple):
        pair = cast("tuple[Any, ...]", value)
        if len(pair) != 2:
            return _failed("the function returned a tuple that is not (score, reason)")
        value, reason = pair[0], str(pair[1] or "")
    try:
        score = float(value)
    except (TypeError, ValueError):
        return _failed(f"the function returned {_show(value)}, not a bool or a score")
    if not 0 <= score <= 1:
        return _failed(f"the function returned {score:g}, which is not in [0, 1]")
    return {"score": score, "reason": _one_line(reason)}


_OPERATIONS = {"assert": _assert, "regex": _regex, "load": _load, "call": _call}

if __name__ == "__main__":
    main()
