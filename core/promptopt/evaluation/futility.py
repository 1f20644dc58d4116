"""Whether a validation that is under way can still bring what it was begun for."""

import math
from collections.abc import Sequence
from statistics import NormalDist

from promptopt.domain.results import CaseResult, Evaluation
from promptopt.evaluation.gates import gains, weighted

LEAST_POWER = 0.05
"""Chance to pass the gate, if the cases to come go as those before, below which a validation is given up."""

FEWEST = 10
"""Cases before the trend of those before counts."""

_DOUBT = 0.25
"""Variance of one more case, assumed beside those seen: few cases without a difference prove little."""


def hopeless(before: Evaluation, so_far: Evaluation) -> bool:
    """Whether a prompt that has been measured on some validation cases can hardly pass the gate any more.

    It can't if it would not even with every case to come fully won. It can hardly if the trend, going on,
    leaves less than ``LEAST_POWER``: the conditional power of stochastic curtailment (Lan, Simon and
    Halperin 1982).

    Args:
        before: the prompt to beat, on all cases.
        so_far: the challenger, on some of them.
    """
    met = so_far.by_case()
    done = [(met[r.case_id].score - r.score, r.weight) for r in before.results if r.case_id in met]
    rest = [result for result in before.results if result.case_id not in met]
    if not done or not rest:
        return False
    at_best = [*done, *((1.0 - result.score, result.weight) for result in rest)]
    if not gains(*weighted(*_columns(at_best))):
        return True
    return len(done) >= FEWEST and _power(done, rest, _range(before.results)) < LEAST_POWER


def _power(done: Sequence[tuple[float, float]], rest: Sequence[CaseResult], doubt: float) -> float:
    """Chance that the mean over all cases is at least its standard error, the trend going on."""
    n, total = len(done), len(done) + len(rest)
    mean, _ = weighted(*_columns(done))
    spread = math.sqrt((math.fsum((gap - mean) ** 2 for gap, _ in done) + doubt) / n)
    open_ = spread * math.sqrt(len(rest)) / total
    needed = spread / math.sqrt(total)
    return NormalDist().cdf((mean - needed) / open_)


def _range(results: Sequence[CaseResult]) -> float:
    """Doubt on the scale of the task: pass/fail scores differ by 1, graded ones mostly by less."""
    scores = [result.score for result in results]
    mean = math.fsum(scores) / len(scores)
    return min(_DOUBT, max(0.01, math.fsum((score - mean) ** 2 for score in scores) / len(scores)))


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [gap for gap, _ in pairs], [weight for _, weight in pairs]
