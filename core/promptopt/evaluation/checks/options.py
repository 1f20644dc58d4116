"""From the checks of a project file to ``Check`` objects, with errors that say where and how to mend them."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import CheckSettings
from promptopt.evaluation.checks.base import Check
from promptopt.evaluation.checks.code import Assertion, Call
from promptopt.evaluation.checks.matching import Contains, Exact, Regex
from promptopt.evaluation.checks.structured import JsonFields

CHECKS: dict[str, type[Check]] = {
    "exact": Exact,
    "contains": Contains,
    "regex": Regex,
    "json_fields": JsonFields,
    "assertion": Assertion,
    "callable": Call,
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
    return check


def read_settings(table: dict[str, object], where: str) -> CheckSettings:
    """Read a check's table (as a case carries it). Raises SettingsError."""
    try:
        return CheckSettings.model_validate(table)
    except ValidationError as error:
        flaw = error.errors()[0]
        key = ".".join(str(part) for part in flaw["loc"])
        raise SettingsError(_said(flaw["msg"]), where=f"{where}.{key}" if key else where) from None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A fix for a wrong name: the nearest known one, and all of them."""
    names = list(known)
    listed = f"known: {', '.join(names)}" if names else "it has no options"
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}? ({listed})" if near else listed


def _first(error: ValidationError, kind: type[Check], settings: CheckSettings, where: str) -> SettingsError:
    flaw = error.errors()[0]
    key = ".".join(str(part) for part in flaw["loc"])
    place = f"{where}.{key}" if key else where
    own = [*CheckSettings.model_fields, *kind.model_fields]
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
