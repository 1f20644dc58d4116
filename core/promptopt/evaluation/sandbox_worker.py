"""The process in which code written by people runs. Started by ``sandbox.py``; never imported by the engine.

It is run as ``python -I -S sandbox_worker.py SETTINGS``, needs nothing but the standard library, and speaks
one JSON line in, one JSON line out. What it keeps out, and what it does not, is told in ``sandbox.py``.
"""

import ast
import contextlib
import functools
import importlib
import json
import os
import re
import reprlib
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from promptopt.evaluation import sandbox_imports as imports
    from promptopt.evaluation import sandbox_kernel as kernel
    from promptopt.evaluation import sandbox_walls as walls
else:

    def _sibling(name):
        """A module beside this one. Their folder can't be importable: it has a ``statistics`` of its own."""
        from importlib.util import module_from_spec, spec_from_file_location

        spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    kernel, walls = _sibling("sandbox_kernel"), _sibling("sandbox_walls")
    imports = _sibling("sandbox_imports")

FORKS = hasattr(os, "fork")

LONGEST_REASON = 300
LONGEST_ANSWER = 64 * 1024
ASSERTION = "<assertion>"
LEFT, RIGHT = "_promptopt_left", "_promptopt_right"

Answer = dict[str, Any]

_OF_THE_OUTPUT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What sound code may raise because of the output that it judges: no number, no such key, no JSON."""


def main() -> None:
    settings = json.loads(sys.argv[1])
    requests, answers = _take_pipes()
    paths: list[str] = settings["paths"]
    sys.path.extend(paths)
    if not paths:
        walls.drop_root()
    walls.limit(settings["memory_mb"], settings["files"])
    if settings["code"]:
        imports.install(json.loads(requests.readline()), paths)
    put_up = _prepare(paths, settings["home"])
    # Functions of modules stay in this process, which imports them once; it serves no other function.
    apart = FORKS and not paths
    standing = [] if apart else put_up()
    _say(answers, {"ready": True, "walls": _in_child(put_up) if apart else standing})
    for line in requests:
        request = json.loads(line)
        walls.start_clock(request["timeout"])
        if apart and request["op"] == "assert":
            answer = _judged_apart(request, put_up, (requests, answers))
        else:
            answer = _judged(request)
        walls.stop_clock()
        _say(answers, {**answer, "id": request["id"]})


def _prepare(paths: list[str], home: str) -> Callable[[], list[str]]:
    """All walls, to be put up around this process or a child of it. What comes back names the kernel's."""
    readable, listed = walls.readable(paths, home)
    kernel_walls = kernel.kernel_walls(readable, listed)
    # Loaded for the walls only. Code that imports it is refused when it is loaded again.
    for name in [name for name in sys.modules if name in ("ctypes", "_ctypes") or name.startswith("ctypes.")]:
        del sys.modules[name]
    guard = walls.guard(bool(paths), readable, listed)

    def put_up() -> list[str]:
        walls.forbid_processes()
        if not paths:
            walls.forbid_threads()
        standing = kernel_walls()
        sys.addaudithook(guard)
        return standing

    return put_up


def _judged(request: dict[str, Any]) -> Answer:
    try:
        return _OPERATIONS[request["op"]](request)
    except MemoryError:  # nothing here can be relied on any more: the parent ends this worker
        return {**_failed("MemoryError: it used more memory than the sandbox has"), "spent": True}
    except BaseException as error:  # SystemExit and KeyboardInterrupt are failures like any other here
        ours = request["op"] == "regex" or not isinstance(error, _OF_THE_OUTPUT)
        return {**_failed(_explain(error)), "broken": ours}


def _judged_apart(
    request: dict[str, Any], put_up: Callable[[], list[str]], pipes: tuple[BinaryIO, BinaryIO]
) -> Answer:
    """Judge in a child of this process, so that whatever the code changes or leaves behind ends with it."""

    def judge() -> Answer:
        for pipe in pipes:
            os.close(pipe.fileno())
        walls.start_clock(request["timeout"])
        put_up()
        answer = _judged(request)
        answer.pop("spent", None)  # the next call gets a child of its own
        return answer

    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        _compiled(request["source"])  # once for all its children
    return _in_child(judge)


def _in_child(work: Callable[[], Any]) -> Any:
    """What ``work`` returns in a child of this process, or a failed answer if the child gave none."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            # Bound before any code of people runs, which could put others in their place.
            dumps, write, leave = json.dumps, os.write, os._exit
            write(writer, dumps(work()).encode("ascii") + b"\n")
            leave(0)
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read(LONGEST_ANSWER + 1)
    os.kill(child, signal.SIGKILL)  # if it floods the pipe, or has closed it and goes on
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not told:
        return _failed(_death(code))
    try:
        if told.count(b"\n") != 1:
            raise ValueError("not one line")
        return json.loads(told)
    except ValueError:
        return _failed("the code wrote into the sandbox's own channel")


def _death(code: int) -> str:
    if code < 0:
        return f"its process crashed or was killed ({signal.Signals(-code).name})"
    return f"it ended its process (exit code {code})"


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
        ours = (__file__, walls.__file__, imports.__file__, importlib.__file__)
        own = name in ours or name.startswith("<frozen")
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


_OPERATIONS = {"assert": _assert, "regex": _regex, "load": _load, "call": _call, "ours": _call}

if __name__ == "__main__":
    main()
