"""Money in words, with as many digits as ranges of assumptions deserve."""

import math

FIGURES = 2
"""Significant digits: more would claim a precision that assumptions have not."""


def rounded(value: float) -> float:
    """A number with two significant digits."""
    if not value or not math.isfinite(value):
        return value
    return round(value, min(12, FIGURES - 1 - math.floor(math.log10(abs(value)))))


def usd(value: float) -> str:
    """``$1,200``, ``−$1,200``; cents below ten dollars."""
    short = rounded(value)
    sign = "−" if short < 0 else ""
    return f"{sign}${abs(short):,.0f}" if abs(short) >= 10 or not short else f"{sign}${abs(short):,.2g}"
