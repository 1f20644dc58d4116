"""A promptfoo configuration as a project: prompts, providers, tests and their assertions."""

import json
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.domain.words import ROLES
from promptopt.store.casefiles import text_of
from promptopt.store.promptfoo_asserts import Around, Case, Reader, add_assertion, list_of, table_of
from promptopt.store.promptfoo_checks import Accepts
from promptopt.store.promptfoo_graders import DEFAULT_EMBEDDING, DEFAULT_JUDGE
from promptopt.store.promptfoo_models import target_model
from promptopt.store.promptfoo_tests import MOST_TESTS, Test, expanded, file_text, read_tests
from promptopt.store.promptfoo_texts import Template, read_prompts, render, tell_template, value_of

Table = dict[str, Any]

NAMES = ("promptfooconfig.yaml", "promptfooconfig.yml")
CASES = "cases.jsonl"
WITHOUT_CHECKS = "cases-without-checks.jsonl"

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
OF_TESTS = {"vars", "assert", "options", "description", "metadata", "threshold", "provider"}
OF_OPTIONS = {"provider", "rubricPrompt", "disableDefaultAsserts", "disableVarExpansion"}
"""Keys that are read; all others are told."""
_THRESHOLD = "the threshold of a whole test (here a case passes if each check does)"
RESERVED = {"id", "expected", "tags", "checks", "weight", "group", "split"}


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
    reader = Reader(config, path, accepts)
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
    cases, left_out = _checked(cases, notices)
    shared = _hoist(cases)
    for key in sorted(map(str, config.keys() - USED - OF_NO_USE)):
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
    raw["models"] |= _graders(reader, notices)
    repeat = table_of(config.get("evaluateOptions")).get("repeat")
    if isinstance(repeat, int) and repeat > 1:
        raw["evaluation"] = {"repeats": repeat}
    tell_template(template, reader.lose)
    return raw, {CASES: _lines(cases), **left_out}, [*notices, *template.notices, *reader.told()]


def _checked(cases: list[Case], notices: list[str]) -> tuple[list[Case], dict[str, bytes]]:
    """The cases that something judges, and a file of the others; all of them, if nothing judges any."""
    bare = [case for case in cases if not case.checks and case.expected is None]
    if len(bare) == len(cases):
        notices.append(f"none of the {len(cases)} cases has a check: add one to project.toml")
        return cases, {}
    if not bare:
        return cases, {}
    told = f"{len(bare)} of {len(cases)} cases have no check, and are left out: they are in {WITHOUT_CHECKS}"
    notices.append(told)
    judged = [case for case in cases if case.checks or case.expected is not None]
    return judged, {WITHOUT_CHECKS: _lines(bare)}


def _graders(reader: Reader, notices: list[str]) -> Table:
    """The models that grade, by role, as far as there are such roles."""
    found = {
        "judge": reader.judges.model(DEFAULT_JUDGE, reader.lose, notices),
        "embedding": reader.embedders.model(DEFAULT_EMBEDDING, reader.lose, notices),
    }
    return {role: model for role, model in found.items() if model is not None and role in ROLES}


def _cases(reader: Reader, template: Template) -> list[Case]:
    lost: list[str] = []
    default: Any = reader.config.get("defaultTest") or {}
    if isinstance(default, str):
        from promptopt.store.textfiles import parse_yaml

        default = parse_yaml(file_text(default, reader.folder), reader.path)
    if not isinstance(default, dict):
        raise SettingsError("found no table, expected one", where=f"{reader.path}, defaultTest")
    base = cast("Table", default)
    reader.lose_all(base, OF_TESTS, "a test", "defaultTest")
    reader.lose_all(table_of(base.get("options")), OF_OPTIONS, "outputs or prompts", "defaultTest.options")
    if "threshold" in base:
        reader.lose(_THRESHOLD, "defaultTest")
    tests = read_tests(reader.config.get("tests") or [], reader.folder, "tests", lost)
    cases = [case for test in islice(tests, MOST_TESTS) for case in _of_test(reader, template, base, test)]
    for what in lost:
        reader.lose(what, reader.path.name)
    if len({case.row.get("id") for case in cases}) < len(cases):
        for case in cases:
            case.row.pop("id", None)
    return cases


def _of_test(reader: Reader, template: Template, base: Table, test: Test) -> list[Case]:
    content, where = test
    own = file_vars(content.get("vars") or {}, reader)
    if not isinstance(own, dict):
        raise SettingsError("found no table, expected one", where=f"{reader.path}, {where}.vars")
    variables = {**table_of(base.get("vars")), **cast("Table", own)}
    options = {**table_of(base.get("options")), **table_of(content.get("options"))}
    reader.lose_all(content, OF_TESTS, "a test", where)
    reader.lose_all(table_of(content.get("options")), OF_OPTIONS, "outputs or prompts", where)
    if "threshold" in content:
        reader.lose(_THRESHOLD, where)
    if "provider" in content:
        reader.lose("the provider of a test", where)
    graders = [options.get("provider"), base.get("provider")]
    asserts: list[tuple[Any, str]] = []
    if not options.get("disableDefaultAsserts"):
        asserts += [(one, f"defaultTest.assert[{n}]") for n, one in enumerate(list_of(base.get("assert")))]
    asserts += [(one, f"{where}.assert[{n}]") for n, one in enumerate(list_of(content.get("assert")))]
    made: list[Case] = []
    for values in [variables] if options.get("disableVarExpansion") else expanded(variables):
        filled = {name: _read(value, reader, where) for name, value in values.items()}
        case = Case(_row(filled, template, content))
        for one, place in asserts:
            add_assertion(reader, case, one, Around(filled, graders, options.get("rubricPrompt")), place)
        made.append(case)
    return made


def file_vars(value: Any, reader: Reader) -> Any:
    """Variables that stand in a file of their own."""
    if not isinstance(value, str):
        return value
    from promptopt.store.textfiles import parse_yaml

    return parse_yaml(file_text(value, reader.folder), reader.path)


def _read(value: Any, reader: Reader, where: str) -> Any:
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
        for key, value in table_of(test.get("metadata")).items()
        if isinstance(value, (str, int, float)) and str(value)
    ]
    if tags:
        row["tags"] = tags
    return row


def column_of(variable: str) -> str:
    """The column of a variable: its name, unless that has a meaning here."""
    return f"{variable}_value" if variable.lower() in RESERVED else variable


def _hoist(cases: Sequence[Case]) -> list[Table]:
    """Take the checks that all cases have out of them: they are the project's."""
    shared = [check for check in cases[0].checks if all(check in case.checks for case in cases)]
    for case in cases:
        case.checks = [check for check in case.checks if check not in shared]
    return shared


def _columns(template: Template, cases: Sequence[Case]) -> set[str]:
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


def _inputs(cases: Sequence[Case]) -> str | list[str]:
    names = list(dict.fromkeys(name for case in cases for name in case.row if name not in ("id", "tags")))
    return names[0] if len(names) == 1 else names


def _lines(cases: Sequence[Case]) -> bytes:
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
