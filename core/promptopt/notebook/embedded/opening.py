"""Opening the terminal UI from a program: in a cell, in a frame, or in the terminal that there is."""

import subprocess
from typing import Any

from promptopt.domain.errors import SettingsError
from promptopt.notebook.embedded.places import WAYS, Place, Way, here, ways
from promptopt.notebook.embedded.process import argv

ROWS = 36
LINE = 18
"""Pixels of a line, where only pixels can be said."""


def tui(reference: str | None = None, *, way: Way | None = None, rows: int = ROWS) -> Any:
    """Open the terminal UI here: in a cell of a notebook, or in the terminal that this program is in.

    In a cell it is a terminal over the notebook's own channel to its kernel; where there are no widgets, a
    frame with a page of this program; else the view of the run. Runs never end with it: close it, load the
    page again, restart the kernel.

    Args:
        reference: open on this run: its id, the beginning or the end of that, or ``latest``. Default: on the
            list of projects and runs.
        way: ``widget``, ``frame`` or ``view``; default: the best that there is here.
        rows: height in lines at first.

    Returns:
        In a notebook what shows it, with ``close()``, or the run if its view is what is shown; None in a
        terminal, once it was left.

    Raises:
        RunError: there is no such run, or there are several.
        SettingsError: it can't be shown here, or not in that way.
    """
    place = here()
    chosen = choose(place, way)
    run_id = _found(reference)
    if chosen == "widget":
        from promptopt.notebook.embedded.widget import TerminalCell

        return TerminalCell(run_id, rows=rows)
    if chosen == "frame":
        from promptopt.notebook.embedded.frame import Frame

        return Frame(run_id, place, height=rows * LINE)
    if chosen == "view":
        return _view(run_id, place)
    subprocess.run(argv(run_id), check=False)
    return None


def choose(place: Place, way: Way | None = None) -> Way:
    """The way to go in a place.

    Raises:
        SettingsError: there is none, or not the one that is asked for.
    """
    found = ways(place)
    if way is None and found:
        return found[0]
    if way is None:
        raise SettingsError(
            "the terminal UI needs a terminal or a notebook, and this is neither",
            where="promptopt.tui()",
            fix="follow a run as lines: promptopt attach latest; or in the program: promptopt.attach()",
        )
    if way not in WAYS:
        raise SettingsError(f"found way={way!r}, expected one of {', '.join(WAYS)}", where="promptopt.tui()")
    if way in found:
        return way
    raise SettingsError(f"there is no {way} here", where="promptopt.tui()", fix=_remedy(place, way))


def _remedy(place: Place, way: Way) -> str:
    if place.kernel and way == "widget":
        return "%pip install 'promptopt[notebook]', then restart the kernel and load the page again"
    if place.kernel and way == "frame" and place.hub:
        return "it needs jupyter-server-proxy beside the hub's servers and in this kernel's environment"
    if found := ways(place):
        return f"there is: {', '.join(found)}"
    return "open a terminal, and in it: promptopt"


def _found(reference: str | None) -> str | None:
    if reference is None:
        return None
    from promptopt.notebook.starting import store
    from promptopt.store.runs import Runs

    return Runs(store()).find(reference).id


def _view(run_id: str | None, place: Place) -> Any:
    """The run as it shows itself in a cell, and what else there is."""
    from promptopt.notebook.starting import attach, list_runs

    others = [way for way in ways(place) if way != "view"]
    if others:
        print(f"The terminal itself, which hears you between cells: promptopt.tui(way={others[0]!r})")
    else:
        print("A terminal needs: %pip install 'promptopt[notebook]', and the page loaded again")
    if run_id is None and not list_runs(limit=1).rows:
        print("There are no runs yet: promptopt.start(...) begins one")
        return None
    return attach(run_id or "latest")
