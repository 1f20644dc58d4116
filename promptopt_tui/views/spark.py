"""A course of figures in one line."""

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float], width: int) -> str:
    """Bars for ``values`` between the lowest and the highest, at most ``width`` cells.

    The last value is the last bar. A course that never moved is a line of low bars.
    """
    if not values or width <= 0:
        return ""
    shown = list(values)
    if len(shown) > width:
        # Of each stretch its last value: where the course stood at its end.
        shown = [shown[(place + 1) * len(shown) // width - 1] for place in range(width)]
    low, high = min(values), max(values)
    if high <= low:
        return BARS[0] * len(shown)
    steps = len(BARS) - 1
    return "".join(BARS[round((value - low) / (high - low) * steps)] for value in shown)
