"""What an action is: its place, its keys, what it is called and what it does."""

from dataclasses import dataclass
from typing import Literal

Scope = Literal[
    "anywhere",
    "home",
    "run",
    "lists",
    "sorting",
    "cases",
    "errors",
    "log",
    "calls",
    "heat",
    "drafts",
    "editor",
    "project",
    "form",
    "review",
    "queue",
    "made",
    "proof",
    "result",
    "deployments",
    "compare",
]

SCOPES: dict[Scope, str] = {
    "anywhere": "Everywhere",
    "home": "Projects and runs",
    "run": "A run",
    "lists": "In a table",
    "sorting": "In a table of a run",
    "cases": "Cases",
    "errors": "Errors",
    "log": "Log",
    "calls": "Calls",
    "heat": "Heat map",
    "drafts": "Cases that are made up",
    "editor": "Editing a prompt",
    "project": "A project",
    "form": "In a form",
    "review": "What a model proposed",
    "queue": "The review of made-up cases",
    "made": "The result of a run that makes cases up",
    "proof": "A proof of concept",
    "result": "The result of a run",
    "deployments": "Prompts in use",
    "compare": "Runs side by side",
}


OF_WIDGETS: frozenset[Scope] = frozenset(
    ("lists", "sorting", "cases", "errors", "log", "calls", "heat", "drafts", "form")
)
"""Scopes of a widget: their actions work while it has the focus. Others are of a screen, or of the app."""


@dataclass(frozen=True)
class Action:
    """One thing that a person can do.

    Attributes:
        id: scope and verb; the action's method is ``action_`` + the part after the dot.
        keys: keys as Textual names them; any of them triggers it.
        label: one or two words for the key line.
        help: what it does, in a sentence.
        show: place in the key line, from 1; 0 is not shown there.
        palette: offered in the command palette.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    show: int = 0
    palette: bool = True

    @property
    def scope(self) -> Scope:
        return self.id.partition(".")[0]  # type: ignore[return-value]

    @property
    def method(self) -> str:
        return self.id.partition(".")[2]

    @property
    def keys_now(self) -> tuple[str, ...]:
        """The keys in force: its user's own, or ``keys``."""
        return OWN_KEYS.get(self.id, self.keys)

    @property
    def key_names(self) -> str:
        """The keys in force as a person reads them; empty if it has none."""
        keys = self.keys_now
        if len(keys) > 3:
            return f"{keys[0]}–{keys[-1]}"
        return " ".join(_KEY_NAMES.get(key, key) for key in keys)


OWN_KEYS: dict[str, tuple[str, ...]] = {}
"""Action id to the keys that its user gave it; :mod:`promptopt_tui.keymap` fills it."""

_KEY_NAMES = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "minus": "-",
    "full_stop": ".",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
}
