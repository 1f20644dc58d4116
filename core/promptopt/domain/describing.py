"""What the settings of a pydantic model are, told from the model and its docstrings."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_HEAD = re.compile(r"([A-Za-z_]\w*(?:, [A-Za-z_]\w*)*):\s*(.*)")
_SECTION = re.compile(r"[A-Z]\w*:")

_WORDS: dict[Any, str] = {
    int: "whole number",
    float: "number",
    bool: "true or false",
    str: "text",
    NoneType: "nothing",
    Any: "anything",
}

_BOUNDS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}


Kind = Literal["flag", "whole", "number", "text", "choice", "list", "other"]
"""How a person gives a value: yes or no, a number, a text, one of several, texts, or as TOML."""

_KINDS: dict[Any, Kind] = {bool: "flag", int: "whole", float: "number", str: "text"}


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: its key in the project file.
        type: what it takes, in words.
        required: it has no default.
        default: in JSON values.
        doc: what it does, from the docstrings.
        kind: how a person gives it.
        choices: of a ``choice``: what can be chosen.
        bounds: of a number: ``ge``, ``gt``, ``le``, ``lt``.
    """

    name: str
    type: str
    required: bool
    default: Any
    doc: str
    kind: Kind = "other"
    choices: tuple[Any, ...] = ()
    bounds: Mapping[str, float] = field(default_factory=dict[str, float])


def settings_of(options: type[BaseModel]) -> list[Setting]:
    """The settings of an optimizer's ``Options``, in the order of its fields, without ``name``."""
    return [setting for setting in fields_of(options) if setting.name != "name"]


def fields_of(model: type[BaseModel]) -> list[Setting]:
    """The settings of a model, in the order of its fields."""
    docs = attribute_docs(model)
    found: list[Setting] = []
    for name, info in model.model_fields.items():
        kind, choices = _kind(info.annotation)
        found.append(
            Setting(
                name=info.alias or name,
                type=_shown(info.annotation) + _bounds(info),
                required=info.is_required(),
                default=None if info.is_required() else _plain(info.get_default(call_default_factory=True)),
                doc=info.description or docs.get(name, ""),
                kind=kind,
                choices=choices,
                bounds=_limits(info),
            )
        )
    return found


def _kind(annotation: Any) -> tuple[Kind, tuple[Any, ...]]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0])
    if origin in (Union, UnionType):
        real = [one for one in inner if one is not NoneType]
        return _kind(real[0]) if len(real) == 1 else ("other", ())
    if origin is Literal:
        return "choice", inner
    if _is_sequence(origin) and inner and inner[1:] in ((), (Ellipsis,)) and _kind(inner[0])[0] == "text":
        return "list", ()
    return _KINDS.get(annotation, "other"), ()


def attribute_docs(model: type[BaseModel]) -> dict[str, str]:
    """Field to what the ``Attributes:`` of a model's docstring, or of those it derives from, say of it."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        found.update(_attributes(inspect.cleandoc(base.__doc__ or "")))
    return found


def _attributes(doc: str) -> Iterator[tuple[str, str]]:
    _, there, section = doc.partition("\nAttributes:\n")
    if not there:
        return
    names: Sequence[str] = ()
    text: list[str] = []
    for line in section.splitlines():
        if _SECTION.fullmatch(line):
            break
        head = _HEAD.fullmatch(line[4:]) if line[:5].startswith("    ") and line[4:5] != " " else None
        if head is None:
            text.append(line.strip())
            continue
        yield from ((name, " ".join(text).strip()) for name in names)
        names, text = head[1].split(", "), [head[2]]
    yield from ((name, " ".join(text).strip()) for name in names)


def _shown(annotation: Any) -> str:
    """A type in the words of a project file."""
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(_shown(one) for one in inner if one is not NoneType) + (
            " (optional)" if NoneType in inner else ""
        )
    if origin is Literal:
        return "one of " + ", ".join(json.dumps(value) for value in inner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table of {_shown(inner[-1])}"
    if origin is Annotated:
        return _shown(inner[0])
    if _is_sequence(origin):
        return f"list of {_shown(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"table with {', '.join(annotation.model_fields)}"
    return str(getattr(cast(Any, annotation), "__name__", cast(Any, annotation)))


def _limits(info: FieldInfo) -> dict[str, float]:
    return {name: getattr(limit, name) for limit in info.metadata for name in _BOUNDS if hasattr(limit, name)}


def _is_sequence(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Sequence)


def _bounds(info: FieldInfo) -> str:
    """``, from 1 to 10``, as far as the field says so."""
    given = _limits(info)
    said = [f"{word} {given[name]:g}" for name, word in _BOUNDS.items() if name in given]
    return f", {' '.join(said)}" if said else ""


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | set | frozenset):
        return list(cast("Sequence[Any]", value))
    return value
