"""The closed sandbox: assertions in Monty, an interpreter for a part of Python that reaches nothing.

Monty (``pydantic-monty``) is written in Rust and runs in worker processes of its own, which start with an
empty environment. Code in it has no files, no network, no environment and no processes by construction, so it
needs no trust: all that it can do is take time and memory, and both are limited. Each call gets a session of
its own, so nothing lives on in the next one.

It is not all of Python. Most of the language and some two dozen standard modules are there (``json``,
``re``, ``math``, ``datetime`` …); inheritance, ``yield``, ``del`` and other modules are not.
:func:`unsupported` finds that out before anything is run, and each reason that comes of it names the way
out.
"""

import ast
import asyncio
import builtins
import functools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from promptopt.evaluation.sandbox import CLOSED, LONGEST_REQUEST, TOO_LONG, Outcome, Request, late

if TYPE_CHECKING:
    from pydantic_monty import AsyncMonty, MontyError, ResourceLimits

MEMORY = 256 * 2**20
"""Bytes that one call may use."""

RECURSION = 500
LONGEST_VALUE = 60
"""Characters that are shown of a value that a failed ``assert`` compared."""

WAY_OUT = 'sandbox = "python" beside the code runs it in full Python, in a project that you trust'

_LONGEST_REASON = 300
_OF_THE_OUTPUT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What sound code may raise because of the output that it judges: no number, no such key, no JSON."""

_LIMIT = re.compile(r"(feed time|turn time|sleep) limit exceeded")
_NOT_MONTY = re.compile(
    r"^(?:No module named |cannot import name |module '[\w.]+' has no attribute |Internal error in monty)"
    r"|monty syntax parser does not yet support|are not supported$"
)
_NO_ATTRIBUTE = re.compile(r"'(\w+)' object has no attribute '(\w+)'")
_NO_NAME = re.compile(r"name '(\w+)' is not defined")
_ASSERT = "assert "
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


class MontySandbox:
    """A small pool of Monty workers. Calls beyond ``size`` wait their turn. Use it from one event loop."""

    def __init__(self, size: int = 2) -> None:
        self._size = size
        self._pool: AsyncMonty | None = None
        self._starting = asyncio.Lock()
        self._calls: set[asyncio.Task[Outcome]] = set()
        self._closed = False

    async def run(self, request: Request) -> Outcome:
        """Run ``request.source`` with its values bound. Whatever it does ends as an outcome."""
        texts = (request.output, request.expected or "", request.input, *request.inputs.values())
        if sum(map(len, texts)) > LONGEST_REQUEST:
            return Outcome(0.0, TOO_LONG, broken=True)
        if self._closed:
            return Outcome(0.0, CLOSED, broken=True)
        call = asyncio.create_task(self._run(request))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        try:
            return await call
        except asyncio.CancelledError:
            call.cancel()
            if self._closed and call.cancelled():
                return Outcome(0.0, CLOSED, broken=True)
            raise

    async def close(self) -> None:
        """End all workers, also those at work."""
        self._closed = True
        for call in self._calls:
            call.cancel()
        if self._calls:
            await asyncio.wait(self._calls)
        if self._pool is not None:
            await self._pool.__aexit__(None, None, None)

    async def _run(self, request: Request) -> Outcome:
        from pydantic_monty import MontyCrashedError, MontyError

        try:
            pool = await self._started()
            session = pool.checkout(limits=_limits(request.timeout), assert_message_annotations=LONGEST_VALUE)
            async with session:
                await session.feed_run(request.source, inputs=_values(request), print_callback=_drop)
        except MontyCrashedError as error:
            reason = late(request.timeout) if error.timed_out else "its process crashed"
            return Outcome(0.0, reason, broken=True)
        except MontyError as error:
            return _outcome(error, request)
        except OSError as error:
            return Outcome(0.0, f"the sandbox could not start: {error}"[:_LONGEST_REASON], broken=True)
        return Outcome(1.0)

    async def _started(self) -> "AsyncMonty":
        from pydantic_monty import AsyncMonty

        async with self._starting:
            if self._pool is None:
                pool = AsyncMonty(min_processes=1, max_processes=self._size)
                await pool.__aenter__()
                self._pool = pool
            return self._pool


@functools.cache
def unsupported(code: str) -> str:
    """What Monty can't run of ``code``, which is Python; empty if nothing is known. Nothing of it is run."""
    from pydantic_monty import Monty, MontyError

    try:
        tree = ast.parse(code)
        never = ast.unparse(ast.If(ast.Constant(False), tree.body, []))
        probes = [never, *dict.fromkeys(_imports(tree))]
        with Monty(min_processes=1, max_processes=1) as pool:
            for probe in probes:
                try:
                    with pool.checkout(limits=_limits(2.0)) as session:
                        session.feed_run(probe, print_callback=_drop)
                except MontyError as error:
                    return _one_line(_lacking(error.exception()) or str(error))
    except (OSError, RecursionError):  # it will be told when the code is run
        return ""
    return ""


def _imports(tree: ast.AST) -> Iterator[str]:
    """The import statements that must work: those in a ``try`` may have an answer to not working."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield ast.unparse(node)
        elif not isinstance(node, ast.Try):
            yield from _imports(node)


def _limits(seconds: float) -> "ResourceLimits":
    return {
        "max_feed_duration_secs": seconds,
        "max_total_sleep_secs": seconds,
        "max_memory": MEMORY,
        "max_recursion_depth": RECURSION,
    }


def _drop(_stream: str, _text: str) -> None:
    """What the code prints goes nowhere."""


def _values(request: Request) -> dict[str, object]:
    return {
        "output": _clean(request.output),
        "expected": None if request.expected is None else _clean(request.expected),
        "input": _clean(request.input),
        "inputs": {_clean(name): _clean(text) for name, text in request.inputs.items()},
    }


def _clean(text: str) -> str:
    """Half surrogate pairs, which are no characters, become question marks: Monty's texts are UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _outcome(error: "MontyError", request: Request) -> Outcome:
    raised = error.exception()
    message = str(raised)
    if isinstance(raised, TimeoutError) and _LIMIT.match(message):
        return Outcome(0.0, late(request.timeout), broken=True)
    if isinstance(raised, MemoryError):
        return Outcome(0.0, "MemoryError: it used more memory than the sandbox has", broken=True)
    lines = _lines(error)
    if isinstance(raised, AssertionError):
        return Outcome(0.0, _one_line(_broken_assert(message, lines, request.source)))
    lacking = _lacking(raised)
    what = f"{type(raised).__name__}: {_one_line(message, 200)}".removesuffix(": ")
    at = f" (line {lines[-1]})" if lines else ""
    if isinstance(raised, PermissionError):
        return Outcome(0.0, _one_line(f"{what}{at}: the sandbox has no files"), broken=True)
    if lacking:
        return Outcome(0.0, _one_line(f"{what}{at}; {WAY_OUT}"), broken=True)
    return Outcome(0.0, _one_line(what + at), broken=not isinstance(raised, _OF_THE_OUTPUT))


def _lines(error: "MontyError") -> Sequence[int]:
    """The lines of the code that the error went through, the innermost last."""
    from pydantic_monty import MontyRuntimeError, MontySyntaxError

    if not isinstance(error, MontyRuntimeError | MontySyntaxError):
        return ()
    return [frame.line for frame in error.traceback() if frame.filename != "<string>"]


def _lacking(error: BaseException) -> str:
    """The message of ``error`` if Python would have done what Monty can't, else empty."""
    message = str(error)
    name, attribute = _NO_NAME.fullmatch(message), _NO_ATTRIBUTE.search(message)
    of_python = (
        isinstance(error, NotImplementedError)
        or _NOT_MONTY.search(message)
        or (name and hasattr(builtins, name[1]))
        or (attribute and hasattr(getattr(builtins, attribute[1], None), attribute[2]))
    )
    return message if of_python else ""


# --- Failed asserts ---


def _broken_assert(message: str, lines: Sequence[int], code: str) -> str:
    """``assert x == 3 (was 4): three letters``, from Monty's message ``three letters\\nassert 4 == 3``."""
    found = _asserts(code).get(lines[-1]) if lines else None
    if found is None:
        return f"AssertionError: {message}".removesuffix(": ")
    own, _, last = message.rpartition("\n")
    if not last.startswith(_ASSERT):
        own, last = message, ""
    source, test = found
    text = _one_line(_ASSERT + source) + _was(last.removeprefix(_ASSERT), test)
    return f"{text}: {_one_line(own)}" if own else text


def _was(values: str, test: ast.expr) -> str:
    """The values of both sides, without those that stand in the code anyway."""
    if not values or not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return ""
    sign = f" {_SIGNS[type(test.ops[0])]} "
    left, right = test.left, test.comparators[0]
    shown = values.replace(sign, " against ") if values.count(sign) == 1 else values
    if isinstance(right, ast.Constant):
        shown = values.removesuffix(f"{sign}{right.value!r}")
    if isinstance(left, ast.Constant):
        shown = "" if isinstance(right, ast.Constant) else values.removeprefix(f"{left.value!r}{sign}")
    return f" (was {shown})" if shown else ""


@functools.lru_cache(maxsize=256)
def _asserts(code: str) -> dict[int, tuple[str, ast.expr]]:
    """Line to the source and the test of the assert that it belongs to."""
    found: dict[int, tuple[str, ast.expr]] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Assert):
            source = ast.get_source_segment(code, node.test) or "…"
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                found[line] = source, node.test
    return found


def _one_line(text: str, limit: int = _LONGEST_REASON) -> str:
    text = " ".join(text[: 4 * limit].split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
