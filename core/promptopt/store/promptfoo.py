"""A promptfoo configuration as a project: prompts, providers, tests and their assertions."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.store.casefiles import text_of
from promptopt.store.promptfoo_checks import Accepts, Given, LostError, candidates, named
from promptopt.store.promptfoo_models import target_model
from promptopt.store.promptfoo_tests import MOST_TESTS, Test, expanded, file_text, read_tests
from promptopt.store.promptfoo_texts import Template, read_prompts, render, tell_template, value_of

Table = dict[str, Any]

NAMES = ("promptfooconfig.yaml", "promptfooconfig.yml")
CASES = "cases.jsonl"

USED = {
    "prompts",
    "providers",
    "targets",
    "tests",
    "defaultTest",
    "description",
    "assertionTemplates",
    "$schema",
}
OF_NO_USE = {
    "outputPath",
    "sharing",
    "commandLineOptions",
    "tags",
    "metadata",
    "writeLatestResults",
    "evaluateOptions",
}
RESERVED = {"id", "expected", "tags", "checks", "weight", "group", "split"}


@dataclass
class _Case:
    """A case in the making: columns, expected output, and its checks in order."""

    row: Table
    expected: str | None = None
    checks: list[Table] = field(default_factory=list[Table])


@dataclass
class _Reader:
    """What is read of one configuration; ``lost`` counts what is not taken over, ``first`` says where."""

    config: Table
    path: Path
    accepts: Accepts
    lost: Counter[str] = field(default_factory=Counter[str])
    first: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def folder(self) -> Path:
        return self.path.parent

    def lose(self, what: str, where: str) -> None:
        self.lost[what] += 1
        self.first.setdefault(what, where)

    def told(self) -> list[str]:
        return [
            f"not taken over: {what} ({self.first[what]}{f' and {count - 1} more' if count > 1 else ''})"
            for what, count in self.lost.items()
        ]


def is_promptfoo(raw: Any) -> bool:
    """Whether a parsed YAML file is a configuration of promptfoo."""
    if not isinstance(raw, dict):
        return False
    keys = set(cast("Table", raw))
    return "prompts" in keys and bool(keys & {"providers", "targets", "tests", "defaultTest", "scenarios"})


def read_promptfoo(config: Table, path: Path, accepts: Accepts) -> tuple[Table, dict[str, bytes], list[str]]:
    """A project, its data files and notices of a promptfoo configuration.

    Args:
        config: the parsed file ``path``.
        accepts: says of a check's table whether this version has such a check.

    Returns:
        The project as its file would say it, the file of cases, and what its owner should know: above all
        every assertion that has no counterpart, with its place.

    Raises:
        SettingsError: there is no prompt or no test, or a file of theirs can't be read.
    """
    reader = _Reader(config, path, accepts)
    notices: list[str] = []
    prompts = read_prompts(config["prompts"], reader.folder, reader.lose)
    if not prompts:
        raise SettingsError("there is no prompt that can be read", where=f"{path}, prompts")
    template = prompts[0]
    if len(prompts) > 1:
        notices.append(f"the first of {len(prompts)} prompts is the one to start from")
    cases = _cases(reader, template)
    if not cases:
        raise SettingsError(
            "there are no tests, so nothing can be measured",
            where=f"{path}, tests",
            fix="add tests with vars",
        )
    template = _marked(template, _columns(template, cases))
    shared = _hoist(cases)
    for key in config.keys() - USED - OF_NO_USE:
        reader.lose(f"the section {key!r}", str(path.name))
    name = config.get("description")
    data: Table = {"file": CASES, "input": _inputs(cases)}
    if any(case.expected is not None for case in cases):
        data["expected"] = "expected"
    raw: Table = {
        "name": one_line(name, 100)
        if isinstance(name, str) and name.strip()
        else path.absolute().parent.name,
        "prompt": template.text,
        "models": {
            "target": target_model(config.get("providers", config.get("targets")), reader.lose, notices)
        },
        "data": data,
        "checks": shared,
    }
    tell_template(template, reader.lose)
    bare = sum(not shared and not case.checks and case.expected is None for case in cases)
    if bare:
        notices.append(f"{bare} of {len(cases)} cases have no check: give them one, or add a check for all")
    return raw, {CASES: _lines(cases)}, [*notices, *template.notices, *reader.told()]


def _cases(reader: _Reader, template: Template) -> list[_Case]:
    lost: list[str] = []
    default: Any = reader.config.get("defaultTest") or {}
    if isinstance(default, str):
        from promptopt.store.textfiles import parse_yaml

        default = parse_yaml(file_text(default, reader.folder), reader.path)
    if not isinstance(default, dict):
        raise SettingsError("found no table, expected one", where=f"{reader.path}, defaultTest")
    base = cast("Table", default)
    tests = read_tests(reader.config.get("tests") or [], reader.folder, "tests", lost)
    cases = [case for test in islice(tests, MOST_TESTS) for case in _of_test(reader, template, base, test)]
    for what in lost:
        reader.lose(what, reader.path.name)
    if len({case.row.get("id") for case in cases}) < len(cases):
        for case in cases:
            case.row.pop("id", None)
    return cases


def _of_test(reader: _Reader, template: Template, base: Table, test: Test) -> list[_Case]:
    content, where = test
    own = file_vars(content.get("vars") or {}, reader)
    if not isinstance(own, dict):
        raise SettingsError("found no table, expected one", where=f"{reader.path}, {where}.vars")
    variables = {**_table(base.get("vars")), **cast("Table", own)}
    options = {**_table(base.get("options")), **_table(content.get("options"))}
    for key in ("transform", "postprocess", "prefix", "suffix"):
        if key in options or key in content:
            reader.lose(f"{key} of outputs or prompts", where)
    if "threshold" in content or "threshold" in base:
        reader.lose("the threshold of a whole test (here a case passes if each check does)", where)
    asserts: list[tuple[Any, str]] = []
    if not options.get("disableDefaultAsserts"):
        asserts += [(one, f"defaultTest.assert[{n}]") for n, one in enumerate(_list(base.get("assert")))]
    asserts += [(one, f"{where}.assert[{n}]") for n, one in enumerate(_list(content.get("assert")))]
    made: list[_Case] = []
    for values in expanded(variables):
        filled = {name: _read(value, reader, where) for name, value in values.items()}
        case = _Case(_row(filled, template, content))
        for one, place in asserts:
            _add(reader, case, one, filled, place)
        made.append(case)
    return made


def file_vars(value: Any, reader: _Reader) -> Any:
    """Variables that stand in a file of their own."""
    if not isinstance(value, str):
        return value
    from promptopt.store.textfiles import parse_yaml

    return parse_yaml(file_text(value, reader.folder), reader.path)


def _read(value: Any, reader: _Reader, where: str) -> Any:
    try:
        return file_text(value, reader.folder)
    except SettingsError as error:
        raise SettingsError(
            error.what, where=f"{reader.path}, {where}: {error.where}", fix=error.fix
        ) from error


def _row(variables: Table, template: Template, test: Table) -> Table:
    used = template.variables or list(variables)
    row: Table = {column_of(name): value_of(variables, name) for name in used}
    if isinstance(test.get("description"), str) and test["description"].strip():
        row["id"] = one_line(test["description"], 80)
    tags = [
        f"{key}: {value}"
        for key, value in _table(test.get("metadata")).items()
        if isinstance(value, (str, int, float)) and str(value)
    ]
    if tags:
        row["tags"] = tags
    return row


def column_of(variable: str) -> str:
    """The column of a variable: its name, unless that has a meaning here."""
    return f"{variable}_value" if variable.lower() in RESERVED else variable


def _add(reader: _Reader, case: _Case, raw: Any, variables: Table, where: str, share: float = 1.0) -> None:
    """Add the checks of one assertion to a case, or note that it is lost."""
    told = _table(raw)
    if "$ref" in told:
        templates = _table(reader.config.get("assertionTemplates"))
        told = {**_table(templates.get(str(told["$ref"]).rpartition("/")[2])), **told}
    kind = str(told.get("type", ""))
    weight = told.get("weight", 1)
    weight = float(weight) * share if isinstance(weight, (int, float)) else share
    if kind == "assert-set":
        parts = _list(told.get("assert"))
        total = sum(float(_table(part).get("weight", 1)) for part in parts) or 1.0
        if "threshold" in told:
            reader.lose("the threshold of an assert-set (here each of its checks has to pass)", where)
        for number, part in enumerate(parts):
            _add(reader, case, part, variables, f"{where}.assert[{number}]", weight / total)
        return
    try:
        _add_check(reader, case, told, variables, kind, weight)
    except LostError as error:
        reader.lose(f"the assertion {one_line(kind, 40) or '(without type)'}: {error}", where)


def _add_check(reader: _Reader, case: _Case, told: Table, variables: Table, kind: str, weight: float) -> None:
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
    for table, expected in candidates(kind, given):
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
            return
        reasons.append(reason)
    raise LostError(one_line(reasons[0], 160))


def _assertion_file(value: str, reader: _Reader) -> Any:
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


def _hoist(cases: Sequence[_Case]) -> list[Table]:
    """Take the checks that all cases have out of them: they are the project's."""
    shared = [check for check in cases[0].checks if all(check in case.checks for case in cases)]
    for case in cases:
        case.checks = [check for check in case.checks if check not in shared]
    return shared


def _columns(template: Template, cases: Sequence[_Case]) -> set[str]:
    return {name for case in cases for name in case.row} - {"id", "tags"}


def _marked(template: Template, columns: set[str]) -> Template:
    """The template with our marks: ``{{question}}`` becomes ``{question}``."""
    text = render(template.text, {name: f"{{{column_of(name)}}}" for name in template.variables}, flat=True)[
        0
    ]
    literal = [name for name in sorted(columns) if f"{{{name}}}" in re.sub(r"\{\{.*?\}\}", "", template.text)]
    notices = list(template.notices)
    if literal:
        notices.append(
            f"the prompt has {{{literal[0]}}} as text, which is a mark here; mend it in project.toml"
        )
    return Template(text, template.variables, notices, template.logic)


def _inputs(cases: Sequence[_Case]) -> str | list[str]:
    names = list(dict.fromkeys(name for case in cases for name in case.row if name not in ("id", "tags")))
    return names[0] if len(names) == 1 else names


def _lines(cases: Sequence[_Case]) -> bytes:
    columns = list(dict.fromkeys(name for case in cases for name in case.row if name not in ("id", "tags")))
    lines: list[str] = []
    for case in cases:
        row = {**dict.fromkeys(columns, ""), **case.row}
        if case.expected is not None:
            row["expected"] = case.expected
        if case.checks:
            row["checks"] = case.checks
        plain = {key: text_of(value) if key in columns else value for key, value in row.items()}
        lines.append(json.dumps(plain, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def _table(value: Any) -> Table:
    return cast("Table", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return cast("list[Any]", value) if isinstance(value, list) else [value]
