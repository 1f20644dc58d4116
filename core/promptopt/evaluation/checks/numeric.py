"""Checks that compare a number in the output: ``number``."""

import re
from decimal import Context, Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

from pydantic import Field

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import RIGHT, Check, Opinion, Tools

_LONGEST = 300
"""Characters of a number; longer runs of digits are no number that anyone compares."""

_EXACT = Context(prec=2 * _LONGEST, traps=[InvalidOperation])

_ALWAYS = "'’_\u00a0\u2009\u202f"
_GROUPS = {".": f",{_ALWAYS}", ",": f". {_ALWAYS}"}
"""Decimal mark to what may stand between groups of three digits. A plain space may only beside a comma: in
``10 200 300`` it parts three numbers."""

Decimals = Literal[".", ","]


class Number(Check):
    """A number in the output is the expected number, within a tolerance.

    The number is looked for in the text: ``The total is $1,234.50.`` has 1234.5. Signs, exponents and groups
    of three digits (``1,234``, ``1'234``, ``1_234``) are understood; a number inside a word (``v2``) is
    none. Numbers are compared as decimals, so a tolerance of 0.1 is exactly that.

    Attributes:
        value: the number that is right. Default: the number in the case's expected output.
        absolute: distance from it that is no fault. Default: 0.
        relative: distance from it that is no fault, as a share of it (0.01: 1 %); the wider of both
            tolerances counts. Default: 0.
        pick: which number of the output is meant: the ``last``, the ``first``, ``any`` that is right, or the
            ``only`` one (several are a fault). Default: ``last``.
        unit: what must stand directly beside the number (``km``, ``%``, ``$``), case ignored; numbers without
            it are not looked at. Default: any unit, or none.
        decimal: the decimal mark of the output and the expected output; with ``,`` numbers may be written
            ``1.234,5`` and ``1 234,5``. Default: ``.``.
    """

    value: float | None = None
    absolute: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    pick: Literal["last", "first", "any", "only"] = "last"
    unit: str = ""
    decimal: Decimals = "."

    @property
    def needs_expected(self) -> bool:
        return self.value is None

    def check_options(self, where: str, project_dir: Path) -> None:
        if self.value is not None and not Decimal(self.value).is_finite():
            raise SettingsError(f"{self.value} is no number to compare with", where=f"{where}.value")
        if self.unit and not self.unit.strip():
            raise SettingsError("the unit is white space", where=f"{where}.unit", fix="leave it out")

    def check_expected(self, expected: str) -> str:
        if self.value is not None:
            return ""
        count = len(find_numbers(expected, self.decimal))
        if count == 1:
            return ""
        return f"the expected output has {'no number' if not count else f'{count} numbers, not one'}"

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        right = self._right(case)
        found = find_numbers(output, self.decimal, self.unit.strip())
        if not found:
            beside = f" with the unit {reasons.quote(self.unit)}" if self.unit else ""
            return Opinion(0.0, f"{reasons.LACKS}a number{beside}; got {reasons.quote(output.strip(), 80)}")
        if self.pick == "only" and len(found) > 1:
            listed = ", ".join(map(show, found[:5]))
            return Opinion(0.0, f"{reasons.EXPECTED}one number, {show(right)}, got {len(found)}: {listed}")
        looked_at = {"first": found[:1], "any": found}.get(self.pick, found[-1:])
        if any(self._close(number, right) for number in looked_at):
            return RIGHT
        nearest = min(looked_at, key=lambda number: abs(_EXACT.subtract(number, right)))
        off = _EXACT.subtract(nearest, right)
        return Opinion(0.0, f"{reasons.EXPECTED}{show(right)}, got {show(nearest)} (off by {show(off)})")

    def _right(self, case: Example) -> Decimal:
        if self.value is not None:
            return Decimal(repr(self.value))
        found = find_numbers(case.expected or "", self.decimal)
        if len(found) != 1:
            raise ValueError(self.check_expected(case.expected or ""))
        return found[0]

    def _close(self, number: Decimal, right: Decimal) -> bool:
        share = _EXACT.multiply(Decimal(repr(self.relative)), abs(right))
        return abs(_EXACT.subtract(number, right)) <= max(Decimal(repr(self.absolute)), share)


def find_numbers(text: str, decimal: Decimals = ".", unit: str = "") -> list[Decimal]:
    """The numbers in a text, in order.

    Args:
        text: any text; Unicode digits and the minus sign U+2212 are understood.
        decimal: the decimal mark.
        unit: if given, only numbers with this directly before or after them (white space aside).
    """
    found: list[Decimal] = []
    for match in _PATTERNS[decimal].finditer(text):
        if len(match.group()) > _LONGEST or (unit and not _has_unit(text, match, unit.casefold())):
            continue
        sign = "-" if match["sign"] in ("-", "−") else ""
        whole = re.sub(r"\D", "", match["whole"] or "0")
        exponent = (match["exponent"] or "0").replace("−", "-")
        value = Decimal(f"{sign}{whole}.{match['fraction'] or match['bare'] or 0}e{exponent}")
        if abs(value.adjusted()) < _LONGEST:
            found.append(value)
    return found


def show(number: Decimal) -> str:
    """A number for people: without trailing zeros, with an exponent only if it is far from 1."""
    plain = number.normalize(_EXACT)
    text = f"{plain:f}" if -7 < plain.adjusted() < 21 else f"{plain:e}"
    return text if len(text) <= 30 else f"{plain:.12g}"


def _pattern(decimal: Decimals) -> re.Pattern[str]:
    mark, group = re.escape(decimal), f"[{re.escape(_GROUPS[decimal])}]"
    return re.compile(
        rf"(?<![\w{mark}])(?P<sign>[-+−]?)(?:[$€£¥]\s?)?"
        rf"(?:(?P<whole>\d{{1,3}}(?:{group}\d{{3}})+(?!\d)|\d+)(?:{mark}(?P<fraction>\d+))?"
        rf"|{mark}(?P<bare>\d+))"
        r"(?:[eE](?P<exponent>[-+−]?\d{1,4})(?!\w))?"
    )


_PATTERNS: dict[Decimals, re.Pattern[str]] = {".": _pattern("."), ",": _pattern(",")}


def _has_unit(text: str, match: re.Match[str], unit: str) -> bool:
    after = text[match.end() : match.end() + len(unit) + 40].lstrip().casefold()
    before = text[max(0, match.start() - len(unit) - 40) : match.start()].rstrip().casefold()
    inside = match.group().casefold()
    whole = after.startswith(unit) and not after[len(unit) : len(unit) + 1].isalpha()
    return whole or unit in inside or (before.endswith(unit) and not before[: -len(unit)][-1:].isalpha())
