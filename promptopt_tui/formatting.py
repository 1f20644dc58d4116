"""Numbers and states in words, as every face has them, and bars of characters."""

from promptopt.domain.figures import (
    SOURCES,
    STATUS,
    STOP_REASONS,
    UNITS,
    VERDICTS,
    WATCHES,
    Look,
    age,
    amount,
    clock,
    count,
    date,
    gap,
    interval,
    percent,
    plural,
    points,
    status_look,
    time_of_day,
    usd,
)

__all__ = [
    "SOURCES",
    "STATUS",
    "STOP_REASONS",
    "UNITS",
    "VERDICTS",
    "WATCHES",
    "Look",
    "age",
    "amount",
    "bar",
    "clock",
    "count",
    "date",
    "gap",
    "interval",
    "percent",
    "plural",
    "points",
    "status_look",
    "time_of_day",
    "usd",
]


def bar(width: int, *parts: tuple[float, str, str]) -> list[tuple[str, str]]:
    """A bar of ``width`` cells. Each part is a share of the whole in [0, 1], a glyph and a style.

    Any share above zero gets at least one cell while there is room; the rest is an empty track.
    """
    spans: list[tuple[str, str]] = []
    room, end, drawn = width, 0.0, 0
    for share, glyph, style in parts:
        if share <= 0 or room <= 0:
            continue
        end = min(1.0, end + share)
        cells = min(room, max(1, round(end * width) - drawn))
        spans.append((glyph * cells, style))
        drawn += cells
        room -= cells
    return [*spans, ("─" * room, "track")] if room else spans
