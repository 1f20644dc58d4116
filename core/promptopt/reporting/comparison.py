"""Optimizers side by side: scores with their intervals, by metric, by judge, by dataset."""

from collections.abc import Sequence
from typing import Any

from promptopt.reporting.canvas import (
    FAINT,
    GRID,
    INK,
    Figure,
    figure,
    grid,
    palette,
    percent,
    plain,
    style,
)
from promptopt.runs.scoreboard import NONE, TOGETHER, Row, Scoreboard

_ROW = 0.46
"""Inches of height for one optimizer."""

_MOST_METRICS, _MOST_JUDGES = 6, 4
"""Panels; tables have all."""


def optimizer_comparison(board: Scoreboard, title: str = "Optimizers side by side") -> Figure:
    """Scores on the sealed cases with 95 % intervals; beside them each metric and judge, or each dataset."""
    datasets = [name for name in board.datasets() if name != TOGETHER]
    several = len(datasets) > 1
    rows = sorted(board.of(TOGETHER if several else datasets[0]), key=_score)
    rows = [row for row in rows if row.score]
    height = 1.75 + _ROW * max(2, len(rows)) + (0.75 if several else 0.0)
    with style():
        about = _subtitle(board, rows)
        if several:
            made = figure(
                7.6 + 0.72 * len(datasets), height, title, simulated=board.simulated, subtitle=about
            )
            sizes = [4.4, 0.72 * len(datasets)]
            left, right = made.subplots(1, 2, sharey=True, width_ratios=sizes)
            _scores(left, rows, board)
            _datasets(right, rows, board, datasets)
        else:
            panels = _measures(rows)
            made = figure(7.6 + 1.55 * len(panels), height, title, simulated=board.simulated, subtitle=about)
            sizes = [4.2, *[1.4] * len(panels)]
            axes: Any = made.subplots(1, len(sizes), sharey=True, width_ratios=sizes, squeeze=False)[0]
            _scores(axes[0], rows, board)
            for axis, (name, values) in zip(axes[1:], panels, strict=True):
                _dots(axis, name, rows, values, board)
    return made


def _score(row: Row) -> float:
    return row.score.mean if row.score else -1.0


def _subtitle(board: Scoreboard, rows: Sequence[Row]) -> str:
    cases = max((row.score.n for row in rows if row.score), default=0)
    runs = max((row.runs for row in rows), default=0)
    where = "sealed test" if board.split == "test" else board.split
    seeds = f", mean of {runs} runs each" if runs > 1 else ""
    return f"{where}, {cases} cases{seeds}; bars: 95 % intervals{_corrected(rows)}"


def _corrected(rows: Sequence[Row]) -> str:
    """What is said of the p-values, if there are several."""
    return ", p corrected (Holm)" if any(row.gain and row.gain.together > 1 for row in rows) else ""


def _scores(axes: Any, rows: Sequence[Row], board: Scoreboard) -> None:
    colours = palette([row.label for row in board.rows], NONE)
    baseline = next((row for row in rows if row.label == NONE), None)
    if baseline is not None and baseline.score is not None:
        axes.axvline(baseline.score.mean, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    for at, row in enumerate(rows):
        assert row.score
        colour, mark = colours[row.label]
        axes.plot([row.score.low, row.score.high], [at, at], color=colour, linewidth=2.6, alpha=0.5, zorder=2)
        axes.plot(row.score.mean, at, marker=mark, markersize=9, color=colour, zorder=3)
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "xytext": (7, 0)}
        axes.annotate(_told(row), (1.0, at), **place, va="center", fontsize=9, color=INK)
    axes.set_yticks(range(len(rows)), [plain(row.label, 34) for row in rows])
    axes.set_ylim(-0.6, max(1, len(rows)) - 0.4)
    low = min((row.score.low for row in rows if row.score), default=0.0)
    axes.set_xlim(max(0.0, low - 0.05), 1.02)
    percent(axes.xaxis)
    axes.set_title("score")
    grid(axes, "x")


def _told(row: Row) -> str:
    """A row's score, and what its gain is worth."""
    assert row.score
    if row.gain is None:
        return f"{row.score.mean:.1%}"
    p = row.gain.p_value if row.gain.p_adjusted is None else row.gain.p_adjusted
    mark = {"better": "▲", "worse": "▼"}.get(row.gain.verdict, "≈")
    return f"{row.score.mean:.1%}   {mark} {row.gain.difference.mean * 100:+z.1f}, p = {p:.2g}"


def _measures(rows: Sequence[Row]) -> list[tuple[str, list[float | None]]]:
    """Further panels: each metric, if there are several, and each judge."""
    metrics = list(dict.fromkeys(name for row in rows for name in row.metrics))
    judges = list(dict.fromkeys(name for row in rows for name in row.judges))
    shown = metrics[:_MOST_METRICS] if len(metrics) > 1 else []
    panels = [(name, [row.metrics.get(name) for row in rows]) for name in shown]
    return panels + [
        (f"judge {name}", [row.judges.get(name) for row in rows]) for name in judges[:_MOST_JUDGES]
    ]


def _dots(
    axes: Any, name: str, rows: Sequence[Row], values: Sequence[float | None], board: Scoreboard
) -> None:
    colours = palette([row.label for row in board.rows], NONE)
    for at, (row, value) in enumerate(zip(rows, values, strict=True)):
        if value is None:
            axes.text(0.5, at, "–", ha="center", va="center", color=FAINT)
        else:
            colour, mark = colours[row.label]
            axes.plot([0, value], [at, at], color=GRID, linewidth=2, zorder=1)
            axes.plot(value, at, marker=mark, markersize=7, color=colour, zorder=2)
            axes.annotate(
                f"{value:.0%}",
                (value, at),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
    axes.set_xlim(-0.06, 1.12)
    axes.set_xticks([0, 0.5, 1])
    percent(axes.xaxis)
    axes.set_title(plain(name, 18))
    grid(axes, "x")


def _datasets(axes: Any, rows: Sequence[Row], board: Scoreboard, datasets: Sequence[str]) -> None:
    """A cell for each optimizer and dataset, coloured by its score; bold: a gain that is more than luck."""
    found = {(row.label, row.dataset): row for row in board.rows}
    axes.set_xlim(-0.5, len(datasets) - 0.5)
    for at, row in enumerate(rows):
        for column, dataset in enumerate(datasets):
            one = found.get((row.label, dataset))
            if one is None or one.score is None:
                axes.text(column, at, "–", ha="center", va="center", color=FAINT)
                continue
            value = one.score.mean
            axes.add_patch(_square(column, at, value))
            sure = one.gain is not None and one.gain.verdict != "not distinguishable"
            axes.text(
                column,
                at,
                f"{value * 100:.0f}",
                ha="center",
                va="center",
                fontsize=9,
                weight="bold" if sure else "normal",
                color="white" if value > 0.62 else INK,
            )
    names = [plain(name, 22) for name in datasets]
    axes.set_xticks(range(len(datasets)), names, rotation=32, ha="right", rotation_mode="anchor", fontsize=9)
    axes.set_title("by dataset, in %; bold: a sure gain or loss")
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _square(column: int, at: int, value: float) -> Any:
    from importlib import import_module

    patches: Any = import_module("matplotlib.patches")
    colours: Any = import_module("matplotlib").colormaps["Blues"]
    return patches.Rectangle((column - 0.47, at - 0.45), 0.94, 0.9, facecolor=colours(0.12 + 0.8 * value))
