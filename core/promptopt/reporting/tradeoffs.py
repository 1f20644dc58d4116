"""What a score costs: against money, calls and time, and the Pareto front."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from promptopt.domain.errors import RunError
from promptopt.reporting.canvas import (
    FAINT,
    INK,
    Figure,
    figure,
    grid,
    palette,
    percent,
    plain,
    style,
)
from promptopt.runs.scoreboard import NONE, TOGETHER, Row, Scoreboard, cost_of

_WIDE = 30.0
"""Ratio of the largest to the smallest from which an axis is logarithmic."""

Measure = Callable[[Row], float | None]

MEASURES: dict[str, tuple[str, Measure]] = {
    "score": ("score", lambda row: row.score.mean if row.score else None),
    "cost": ("cost per run, USD", lambda row: row.usd),
    "calls": ("calls per run", lambda row: row.calls),
    "tokens": ("tokens per run", lambda row: row.tokens),
    "time": ("running time per run, seconds", lambda row: row.seconds),
}
"""What may stand on an axis; beside these every check and judge by its name."""


def performance_vs_cost(board: Scoreboard, title: str = "Score against cost") -> Figure:
    """Score against USD per run, or against calls where no price tells; the front is drawn through."""
    return _against(board, "cost" if board.cost_by == "usd" else "calls", title)


def performance_vs_time(board: Scoreboard, title: str = "Score against time") -> Figure:
    """Score against running time per run, without pauses."""
    return _against(board, "time", title)


def pareto_frontier(
    board: Scoreboard, metrics: Sequence[str] = (), title: str = "Pareto front", dataset: str = ""
) -> Figure:
    """Two measures against each other, and who is beaten in neither.

    Args:
        metrics: the one to be low and the one to be high, by name (``cost``, ``calls``, ``tokens``, ``time``,
            ``score``, a check or a judge); default: cost and score.
        dataset: the block that is meant; default: all together, or the only one.

    Raises:
        RunError: there is no such measure.
    """
    low, high = metrics or ("cost" if board.cost_by == "usd" else "calls", "score")
    across, up = _measure(board, low), _measure(board, high)
    rows = [row for row in _block(board, dataset) if across[1](row) is not None and up[1](row) is not None]
    points = {row.label: (across[1](row) or 0.0, up[1](row) or 0.0) for row in rows}
    front = sorted((point, label) for label, point in points.items() if not _beaten(point, points.values()))
    with style():
        told = f"{plain(dataset or _name(board), 40)}; the line joins those that no other one beats in both"
        made = figure(8.2, 5.4, title, simulated=board.simulated, subtitle=told)
        axes = made.subplots()
        _axes(axes, across[0], up[0], [x for x, _ in points.values()], low == "cost")
        _limits(axes, rows, points, high == "score")
        if front:
            xs = [x for (x, _), _ in front] + [axes.get_xlim()[1]]
            ys = [y for (_, y), _ in front] + [front[-1][0][1]]
            axes.step(xs, ys, where="post", color=FAINT, linewidth=1.4, zorder=1)
            axes.fill_between(xs, ys, axes.get_ylim()[0], step="post", color=FAINT, alpha=0.08, zorder=0)
        colours = palette([row.label for row in board.rows], NONE)
        _points(axes, rows, points, {label for _, label in front}, colours, high == "score")
    return made


def _against(board: Scoreboard, low: str, title: str) -> Figure:
    return pareto_frontier(board, (low, "score"), title)


def _measure(board: Scoreboard, name: str) -> tuple[str, Measure]:
    if name in MEASURES:
        return MEASURES[name]
    if any(name in row.metrics for row in board.rows):
        return name, lambda row: row.metrics.get(name)
    if any(name in row.judges for row in board.rows):
        return f"judge {name}", lambda row: row.judges.get(name)
    known = [*MEASURES, *dict.fromkeys(key for row in board.rows for key in (*row.metrics, *row.judges))]
    raise RunError(f"there is no measure {name!r}", fix=f"there are: {', '.join(known)}")


def _name(board: Scoreboard) -> str:
    names = board.datasets()
    return TOGETHER if TOGETHER in names else names[0] if names else ""


def _block(board: Scoreboard, dataset: str) -> list[Row]:
    return [row for row in board.of(dataset or _name(board)) if row.score]


def _beaten(point: tuple[float, float], others: Any) -> bool:
    x, y = point
    return any(ox <= x and oy >= y and (ox < x or oy > y) for ox, oy in others)


def _points(
    axes: Any,
    rows: Sequence[Row],
    points: Mapping[str, tuple[float, float]],
    front: set[str],
    colours: Mapping[str, tuple[str, str]],
    intervals: bool,
) -> None:
    for row in rows:
        x, y = points[row.label]
        colour, mark = colours[row.label]
        if intervals and row.score:
            axes.plot([x, x], [row.score.low, row.score.high], color=colour, linewidth=2, alpha=0.4, zorder=2)
        on = row.label in front
        axes.plot(
            x, y, marker=mark, markersize=11 if on else 8, color=colour, markeredgecolor="white", zorder=3
        )
    _names(axes, points, front)


def _names(axes: Any, points: Mapping[str, tuple[float, float]], front: set[str]) -> None:
    """A name beside each point; where it would cover another, it is moved, with a line to its point."""
    axes.figure.draw_without_rendering()
    scale = 72 / axes.figure.dpi
    places = {label: axes.transData.transform(point) * scale for label, point in points.items()}
    taken = [(x - 7.0, y, 14.0) for x, y in places.values()]  # left end, height, width: the marks themselves
    for label in sorted(points, key=lambda each: (_rank(each, front), -places[each][1])):
        x, y = places[label]
        shown = plain(label, 30)
        wide = 6.2 * len(shown)
        steps = (0, 13, -13, 26, -26, 39, -39, 52, -52)
        shift = next((step for step in steps if not _covers(x + 10, y + step, wide, taken)), 0)
        taken.append((x + 10, y + shift, wide))
        axes.annotate(
            shown,
            points[label],
            xytext=(10, shift),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=9.5,
            weight="bold" if label in front else "normal",
            color=INK,
            zorder=4,
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.7} if shift else None,
            path_effects=[_halo()],
        )


def _rank(label: str, front: set[str]) -> int:
    """Who gets the best place for its name: those on the front."""
    return 0 if label in front else 1


def _covers(left: float, height: float, width: float, taken: Sequence[tuple[float, float, float]]) -> bool:
    return any(abs(height - y) < 12.5 and left < x + w and x < left + width for x, y, w in taken)


def _halo() -> Any:
    effects: Any = import_module("matplotlib.patheffects")
    return effects.withStroke(linewidth=2.5, foreground="white")


def _limits(
    axes: Any, rows: Sequence[Row], points: Mapping[str, tuple[float, float]], intervals: bool
) -> None:
    """Room around the points, also for the names at their right."""
    lows = [row.score.low for row in rows if row.score] if intervals else [y for _, y in points.values()]
    highs = [row.score.high for row in rows if row.score] if intervals else [y for _, y in points.values()]
    if lows:
        pad = max(0.02, 0.08 * (max(highs) - min(lows)))
        axes.set_ylim(max(-0.01, min(lows) - pad), max(highs) + pad)
    xs = [x for x, _ in points.values()]
    if not xs:
        return
    if axes.get_xscale() == "linear":
        axes.set_xlim(-0.04 * (max(xs) or 1.0), (max(xs) or 1.0) * 1.32)
    else:
        positive = [x for x in xs if x > 0]
        axes.set_xlim(min(positive) / 1.6 if 0 not in xs else 0, max(xs) * (max(xs) / min(positive)) ** 0.28)


def _axes(axes: Any, across: str, up: str, xs: Sequence[float], money: bool) -> None:
    ticker: Any = import_module("matplotlib.ticker")
    axes.set_xlabel(plain(across))
    axes.set_ylabel(plain(up))
    percent(axes.yaxis)
    positive = [x for x in xs if x > 0]
    if positive and max(positive) / min(positive) > _WIDE:
        axes.set_xscale("symlog" if 0 in xs else "log", **({"linthresh": min(positive)} if 0 in xs else {}))
    sign = r"\$" if money else ""

    def shown(value: float, _place: int) -> str:
        return f"{sign}{value:,g}"

    axes.xaxis.set_major_formatter(ticker.FuncFormatter(shown))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    grid(axes, "both")


__all__ = ["MEASURES", "cost_of", "pareto_frontier", "performance_vs_cost", "performance_vs_time"]
