"""How runs got where they are: the best validation score by the calls spent."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from importlib import import_module
from statistics import fmean
from typing import Any

from promptopt.reporting.canvas import FAINT, Figure, figure, grid, palette, percent, plain, style
from promptopt.runs.outcomes import Outcome, Step
from promptopt.runs.scoreboard import Entry

_COLUMNS = 3
"""Panels beside each other."""


def learning_curves(entries: Sequence[Entry], title: str = "Learning curves") -> Figure:
    """The best validation score of what may win, by calls spent: a panel per dataset, a line per run.

    Of a single run also what was proposed and rejected is shown.
    """
    shown = [e for e in entries if e.outcome and e.outcome.course and e.outcome.kind == "optimize"]
    datasets = list(dict.fromkeys(entry.dataset for entry in shown)) or [""]
    columns = min(_COLUMNS, len(datasets))
    lines = -(-len(datasets) // columns)
    simulated = any(entry.outcome.simulated for entry in shown if entry.outcome)
    with style():
        size = (max(7.6, 4.1 * columns + 0.6), 1.3 + 3.3 * lines)
        told = "best validation score so far, of what may win; thin: single runs, thick: their mean"
        made = figure(*size, title, simulated=simulated, subtitle=told)
        panels: Any = made.subplots(lines, columns, squeeze=False, sharey=True)
        colours = palette([entry.label for entry in shown])
        for at, axes in enumerate(panels.flat):
            if at >= len(datasets):
                axes.set_visible(False)
                continue
            here = [entry for entry in shown if entry.dataset == datasets[at]]
            _panel(axes, here, colours, alone=len(shown) == 1)
            axes.set_title(plain(datasets[at], 40))
            axes.set_xlabel("calls spent")
            if at % columns == 0:
                axes.set_ylabel("validation score")
        _legend(made, shown, colours)
    return made


def _panel(
    axes: Any, entries: Sequence[Entry], colours: Mapping[str, tuple[str, str]], *, alone: bool
) -> None:
    """Of several runs of an optimizer each is a thin line, and their mean the thick one."""
    for label in dict.fromkeys(entry.label for entry in entries):
        colour, mark = colours[label]
        outcomes = [entry.outcome for entry in entries if entry.label == label and entry.outcome]
        lines = [_line(outcome) for outcome in outcomes]
        if len(lines) > 1:
            for xs, ys in lines:
                axes.step(xs, ys, where="post", color=colour, linewidth=0.9, alpha=0.3)
        xs, ys = _mean(lines)
        axes.step(xs, ys, where="post", color=colour, linewidth=2.0, alpha=0.95)
        axes.plot(xs[-1], ys[-1], marker=mark, color=colour, markersize=7, markeredgecolor="white")
        if alone:
            _proposals(axes, outcomes[0].course, colour)
    percent(axes.yaxis)
    axes.margins(y=0.12)
    axes.set_xlim(left=0)
    grid(axes, "both")


def _mean(lines: Sequence[tuple[list[float], list[float]]]) -> tuple[list[float], list[float]]:
    """The mean of step lines, from where all have begun to where the longest ends; each stays at its end."""
    begin = max(xs[0] for xs, _ in lines)
    places = sorted({x for xs, _ in lines for x in xs if x >= begin} | {begin})
    means = [fmean(ys[bisect_right(xs, place) - 1] for xs, ys in lines) for place in places]
    return places, means


def _line(outcome: Outcome) -> tuple[list[float], list[float]]:
    """Calls and best score so far; it goes on, level, to the end of the search."""
    xs: list[float] = []
    ys: list[float] = []
    for step in outcome.course:
        xs.append(float(step.calls))
        ys.append(max(step.best, ys[-1] if ys else 0.0))
    tested = len(outcome.results) + (len(outcome.first) if outcome.first else 0)
    return [*xs, max(xs[-1], float(outcome.total_calls - tested))], [*ys, ys[-1]]


def _proposals(axes: Any, course: Sequence[Step], colour: str) -> None:
    """What was proposed: filled if it became the best, else hollow, with the iteration beside it."""
    for step in course:
        won = step.score >= step.best
        axes.plot(
            step.calls,
            step.score,
            marker="o",
            markersize=6,
            linestyle="none",
            color=colour if won else "white",
            markeredgecolor=colour if won else FAINT,
        )
        name = f"#{step.iteration}" if step.iteration else "seed"
        place = {"textcoords": "offset points", "xytext": (5, -12), "ha": "left"}
        axes.annotate(name, (step.calls, step.score), **place, fontsize=8, color=FAINT)


def _legend(made: Figure, entries: Sequence[Entry], colours: Mapping[str, tuple[str, str]]) -> None:
    lines: Any = import_module("matplotlib.lines")
    labels = list(dict.fromkeys(entry.label for entry in entries))
    handles = [
        lines.Line2D([], [], color=colours[label][0], marker=colours[label][1], label=plain(label, 34))
        for label in labels
    ]
    if handles:
        made.legend(handles=handles, loc="outside lower left", ncols=min(4, len(handles)), frameon=False)
