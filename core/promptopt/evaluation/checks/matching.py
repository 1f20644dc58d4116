"""Checks that compare texts: ``exact``, ``contains``, ``regex``."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import RIGHT, Check, Opinion, Tools
from promptopt.evaluation.sandbox import Request

NonEmpty = Annotated[str, Field(min_length=1)]


class Negatable(Check):
    """A check that can be turned round.

    Attributes:
        negate: ``not`` in the project file: what is looked for must not be there. Default: false.
    """

    negate: bool = Field(default=False, alias="not")


class Exact(Negatable):
    """The output is the expected output.

    Attributes:
        ignore_case: upper and lower case are the same. Default: false.
        strip: white space around both is ignored. Default: true.
    """

    ignore_case: bool = False
    strip: bool = True

    @property
    def needs_expected(self) -> bool:
        return True

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        expected = case.expected or ""
        if (self._plain(output) == self._plain(expected)) != self.negate:
            return RIGHT
        if self.negate:
            return Opinion(0.0, reasons.FORBIDDEN + reasons.quote(output))
        if self.strip:
            expected, output = expected.strip(), output.strip()
        return Opinion(0.0, reasons.expected_but_got(expected, output))

    def _plain(self, text: str) -> str:
        text = text.strip() if self.strip else text
        return text.casefold() if self.ignore_case else text


class Contains(Negatable):
    """The output has a text in it: ``value``, or ``values``, or else the case's expected output.

    Attributes:
        value: the text to look for.
        values: several texts; the score is the share of them that is there.
        all: with ``values``: all of them, or (false) any one of them. Default: true. With ``not`` none of
            them may be there, whatever this says.
        ignore_case: upper and lower case are the same. Default: true.
    """

    value: NonEmpty | None = None
    values: tuple[NonEmpty, ...] = Field(default=(), strict=False)
    all: bool = True
    ignore_case: bool = True

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.value is not None and self.values:
            raise ValueError("give value or values, not both")
        return self

    @property
    def needs_expected(self) -> bool:
        return self.value is None and not self.values

    def check_expected(self, expected: str) -> str:
        if self.needs_expected and not expected.strip():
            return "the expected output is empty, and every output contains an empty text"
        return ""

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        value = self.value if self.value is not None else (case.expected or "").strip()
        wanted = self.values or (value,)
        plain = self._plain(output)
        missing = [value for value in wanted if self._plain(value) not in plain]
        if self.negate:
            return _none_of(wanted, [value for value in wanted if value not in missing])
        if not missing or (not self.all and len(missing) < len(wanted)):
            return RIGHT
        score = 1 - len(missing) / len(wanted) if self.all else 0.0
        each = max(20, 160 // len(missing))
        listed = (", " if self.all else " or ").join(reasons.quote(value, each) for value in missing)
        return Opinion(score, f"{reasons.LACKS}{listed}; got {reasons.quote(output.strip(), 80)}")

    def _plain(self, text: str) -> str:
        return text.casefold() if self.ignore_case else text


class Regex(Negatable):
    """A pattern (Python's ``re``) is found in the output. It runs in the sandbox, for it may take for ever.

    Attributes:
        pattern: default is the case's expected output, taken as a pattern.
        ignore_case: upper and lower case are the same. Default: false.
        full: the pattern must match the whole output, without the white space around it. Default: false.
        timeout: seconds. Default: 2.
    """

    pattern: NonEmpty | None = None
    ignore_case: bool = False
    full: bool = False
    timeout: float = Field(default=2.0, gt=0)

    @property
    def needs_expected(self) -> bool:
        return self.pattern is None

    def check_options(self, where: str, project_dir: Path) -> None:
        if self.pattern is None:
            return
        check_pattern(self.pattern, f"{where}.pattern")
        if self.negate and not self.full and re.compile(self.pattern).search(""):
            raise SettingsError(
                f"{reasons.quote(self.pattern)} is found in every text, so no output would pass",
                where=f"{where}.pattern",
                fix="write a pattern that needs at least one character",
            )

    def check_expected(self, expected: str) -> str:
        if self.pattern is not None:
            return ""
        return f"the expected output is not a pattern: {_flaw(expected)}" if _flaw(expected) else ""

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        pattern = self.pattern if self.pattern is not None else case.expected or ""
        text = output.strip() if self.full else output
        request = Request(
            "regex", pattern, text, timeout=self.timeout, full=self.full, ignore_case=self.ignore_case
        )
        outcome = await tools.boxes.run(request)
        if outcome.broken:
            return Opinion(0.0, f"the pattern {reasons.quote(pattern, 80)} {outcome.reason}")
        if (outcome.score == 1) != self.negate:
            return RIGHT
        if self.negate:
            return Opinion(0.0, reasons.FORBIDDEN + reasons.quote(pattern))
        return Opinion(0.0, f"{reasons.NO_MATCH}{reasons.quote(pattern)}: {reasons.quote(output.strip())}")


def _none_of(values: Sequence[str], found: Sequence[str]) -> Opinion:
    """All right if none of ``values`` was found; else the share of them that was not."""
    if not found:
        return RIGHT
    each = max(20, 200 // len(found))
    listed = ", ".join(reasons.quote(value, each) for value in found)
    return Opinion(1 - len(found) / len(values), reasons.FORBIDDEN + listed)


def check_pattern(pattern: str, where: str) -> None:
    """Raise SettingsError if ``pattern`` is no regular expression."""
    if flaw := _flaw(pattern):
        raise SettingsError(
            f"{reasons.quote(pattern)} is not a pattern: {flaw}",
            where=where,
            fix="mend it; in TOML write patterns in single quotes, so that backslashes stay as they are",
        )


def _flaw(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return ""
