"""How runs got where they are: the best validation score by the calls spent."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from importlib import import_module
from statistics import fmean
from typing import Any

from promptopt.reporting.canvas import FAINT, Figure, figure, grid, palette, percent, plain, style
from promptopt.runs.outcomes import Outcome, Step
from promptopt.runs.scoreboard import NONE, Entry, labels_of

_COLUMNS = 3
"""Panels beside each other."""

_Steps = tuple[list[float], list[float]]
"""A step line: its places, and the height from each to the next."""

_DASHES: tuple[Any, ...] = ("-", (0, (5, 5)), (0, (2, 8)), (0, (1, 12)))
"""Of a line that runs over none, one, two and more others: the gaps let these be seen."""


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
        colours = palette(labels_of(entries), NONE)
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
    drawn: list[_Steps] = []
    for label in dict.fromkeys(entry.label for entry in entries):
        colour, mark = colours[label]
        outcomes = [entry.outcome for entry in entries if entry.label == label and entry.outcome]
        lines = [_line(outcome) for outcome in outcomes]
        if len(lines) > 1:
            for xs, ys in lines:
                axes.step(xs, ys, where="post", color=colour, linewidth=0.9, alpha=0.3)
        xs, ys = mean = _mean(lines)
        under = min(len(_DASHES) - 1, sum(_touch(mean, other) for other in drawn))
        axes.step(xs, ys, where="post", color=colour, linewidth=2.0, alpha=0.95, linestyle=_DASHES[under])
        size = 9 - 2 * under
        axes.plot(xs[-1], ys[-1], marker=mark, color=colour, markersize=size, markeredgecolor="white")
        drawn.append(mean)
        if alone:
            _proposals(axes, outcomes[0].course, colour)
    percent(axes.yaxis)
    axes.margins(y=0.12)
    axes.set_xlim(left=0)
    grid(axes, "both")


def _touch(one: _Steps, other: _Steps) -> bool:
    """Whether two step lines run over each other somewhere."""
    begin, end = max(one[0][0], other[0][0]), min(one[0][-1], other[0][-1])
    places = [begin, *(x for x in (*one[0], *other[0]) if begin < x <= end)]
    return begin <= end and any(abs(_at(one, x) - _at(other, x)) < 1e-9 for x in places)


def _at(line: _Steps, place: float) -> float:
    return line[1][bisect_right(line[0], place) - 1]


def _mean(lines: Sequence[_Steps]) -> _Steps:
    """The mean of step lines, from where all have begun to where the longest ends; each stays at its end."""
    begin = max(xs[0] for xs, _ in lines)
    places = sorted({x for xs, _ in lines for x in xs if x >= begin} | {begin})
    means = [fmean(_at(line, place) for line in lines) for place in places]
    return places, means


def _line(outcome: Outcome) -> _Steps:
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
