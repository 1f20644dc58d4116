"""From the checks of a project file to ``Check`` objects, with errors that say where and how to mend them."""

import difflib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import CheckSettings
from promptopt.evaluation.checks.asking import LlmJudge, Pairwise
from promptopt.evaluation.checks.base import Check
from promptopt.evaluation.checks.code import Assertion, Call, Own
from promptopt.evaluation.checks.groups import GROUPS, AllOf, AnyOf, Group
from promptopt.evaluation.checks.limits import Cost, Latency
from promptopt.evaluation.checks.lists import ListF1
from promptopt.evaluation.checks.matching import Contains, Exact, Regex
from promptopt.evaluation.checks.named import Named, name_checks
from promptopt.evaluation.checks.numeric import Number
from promptopt.evaluation.checks.schema import JsonSchema
from promptopt.evaluation.checks.shape import Format, Length
from promptopt.evaluation.checks.structured import JsonFields
from promptopt.evaluation.checks.texts import Bleu, Rouge, Similarity

CHECKS: dict[str, type[Check]] = {
    "exact": Exact,
    "contains": Contains,
    "regex": Regex,
    "number": Number,
    "json_fields": JsonFields,
    "json_schema": JsonSchema,
    "list_f1": ListF1,
    "rouge": Rouge,
    "bleu": Bleu,
    "similarity": Similarity,
    "length": Length,
    "format": Format,
    "latency": Latency,
    "cost": Cost,
    "judge": LlmJudge,
    "pairwise": Pairwise,
    "assertion": Assertion,
    "callable": Call,
    "python": Own,
    "all_of": AllOf,
    "any_of": AnyOf,
}
"""Check type, as the project file names it, to its class. Add to it to have more."""


def build_check(settings: CheckSettings, where: str, project_dir: Path) -> Check:
    """Make the check of one table of a project file.

    Args:
        settings: the table.
        where: its place, for errors: ``checks[0]``.
        project_dir: folder of the project file.

    Raises:
        SettingsError: an unknown type or option, or a value that can't be used.
    """
    kind = CHECKS.get(settings.type)
    if kind is None:
        raise SettingsError(
            f"there is no check type {settings.type!r}",
            where=f"{where}.type",
            fix=did_you_mean(settings.type, CHECKS),
        )
    try:
        check = kind.model_validate(settings.options)
    except ValidationError as error:
        raise _first(error, kind, settings, where) from None
    check.check_options(where, project_dir)
    if isinstance(check, Group):
        check.fill(where, read_settings, partial(build_check, project_dir=project_dir))
    return check


def build_checks(
    tables: Sequence[tuple[CheckSettings, str]], project_dir: Path, taken: Iterable[str] = ()
) -> tuple[Named, ...]:
    """Make the checks of several tables, each with a name of its own.

    Args:
        tables: settings, each with its place.
        project_dir: folder of the project file.
        taken: names that others have.

    Raises:
        SettingsError: as :func:`build_check`.
    """
    return name_checks(tables, partial(build_check, project_dir=project_dir), taken)


def read_settings(table: dict[str, Any], where: str) -> CheckSettings:
    """Read a check's table (as a case carries it). Raises SettingsError."""
    try:
        return CheckSettings.model_validate(table)
    except ValidationError as error:
        flaw = error.errors()[0]
        key = ".".join(str(part) for part in flaw["loc"])
        raise SettingsError(_said(flaw["msg"]), where=f"{where}.{key}" if key else where) from None


def refusal(table: dict[str, Any]) -> str:
    """Why there is no check of this table; "" if there is one."""
    try:
        build_check(read_settings(table, "assert"), "assert", Path())
    except SettingsError as error:
        return error.what
    return ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A fix for a wrong name: the nearest known one, and all of them."""
    names = list(known)
    listed = f"known: {', '.join(names)}" if names else "it has no options"
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}? ({listed})" if near else listed


def is_about_form(settings: CheckSettings) -> bool:
    """Whether a check is about the form of an output, as its settings say or else its type."""
    if settings.form is not None:
        return settings.form
    if settings.type in GROUPS:
        members = cast("list[dict[str, Any]]", settings.options.get("checks", []))
        return all(is_about_form(read_settings(member, settings.type)) for member in members)
    kind = CHECKS.get(settings.type)
    return kind is not None and kind.about_form


def option_names(kind: type[Check]) -> list[str]:
    """The options of a check type as the project file names them."""
    return [field.alias or name for name, field in kind.model_fields.items()]


def _first(error: ValidationError, kind: type[Check], settings: CheckSettings, where: str) -> SettingsError:
    flaws = error.errors()
    # A slip in a required option's name is both a missing and an unknown one: the unknown one tells more.
    flaw = next((flaw for flaw in flaws if flaw["type"] == "extra_forbidden"), flaws[0])
    key = ".".join(str(part) for part in flaw["loc"])
    place = f"{where}.{key}" if key else where
    own = [*CheckSettings.model_fields, *option_names(kind)]
    if flaw["type"] == "extra_forbidden":
        what = f"a check of type {settings.type!r} has no option {key!r}"
        return SettingsError(what, where=place, fix=did_you_mean(key, own))
    if flaw["type"] == "missing":
        what = f"a check of type {settings.type!r} needs {key!r}"
        return SettingsError(what, where=place, fix=f"add {key} to it")
    if flaw["type"] == "string_pattern_mismatch" and key == "function":
        return SettingsError(f"{flaw['input']!r} names no function", where=place, fix="write module:function")
    found = f"; found {flaw['input']!r}" if key else ""
    return SettingsError(_said(flaw["msg"]) + found, where=place)


def _said(message: str) -> str:
    """pydantic's message as the end of a sentence of ours."""
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
