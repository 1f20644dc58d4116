"""Whether a prompt takes another's place: paired differences, and what a gain has to be to count.

The gate is the ladder of Blum and Hardt (2015): a gain counts if it is at least one standard error of the
paired difference, which keeps luck, and what a search learns of its validation cases, from adding up.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

from promptopt.domain.results import Evaluation

_ONE_SIDED_80 = NormalDist().inv_cdf(0.8)

_SLACK = 1e-9
"""One case won and none lost is exactly one standard error."""


def weighted(values: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    """Weighted mean, and its standard error (0 for a single value).

    Few heavy values count as few: the error is ``sqrt(sum((w * (value - mean))**2)) / sum(w)``, with
    ``n - 1`` in the place of ``n``.
    """
    total = sum(weights)
    mean = sum(value * weight for value, weight in zip(values, weights, strict=True)) / total
    n = len(values)
    if n < 2:
        return mean, 0.0
    squares = sum((weight * (value - mean)) ** 2 for value, weight in zip(values, weights, strict=True))
    return mean, math.sqrt(squares * n / (n - 1)) / total


def paired(first: Evaluation, second: Evaluation) -> tuple[float, float]:
    """Weighted mean of the differences (second - first) on the cases of both, and its standard error."""
    before = first.by_case()
    pairs = [(r.score - before[r.case_id].score, r.weight) for r in second.results if r.case_id in before]
    return weighted([gap for gap, _ in pairs], [weight for _, weight in pairs])


def clearly_worse(first: Evaluation, second: Evaluation) -> bool:
    """Whether ``second`` loses more than one standard error of the paired difference."""
    mean, error = paired(first, second)
    return mean < 0 and -mean > error


def gains(mean: float, error: float) -> bool:
    """Whether a paired difference is a gain of at least one standard error."""
    return mean > 0 and mean >= error - _SLACK


def no_worse(mean: float, error: float, margin: float = 0.01) -> bool:
    """Whether a paired difference is no loss of more than ``margin``: by its lower 80 % bound."""
    return mean - _ONE_SIDED_80 * error > -margin


def gate(first: Evaluation, second: Evaluation) -> tuple[bool, str]:
    """Whether ``second`` gains at least one standard error of the paired difference, and that in words."""
    mean, error = paired(first, second)
    said = f"{second.split} {mean * 100:+.1f} points, standard error {error * 100:.1f}"
    if gains(mean, error):
        return True, said
    return False, f"{said}: no more than noise" if mean > 0 else said
