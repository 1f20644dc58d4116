"""Taking over promptfoo's assertions, and keeping account of what is lost on the way."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.store.promptfoo_checks import Accepts, Candidate, Given, LostError, candidates, named
from promptopt.store.promptfoo_graders import Graders
from promptopt.store.promptfoo_tests import file_text
from promptopt.store.promptfoo_texts import render

Table = dict[str, Any]

OF_ASSERTIONS = {
    "type", "value", "threshold", "weight", "metric", "provider", "rubricPrompt", "transform",
    "contextTransform", "$ref", "assert",
}  # fmt: skip
"""Keys that are read; all others are told."""


@dataclass
class Case:
    """A case in the making: columns, expected output, and its checks in order."""

    row: Table
    expected: str | None = None
    checks: list[Table] = field(default_factory=list[Table])


@dataclass
class Reader:
    """What is read of one configuration.

    Attributes:
        lost: counts what is not taken over, and ``changed`` what is not quite the same.
        first: where each of them is first.
        judges, embedders: who grades.
    """

    config: Table
    path: Path
    accepts: Accepts
    lost: Counter[str] = field(default_factory=Counter[str])
    changed: Counter[str] = field(default_factory=Counter[str])
    judges: Graders = field(default_factory=lambda: Graders("text"))
    embedders: Graders = field(default_factory=lambda: Graders("embedding"))
    first: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def folder(self) -> Path:
        return self.path.parent

    def lose(self, what: str, where: str) -> None:
        self.lost[what] += 1
        self.first.setdefault(what, where)

    def change(self, what: str, where: str) -> None:
        self.changed[what] += 1
        self.first.setdefault(what, where)

    def lose_all(self, table: Table, known: set[str], of: str, where: str) -> None:
        """Note the keys of a table that are not read."""
        for key in sorted(map(str, table.keys() - known)):
            self.lose(f"{one_line(key, 40)} of {of}", where)

    def told(self) -> list[str]:
        return [
            f"{how}: {what} ({self.first[what]}{f' and {count - 1} more' if count > 1 else ''})"
            for how, counts in (("changed", self.changed), ("not taken over", self.lost))
            for what, count in counts.items()
        ]


class Around(NamedTuple):
    """What an assertion takes from its test: variables, who grades (the most general last), and how."""

    variables: Table
    graders: list[Any]
    rubric_prompt: Any


def add_assertion(
    reader: Reader, case: Case, raw: Any, around: Around, where: str, share: float = 1.0
) -> None:
    """Add the checks of one assertion to a case, or note that it is lost."""
    told = table_of(raw)
    if "$ref" in told:
        templates = table_of(reader.config.get("assertionTemplates"))
        told = {**table_of(templates.get(str(told["$ref"]).rpartition("/")[2])), **told}
    kind = str(told.get("type", ""))
    weight = told.get("weight", 1)
    weight = float(weight) * share if isinstance(weight, (int, float)) else share
    if kind == "assert-set":
        parts = list_of(told.get("assert"))
        total = sum(float(table_of(part).get("weight", 1)) for part in parts) or 1.0
        if "threshold" in told:
            reader.lose("the threshold of an assert-set (here each of its checks has to pass)", where)
        for number, part in enumerate(parts):
            add_assertion(reader, case, part, around, f"{where}.assert[{number}]", weight / total)
        return
    reader.lose_all(told, OF_ASSERTIONS, "an assertion", where)
    assertion = f"the assertion {one_line(kind, 40) or '(without type)'}"
    try:
        taken = _add_check(reader, case, told, around.variables, kind, weight)
    except LostError as error:
        reader.lose(f"{assertion}: {error}", where)
        return
    if taken.note:
        reader.change(f"{assertion}: {taken.note}", where)
    graders = [told.get("provider"), *around.graders]
    if taken.table["type"] == "judge":
        reader.judges.add(graders, where)
        if told.get("rubricPrompt", around.rubric_prompt):
            reader.lose("the rubricPrompt of a grader", where)
    elif taken.table.get("method") == "embedding":
        reader.embedders.add(graders, where)


def _add_check(
    reader: Reader, case: Case, told: Table, variables: Table, kind: str, weight: float
) -> Candidate:
    """Add the check of one assertion; returns what it became. Raises LostError: it has no counterpart."""
    if weight <= 0:
        raise LostError("its weight is 0, and each check counts here")
    if "transform" in told or "contextTransform" in told:
        raise LostError("it judges a transformed output")
    threshold = told.get("threshold")
    value = _filled(told.get("value"), variables)
    if isinstance(value, str) and value.startswith("file://"):
        value = _assertion_file(value, reader)
    given = Given(value, float(threshold) if isinstance(threshold, (int, float)) else None)
    reasons: list[str] = []
    for candidate in candidates(kind, given):
        table, expected = candidate.table, candidate.expected
        if expected is not None and case.expected not in (None, expected):
            reasons.append("its case has another expected output already")
            continue
        metric = told.get("metric")
        check = {**table, "name": named(kind, metric, [str(one["name"]) for one in case.checks])}
        if weight != 1:
            check["weight"] = weight
        reason = reader.accepts(check)
        if not reason:
            case.expected = expected if expected is not None else case.expected
            case.checks.append(check)
            return candidate
        reasons.append(reason)
    raise LostError(one_line(reasons[0], 160))


def _assertion_file(value: str, reader: Reader) -> Any:
    name, _, function = value.partition(".py:")
    if function:
        raise LostError(f"it calls {one_line(function, 40)}; only get_assert of a file is taken over")
    try:
        return file_text(name, reader.folder)
    except SettingsError as error:
        raise LostError(f"{error.where}: {error.what}") from error


def _filled(value: Any, variables: Table) -> Any:
    """A value with its templates filled in, wherever they stand. Raises LostError for logic in them."""
    if isinstance(value, str):
        text, left = render(value, variables)
        if left:
            raise LostError(f"the template {one_line(left, 60)!r} can't be filled in")
        return text
    if isinstance(value, list):
        return [_filled(item, variables) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in cast("Table", value).items()}
    return value


def table_of(value: Any) -> Table:
    return cast("Table", value) if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    if value is None:
        return []
    return cast("list[Any]", value) if isinstance(value, list) else [value]
