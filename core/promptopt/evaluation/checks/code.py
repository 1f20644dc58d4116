"""Checks that run code of people: ``assertion`` and ``callable`` in the sandbox, ``python`` in place."""

import ast
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Literal

from pydantic import Field

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.evaluation.boxes import packages
from promptopt.evaluation.checks.asserting import flaw_of
from promptopt.evaluation.checks.base import Check, Opinion, Tools
from promptopt.evaluation.monty import WAY_OUT, unsupported
from promptopt.evaluation.sandbox import Request


class Assertion(Check):
    """Python code that asserts something of the output; it passes if nothing is raised.

    ``output``, ``expected`` (None if the case has none), ``input`` (the case as one text) and ``inputs``
    (column name to text) are bound.

    Attributes:
        code: the code.
        sandbox: ``monty`` runs it in an interpreter for a part of Python that reaches nothing; ``python`` in
            full Python with the whole standard library, once the project is trusted. Default: ``monty``.
        timeout: seconds. Default: 2.
    """

    code: str = Field(min_length=1)
    sandbox: Literal["monty", "python"] = "monty"
    timeout: float = Field(default=2.0, gt=0)

    def check_options(self, where: str, project_dir: Path) -> None:
        check_code(self.code, f"{where}.code", self.sandbox)

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        outcome = await tools.boxes.run(
            _request(operation(self.sandbox), self.code, case, output, self.timeout)
        )
        return Opinion(outcome.score, outcome.reason)


class Call(Check):
    """A function of the project: ``(output, expected, inputs)`` to a bool, a score, or a score and a reason.

    The module is looked up in the standard library, in the project's folder and among installed packages,
    and imported in the sandbox only. It may return True or False, a number in [0, 1], ``(score, reason)``, or
    a dict with ``score`` and, if you like, ``reason``.

    Attributes:
        function: ``module:function``.
        timeout: seconds for one call (the import has 30). Default: 2.
    """

    function: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")
    timeout: float = Field(default=2.0, gt=0)

    def check_options(self, where: str, project_dir: Path) -> None:
        package = self.function.partition(":")[0].partition(".")[0]
        known = package in sys.builtin_module_names
        if not known and PathFinder.find_spec(package, import_paths(project_dir)) is None:
            raise SettingsError(
                f"there is no module {package!r} in {project_dir} or among the installed packages",
                where=f"{where}.function",
                fix=f"put {package}.py beside the project file, or install the package that has it",
            )

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        request = _request("call", self.function, case, output, self.timeout)
        outcome = await tools.boxes.run(request)
        return Opinion(outcome.score, outcome.reason)


class Own(Check):
    """A function of the program that started the run; a project file can't have it (see ``functions.py``).

    Attributes:
        function: what the program calls it.
    """

    function: str = Field(min_length=1)

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        score, reason = await tools.functions.score(self.function, output, case.expected, case.inputs)
        return Opinion(score, reason)


def import_paths(project_dir: Path) -> list[str]:
    """Where a project's functions are imported from, the standard library aside."""
    return [str(project_dir.absolute()), *packages()]


def operation(sandbox: Literal["monty", "python"]) -> Literal["monty", "assert"]:
    """What to ask of the sandboxes for code of that setting."""
    return "assert" if sandbox == "python" else "monty"


def check_code(code: str, where: str, sandbox: Literal["monty", "python"]) -> None:
    """Raise SettingsError if ``code`` is not Python, asserts nothing, or is beyond Monty. It is not run."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        what = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise SettingsError(
            f"the code is not Python: {what}{line}", where=where, fix="mend the code"
        ) from error
    flaw = flaw_of(tree, code)
    if flaw is not None:
        raise SettingsError(flaw.what, where=where, fix=flaw.fix)
    lacking = unsupported(code) if sandbox == "monty" else ""
    if lacking:
        raise SettingsError(f"Monty can't run this code: {lacking}", where=where, fix=WAY_OUT)


def _request(
    op: Literal["monty", "assert", "call"], source: str, case: Example, output: str, timeout: float
) -> Request:
    return Request(op, source, output, case.expected, case.input_text, case.inputs, timeout)
