"""The course of the score as a picture: where its points, its line and its band lie."""

from collections.abc import Callable
from dataclasses import dataclass

from promptopt.domain import figures as fm
from promptopt.domain.text import one_line
from promptopt.runs.standings import Candidate
from promptopt.runs.state import RunState

WIDTH, HEIGHT = 480, 170
"""Units of the picture."""

LEFT, RIGHT, TOP, BOTTOM = 44, 10, 8, 22
"""Room around the plot: its axes stand there."""

MOST_POINTS = 60
"""Candidates that are drawn: the first, and the newest."""


@dataclass(frozen=True)
class Point:
    """A candidate: its place, the ends of its interval, its source, and what is said of it."""

    x: float
    y: float
    top: float
    bottom: float
    source: str
    rejected: bool
    best: bool
    said: str


@dataclass(frozen=True)
class Course:
    """The picture's parts.

    Attributes:
        best: points of the line of the best score so far, and ``band`` of the area of its interval, as SVG
            has them.
        ticks: of the upright axis: place and words.
        said: the whole in one sentence.
    """

    points: tuple[Point, ...]
    best: str
    band: str
    ticks: tuple[tuple[float, str], ...]
    left_out: int
    said: str
    width: int
    height: int
    left: int = LEFT


def course_of(
    state: RunState, *, width: int = WIDTH, height: int = HEIGHT, most: int = MOST_POINTS
) -> Course | None:
    """The course of a run's validation scores; None as long as there is none.

    Args:
        width, height: of the picture.
        most: candidates that are drawn.
    """
    scored = state.course()
    if not scored:
        return None
    shown = scored if len(scored) <= most else [scored[0], *scored[1 - most :]]
    low, high = _range(shown)
    step = (width - LEFT - RIGHT) / max(1, len(shown))

    def y(value: float) -> float:
        return round(TOP + (high - value) / (high - low) * (height - TOP - BOTTOM), 1)

    leaders = _leaders(scored)
    points: list[Point] = []
    line: list[str] = []
    upper: list[str] = []
    lower: list[str] = []
    for place, candidate in enumerate(shown):
        begin, x = LEFT + step * place, round(LEFT + step * (place + 0.5), 1)
        points.append(_point(state, candidate, x, y))
        leader = leaders.get(candidate.id)
        if leader is None or leader.validation is None:
            continue
        for at in (round(begin, 1), round(begin + step, 1)):
            line.append(f"{at},{y(leader.validation.mean)}")
            upper.append(f"{at},{y(leader.validation.high)}")
            lower.append(f"{at},{y(leader.validation.low)}")
    ticks = tuple((y(value), f"{value:.0%}") for value in (low, (low + high) / 2, high))
    left_out = len(scored) - len(shown)
    band = " ".join([*upper, *lower[::-1]])
    said = _said(state, scored)
    return Course(tuple(points), " ".join(line), band, ticks, left_out, said, width, height)


def _range(shown: list[Candidate]) -> tuple[float, float]:
    """From a little under the lowest interval to a little above the highest, in tenths."""
    bounds = [(c.validation.low, c.validation.high) for c in shown if c.validation]
    low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    low, high = max(0.0, int(low * 10) / 10), min(1.0, -int(-high * 10 - 0.999) / 10)
    return (low, high) if high - low >= 0.1 else (max(0.0, high - 0.1), max(0.1, high))


def _leaders(scored: list[Candidate]) -> dict[str, Candidate]:
    """After each candidate the best so far of what could win."""
    best: Candidate | None = None
    found: dict[str, Candidate] = {}
    for candidate in scored:
        counts = candidate.accepted or candidate.source == "seed"
        mean = candidate.validation.mean if candidate.validation else 0.0
        if counts and (best is None or best.validation is None or mean >= best.validation.mean):
            best = candidate
        if best is not None:
            found[candidate.id] = best
    return found


def _point(state: RunState, candidate: Candidate, x: float, y: Callable[[float], float]) -> Point:
    score = candidate.validation
    assert score
    judged = {True: ", accepted", False: ", rejected", None: ""}[candidate.accepted]
    return Point(
        x=x,
        y=y(score.mean),
        top=y(score.high),
        bottom=y(score.low),
        source=candidate.source,
        rejected=candidate.accepted is False,
        best=candidate.id == state.best_id,
        said=f"{one_line(candidate.name, 40)}: {fm.interval(score)}{judged}",
    )


def _said(state: RunState, scored: list[Candidate]) -> str:
    first, best = scored[0], state.candidates.get(state.best_id)
    ends = f"from {fm.interval(first.validation)}"
    if best and best.validation and best is not first:
        ends += f" to {fm.interval(best.validation)} ({one_line(best.name, 40)})"
    simulated = ", simulated" if state.simulated else ""
    return f"validation score of {fm.plural(len(scored), 'candidate')}, {ends}{simulated}"
