"""promptfoo's assertions as checks of ours: one table, and the few lines of Python that some of them become.

Each assertion type has its candidates, best first; which of them this version has, the caller says (the
store knows no checks). What none of them fits is lost, and told.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from promptopt.domain.text import one_line

Table = dict[str, Any]

Accepts = Callable[[Table], str]
"""Why a check can't be built of this table; "" if it can."""

CORE = frozenset({"exact", "contains", "regex", "json_fields", "assertion", "callable"})


def accepts_core(table: Table) -> str:
    """Accepts the checks that every version has, without ``not``."""
    return "" if table["type"] in CORE and "not" not in table else "there is no such check"


class LostError(Exception):
    """Why an assertion has no counterpart."""


class Candidate(NamedTuple):
    """A check that does what an assertion does, and the expected output that it compares with, if any."""

    table: Table
    expected: str | None = None


@dataclass(frozen=True)
class Given:
    """An assertion with its templates filled in. ``threshold`` is None if it is not given."""

    value: Any
    threshold: float | None

    @property
    def items(self) -> list[Any] | None:
        """The value, if it is a list."""
        value: Any = self.value
        return cast("list[Any]", value) if isinstance(value, list) else None

    def text(self) -> str:
        """The value as text. Raises LostError if there is none."""
        if self.value is None or self.value == "" or isinstance(self.value, (list, dict)):
            raise LostError("it has no text to compare with")
        return json.dumps(self.value) if isinstance(self.value, bool) else str(self.value)

    def texts(self) -> list[str]:
        """A list, or text with commas between. Raises LostError if there is none."""
        parts = self.text().split(",") if self.items is None else self.items
        found = [str(part).strip() for part in parts if str(part).strip()]
        if not found:
            raise LostError("it has nothing to look for")
        return found

    def minimum(self, default: float) -> float:
        return default if self.threshold is None else self.threshold

    def bare(self, what: str) -> None:
        """Raise LostError if there is a value."""
        if self.value not in (None, ""):
            raise LostError(what)


def candidates(kind: str, given: Given) -> list[Candidate]:
    """The checks that an assertion of type ``kind`` may become, best first.

    Raises:
        LostError: no check does this.
    """
    negated = kind.startswith("not-")
    base = kind.removeprefix("not-")
    make = CANDIDATES.get(base)
    if make is None:
        raise LostError(HOPELESS.get(base, "no check does this"))
    found = make(given)
    if not negated:
        return found
    # What must not come is not to be told as the expected output: such candidates are left out.
    # And ours, turned round, wants none of several texts there; theirs, that not all of them are.
    turned = [] if base.endswith("contains-all") else found
    refused = [Candidate({**table, "not": True}) for table, expected in turned if expected is None]
    condition = CONDITIONS.get(base)
    if condition is not None:
        refused.append(_code(f"assert not ({condition(given)})"))
    for table, _ in found:
        if table["type"] == "assertion":
            refused.append(_code(_inverted(table["code"])))
    return refused


def _equals(given: Given) -> list[Candidate]:
    value: Any = given.value
    if isinstance(value, (dict, list)):
        text = json.dumps(value, ensure_ascii=False)
        return [Candidate({"type": "json_fields", "allow_extra": False}, text), _same_json(text)]
    text = given.text()
    # A second reference of a case has no place as its expected output.
    return [
        Candidate({"type": "exact"}, text),
        Candidate({"type": "regex", "pattern": re.escape(text), "full": True}),
    ]


def _same_json(text: str) -> Candidate:
    return _code(f"import json\nassert json.loads(output) == json.loads({text!r})")


def _contains(all_of: bool | None, ignore_case: bool) -> Callable[[Given], list[Candidate]]:
    def make(given: Given) -> list[Candidate]:
        table: Table = {"type": "contains", "ignore_case": ignore_case}
        if all_of is None:
            return [Candidate({**table, "value": given.text()})]
        return [Candidate({**table, "values": given.texts(), "all": all_of})]

    return make


def _regex(given: Given) -> list[Candidate]:
    return [Candidate({"type": "regex", "pattern": given.text()})]


def _starts(given: Given) -> list[Candidate]:
    return [Candidate({"type": "regex", "pattern": rf"\A{re.escape(given.text())}"})]


def _is_json(given: Given) -> list[Candidate]:
    if given.value in (None, ""):
        return [_code("import json\njson.loads(output)")]
    return [Candidate({"type": "json_schema", "schema": _schema(given.value)})]


def _contains_json(given: Given) -> list[Candidate]:
    given.bare("a schema for JSON inside other text has no counterpart")
    return [_code(_FINDS_JSON)]


def _schema(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise LostError("its schema is not JSON") from error
    return value


def _python(given: Given) -> list[Candidate]:
    code = given.text().strip("\n")
    if "\n" in code:
        body = "\n".join(f"    {line}" for line in code.split("\n"))
    else:
        body = f"    return ({code.strip()})"
    source = (
        code
        if re.search(r"^def get_assert\(", code, re.MULTILINE)
        else f"def get_assert(output, context):\n{body}"
    )
    least = "result > 0" if given.threshold is None else f"result >= {given.threshold!r}"
    return [_code(f"{source}\n\n{_CALL.format(least=least)}")]


def _levenshtein(given: Given) -> list[Candidate]:
    return [_code(_DISTANCE.format(text=given.text(), most=given.minimum(5)))]


def _word_count(given: Given) -> list[Candidate]:
    value: Any = given.value
    try:
        if isinstance(value, dict):
            low = int(cast("Table", value).get("min", 0))
            high = int(cast("Table", value)["max"]) if "max" in value else None
        else:
            low = high = int(value)
    except (TypeError, ValueError) as error:
        raise LostError("it says no number of words") from error
    rule = f"{low} <= len(output.split())" + ("" if high is None else f" <= {high}")
    return [_code(f"assert {rule}")]


def _compared(kind: str, default: float) -> Callable[[Given], list[Candidate]]:
    def make(given: Given) -> list[Candidate]:
        return [Candidate({"type": kind, "threshold": given.minimum(default)}, given.text())]

    return make


def _similar(given: Given) -> list[Candidate]:
    """promptfoo compares embeddings: a lexical likeness would be something else under the same name."""
    table: Table = {"type": "similarity", "method": "embedding", "threshold": given.minimum(0.75)}
    return [Candidate(table, given.text())]


def _judged(rubric: str) -> Callable[[Given], list[Candidate]]:
    def make(given: Given) -> list[Candidate]:
        values = [given.text()] if given.items is None else given.items
        table: Table = {"type": "judge", "rubric": rubric.format("\n".join(map(str, values)))}
        return [Candidate(table if given.threshold is None else {**table, "threshold": given.threshold})]

    return make


def _at_most(kind: str, unit: float) -> Callable[[Given], list[Candidate]]:
    def make(given: Given) -> list[Candidate]:
        if given.threshold is None:
            raise LostError("it has no threshold")
        return [Candidate({"type": kind, "max": given.threshold * unit})]

    return make


CANDIDATES: dict[str, Callable[[Given], list[Candidate]]] = {
    "equals": _equals,
    "contains": _contains(None, ignore_case=False),
    "icontains": _contains(None, ignore_case=True),
    "contains-all": _contains(True, ignore_case=False),
    "icontains-all": _contains(True, ignore_case=True),
    "contains-any": _contains(False, ignore_case=False),
    "icontains-any": _contains(False, ignore_case=True),
    "regex": _regex,
    "starts-with": _starts,
    "is-json": _is_json,
    "contains-json": _contains_json,
    "python": _python,
    "levenshtein": _levenshtein,
    "word-count": _word_count,
    "similar": _similar,
    "rouge-n": _compared("rouge", 0.75),
    "bleu": _compared("bleu", 0.5),
    "llm-rubric": _judged("{}"),
    "g-eval": _judged("{}"),
    "model-graded-closedqa": _judged("{}"),
    "factuality": _judged("The output is factually consistent with this: {}"),
    "model-graded-factuality": _judged("The output is factually consistent with this: {}"),
    "cost": _at_most("cost", 1.0),
    "latency": _at_most("latency", 0.001),
}
"""Assertion type to the checks that it may become. Some name checks that are planned; they wait."""

CONDITIONS: dict[str, Callable[[Given], str]] = {
    "equals": lambda given: f"output.strip() == {given.text().strip()!r}",
    "contains": lambda given: f"{given.text()!r} in output",
    "icontains": lambda given: f"{given.text().lower()!r} in output.lower()",
    "contains-all": lambda given: f"all(text in output for text in {given.texts()!r})",
    "contains-any": lambda given: f"any(text in output for text in {given.texts()!r})",
    "icontains-all": lambda given: f"all(text.lower() in output.lower() for text in {given.texts()!r})",
    "icontains-any": lambda given: f"any(text.lower() in output.lower() for text in {given.texts()!r})",
    "regex": lambda given: f"__import__('re').search({given.text()!r}, output)",
    "starts-with": lambda given: f"output.startswith({given.text()!r})",
}
"""Of assertions that are negated: the condition in Python, where no check has ``not``."""

HOPELESS = {
    "javascript": "JavaScript is not run; write it in Python, as a check of type assertion",
    "ruby": "Ruby is not run; write it in Python, as a check of type assertion",
    "webhook": "outputs are not sent to other servers; a check of type callable may do so",
    "select-best": "outputs are judged one by one",
    "max-score": "outputs are judged one by one",
    "human": "nobody is asked",
}


def _code(code: str) -> Candidate:
    return Candidate({"type": "assertion", "code": code})


def _inverted(code: str) -> str:
    body = "\n".join(f"    {line}" for line in code.split("\n"))
    return f"try:\n{body}\nexcept Exception:\n    pass\nelse:\n    raise AssertionError('it should not pass')"


def named(kind: str, metric: Any, taken: Sequence[str]) -> str:
    """A name for a check that no other one has: the metric, or the assertion's type."""
    base = one_line(str(metric), 60) if isinstance(metric, str) and metric.strip() else kind
    names = [base, *(f"{base} ({number})" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


_FINDS_JSON = """\
import json
ends = [place + 1 for place, mark in enumerate(output) if mark in "}]"]
found = False
for start in [place for place, mark in enumerate(output) if mark in "{["]:
    for end in ends:
        if end > start and not found:
            try:
                json.loads(output[start:end])
                found = True
            except ValueError:
                pass
assert found, "there is no JSON in it\""""

_CALL = """\
context = {{"vars": {{**inputs, "expected": expected}}, "prompt": input}}
result = get_assert(output, context)
if isinstance(result, dict):
    reason = str(result.get("reason", ""))
    result = result.get("pass", result.get("pass_", result.get("score", 0)))
else:
    reason = f"it gave {{result!r}}"
if not isinstance(result, bool):
    result = {least}
assert result, reason"""

_DISTANCE = """\
wanted = {text!r}
row = list(range(len(wanted) + 1))
for place, letter in enumerate(output, 1):
    before, row[0] = row[0], place
    for column, other in enumerate(wanted, 1):
        changed = before + (letter != other)
        before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, changed)
assert row[-1] <= {most!r}, f"the edit distance is {{row[-1]}}\""""
