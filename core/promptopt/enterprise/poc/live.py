"""The stages of a proof of concept as they go on, for who carries it out from a program or a cell."""

import sys
import time
from importlib import import_module
from secrets import token_hex
from typing import Any

from promptopt.domain.text import one_line, sanitize
from promptopt.enterprise.poc.state import POCState, state_of
from promptopt.reporting.page import pages
from promptopt.store.database import Database
from promptopt.store.pocs import Pocs

EVERY = 1.0
"""Seconds between looks."""


def line_of(state: POCState) -> str:
    """Stage, share, figures so far and what was spent, as a line; empty if no stage is under way."""
    stage = state.stage
    if stage is None:
        return ""
    said = f"{stage.title}: {stage.figures}" if stage.figures else stage.title
    paused = " (paused)" if state.status == "paused" else ""
    simulated = " (simulated)" if state.simulated else ""
    spent = state.spent
    usd = "cost unknown" if spent.unpriced else f"${spent.usd:.4f}"
    return f"{state.share:4.0%}  {one_line(said, 200)}{paused}{simulated}; spent {usd}, {spent.calls:,} calls"


def html_of(state: POCState) -> str:
    """The stages as a piece of HTML that loads nothing and runs no script."""
    return pages().get_template("pocstate.html.j2").render(state=state, line=line_of(state))


class Watching:
    """Called again and again: tells what is new in lines, or draws the stages in the cell.

    Args:
        quiet: tell nothing.
    """

    def __init__(self, database: Database, poc_id: str, *, quiet: bool = False) -> None:
        self._db = database
        self._id = poc_id
        self._quiet = quiet
        self._told = ""
        self._next = 0.0
        self._cell = f"promptopt-{poc_id}-{token_hex(4)}" if in_notebook() else ""
        self._shown = False

    def __call__(self) -> None:
        if self._quiet or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        state = state_of(self._db, Pocs(self._db).find(self._id))
        if self._cell:
            self._draw(state)
            return
        line = line_of(state)
        if line and line != self._told:
            self._told = line
            print(sanitize(f"{time.strftime('%H:%M:%S')}  {line}"), file=sys.stderr, flush=True)

    def conclude(self) -> None:
        """Show where it stands at the end."""
        self._next = 0.0
        self()

    def _draw(self, state: POCState) -> None:
        publish: Any = import_module("IPython.display").publish_display_data
        lines = [f"{one.title}: {one.status} {one.figures}".rstrip() for one in state.stages]
        bundle = {"text/html": html_of(state), "text/plain": sanitize("\n".join(lines))}
        publish(bundle, transient={"display_id": self._cell}, update=self._shown)
        self._shown = True


def in_notebook() -> bool:
    """Whether this program is a notebook's kernel."""
    return "ipykernel" in sys.modules and import_module("IPython").get_ipython() is not None
