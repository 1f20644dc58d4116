"""Numbers and states in words, the same wherever they are shown: in a terminal, a cell, a report."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptopt.domain.results import Comparison, Interval

Look = tuple[str, str, str]
"""Glyph, word and style: a state is never told by its colour alone."""

STATUS: dict[str, Look] = {
    "created": ("○", "starting", "muted"),
    "running": ("●", "running", "accent"),
    "paused": ("‖", "paused", "warn"),
    "finished": ("✓", "finished", "good"),
    "stopped": ("■", "stopped", "warn"),
    "failed": ("✗", "failed", "bad"),
    "interrupted": ("!", "interrupted", "bad"),
}

VERDICTS: dict[str, Look] = {
    "better": ("▲", "better", "good"),
    "worse": ("▼", "worse", "bad"),
    "not distinguishable": ("≈", "not distinguishable", "warn"),
}

WATCHES: dict[str, Look] = {
    "holds": ("✓", "holds", "good"),
    "has fallen": ("▼", "has fallen", "bad"),
    "can't tell": ("?", "can't tell", "warn"),
}
"""What watching a prompt in use has found."""

SOURCES: dict[str, Look] = {
    "seed": ("○", "seed", "muted"),
    "optimizer": ("●", "optimizer", "accent"),
    "human": ("◆", "you", "human"),
}

STOP_REASONS = {
    "all_pass": "every case passes",
    "max_iterations": "the most iterations that were asked for",
    "plateau": "no more progress",
    "budget": "the budget is used up",
    "user": "stopped by a person",
    "error": "an error",
    "scored": "the prompt is scored",
    "played": "the tournament is over",
    "generated": "the cases are made",
}

UNITS = {"usd": "USD", "calls": "calls", "tokens": "tokens", "minutes": "minutes"}


def status_look(status: str) -> Look:
    """How a run's status looks; an unknown one is shown as it is."""
    return STATUS.get(status, ("?", status, "muted"))


def percent(value: float | None) -> str:
    """A share in [0, 1] as ``83.3%``; ``–`` if there is none."""
    return "–" if value is None else f"{value * 100:.1f}%"


def points(value: float) -> str:
    """A difference of shares, in percentage points: ``+4.2``."""
    return f"{value * 100:+z.1f}"


def interval(score: Interval | None) -> str:
    """``83.3% [71.0, 92.4]``, ``100% [88.6, 100]``: at most 18 cells for a share."""
    if score is None or not score.n:
        return "–"
    mean, low, high = (_digits(value) for value in (score.mean, score.low, score.high))
    return f"{mean}% [{low}, {high}]"


def _digits(value: float) -> str:
    shown = f"{value * 100:.1f}"
    return "100" if shown == "100.0" else shown


def gap(comparison: Comparison) -> str:
    """``+12.5 points [+3.1, +21.9]``, the difference of a comparison with its 95 % interval."""
    difference = comparison.difference
    doubt = f", {comparison.doubt}" if comparison.doubt else ""
    return f"{points(difference.mean)} points [{points(difference.low)}, {points(difference.high)}]{doubt}"


def usd(value: float | None) -> str:
    """Money: ``$0.0042``, ``$1.25``, or ``unknown``; an unknown price is never zero."""
    if value is None:
        return "unknown"
    if value == 0 or value >= 0.1:
        return f"${value:,.2f}"
    return f"${value:.4f}" if value >= 0.0001 else "<$0.0001"


def count(value: float) -> str:
    """``950``, ``12.4k``, ``3.1M``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):.1f}{unit}"
    return f"{value:,.0f}"


def amount(meter: str, value: float) -> str:
    """An amount of a budget (``usd``, ``target_calls`` …) with its unit."""
    unit = meter.rpartition("_")[2]
    if unit == "usd":
        return usd(value)
    if unit == "minutes":
        return clock(value * 60)
    return count(value)


def clock(seconds: float) -> str:
    """A duration as ``04:31``, ``2:04:31`` or ``3d 04h``."""
    whole = max(0, int(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    if days:
        return f"{days}d {hours:02}h"
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"


def time_of_day(at: float) -> str:
    """The local clock's time, as ``14:03:07``; ``at`` is seconds since the epoch."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def date(at: float) -> str:
    """The local date, as ``2026-03-31``."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def age(seconds: float) -> str:
    """How long ago: ``now``, ``42 s``, ``5 min``, ``3 h``, ``2 d``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s" if seconds >= 5 else "now"


def plural(number: int, one: str, many: str = "") -> str:
    """``1 case``, ``3 cases``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
