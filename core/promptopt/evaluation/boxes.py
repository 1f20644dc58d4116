"""The one door to the sandboxes: which code runs where."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from promptopt.evaluation.monty import MontySandbox
from promptopt.evaluation.sandbox import Outcome, Request, Sandbox
from promptopt.store.projectcode import ProjectCode


class Boxes:
    """All sandboxes of a project; each starts when it is first needed. Use it from one event loop.

    Patterns, assertions in full Python and each function of the project's modules have workers of their
    own, so that none of them can forge what another one says. Functions of ours see no module of the project.

    Args:
        paths: folders to import the project's functions from.
        on_broken: told of every request whose code failed itself.
        code: what the project's modules are imported from, as it was trusted; None: from the disk.
    """

    def __init__(
        self,
        paths: Sequence[str] = (),
        on_broken: Callable[[Request, Outcome], None] | None = None,
        code: ProjectCode | None = None,
    ) -> None:
        self._paths = tuple(paths)
        self._code = code
        self._on_broken = on_broken
        self._open: dict[tuple[str, str], MontySandbox | Sandbox] = {}
        self._closed = False

    async def run(self, request: Request) -> Outcome:
        """Do ``request`` where it belongs. Whatever the code does ends as an outcome."""
        outcome = await self._box(request).run(request)
        if outcome.broken and self._on_broken and not self._closed:
            self._on_broken(request, outcome)
        return outcome

    def _box(self, request: Request) -> MontySandbox | Sandbox:
        """Each kind of code has workers of its own."""
        op = "call" if request.op == "load" else request.op
        name = op, request.source if op in ("call", "ours") else ""
        if name not in self._open:
            if op == "monty":
                self._open[name] = MontySandbox()
            else:
                paths = {"call": self._paths, "ours": packages()}.get(op, ())
                self._open[name] = Sandbox(paths=paths, code=self._code if op == "call" else None)
        return self._open[name]

    async def close(self) -> None:
        """End all processes."""
        self._closed = True
        await asyncio.gather(*(box.close() for box in self._open.values()))


def packages() -> list[str]:
    """Where installed packages, and this one, are imported from."""
    return [path for path in sys.path if path]


def run_once(request: Request, paths: Sequence[str] = ()) -> Outcome:
    """Do ``request`` in a worker of its own, blocking (some 50 ms), inside or outside an event loop."""

    async def once() -> Outcome:
        boxes = Boxes(paths)
        try:
            return await boxes.run(request)
        finally:
            await boxes.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(once())).result()


def what_holds() -> tuple[str, list[str]]:
    """Version of Monty, and the kernel's walls around full Python (``landlock``, ``seccomp``), both tried.

    Raises:
        OSError: one of the sandboxes does not work here.
    """
    from importlib.metadata import version

    closed = run_once(Request("monty", "assert output", "x"))

    async def python() -> tuple[Outcome, list[str]]:
        sandbox = Sandbox(1)
        try:
            return await sandbox.run(Request("assert", "assert output", "x")), sandbox.walls
        finally:
            await sandbox.close()

    opened, walls = asyncio.run(python())
    for outcome in (closed, opened):
        if outcome.score < 1:
            raise OSError(outcome.reason)
    return version("pydantic-monty"), walls


def around_python() -> str:
    """What stands around full Python on this machine, in a sentence; tried, which takes a moment."""
    try:
        kernel = what_holds()[1]
    except OSError as error:
        return f"Here the sandbox does not work ({error}), so checks with such code fail."
    if kernel:
        return f"Here the code runs behind {' and '.join(kernel)}, and limits."
    return "Here the code runs behind limits and an audit hook only: code that wants out gets out."
