"""Where ranges lie when they are drawn: places from 0 to 1 on one common scale."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptopt.reporting.business.views import Bar, Score, Span

_EDGE = 0.02
"""Room at either end."""


@dataclass(frozen=True)
class Drawn:
    """Places of a range: its ends and the middle, from 0 (left) to 1."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Scale:
    """A picture: a range for each row, the place of the reference line, and the values at both edges."""

    rows: Sequence[Drawn]
    line: float | None
    least: float
    most: float


def span_scale(spans: Sequence[Span]) -> Scale:
    """Money ranges around 0."""
    return _scale([(one.low, one.middle, one.high) for one in spans], 0.0)


def tornado_scale(bars: Sequence[Bar], base: float) -> Scale:
    """Net present values at both ends of each quantity; the line is that at the likeliest values."""
    return _scale([(one.at_low, base, one.at_high) for one in bars], base)


def score_scale(scores: Sequence[Score]) -> Scale:
    """Scores with their intervals; the line is today's prompt."""
    start = next((one.mean for one in scores if one.baseline), None)
    return _scale([(one.low, one.mean, one.high) for one in scores], start)


def _scale(rows: Sequence[tuple[float, float, float]], line: float | None) -> Scale:
    values = [value for row in rows for value in row] + ([] if line is None else [line])
    least, most = min(values, default=0.0), max(values, default=1.0)
    width = (most - least) or 1.0

    def at(value: float) -> float:
        return round(_EDGE + (value - least) / width * (1 - 2 * _EDGE), 4)

    drawn = [Drawn(at(low), at(middle), at(high)) for low, middle, high in rows]
    return Scale(drawn, None if line is None else at(line), least, most)
