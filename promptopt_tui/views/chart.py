"""The course of the score: candidates from left to right, each with its interval, over the best so far."""

from collections.abc import Sequence

from promptopt.runs.standings import Candidate
from promptopt_tui.formatting import SOURCES
from promptopt_tui.paint import Line

_AXIS = 5


def course(candidates: Sequence[Candidate], width: int, height: int, current_id: str = "") -> list[Line]:
    """A chart of validation scores, ``height`` lines high.

    The seed is always there; of the others the newest that fit.
    """
    scored = [c for c in candidates if c.validation]
    if not scored or height < 3 or width < _AXIS + 4:
        return []
    room = width - _AXIS - 1
    step = max(1, min(6, room // max(1, len(scored))))
    fitting = max(1, room // step)
    shown = scored if len(scored) <= fitting else [scored[0], *scored[len(scored) - fitting + 1 :]]
    low, high = _range(shown)
    grid: list[list[tuple[str, str]]] = [[(" ", "")] * room for _ in range(height)]
    _band(grid, shown, step, (low, high))
    for place, candidate in enumerate(shown):
        score = candidate.validation
        assert score
        x = _x(place, step)
        top, bottom = _row(score.high, low, high, height), _row(score.low, low, high, height)
        for y in range(top, bottom + 1):
            grid[y][x] = ("│", "border")
        glyph, _, style = SOURCES[candidate.source]
        if candidate.accepted is False:
            style = "muted"
        if candidate.id == current_id:
            style = "good-bold" if candidate.source != "human" else "human"
        grid[_row(score.mean, low, high, height)][x] = (glyph, style)
    labels = {0: high, height - 1: low}
    if height >= 7:
        labels[(height - 1) // 2] = high - (high - low) * ((height - 1) // 2) / (height - 1)
    lines: list[Line] = []
    for y, cells in enumerate(grid):
        label = f"{labels[y] * 100:4.0f}%" if y in labels else " " * _AXIS
        lines.append([(label, "muted"), ("┤" if y in labels else "│", "border"), *cells])
    return lines


def _band(
    grid: list[list[tuple[str, str]]],
    shown: Sequence[Candidate],
    step: int,
    scale: tuple[float, float],
) -> None:
    """Under the points: the interval of the best one so far, from each candidate on to the next."""
    best: Candidate | None = None
    height = len(grid)
    for place, candidate in enumerate(shown):
        score = candidate.validation
        assert score
        taken = candidate.accepted or candidate.source == "seed"
        if taken and (best is None or best.validation is None or score.mean > best.validation.mean):
            best = candidate
        if best is None or best.validation is None:
            continue
        top, bottom = (_row(value, *scale, height) for value in (best.validation.high, best.validation.low))
        middle = _row(best.validation.mean, *scale, height)
        end = _x(place + 1, step) if place + 1 < len(shown) else _x(place, step) + 1
        for x in range(_x(place, step), min(end, len(grid[0]))):
            for y in range(top, bottom + 1):
                grid[y][x] = ("─", "good") if y == middle else ("░", "track")


def _x(place: int, step: int) -> int:
    return place * step + min(1, step - 1)


def _range(shown: Sequence[Candidate]) -> tuple[float, float]:
    """The scale: from below the lowest whisker to above the highest, in steps of ten points."""
    lows = [c.validation.low for c in shown if c.validation]
    highs = [c.validation.high for c in shown if c.validation]
    low, high = int(min(lows) * 10) / 10, min(1.0, -(-max(highs) * 10 // 1) / 10)
    return (low, high) if high - low >= 0.2 else (max(0.0, high - 0.2), max(0.2, high))


def _row(value: float, low: float, high: float, height: int) -> int:
    share = (value - low) / (high - low)
    return max(0, min(height - 1, round((1 - share) * (height - 1))))
