"""What a test sees of the terminal UI, and of what was asked in it."""

from typing import Any

from textual.pilot import Pilot

from promptopt.store.commands import Command, Commands
from promptopt_tui import paint
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.table import Table


def text(pilot: Pilot[int], widget_id: str) -> str:
    """What a panel says: of a table the lines that are on the screen, of any other one all."""
    widget = pilot.app.screen.query_one(f"#{widget_id}", Canvas)
    if isinstance(widget, Table):
        return "\n".join(widget.render_line(y).text.rstrip() for y in range(widget.size.height))
    return paint.plain(widget.lines)


def cockpit(pilot: Pilot[int]) -> RunScreen:
    """The screen of the run, whatever is in front of it."""
    return next(screen for screen in pilot.app.screen_stack if isinstance(screen, RunScreen))


def asked(told: Any) -> list[Command]:
    """Commands on their way to the worker of a story."""
    return [sent.command for sent in Commands(told.database, told.run_id).waiting()]
