"""A state as JSON, and back.

Any object made of plain values, containers, dataclasses and pydantic models of the domain and of the runs can
be written; nothing but data of those kinds is made when one is read, whoever wrote it.
"""

import importlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

from pydantic import BaseModel

from promptopt.domain.marks import Marks

ROOMS = ("promptopt.domain.", "promptopt.runs.")
"""Modules whose classes can be written."""

KIND = "$"


def write(value: object) -> Any:
    """``value`` as JSON can have it.

    Raises:
        TypeError: there is something in it that can't be written.
    """
    return _Writer().write(value)


def read(value: Any) -> Any:
    """What :func:`write` made of an object.

    Raises:
        ValueError, TypeError, KeyError, LookupError: it is no such thing.
    """
    return _Reader().read(value)


class _Writer:
    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []  # so that no two of them have one id

    def write(self, value: object) -> Any:
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list):
            return [self.write(item) for item in cast("list[object]", value)]
        if isinstance(value, dict):
            return self._dict(cast("dict[object, object]", value))
        if isinstance(value, BaseModel):
            return {KIND: _name(type(value)), "v": value.model_dump(mode="json", exclude_defaults=True)}
        if isinstance(value, Marks):
            return self._once(value, "marks", value.columns)
        if is_dataclass(value) and not isinstance(value, type):
            return self._once(value, _name(type(value)), lambda: self._fields(value))
        return self._container(value)

    def _dict(self, value: dict[object, object]) -> Any:
        if all(isinstance(key, str) for key in value) and KIND not in value:
            return {str(key): self.write(item) for key, item in value.items()}
        return {KIND: "dict", "v": [[self.write(key), self.write(item)] for key, item in value.items()]}

    def _container(self, value: object) -> Any:
        if isinstance(value, tuple):
            return {KIND: "tuple", "v": [self.write(item) for item in cast("tuple[object, ...]", value)]}
        if isinstance(value, set):
            items = sorted(cast("set[Any]", value), key=repr)
            return {KIND: "set", "v": [self.write(item) for item in items]}
        if isinstance(value, deque):
            many = cast("deque[object]", value)
            return {KIND: "deque", "most": many.maxlen, "v": [self.write(item) for item in many]}
        raise TypeError(f"{type(value).__name__} can't be written")

    def _fields(self, value: object) -> dict[str, Any]:
        return {each.name: self.write(getattr(value, each.name)) for each in fields(cast(Any, value))}

    def _once(self, value: object, kind: str, make: Callable[[], object]) -> Any:
        """An object that others may refer to as well is one object again when it is read."""
        known = self._seen.get(id(value))
        if known is not None:
            return {KIND: "same", "v": known}
        self._seen[id(value)] = len(self._kept)
        self._kept.append(value)
        return {KIND: kind, "v": make()}


class _Reader:
    def __init__(self) -> None:
        self._seen: list[object] = []

    def read(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.read(item) for item in cast("list[Any]", value)]
        if not isinstance(value, dict):
            return value
        table = cast("dict[str, Any]", value)
        kind = table.get(KIND)
        return (
            {key: self.read(item) for key, item in table.items()} if kind is None else self._of(kind, table)
        )

    def _of(self, kind: str, table: Mapping[str, Any]) -> Any:
        body = table["v"]
        if kind == "same":
            return self._seen[body]
        if kind == "marks":
            self._seen.append(Marks.of(body))
            return self._seen[-1]
        if kind == "dict":
            return {self.read(key): self.read(item) for key, item in body}
        if kind in ("tuple", "set", "deque"):
            items = [self.read(item) for item in body]
            return (
                deque(items, table["most"]) if kind == "deque" else {"tuple": tuple, "set": set}[kind](items)
            )
        made = _class(kind)
        if issubclass(made, BaseModel):
            return made.model_validate(body)
        one = object.__new__(made)
        self._seen.append(one)
        for name, item in body.items():
            object.__setattr__(one, name, self.read(item))
        return one


def _name(kind: type) -> str:
    if not kind.__module__.startswith(ROOMS):
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} can't be written")
    return f"{kind.__module__}:{kind.__qualname__}"


def _class(name: str) -> type[Any]:
    """The class with this name, if it is one of data."""
    module, _, place = name.partition(":")
    if not module.startswith(ROOMS) or "." in place:
        raise ValueError(f"{name!r} is not to be read")
    found: Any = getattr(importlib.import_module(module), place)
    if not isinstance(found, type):
        raise ValueError(f"{name!r} is no class")
    kind = cast("type[Any]", found)
    if not (issubclass(kind, BaseModel) or is_dataclass(kind)):
        raise ValueError(f"{name!r} is no class of data")
    return kind
