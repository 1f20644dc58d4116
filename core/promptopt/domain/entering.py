"""Values of settings as a person types them in one line, and back."""

import json
import math
import re
import tomllib
from collections.abc import Callable
from typing import Any, cast

from promptopt.domain.describing import Setting
from promptopt.domain.text import one_line

_BOUNDS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "ge": ("of at least", lambda value, limit: value >= limit),
    "gt": ("above", lambda value, limit: value > limit),
    "le": ("of at most", lambda value, limit: value <= limit),
    "lt": ("below", lambda value, limit: value < limit),
}

_PLAIN_ITEM = re.compile(r"[^,\[\s]([^,\n]*[^,\s])?")

_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class NotTaken(ValueError):
    """What was typed can't be the value; says what was expected."""


def entered(setting: Setting, text: str) -> Any:
    """The value that ``text`` stands for; None for no text, which leaves a setting to its default.

    A list is typed with commas between its texts, or as TOML if one of them holds a comma.

    Raises:
        NotTaken: it stands for none that the setting takes.
    """
    if setting.kind == "text":
        return text or None
    bare = text.strip()
    if not bare:
        return None
    value: Any
    if setting.kind in ("whole", "number"):
        value = _number(setting, bare)
    elif setting.kind == "flag":
        if bare.casefold() not in _FLAGS:
            raise NotTaken("expected true or false")
        value = _FLAGS[bare.casefold()]
    elif setting.kind == "choice":
        value = next((one for one in setting.choices if bare == str(one)), None)
        if value is None:
            raise NotTaken(f"expected one of {', '.join(map(str, setting.choices))}")
    elif setting.kind == "list" and not bare.startswith("["):
        value = [item for item in map(str.strip, bare.split(",")) if item]
    else:
        value = _toml(bare)
        if setting.kind == "list" and not _is_texts(value):
            raise NotTaken('expected texts, as in: a, b   or: ["a, b", "c"]')
    return value


def shown(setting: Setting, value: Any) -> str:
    """``value`` as a person would type it; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, str) and setting.kind in ("text", "choice"):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if setting.kind == "list" and _is_texts(value) and value and all(map(_PLAIN_ITEM.fullmatch, value)):
        return ", ".join(value)
    return _as_toml(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))


def _number(setting: Setting, text: str) -> int | float:
    plain = text.replace(",", "").replace("_", "")
    try:
        value: int | float = int(plain)
    except ValueError:
        if setting.kind == "whole":
            raise NotTaken(f"found {one_line(text, 40)!r}, expected a whole number") from None
        try:
            value = float(plain)
        except ValueError:
            raise NotTaken(f"found {one_line(text, 40)!r}, expected a number") from None
    if not math.isfinite(value):
        raise NotTaken("expected a finite number")
    for name, limit in setting.bounds.items():
        word, holds = _BOUNDS[name]
        if not holds(value, limit):
            raise NotTaken(f"expected a number {word} {limit:g}")
    return value


def _toml(text: str) -> Any:
    try:
        value = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        value = {}
    if set(value) != {"value"}:
        raise NotTaken('expected TOML, as in "text", 3, ["a", "b"] or { input = 1.5 }')
    return value["value"]


def _as_toml(value: Any) -> str:
    """A value as TOML in one line."""
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        inner = ", ".join(f"{_key(str(key))} = {_as_toml(item)}" for key, item in table.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_as_toml, cast('list[Any]', value)))}]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    """A TOML string in one line: JSON's escapes are TOML's too, but for that of DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
