"""Every action of the UI, once: bindings, key line, help screen, palette and KEYS.md are made from it."""

from collections.abc import Iterable, Sequence

from textual.binding import Binding, BindingType

from promptopt_tui.acts.action import OF_WIDGETS, OWN_KEYS, SCOPES, Action, Scope
from promptopt_tui.acts.business import BUSINESS
from promptopt_tui.acts.home import HOME
from promptopt_tui.acts.making import MADE_UP
from promptopt_tui.acts.outcome import OUTCOME
from promptopt_tui.acts.project import PROJECT
from promptopt_tui.acts.run import RUN

__all__ = [
    "ACTIONS",
    "BY_ID",
    "MAKING",
    "NUMBERED",
    "OF_WIDGETS",
    "OWN_KEYS",
    "PANELS",
    "SCOPES",
    "TOURNAMENT",
    "Action",
    "Scope",
    "bindings",
    "help_table",
    "markdown",
    "shown",
]

PANELS = (
    "progress",
    "standings",
    "prompt",
    "cases",
    "errors",
    "budget",
    "log",
    "lineage",
    "calls",
    "heat",
)
"""The cockpit's panels, in the order of their number keys; the tenth has 0."""

TOURNAMENT = "tournament"
"""A panel that is there only in a run that plays one; it has a key of its own."""

MAKING = {"coverage": "standings", "draft": "prompt", "drafts": "cases", "left-out": "errors"}
"""Panels of a run that makes cases up, and the panel of other runs that each is in the place of."""

ACTIONS: tuple[Action, ...] = (*HOME, *RUN, *MADE_UP, *PROJECT, *OUTCOME, *BUSINESS)

NUMBERED = ("run.panel", "project.section")
"""Actions whose keys are numbers, each for a place of its own."""

BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}


def bindings(*scopes: Scope) -> list[BindingType]:
    """The bindings of these scopes."""
    found: list[BindingType] = []
    for action in ACTIONS:
        if action.scope in scopes and action.id in NUMBERED:
            numbers = enumerate(action.keys, 1)
            found += [
                Binding(key, f"{action.method}({number})", action.help, show=False) for number, key in numbers
            ]
        elif action.scope in scopes:
            # In the editor these keys come before what the text area would do with them.
            first = action.scope == "editor"
            keys = ",".join(action.keys)
            found.append(Binding(keys, action.method, action.help, show=False, id=action.id, priority=first))
    return found


def shown(scopes: Iterable[Scope]) -> list[Action]:
    """What the key line offers in these scopes, in order."""
    wanted = set(scopes)
    return sorted((a for a in ACTIONS if a.show and a.scope in wanted), key=lambda a: a.show)


def help_table(first: Sequence[Scope] = ()) -> list[tuple[str, list[tuple[str, str]]]]:
    """For each scope its title and (keys, what they do); the scopes that it is asked from come ``first``."""
    scopes = sorted(SCOPES, key=lambda scope: (scope not in first, scope != "anywhere"))
    return [
        (SCOPES[scope], [(action.key_names, action.help) for action in ACTIONS if action.scope == scope])
        for scope in scopes
    ]


def markdown() -> str:
    """The key table as KEYS.md has it."""
    lines = ["# Keys", "", "Made from `promptopt_tui/actions.py`; do not edit.", "", _OWN_KEYS_TOLD, ""]
    for scope, title in SCOPES.items():
        lines += [f"## {title}", "", "| key | what it does | action |", "| --- | --- | --- |"]
        for action in ACTIONS:
            if action.scope == scope:
                shown_keys = " ".join(f"`{key}`" for key in action.key_names.split())
                lines.append(f"| {shown_keys} | {action.help} | `{action.id}` |")
        lines.append("")
    return "\n".join(lines)


_OWN_KEYS_TOLD = """\
To give an action other keys, write its id and the keys into `keys.toml` in the data directory
(`promptopt doctor` says where that is); the change holds at once:

```toml
"run.pause" = "p"
"run.edit" = ["ctrl+e", "e"]
"run.stop" = []               # no key: the command palette still has it
```"""


if __name__ == "__main__":
    print(markdown(), end="")
