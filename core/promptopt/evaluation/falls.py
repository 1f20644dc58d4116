"""Whether a prompt in use has fallen below its test figure: fresh cases against those that it was tested on.

The two sets of cases have nothing in common, so this is a comparison of two independent means. Deterministic.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from promptopt.domain.results import Interval
from promptopt.evaluation.statistics import interval

Watch = Literal["holds", "has fallen", "can't tell"]
"""What watching a prompt says of it."""

LEVEL = 0.05
"""Chance of each one-sided test to be wrong if the true fall is exactly the margin."""

POWER = 0.8

MARGIN = 0.05
"""Fall, as a share of 1, that does not matter."""

FALSE_ALARM_IN = 200
"""Looks after which the running sum cries wolf once on average, at the soonest."""

ALARM = math.log(FALSE_ALARM_IN)
"""Height of the running sum that is an alarm."""

_NORMAL = NormalDist()
_HALVINGS = 30


@dataclass(frozen=True)
class Scores:
    """Scores in [0, 1] of a set of cases, and the cases' weights (none: equal ones)."""

    scores: Sequence[float]
    weights: Sequence[float] | None = None

    @property
    def n(self) -> int:
        return len(self.scores)

    @property
    def mean(self) -> float:
        return interval(self.scores, self.weights).mean

    @property
    def pass_fail(self) -> bool:
        return all(score in (0, 1) for score in self.scores)

    def within(self, confidence: float) -> Interval:
        """The mean with its interval."""
        return interval(self.scores, self.weights, confidence)


@dataclass(frozen=True)
class Fall:
    """How far fresh cases score below those of the test; negative if they score higher.

    Attributes:
        fall: difference of the two means.
        low, high: the fall is at least ``low``, and it is at most ``high``, with 95 % confidence each.
        margin: fall that does not matter.
        p_value: one-sided, that the fall is beyond the margin by luck alone.
        p_holds: one-sided, that it is within the margin by luck alone.
        detectable: true fall that so many cases show in four of five times; None if none can be shown.
        cases_to_hold: fresh cases that show in four of five times that a prompt which has not fallen holds;
            None if no number can, for the test itself had too few.
    """

    fall: float
    low: float
    high: float
    margin: float
    p_value: float
    p_holds: float
    detectable: float | None
    cases_to_hold: int | None

    @property
    def verdict(self) -> Watch:
        if self.low > self.margin:
            return "has fallen"
        return "holds" if self.high < self.margin else "can't tell"


def fall_between(then: Scores, now: Scores, margin: float = MARGIN) -> Fall:
    """Compare fresh scores with those of the test, as one-sided tests against a margin in both directions.

    Bounds are made of the two means' own intervals by the method of variance estimates recovery (Zou and
    Donner 2008, Statistics in Medicine 27:1693), which for pass/fail scores is Newcombe's hybrid score
    interval (Newcombe 1998, ibid. 17:873, method 10). P-values are the levels at which the bounds meet the
    margin. What can be shown is told for a power of 80 %, by the normal approximation.

    Args:
        then, now: scores of the test and of the fresh cases, at least one each.
        margin: in [0, 1).
    """
    low, high = _bounds(then, now, 1 - 2 * LEVEL)
    fall = then.mean - now.mean
    return Fall(
        fall=fall,
        low=low,
        high=high,
        margin=margin,
        p_value=_level(then, now, margin, lower=True),
        p_holds=_level(then, now, margin, lower=False),
        detectable=detectable_fall(then, now.n, margin),
        cases_to_hold=cases_to_hold(then, margin),
    )


def detectable_fall(then: Scores, n: int, margin: float = MARGIN) -> float | None:
    """The true fall that ``n`` fresh cases show to be beyond the margin with 80 % power; None if none."""
    if not n or not then.n:
        return None
    reach = _NORMAL.inv_cdf(1 - LEVEL) + _NORMAL.inv_cdf(POWER)
    variance, fall = _variance_after(then), margin
    for _ in range(50):
        fall = margin + reach * math.sqrt(variance(0.0) / then.n + variance(fall) / n)
    return fall if fall < then.mean else None


def cases_to_hold(then: Scores, margin: float = MARGIN) -> int | None:
    """Fresh cases that show with 80 % power that a prompt which has not fallen is within the margin."""
    if not then.n or margin <= 0:
        return None
    reach = _NORMAL.inv_cdf(1 - LEVEL) + _NORMAL.inv_cdf(POWER)
    variance = _variance_after(then)(0.0)
    left = (margin / reach) ** 2 - variance / then.n
    return math.ceil(variance / left) if left > 0 else None


def running_sums(low: float, looks: Sequence[tuple[float, int]], shift: float = MARGIN) -> list[float]:
    """Page's cumulative sums of the evidence that a score has fallen below ``low``, one for each look.

    The sum goes up by the log-likelihood ratio of a score that is ``shift`` below ``low`` against one at
    ``low``, and never below 0 (Page 1954, Biometrika 41:100; for outcomes of unequal numbers Steiner et al.
    2000, Biostatistics 1:441). An alarm is a sum of :data:`ALARM` or more: as long as the true score is not
    below ``low``, one comes once in 200 looks at the soonest, on average (Lorden 1971, Annals of Mathematical
    Statistics 42:1897). For scores between 0 and 1 this bound holds as well: the ratio's mean is at most 1.

    Args:
        low: lower bound of the test figure, so that luck in the test itself is no alarm.
        looks: mean score and number of cases, oldest first.
    """
    start = min(max(low, 1e-3), 1 - 1e-3)
    fallen = max(start - shift, start / 2)
    up, down = math.log((1 - fallen) / (1 - start)), math.log(fallen / start)
    sums: list[float] = []
    height = 0.0
    for mean, n in looks:
        height = max(0.0, height + n * (mean * down + (1 - mean) * up))
        sums.append(height)
    return sums


def _bounds(then: Scores, now: Scores, confidence: float) -> tuple[float, float]:
    first, second = then.within(confidence), now.within(confidence)
    fall = first.mean - second.mean
    below = math.hypot(first.mean - first.low, second.high - second.mean)
    above = math.hypot(first.high - first.mean, second.mean - second.low)
    return max(-1.0, fall - below), min(1.0, fall + above)


def _level(then: Scores, now: Scores, margin: float, *, lower: bool) -> float:
    """The one-sided level at which the lower (or upper) bound of the fall meets the margin."""

    def beyond(level: float, lower: bool) -> bool:
        low, high = _bounds(then, now, 1 - 2 * level)
        return low > margin if lower else high < margin

    against = not lower if (then.mean - now.mean > margin) != lower else lower
    few, many = 0.0, 0.5
    for _ in range(_HALVINGS):
        middle = (few + many) / 2
        if beyond(middle, against):
            many = middle
        else:
            few = middle
    return many if against == lower else 1 - many


def _variance_after(then: Scores) -> Callable[[float], float]:
    """Variance of one score after a fall. Pass/fail: with two passes and two failures added (Agresti and
    Caffo 2000), so that a perfect test is not taken for certain.
    """
    mean = then.mean
    if then.pass_fail:
        share = (mean * then.n + 2) / (then.n + 4)

        def after(fall: float) -> float:
            left = min(1.0, max(0.0, share - fall))
            return left * (1 - left)

        return after
    spread = math.fsum((score - mean) ** 2 for score in then.scores) / max(1, then.n - 1)
    known = max(spread, 1 / (4 * (then.n + 4)))
    return lambda _: known
