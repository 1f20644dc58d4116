"""Settings from a file against their model: every bad key is named, slips are caught, keys are kept out."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import BudgetSettings, CheckSettings, ModelSettings, OptimizerSettings
from promptopt.domain.text import half_character, one_line
from promptopt.domain.words import ROLES
from promptopt.store.textfiles import closest

Model = TypeVar("Model", bound=BaseModel)
KeyPath = tuple[str | int, ...]

MOST_SHOWN = 20

OPEN = (OptimizerSettings, CheckSettings)
"""Sections whose other keys belong to the optimizer or the check, which judges them itself."""

FREE_TEXT = {"prompt", "initial_prompt", "task", "task_description", "data", "evaluations"}
"""Sections with the user's texts, in which a vendor's key may well be an example."""

_SECRET_NAME = re.compile(
    r"^token$|(^|_)(api_?key|secret|password|passwd|passphrase|access_?key|(access|auth|api|bearer|hf)_token|bearer"
    r"|authorization)(_|$)"
)
_SECRET_VALUE = re.compile(
    r"\b(?:(?:sk|pk|rk)[-_](?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{16,}|gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}"
    r"|AIza[A-Za-z0-9_-]{30,}|A[KS]IA[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{20,}"
    r"|pplx-[A-Za-z0-9]{20,}|r8_[A-Za-z0-9]{30,}|nvapi-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{10,})|\bBearer\s+\S{8,}|-BEGIN [A-Z ]*PRIVATE KEY"
)
_URL_CREDENTIALS = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s]*:[^/\s]*@|[?&](?:api[-_]?)?(?:key|token)=", re.I)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Flaw:
    """What is wrong with the value at ``keys``; of no keys: with the whole."""

    keys: KeyPath
    text: str

    def __str__(self) -> str:
        return f"{dotted(self.keys)}: {self.text}" if self.keys else self.text


def validate(model: type[Model], raw: Mapping[str, Any], path: Path) -> tuple[Model, list[str]]:
    """Make a settings model of what a file says.

    Args:
        model: pydantic model of the whole file.
        raw: the parsed file.
        path: the file, for messages.

    Returns:
        The settings, and a notice for each key that is ignored.

    Raises:
        SettingsError: names every key that can't be used, what was found and what was expected. The
            value of a secret is never repeated.
    """
    refuse_secrets(raw, path)
    settings, flaws, notices = judge(model, raw)
    if flaws or settings is None:
        raise _listed([str(flaw) for flaw in flaws], path)
    return settings, notices


def judge(model: type[Model], raw: Mapping[str, Any]) -> tuple[Model | None, list[Flaw], list[str]]:
    """Settings (None if they can't be made), what is wrong with which key, and notices of ignored keys."""
    flaws: list[Flaw] = []
    notices: list[str] = []
    for keys, section in unknown_keys(model, raw):
        _judge_unknown(keys, section, flaws, notices)
    for keys, value in walk(raw):
        if isinstance(value, float) and not math.isfinite(value):
            flaws.append(Flaw(keys, f"found {value}, expected a finite number"))
        if isinstance(value, str) and (half := half_character(value)):
            flaws.append(Flaw(keys, f"{half}, which nothing can send"))
    settings: Model | None = None
    try:
        settings = model.model_validate(raw)
    except ValidationError as error:
        flaws += _explain(error, raw)
    return settings, flaws, notices


def refuse_secrets(raw: Mapping[str, Any], path: Path) -> None:
    """Raise SettingsError if a value is, or is named as, a secret. The value is not repeated."""
    for keys, value in walk({key: item for key, item in raw.items() if key not in FREE_TEXT}):
        if not isinstance(value, str):
            continue
        name = next(str(key) for key in reversed(keys) if isinstance(key, str))
        if name == "api_key_env":
            if _SECRET_VALUE.search(value) or not _VARIABLE.fullmatch(value) or _dense(value):
                raise SettingsError(
                    f"{dotted(keys)} is not the name of an environment variable; it looks like a key",
                    where=str(path),
                    fix='name a variable, as in api_key_env = "OPENAI_API_KEY", and put the key into it',
                )
        elif _URL_CREDENTIALS.search(value):
            raise SettingsError(
                f"{dotted(keys)} carries a password or a key in its address",
                where=str(path),
                fix="leave it out of the address and name an environment variable with api_key_env",
            )
        elif _SECRET_VALUE.search(value) or _names_secret(name, value):
            raise SettingsError(
                f"{dotted(keys)} holds a key or another secret, which must not stand in a file",
                where=str(path),
                fix="put it into an environment variable and name that variable with api_key_env",
            )


def dotted(keys: Sequence[str | int]) -> str:
    """A key path for a message: ``models.target.temperature``, ``checks[0].weight``."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return one_line(text, 120)


def _names_secret(name: str, value: str) -> bool:
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])|[-\s]", "_", name).lower()
    return bool(value and _SECRET_NAME.search(plain) and not plain.endswith("_env"))


def _dense(value: str) -> bool:
    """Whether a valid variable name is rather a key: long, without a break, letters and digits mixed."""
    return len(value) >= 20 and "_" not in value and any(char.isdigit() for char in value)


def walk(value: Any, keys: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every value in ``value`` that is neither a table nor a list, with its place."""
    for key, item in _children(value):
        yield from walk(item, (*keys, key))
    if not isinstance(value, (Mapping, list)):
        yield keys, value


def _children(value: Any) -> Iterable[tuple[str | int, Any]]:
    """The items of a table or a list with their keys; nothing of anything else."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value).items()
    return enumerate(cast("list[Any]", value)) if isinstance(value, list) else ()


Unknown = tuple[KeyPath, type[BaseModel]]


def unknown_keys(model: type[BaseModel], raw: Any, keys: KeyPath = ()) -> Iterator[Unknown]:
    """Keys that ``model`` lacks, or that are true or false in place of a number: where, in which section."""
    for key, value in _children(raw) if isinstance(raw, Mapping) else ():
        field = model.model_fields.get(str(key))
        if field is not None and isinstance(value, bool) and _is_number(field.annotation):
            yield (*keys, key), model
        elif field is not None:
            yield from _unknown_below(field.annotation, value, (*keys, key))
        elif not issubclass(model, OPEN):
            yield (*keys, key), model


def _is_number(annotation: Any) -> bool:
    """Whether a number is wanted and no truth value, which pydantic would read as 0 or 1."""
    options = {annotation, *get_args(annotation)}
    return bool(options & {int, float}) and bool not in options


def _unknown_below(annotation: Any, raw: Any, keys: KeyPath) -> Iterator[Unknown]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from unknown_keys(annotation, raw, keys)
    elif origin in (Union, UnionType):
        for option in inner:
            yield from _unknown_below(option, raw, keys)
    elif origin in (list, dict):
        for key, item in _children(raw):
            yield from _unknown_below(inner[-1], item, (*keys, key))


def _judge_unknown(keys: KeyPath, section: type[BaseModel], flaws: list[Flaw], notices: list[str]) -> None:
    name = str(keys[-1])
    near = closest(name, section.model_fields)
    if name in section.model_fields:
        flaws.append(Flaw(keys, "found true or false, expected a number"))
    elif near:
        flaws.append(Flaw(keys, f"unknown key, did you mean {near}?"))
    elif issubclass(section, BudgetSettings):
        flaws.append(Flaw(keys, f"unknown key, expected one of {', '.join(section.model_fields)}"))
    elif len(keys) == 1 and name in BudgetSettings.model_fields:
        flaws.append(Flaw(keys, f"a cap belongs into the section budget, as in budget.{name}"))
    elif issubclass(section, ModelSettings):
        place = dotted((*keys[:-1], "params", name))
        notices.append(f"unknown key {dotted(keys)} is ignored; {place} would be passed on to the provider")
    else:
        notices.append(f"unknown key {dotted(keys)} is ignored")


def _explain(error: ValidationError, raw: Any) -> list[Flaw]:
    """One flaw per bad key. The arms of a union that all failed become one."""
    expected: dict[KeyPath, list[str]] = {}
    whole: list[Flaw] = []
    for detail in error.errors(include_url=False):
        keys, kind = _place(detail["loc"], raw, detail["type"])
        if kind == "extra_forbidden":
            continue
        if not keys:
            whole.append(Flaw((), detail["msg"].removeprefix("Value error, ")))
        else:
            wanted = expected.setdefault(keys, [])
            text = _wanted(kind, detail)
            if text not in wanted:
                wanted.append(text)
    return [
        Flaw(keys, f"{_found(keys, raw)}, expected {' or '.join(w)}") for keys, w in expected.items()
    ] + whole


def _place(loc: tuple[str | int, ...], raw: Any, kind: str) -> tuple[KeyPath, str]:
    """The key path of a pydantic location: without the names of union arms and ``[key]``."""
    value = raw
    for position, part in enumerate(loc):
        inside, value = _step(value, part)
        if inside:
            continue
        if kind == "missing" and position == len(loc) - 1:
            return (loc, kind) if isinstance(part, str) else (loc[:position], "list_length")
        return loc[:position], "role" if part == "[key]" else kind
    return loc, kind


def _step(value: Any, key: str | int) -> tuple[bool, Any]:
    """Whether ``value`` has ``key``, and what is there."""
    try:
        return True, value[key]
    except (KeyError, IndexError, TypeError):
        return False, None


def _found(keys: KeyPath, raw: Any) -> str:
    value = raw
    for key in keys:
        inside, value = _step(value, key)
        if not inside:
            return "missing"
    if isinstance(value, dict):
        return "found a table"
    if isinstance(value, list):
        return "found a list"
    return f"found {one_line(repr(value), 60)}"


_WANTED = {
    "missing": "a value",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than_equal": "a number of at most {le:g}",
    "literal_error": "{expected}",
    "list_length": "three numbers",
    "too_long": "at most {max_length} values",
}


def _wanted(kind: str, detail: Any) -> str:
    if kind == "role":
        return "one of the roles " + ", ".join(ROLES)
    template = _WANTED.get(kind)
    return template.format(**detail.get("ctx", {})) if template else detail["msg"]


def _listed(errors: list[str], path: Path) -> SettingsError:
    if len(errors) == 1:
        return SettingsError(errors[0], where=str(path))
    shown = errors[:MOST_SHOWN]
    if len(errors) > len(shown):
        shown.append(f"and {len(errors) - len(shown)} more")
    return SettingsError(
        f"{len(errors)} keys can't be used:" + "".join(f"\n  {e}" for e in shown), where=str(path)
    )
