"""How an experiment goes, while it goes: a table on a terminal, lines elsewhere."""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from promptopt.cli.output import note, number, on_terminal
from promptopt.domain.text import one_line
from promptopt.experiments.driving import CellState, Watch
from promptopt.experiments.planning import Cell

if TYPE_CHECKING:
    from rich.table import Table

MOST_ROWS = 40
"""Runs that the table shows; of more, those under way and the last that ended."""


@contextmanager
def progress(*, quiet: bool = False) -> Generator[Watch]:
    """Something to show where the cells stand. It writes to standard error only."""
    if quiet:
        yield lambda _: None
    elif on_terminal():
        with _Screen() as screen:
            yield screen
    else:
        yield _Lines()


class _Lines:
    """A line for each cell that begins or ends."""

    def __init__(self) -> None:
        self._told: dict[Cell, str] = {}

    def __call__(self, states: Mapping[Cell, CellState]) -> None:
        done = sum(state.done for state in states.values())
        for cell, state in states.items():
            stage = _stage(state)
            if stage and stage != self._told.get(cell):
                self._told[cell] = stage
                note(f"{time.strftime('%H:%M:%S')}  {done}/{len(states)}  {_name(cell)}: {stage}")


class _Screen:
    """A table that is drawn anew a few times a second."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)

    def __enter__(self) -> "_Screen":
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(None, None, None)

    def __call__(self, states: Mapping[Cell, CellState]) -> None:
        self._live.update(_table(states), refresh=True)


def _table(states: Mapping[Cell, CellState]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    done = sum(state.done for state in states.values())
    spent = sum(state.run.usd or 0.0 for state in states.values() if state.run)
    simulated = any(state.run.simulated for state in states.values() if state.run)
    title = f"{done} of {len(states)} runs done, ${spent:.4f} spent{' (simulated)' if simulated else ''}"
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    for name in (
        "dataset",
        "optimizer",
        "seed",
        "run",
        "status",
        "iteration",
        "validation",
        "spent",
        "calls",
    ):
        table.add_column(name)
    for state in _shown(states):
        table.add_row(*map(Text, _cells(state)))
    return table


def _shown(states: Mapping[Cell, CellState]) -> list[CellState]:
    every = list(states.values())
    if len(every) <= MOST_ROWS:
        return every
    active = [state for state in every if state.run and not state.done]
    ended = [state for state in every if state.done]
    return [*ended[-(MOST_ROWS - len(active)) :], *active][-MOST_ROWS:]


def _cells(state: CellState) -> list[str]:
    cell, run = state.cell, state.run
    label = f"{cell.label}, judged by {cell.judge}" if cell.judge else cell.label
    place = [one_line(cell.dataset, 24), one_line(label, 36), str(cell.seed)]
    if run is None:
        return [*place, "", one_line(state.note, 40), "", "", "", ""]
    return [
        *place,
        run.id,
        one_line(state.note, 40) if state.note and not state.done else run.status,
        str(run.iteration or ""),
        number(run.best_score) if cell.optimizes else "",
        "–" if run.usd is None else f"${run.usd:.4f}",
        str(run.calls),
    ]


def _stage(state: CellState) -> str:
    if state.run is None:
        return state.note if state.done else ""
    if not state.done:
        return f"run {state.run.id} is under way"
    return f"{state.run.status}{f': {one_line(state.note, 200)}' if state.note else ''}"


def _name(cell: Cell) -> str:
    judged = f", judged by {cell.judge}" if cell.judge else ""
    return one_line(f"{cell.label} on {cell.dataset}, seed {cell.seed}{judged}", 100)
