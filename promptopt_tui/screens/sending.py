"""Before a run starts: what it would send of personal data and secrets, and what its owner says to that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt.domain.text import one_line
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.views.compliance import finding_lines

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp


def once_looked_through(
    desk: PromptoptApp, path: Path, found: Mapping[str, Any], start: Callable[[], object]
) -> None:
    """Start a run, if need be after asking: something would be blocked, or go out and nobody decided that.

    Args:
        path: of the project file.
        found: as :meth:`promptopt_tui.client.Client.check` gives it.
    """
    open_ones = settings_to_decide(found)
    if open_ones:
        _ask(desk, path, found, start, open_ones)
    else:
        start()


def _ask(
    desk: PromptoptApp, path: Path, found: Mapping[str, Any], start: Callable[[], object], keys: list[str]
) -> None:
    blocked = "block" in found["actions"].values()
    said = f'{", ".join(keys)} = "redact"'
    options = [Option("n", "Send nothing", "no run is started", "")]
    if not (found["profiles"] and "secrets" in keys):  # a profile lets nobody say less of secrets
        options.append(Option("r", "Send placeholders", f"{said} in the project; starts", "redact"))
    options += [
        Option("o", "Open the project", "its section More has what may be sent", "open"),
    ]
    if not blocked:
        options.append(Option("y", "Send it as it is", 'pii = "allow" in the project; starts', "allow"))

    def answered(answer: str | None) -> None:
        if answer in ("redact", "allow"):
            written = dict.fromkeys(keys if answer == "redact" else ("pii",), answer)
            desk.background(lambda: desk.client.projects.comply(path, written), lambda _: start())
        elif answer == "open":
            desk.open_project(path)
        else:
            desk.notify("No run was started, and nothing was sent.", markup=False)

    title = "this can't be sent" if blocked else "send this to the models as it is?"
    name = one_line(path.parent.name, 40)
    dialog = Dialog(
        f"{name}: {title}",
        lambda width: finding_lines(found, width),
        options,
        kind="-tall",
        uninvited=True,
    )
    desk.push_screen(dialog, answered)


def settings_to_decide(found: Mapping[str, Any]) -> list[str]:
    """The settings on which somebody has to decide before a run starts: they hold something back, or let out
    what nobody has said may go.
    """
    hinders = ["block"] if found["chosen"] or not found["away"] else ["block", "allow"]
    kinds = [kind for kind, fate in found["actions"].items() if fate in hinders]
    keys = ["pii"] if any(kind != "secret" for kind in kinds) else []
    return [*keys, *(["secrets"] if "secret" in kinds else [])]
