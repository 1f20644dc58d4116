"""The history of a deployment as one page: scores over time beside the test, and the running sum."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from promptopt.domain.figures import WATCHES, percent, usd
from promptopt.enterprise.deployment.pages import page
from promptopt.enterprise.deployment.recording import Deployment
from promptopt.enterprise.monitoring.looks import Look
from promptopt.enterprise.subject import SIMULATED
from promptopt.evaluation.falls import ALARM, MARGIN

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 230, 46, 34, 12
SUM_HEIGHT = 110
MOST = 60
"""Looks that are drawn, the newest."""

LOOKS: Mapping[str, tuple[str, str]] = {
    verdict: (glyph, style) for verdict, (glyph, _, style) in WATCHES.items()
}
"""Glyph and style of each verdict: it is never told by its colour alone."""


def dashboard(deployment: Deployment, looks: Sequence[Look]) -> str:
    """The page; it loads nothing and runs no script."""
    drawn = looks[-MOST:]
    return page(
        "dashboard.html.j2",
        deployment=deployment,
        since=_day(deployment.row.created_at),
        made=time.strftime("%Y-%m-%d %H:%M", time.localtime()),
        last=looks[-1] if looks else None,
        style=LOOKS,
        scores=_scores(deployment, drawn) if drawn else None,
        sums=_sums(drawn) if len(drawn) > 1 else None,
        rows=[_row(look) for look in reversed(looks)],
        simulated=SIMULATED,
    )


def _row(look: Look) -> dict[str, Any]:
    return {
        "look": look,
        "day": _day(look.at),
        "glyph": LOOKS[look.verdict],
        "fall": f"{-look.fall.fall * 100:+z.1f}",
        "bounds": f"{-look.fall.high * 100:+z.1f}, {-look.fall.low * 100:+z.1f}",
        "categories": ", ".join(f"{count}× {name}" for name, count in look.categories.items()),
        "cost": usd(look.usd),
    }


def _scores(deployment: Deployment, looks: Sequence[Look]) -> dict[str, Any]:
    """Points and whiskers of the looks, over the band of the test and the line of the margin."""
    figure = deployment.figure
    margin = looks[-1].fall.margin if looks else MARGIN
    low = max(0.0, min(figure.low, figure.score - margin, *(look.low for look in looks)) - 0.03)
    high = min(1.0, max(figure.high, *(look.high for look in looks)) + 0.03)
    step = (WIDTH - LEFT) / len(looks)

    def y(value: float) -> float:
        return round(TOP + (high - value) / (high - low) * (HEIGHT - BOTTOM - TOP), 1)

    points = [
        {
            "x": round(LEFT + step * (place + 0.5), 1),
            "y": y(look.score),
            "top": y(look.high),
            "bottom": y(look.low),
            "style": LOOKS[look.verdict][1],
            "day": _day(look.at)[5:] if _labelled(place, len(looks)) else "",
            "said": f"{_day(look.at)}: {percent(look.score)} [{percent(look.low)}, {percent(look.high)}], "
            f"{look.cases} cases, {look.verdict}",
        }
        for place, look in enumerate(looks)
    ]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "points": points,
        "line": " ".join(f"{point['x']},{point['y']}" for point in points),
        "ticks": [(y(value), f"{value * 100:.0f}%") for value in (low, (low + high) / 2, high)],
        "band": (y(figure.high), round(y(figure.low) - y(figure.high), 1)),
        "test": y(figure.score),
        "margin": y(max(low, figure.score - margin)),
    }


def _sums(looks: Sequence[Look]) -> dict[str, Any]:
    """The course of the running sum, and the height of an alarm."""
    top = max(ALARM * 1.15, *(look.height for look in looks))
    step = (WIDTH - LEFT) / len(looks)

    def y(value: float) -> float:
        return round(8 + (top - value) / top * (SUM_HEIGHT - 16), 1)

    points = [(round(LEFT + step * (place + 0.5), 1), y(look.height)) for place, look in enumerate(looks)]
    return {
        "width": WIDTH,
        "height": SUM_HEIGHT,
        "left": LEFT,
        "line": " ".join(f"{x},{at}" for x, at in points),
        "points": points,
        "alarm": y(ALARM),
        "zero": y(0.0),
        "last": f"{looks[-1].height:.1f}",
        "limit": f"{ALARM:.1f}",
    }


def _labelled(place: int, count: int) -> bool:
    every = max(1, -(-count // 10))
    return (count - 1 - place) % every == 0


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at))
