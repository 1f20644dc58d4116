"""Checks of structured outputs: ``json_fields``."""

import json
import re
from bisect import bisect_left
from collections import defaultdict
from typing import Annotated, Any, Final, cast

from pydantic import Field

from promptopt.domain.dataset import Example
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import RIGHT, Check, Opinion, Tools

MISSING: Final = object()
"""Stands for a field that is not there (JSON's null is a value)."""


class JsonFields(Check):
    """The output is JSON with the same fields as the expected JSON; the score is the share of equal fields.

    Numbers are equal by value (7 is 7.0); true is not 1. An output that is not JSON and nothing but JSON
    scores 0: the program that reads it could not.

    Attributes:
        fields: paths (``customer.city``) to compare. Default: all fields at the top of the expected object;
            an expected list or plain value is compared as a whole.
        allow_fence: a Markdown code fence around the JSON is no fault. Default: false.
        allow_extra: fields that the expected object lacks are no fault; if false, each counts as a wrong
            field. Default: true.
        weights: paths to how much they count in the score. Default: 1 each.
        unordered: paths of lists whose order does not matter. Default: none.
        tolerance: distance between numbers that is no fault. Default: 0.
    """

    fields: tuple[str, ...] = Field(default=(), strict=False)
    allow_fence: bool = False
    allow_extra: bool = True
    weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict[str, float]
    )
    unordered: tuple[str, ...] = Field(default=(), strict=False)
    tolerance: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @property
    def needs_expected(self) -> bool:
        return True

    def check_expected(self, expected: str) -> str:
        try:
            value = read_json(expected)
        except ValueError as error:
            return f"the expected output is not JSON: {error}"
        named = (*self.fields, *self.weights, *self.unordered)
        lost = [path for path in named if _at(value, path) is MISSING]
        return f"the expected JSON has no field {lost[0]!r}" if lost else ""

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        expected = read_json(case.expected or "")
        inside, after = fenced(output.strip())
        in_fence = bool(inside) and not after
        try:
            actual = read_json(inside if in_fence else output)
        except ValueError as error:
            return Opinion(0.0, f"{_why_not(output)} ({error}): {reasons.quote(output.strip(), 80)}")
        opinion = self._compare(expected, actual)
        if in_fence and not self.allow_fence:
            share = f"inside it {opinion.score:.0%} of the fields are right"
            return Opinion(0.0, f"{reasons.NOT_BARE_JSON}: a code fence ({share})")
        return opinion

    def _compare(self, expected: Any, actual: Any) -> Opinion:
        pairs: dict[str, tuple[Any, Any]]
        if isinstance(expected, dict) and expected and not self.fields:
            table = cast("dict[str, Any]", expected)
            pairs = {key: (value, _get(actual, key)) for key, value in table.items()}
        else:
            pairs = {path: (_at(expected, path), _at(actual, path)) for path in self.fields or ("",)}
        wrong = {path: pair for path, pair in pairs.items() if not self._same(path, *pair)}
        faults = [_fault(path, *pair) for path, pair in wrong.items()]
        extra: list[str] = []
        if not self.allow_extra and isinstance(expected, dict) and isinstance(actual, dict):
            extra = [key for key in cast("dict[str, Any]", actual) if key not in expected]
        faults += [f"{key} should not be there" for key in extra]
        if not faults:
            return RIGHT
        total = sum(self.weights.get(path, 1.0) for path in pairs) + len(extra)
        lost = sum(self.weights.get(path, 1.0) for path in wrong) + len(extra)
        return Opinion(max(0.0, 1 - lost / total), reasons.FIELDS_WRONG + "; ".join(faults))

    def _same(self, path: str, expected: Any, actual: Any) -> bool:
        if path in self.unordered and isinstance(expected, list) and isinstance(actual, list):
            return _same_items(cast("list[Any]", expected), cast("list[Any]", actual), self.tolerance)
        return same_json(expected, actual, self.tolerance)


def read_json(text: str) -> Any:
    """Parse JSON as the standard has it (no NaN). Raises ValueError with a short reason."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def same_json(one: Any, other: Any, tolerance: float = 0.0) -> bool:
    """Equality of JSON values: numbers by value, within ``tolerance``; true and false are no numbers."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return left.keys() == right.keys() and all(
            same_json(left[key], right[key], tolerance) for key in left
        )
    if isinstance(one, list) and isinstance(other, list):
        first, second = cast("list[Any]", one), cast("list[Any]", other)
        pairs = zip(first, second, strict=False)
        return len(first) == len(second) and all(same_json(*pair, tolerance) for pair in pairs)
    if tolerance and isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= tolerance + 1e-12 * abs(one)
    return one == other


def _same_items(one: list[Any], other: list[Any], tolerance: float) -> bool:
    """Equality of lists in any order: each item has a partner of its own.

    Items are parted by their shape, which is all of them but their numbers, so that only few are compared.
    """
    if len(one) != len(other):
        return False
    left, right = _by_shape(one), _by_shape(other)
    if {shape: len(items) for shape, items in left.items()} != {
        shape: len(items) for shape, items in right.items()
    }:
        return False
    return all(_pairable(sorted(items), sorted(right[shape]), tolerance) for shape, items in left.items())


def _by_shape(items: list[Any]) -> dict[Any, list[tuple[float, ...]]]:
    """Shape of an item to the numbers of each that has it."""
    found: dict[Any, list[tuple[float, ...]]] = defaultdict(list)
    for item in items:
        numbers: list[float] = []
        found[_shape(item, numbers)].append(tuple(numbers))
    return found


def _shape(value: Any, numbers: list[float]) -> Any:
    """A JSON value as something that can be looked up, without its numbers: those go to ``numbers``."""
    if isinstance(value, bool | str) or value is None:
        return type(value).__name__, value
    if isinstance(value, int | float):
        numbers.append(value)
        return "number"
    if isinstance(value, list):
        return "list", *[_shape(item, numbers) for item in cast("list[Any]", value)]
    table = cast("dict[str, Any]", value)
    return "table", *[(key, _shape(table[key], numbers)) for key in sorted(table)]


def _pairable(left: list[tuple[float, ...]], right: list[tuple[float, ...]], tolerance: float) -> bool:
    """Whether the rows of numbers, both in order, can be paired so that each pair is equal or near."""
    if all(_near(*pair, tolerance) for pair in zip(left, right, strict=True)):
        return True
    if not tolerance or len(left[0]) < 2:
        return False  # there is no better way to pair them than in order
    free = [True] * len(right)
    for row in left:
        place = bisect_left(right, (row[0] - 2 * tolerance,))
        while place < len(right) and not (free[place] and _near(row, right[place], tolerance)):
            if right[place][0] > row[0] + 2 * tolerance:
                return False
            place += 1
        if place == len(right):
            return False
        free[place] = False
    return True


def _near(one: tuple[float, ...], other: tuple[float, ...], tolerance: float) -> bool:
    return all(same_json(*pair, tolerance) for pair in zip(one, other, strict=True))


def unwrap(text: str) -> tuple[Any, bool]:
    """The JSON value in ``text`` and whether it stands alone; (MISSING, False) if there is none.

    Looks at the whole text, then inside a code fence, then from the first brace or bracket on.
    """
    try:
        return read_json(text), True
    except ValueError:
        pass
    try:
        return read_json(fenced(text[max(0, text.find("```")) :])[0]), False
    except ValueError:
        pass
    for start in [match.start() for match in re.finditer(r"[{\[]", text)][:5]:
        try:
            return json.JSONDecoder().raw_decode(text, start)[0], False
        except (ValueError, RecursionError):
            continue
    return MISSING, False


def is_object_or_list(value: Any) -> bool:
    """Whether a parsed value is a structure, not a plain number, text, truth value or null."""
    return isinstance(value, dict | list)


def fenced(text: str) -> tuple[str, str]:
    """What stands in the Markdown code fence that ``text`` begins with, and after it; empty if none does."""
    first, _, rest = text.partition("\n")
    inside, fence, after = rest.partition("```")
    return (inside, after) if first.startswith("```") and fence else ("", text)


def _why_not(output: str) -> str:
    return reasons.NOT_JSON if unwrap(output)[0] is MISSING else reasons.NOT_BARE_JSON


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _at(value: Any, path: str) -> Any:
    """The value at a dotted path; a number steps into a list; the empty path is the whole."""
    for step in path.split(".") if path else []:
        items = cast("list[Any]", value) if isinstance(value, list) else []
        value = items[int(step)] if step.isdecimal() and int(step) < len(items) else _get(value, step)
    return value


def _get(value: Any, key: str) -> Any:
    return cast("dict[str, Any]", value).get(key, MISSING) if isinstance(value, dict) else MISSING


def _fault(path: str, expected: Any, actual: Any) -> str:
    name = path or "the value"
    if actual is MISSING:
        return f"{name} is missing"
    return f"{name} should be {_brief(expected)}, is {_brief(actual)}"


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
