"""Effect sizes of paired scores: how large a difference is, beside how sure it is.

All are of the second against the first: positive if the second scores higher. Pure Python.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from promptopt.domain.results import Effect

_SLACK = 1e-12

_BOUNDS: dict[Effect, tuple[float, float, float]] = {
    "cohens_h": (0.2, 0.5, 0.8),
    "cohens_dz": (0.2, 0.5, 0.8),
    "cliffs_delta": (0.147, 0.33, 0.474),
}
"""From where an effect is small, medium, large: Cohen 1988; for Cliff's delta Romano et al. 2006."""


def effect_size(effect: Effect, value: float) -> str:
    """What a value is called: ``negligible``, ``small``, ``medium`` or ``large``. Conventions, not facts."""
    words = ("negligible", "small", "medium", "large")
    return words[sum(abs(value) >= bound for bound in _BOUNDS[effect])]


def cohens_h(first: float, second: float) -> float:
    """Difference of two shares in [0, 1] on the arcsine scale, in [-pi, pi] (Cohen 1988, chapter 6)."""
    return 2 * math.asin(math.sqrt(second)) - 2 * math.asin(math.sqrt(first))


def cohens_dz(gaps: Sequence[float], shares: Sequence[float]) -> float | None:
    """Mean of paired differences over their standard deviation; None if they do not vary.

    Args:
        gaps: second score less first.
        shares: weight of each, summing to 1.
    """
    n = len(gaps)
    if n < 2:
        return None
    mean = math.fsum(share * gap for share, gap in zip(shares, gaps, strict=True))
    spread = math.fsum(share * (gap - mean) ** 2 for share, gap in zip(shares, gaps, strict=True))
    if spread <= _SLACK * _SLACK:
        return None
    return mean / math.sqrt(spread * n / (n - 1))


def cliffs_delta(first: Sequence[float], second: Sequence[float], shares: Sequence[float]) -> float:
    """Chance that a score of the second beats one of the first, less the opposite chance; in [-1, 1].

    It looks at the two sets of scores and not at the pairs (Cliff 1993).

    Args:
        first: scores.
        second: scores of the same cases.
        shares: weight of each case, summing to 1.
    """
    ranked = sorted(zip(first, shares, strict=True))
    scores = [score for score, _ in ranked]
    below = [0.0, *accumulate(share for _, share in ranked)]
    delta = math.fsum(
        share * (below[bisect_left(scores, score)] - (below[-1] - below[bisect_right(scores, score)]))
        for score, share in zip(second, shares, strict=True)
    )
    return min(1.0, max(-1.0, delta))
