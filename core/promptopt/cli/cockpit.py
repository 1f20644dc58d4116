"""The one place where the engine's side opens the terminal UI."""

from promptopt.cli.output import on_terminal
from promptopt.domain.errors import SettingsError


def open_cockpit(run_id: str | None = None) -> int:
    """Open the terminal UI, on a run if one is given; returns the exit status.

    Raises:
        SettingsError: there is no terminal to open it in.
    """
    if not on_terminal():
        raise SettingsError(
            "the terminal UI needs a terminal, and this is none",
            fix="give a command (promptopt --help lists them), or follow a run with promptopt attach latest",
        )
    from promptopt_tui.app import run

    return run(run_id=run_id)
