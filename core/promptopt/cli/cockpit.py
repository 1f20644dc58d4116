"""The one place where the engine's side opens the terminal UI."""

import os
from collections.abc import MutableMapping

from promptopt.cli.output import in_page, of_cell, on_terminal
from promptopt.domain.errors import SettingsError


def open_cockpit(run_id: str | None = None) -> int:
    """Open the terminal UI, on a run if one is given; returns the exit status.

    Raises:
        SettingsError: there is no terminal to open it in.
    """
    if of_cell(os.environ) and not in_page():
        raise SettingsError(
            "the terminal UI needs a terminal, and a cell is none",
            fix="call promptopt.tui() in the notebook (import promptopt), or open a terminal",
        )
    if not (on_terminal() or in_page()):
        raise SettingsError(
            "the terminal UI needs a terminal, and this is none",
            fix="give a command (promptopt --help lists them), or follow a run with promptopt attach latest",
        )
    all_colors(os.environ)
    from promptopt_tui.app import run

    return run(run_id=run_id)


def all_colors(environment: MutableMapping[str, str]) -> None:
    """Jupyter's terminal shows all colours and does not say so. Textual reads this when it is imported."""
    if environment.get("JUPYTER_SERVER_URL") and not environment.get("COLORTERM"):
        environment.setdefault("TEXTUAL_COLOR_SYSTEM", "truecolor")
