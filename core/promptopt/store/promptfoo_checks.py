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
from promptopt.store import promptfoo_code

Table = dict[str, Any]

Accepts = Callable[[Table], str]
"""Why a check can't be built of this table; "" if it can."""

_GRADED = (
    "a score that it returns counts as 1 if it passes and as 0 if not; a check of type callable would keep it"
)
_BY_SCORE = (
    "a judge scores it from 1 to 5 and passes 4, or what the threshold says; there it says itself what passes"
)
_SHARE = "it scores the share of its texts that are as they should be; there it scores 1 or 0"
_DRAFT = "http://json-schema.org/draft-07/schema#"
_PART = re.compile(r'[\s,]*(?:"(?P<quoted>(?:\\["\\]|""|[^"])*)"\s*(?=,|\Z)|(?P<plain>[^\s,"][^,]*))[\s,]*')
_ESCAPE = re.compile(r'\\(["\\])|""')

CORE = frozenset({"exact", "contains", "regex", "json_fields", "assertion", "callable"})


def accepts_core(table: Table) -> str:
    """Accepts the checks that every version has, without ``not``."""
    return "" if table["type"] in CORE and "not" not in table else "there is no such check"


class LostError(Exception):
    """Why an assertion has no counterpart."""


class Candidate(NamedTuple):
    """A check that does what an assertion does.

    Attributes:
        table: the check.
        expected: the output that it compares with, if any.
        note: what is not quite the same, for the owner to know.
    """

    table: Table
    expected: str | None = None
    note: str = ""


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
        found = _parted(self.text()) if self.items is None else [str(part) for part in self.items]
        if not found:
            raise LostError("it has nothing to look for")
        if "" in found:
            raise LostError("it looks for an empty text, which is in every output")
        return found

    def minimum(self, default: float) -> float:
        return default if self.threshold is None else self.threshold

    def bare(self, what: str) -> None:
        """Raise LostError if there is a value."""
        if self.value not in (None, ""):
            raise LostError(what)


def _parted(text: str) -> list[str]:
    """The parts of a text with commas between; one in quotes may have commas in it."""
    found: list[str] = []
    end = 0
    for part in _PART.finditer(text):
        if part.start() > end:
            break
        end = part.end()
        quoted = part["quoted"]
        found.append(part["plain"].strip() if quoted is None else _ESCAPE.sub(lambda m: m[1] or '"', quoted))
    if end < len(text):
        raise LostError("its list can't be read")
    return found


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
    refused = [
        Candidate({**table, "not": True}, note=_SHARE if len(table.get("values", ())) > 1 else note)
        for table, expected, note in turned
        if expected is None
    ]
    condition = CONDITIONS.get(base)
    if condition is not None:
        refused.append(_code(f"assert not ({condition(given)})"))
    for table, _, note in found:
        if table["type"] == "assertion":
            refused.append(_code(promptfoo_code.inverted(table["code"]))._replace(note=note))
    if not refused:
        raise LostError("no check does this turned round")
    return refused


def _equals(given: Given) -> list[Candidate]:
    value: Any = given.value
    if isinstance(value, (dict, list)):
        text = json.dumps(value, ensure_ascii=False)
        code = _code(promptfoo_code.same_json(value))
        return [code._replace(expected=text), code]
    text = given.text()
    # A second reference of a case has no place as its expected output.
    return [
        Candidate({"type": "exact", "strip": False}, text),
        Candidate({"type": "regex", "pattern": rf"\A{re.escape(text)}\Z"}),
    ]


def _contains(all_of: bool | None, ignore_case: bool) -> Callable[[Given], list[Candidate]]:
    def make(given: Given) -> list[Candidate]:
        table: Table = {"type": "contains", "ignore_case": ignore_case}
        if all_of is None:
            return [Candidate({**table, "value": given.text()})]
        texts = given.texts()
        note = _SHARE if all_of and len(texts) > 1 else ""
        return [Candidate({**table, "values": texts, "all": all_of}, note=note)]

    return make


def _regex(given: Given) -> list[Candidate]:
    return [Candidate({"type": "regex", "pattern": promptfoo_code.pattern(given.text())})]


def _starts(given: Given) -> list[Candidate]:
    return [Candidate({"type": "regex", "pattern": rf"\A{re.escape(given.text())}"})]


def _is_json(given: Given) -> list[Candidate]:
    if given.value in (None, ""):
        return [Candidate({"type": "format", "json": True}), _code("import json\njson.loads(output)")]
    schema = _schema(given.value)
    if isinstance(schema, dict):
        schema = {"$schema": _DRAFT, **cast("Table", schema)}
    note = "formats in its schema are not looked at here" if '"format"' in json.dumps(schema) else ""
    return [Candidate({"type": "json_schema", "schema": schema}, note=note)]


def _contains_json(given: Given) -> list[Candidate]:
    given.bare("a schema for JSON inside other text has no counterpart")
    return [_code(promptfoo_code.finds_json())]


def _schema(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise LostError("its schema is not JSON") from error
    return value


def _python(given: Given) -> list[Candidate]:
    code = given.text().strip("\n")
    note = _GRADED if promptfoo_code.may_grade(code) else ""
    return [_code(promptfoo_code.python(code, given.threshold))._replace(note=note)]


def _levenshtein(given: Given) -> list[Candidate]:
    return [_code(promptfoo_code.distance(given.text(), given.minimum(5)))]


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


def _similar(given: Given) -> list[Candidate]:
    """promptfoo compares embeddings: a lexical likeness would be something else under the same name."""
    table: Table = {"type": "similarity", "method": "embedding", "threshold": given.minimum(0.75)}
    return [Candidate(table, given.text())]


def _judged(rubric: str, threshold: float | None = None) -> Callable[[Given], list[Candidate]]:
    def make(given: Given) -> list[Candidate]:
        values = [given.text()] if given.items is None else given.items
        table: Table = {"type": "judge", "rubric": rubric.format("\n".join(map(str, values)))}
        least = threshold if given.threshold is None else given.threshold
        return [Candidate(table if least is None else {**table, "threshold": least}, note=_BY_SCORE)]

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
    "similar:cosine": _similar,
    "llm-rubric": _judged("{}"),
    "g-eval": _judged("{}", 0.7),
    "model-graded-closedqa": _judged("{}"),
    "factuality": _judged("The output is factually consistent with this: {}"),
    "model-graded-factuality": _judged("The output is factually consistent with this: {}"),
    "cost": _at_most("cost", 1.0),
    "latency": _at_most("latency", 0.001),
}
"""Assertion type to the checks that it may become. What this version has no check for is told."""

CONDITIONS: dict[str, Callable[[Given], str]] = {
    "equals": lambda given: f"output == {given.text()!r}",
    "contains": lambda given: f"{given.text()!r} in output",
    "icontains": lambda given: f"{given.text().lower()!r} in output.lower()",
    "contains-all": lambda given: f"all(text in output for text in {given.texts()!r})",
    "contains-any": lambda given: f"any(text in output for text in {given.texts()!r})",
    "icontains-all": lambda given: f"all(text.lower() in output.lower() for text in {given.texts()!r})",
    "icontains-any": lambda given: f"any(text.lower() in output.lower() for text in {given.texts()!r})",
    "regex": lambda given: f"__import__('re').search({promptfoo_code.pattern(given.text())!r}, output)",
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
    "rouge-n": "it counts words in a way of its own; the nearest check is rouge with variant rouge1",
    "bleu": "it reckons BLEU in a way of its own; the nearest check is bleu",
}


def _code(code: str) -> Candidate:
    return Candidate({"type": "assertion", "code": code})


def named(kind: str, metric: Any, taken: Sequence[str]) -> str:
    """A name for a check that no other one has: the metric, or the assertion's type."""
    base = one_line(str(metric), 60) if isinstance(metric, str) and metric.strip() else kind
    names = [base, *(f"{base} ({number})" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
