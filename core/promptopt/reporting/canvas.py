"""What all pictures share: colours, a figure, the mark of simulated figures, and writing files.

Figures are made without pyplot, so that none is global, any thread may draw, and no window is ever opened.
"""

import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from promptopt.domain.errors import RunError
from promptopt.domain.text import one_line

Figure = Any
"""A ``matplotlib.figure.Figure``: matplotlib need not be installed to import this."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#8C6D31")
"""Okabe and Ito's, which the colour-blind tell apart; without the yellow, which nobody sees on white."""

MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")

INK, FAINT, GRID, BASELINE, ALARM = "#222222", "#777777", "#DDDDDD", "#8A8A8A", "#B00020"

SIMULATED = "SIMULATED: says nothing about a real model"

FORMATS = ("png", "svg")

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": "#999999",
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "promptopt",
}


def require_matplotlib() -> None:
    """Raise RunError, with the way to mend it, if there is no matplotlib."""
    if find_spec("matplotlib") is None:
        raise RunError("pictures need the package matplotlib", fix="pip install 'promptopt[reports]'")


@contextmanager
def style() -> Generator[None]:
    """How everything looks that is drawn inside."""
    require_matplotlib()
    matplotlib: Any = import_module("matplotlib")
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that no installed font has
        yield


def figure(width: float, height: float, title: str, *, simulated: bool, subtitle: str = "") -> Figure:
    """An empty figure with its title, in inches."""
    made: Figure = import_module("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")
    made.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.62 / height), w_pad=0.08, h_pad=0.08)
    made.text(0.012, 1 - 0.1 / height, plain(title, 90), fontsize=13, weight="bold", va="top", color=INK)
    made.text(0.012, 1 - 0.38 / height, plain(subtitle, 160), fontsize=9, va="top", color=FAINT)
    if simulated:
        made.text(
            0.988,
            1 - 0.12 / height,
            SIMULATED,
            fontsize=8.5,
            weight="bold",
            va="top",
            ha="right",
            color="white",
            bbox={"boxstyle": "round,pad=0.35", "facecolor": ALARM, "edgecolor": "none"},
        )
    return made


def palette(labels: Sequence[str], baseline: str = "") -> Mapping[str, tuple[str, str]]:
    """Label to colour and mark, the same in every picture; the baseline is grey."""
    others = [label for label in dict.fromkeys(labels) if label != baseline]
    found = {
        label: (COLOURS[at % len(COLOURS)], MARKS[(at // len(COLOURS) + at) % len(MARKS)])
        for at, label in enumerate(others)
    }
    return {**found, baseline: (BASELINE, "o")}


def plain(text: str, limit: int = 60) -> str:
    """Text of people that is drawn as it is: no formula, one line."""
    return one_line(text, limit).replace("\\", "\\\\").replace("$", r"\$")


def percent(axis: Any) -> None:
    """Let an axis of shares show percent."""
    ticker: Any = import_module("matplotlib.ticker")
    axis.set_major_formatter(ticker.PercentFormatter(xmax=1.0, decimals=0))


def grid(axes: Any, which: str) -> None:
    axes.grid(axis=which, color=GRID, linewidth=0.8)
    axes.tick_params(length=0)


def save(made: Figure, folder: Path, name: str, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a figure as files; returns their paths.

    Raises:
        RunError: the folder can't be written.
    """
    paths = [folder / f"{name}.{form}" for form in formats]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with style():
            for path in paths:
                made.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise RunError(f"the pictures can't be written: {error.strerror}", where=str(folder)) from error
    return paths
