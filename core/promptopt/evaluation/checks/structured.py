"""Checks of structured outputs: ``json_fields``."""

import json
import re
from typing import Any, Final, cast

from pydantic import Field

from promptopt.domain.dataset import Example
from promptopt.evaluation.boxes import Boxes
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import RIGHT, Check, Opinion

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
    """

    fields: tuple[str, ...] = Field(default=(), strict=False)
    allow_fence: bool = False
    allow_extra: bool = True

    @property
    def needs_expected(self) -> bool:
        return True

    def check_expected(self, expected: str) -> str:
        try:
            value = read_json(expected)
        except ValueError as error:
            return f"the expected output is not JSON: {error}"
        lost = [path for path in self.fields if _at(value, path) is MISSING]
        return f"the expected JSON has no field {lost[0]!r}" if lost else ""

    async def judge(self, case: Example, output: str, boxes: Boxes) -> Opinion:
        expected = read_json(case.expected or "")
        inside, after = _fenced(output.strip())
        fenced = bool(inside) and not after
        try:
            actual = read_json(inside if fenced else output)
        except ValueError as error:
            return Opinion(0.0, f"{_why_not(output)} ({error}): {reasons.quote(output.strip(), 80)}")
        opinion = self._compare(expected, actual)
        if fenced and not self.allow_fence:
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
        faults = [_fault(path, *pair) for path, pair in pairs.items() if not same_json(*pair)]
        extra: list[str] = []
        if not self.allow_extra and isinstance(expected, dict) and isinstance(actual, dict):
            extra = [key for key in cast("dict[str, Any]", actual) if key not in expected]
        faults += [f"{key} should not be there" for key in extra]
        if not faults:
            return RIGHT
        return Opinion(1 - len(faults) / (len(pairs) + len(extra)), reasons.FIELDS_WRONG + "; ".join(faults))


def read_json(text: str) -> Any:
    """Parse JSON as the standard has it (no NaN). Raises ValueError with a short reason."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def same_json(one: Any, other: Any) -> bool:
    """Equality of JSON values: numbers by value, true and false never equal to numbers."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(one, list) and isinstance(other, list):
        first, second = cast("list[Any]", one), cast("list[Any]", other)
        return len(first) == len(second) and all(map(same_json, first, second))
    return one == other


def unwrap(text: str) -> tuple[Any, bool]:
    """The JSON value in ``text`` and whether it stands alone; (MISSING, False) if there is none.

    Looks at the whole text, then inside a code fence, then from the first brace or bracket on.
    """
    try:
        return read_json(text), True
    except ValueError:
        pass
    try:
        return read_json(_fenced(text[max(0, text.find("```")) :])[0]), False
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


def _fenced(text: str) -> tuple[str, str]:
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
