"""Keys of one's own: ``keys.toml`` in the data directory gives actions other keys.

Each line is the id of an action, as KEYS.md has it, and the keys that trigger it::

    "run.pause" = ["p"]
    "run.edit" = "ctrl+e, e"
    "run.stop" = []            # no key; the command palette still has it
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

from promptopt_tui import actions
from promptopt_tui.actions import ACTIONS, BY_ID, NUMBERED, Action

FILE = "keys.toml"

NO_KEY = "no_key"
"""What Textual is told for an action without a key: no keyboard sends it."""

MODIFIERS = {"ctrl", "shift", "alt", "super", "hyper", "meta"}

_NAMED = {key.value for key in Keys} | set(KEY_NAME_REPLACEMENTS.values())

FIXED = NUMBERED
"""Actions with a key for each of several things."""


@dataclass
class Keymap:
    """Keys in force.

    Attributes:
        own: action id to the keys that its user gave it, as Textual names them.
        problems: what is wrong with the entries that were left out, in words.
    """

    own: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    problems: list[str] = field(default_factory=list[str])

    def use(self) -> dict[str, str]:
        """Let everything that names keys name these; returns what ``App.set_keymap`` takes."""
        actions.OWN_KEYS.clear()
        actions.OWN_KEYS.update(self.own)
        return {name: ",".join(keys) or NO_KEY for name, keys in self.own.items()}


def load(folder: Path | None) -> Keymap:
    """Read the file; whatever can't be used of it is left out and told."""
    try:
        entries = tomllib.loads((folder / FILE).read_text("utf-8")) if folder else {}
    except FileNotFoundError:
        return Keymap()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Keymap(problems=[f"{FILE}: {error}"])
    found = Keymap()
    for name, value in entries.items():
        try:
            found.own[name] = _keys(name, value)
        except ValueError as error:
            found.problems.append(f"{FILE}: {name}: {error}")
    _leave_out_clashes(found)
    return found


def _keys(name: str, value: object) -> tuple[str, ...]:
    """The keys of an entry.

    Raises:
        ValueError: says in words what is wrong with it.
    """
    if name not in BY_ID or name in FIXED:
        raise ValueError("its keys can't be changed" if name in FIXED else "there is no such action")
    parts: object = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in cast("list[object]", parts)):
        raise ValueError('expected keys, such as "p" or ["p", "ctrl+p"]')
    names = [part.strip() for part in cast("list[str]", parts)]
    odd = [part for part in names if not part or "," in part or any(map(str.isspace, part))]
    if odd:
        raise ValueError(f"{odd[0]!r} is no key")
    named = [name if len(name) == 1 else name.lower() for name in names]
    bound = [
        binding.key for binding in Binding.make_bindings([Binding(name, "nothing", "") for name in named])
    ]
    unknown = [name for name, key in zip(names, bound, strict=True) if not _is_known(key)]
    if unknown:
        raise ValueError(f"there is no key {unknown[0]!r}")
    return tuple(bound)


def _is_known(key: str) -> bool:
    """Whether a keyboard sends a key of this name, as far as Textual knows."""
    *modifiers, base = key.split("+")
    named = key in _NAMED or base in _NAMED or len(base) == 1
    return set(modifiers) <= MODIFIERS and (named or key_to_character(base) is not None)


def _leave_out_clashes(keymap: Keymap) -> None:
    """An entry whose key means something else in the same place, or everywhere, is not taken."""
    for name, keys in list(keymap.own.items()):
        taken = [(key, other) for key in keys if (other := _owner(key, BY_ID[name], keymap))]
        if taken:
            key, other = taken[0]
            keymap.problems.append(f"{FILE}: {name}: {key} is the key of {other} already")
            del keymap.own[name]


def _owner(key: str, action: Action, keymap: Keymap) -> str:
    for other in ACTIONS:
        meet = other.scope == action.scope or "anywhere" in (other.scope, action.scope)
        if other.id != action.id and meet and key in keymap.own.get(other.id, other.keys):
            return other.id
    return ""
