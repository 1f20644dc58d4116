"""What the settings of an optimizer are, told from its pydantic model and the model's docstrings."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin

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


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: its key in the project file.
        type: what it takes, in words.
        required: it has no default.
        default: in JSON values.
        doc: what it does, from the docstrings.
    """

    name: str
    type: str
    required: bool
    default: Any
    doc: str


def settings_of(options: type[BaseModel]) -> list[Setting]:
    """The settings of an optimizer's ``Options``, in the order of its fields, without ``name``."""
    docs = attribute_docs(options)
    return [
        Setting(
            name=field.alias or name,
            type=_shown(field.annotation) + _bounds(field),
            required=field.is_required(),
            default=None if field.is_required() else _plain(field.get_default(call_default_factory=True)),
            doc=field.description or docs.get(name, ""),
        )
        for name, field in options.model_fields.items()
        if name != "name"
    ]


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
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"list of {_shown(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"table with {', '.join(annotation.model_fields)}"
    return str(getattr(cast(Any, annotation), "__name__", cast(Any, annotation)))


def _bounds(field: FieldInfo) -> str:
    """``, from 1 to 10``, as far as the field says so."""
    given = {
        name: getattr(limit, name) for limit in field.metadata for name in _BOUNDS if hasattr(limit, name)
    }
    said = [f"{word} {given[name]:g}" for name, word in _BOUNDS.items() if name in given]
    return f", {' '.join(said)}" if said else ""


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | set | frozenset):
        return list(cast("Sequence[Any]", value))
    return value
