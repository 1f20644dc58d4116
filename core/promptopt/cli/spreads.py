"""A forecast for people."""

from collections.abc import Callable
from typing import Any

Figures = dict[str, Any]
"""``low``, ``likely`` and ``high``, as in the JSON; None where nobody can say."""


def in_short(forecast: Figures) -> str:
    """What was expected, on one line: ``450 calls (126 to 1,400), $0.10 ($0.02 to $0.31)``."""
    cost = forecast["cost_usd"]
    said = [f"{around(forecast['calls'], count)} calls", f"{around(forecast['tokens'], count)} tokens"]
    return ", ".join([*said, around(cost, usd) if cost else "cost unknown"])


def likely(forecast: Figures) -> str:
    """What was likely, on one line: ``450 calls, 30,100 tokens, $0.10``."""
    cost = forecast["cost_usd"]
    said = [f"{_likely(forecast['calls'], count)} calls", f"{_likely(forecast['tokens'], count)} tokens"]
    return ", ".join([*said, _likely(cost, usd) if cost else "cost unknown"])


def _likely(figures: Figures, shown: Callable[[float], str]) -> str:
    if figures["likely"] is None:
        return f"at least {shown(figures['low'])}"
    return shown(figures["likely"])


def around(figures: Figures, shown: Callable[[float], str]) -> str:
    """The likely figure, and in brackets the least and the most."""
    low, likely, high = (figures[name] for name in ("low", "likely", "high"))
    if low == likely == high:
        return shown(low)
    if likely is None:
        return f"at least {shown(low)}"
    return (
        f"{shown(likely)} ({shown(low)} to {shown(high)})" if high is not None else f"{shown(likely)} or more"
    )


def count(value: float) -> str:
    """A number of things."""
    return f"{round(value):,}"


def usd(value: float) -> str:
    """An amount of money; small ones with the digits that tell them from nothing."""
    if 0 < value < 0.0001:
        return "<$0.0001"
    return f"${value:,.2f}" if value >= 10 else f"${value:.4f}"


def duration(seconds: float) -> str:
    """Running time, roughly."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
