"""Intervals for scores and the paired comparison of two evaluations.

All results are deterministic. Pass/fail scores (0 or 1) need closed forms only; scipy and numpy are imported
when graded scores are met.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from statistics import NormalDist
from typing import Any

from promptopt.domain.results import CaseResult, Comparison, Effect, Evaluation, Interval, Verdict
from promptopt.evaluation.effects import cliffs_delta, cohens_dz, cohens_h

CONFIDENCE = 0.95
SIGNIFICANT = 0.05
Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)

FEWEST_TO_BOOTSTRAP = 20
"""Pairs from which BCa is used; below, the bootstrap covers too little and Student's t is used."""

MOST_EXACT = 15
"""Differing pairs up to which all sign flips are gone through."""

RESAMPLES = 9_999
SEED = 20_240_501
_SLACK = 1e-12


def interval(
    scores: Sequence[float], weights: Sequence[float] | None = None, confidence: float = CONFIDENCE
) -> Interval:
    """Mean score with its 95 % confidence interval, in [0, 1].

    Pass/fail scores get the Wilson score interval; graded ones Student's t. Equal graded scores show no
    variance, so theirs is derived from the rule of three: a share of up to ``1 - 0.025 ** (1/n)`` of unseen
    cases may score anything. Weights enter as Kish's effective sample size ``sum(w)**2 / sum(w**2)``.

    Args:
        scores: in [0, 1]; none at all gives 0 with the interval [0, 1].
        weights: positive, one for each score; default is equal weights.
        confidence: of another interval than 95 %, in (0, 1).
    """
    n = len(scores)
    if n == 0:
        return Interval(mean=0.0, low=0.0, high=1.0, n=0)
    shares, effective = _shares(weights or [1.0] * n)
    mean = math.fsum(share * score for share, score in zip(shares, scores, strict=True))
    if all(score in (0, 1) for score in scores):
        low, high = _wilson(mean, effective, confidence)
    elif n == 1 or max(scores) - min(scores) < _SLACK:
        low, high = _rule_of_three(mean, effective, 0.0, 1.0, confidence)
    else:
        spread = math.fsum(s * (score - mean) ** 2 for s, score in zip(shares, scores, strict=True))
        low, high = _student(mean, spread, effective, confidence)
    return _bounded(mean, low, high, n, 0.0)


def mean_interval(values: Sequence[float], floor: float = -math.inf, ceiling: float = math.inf) -> Interval:
    """Mean of any numbers (tokens, seconds, likenesses) with its 95 % interval: BCa bootstrap from 20 values,
    Student's t below.

    Equal values have no width, unless ``floor`` and ``ceiling`` say what else there could have been (rule of
    three); so has a single one.

    Args:
        values: independent of each other; none at all gives 0 with the interval [floor, ceiling] and n = 0.
        floor, ceiling: what no value can leave.
    """
    n = len(values)
    if not n:
        return Interval(mean=0.0, low=floor, high=ceiling, n=0)
    mean = math.fsum(values) / n
    if n == 1 or max(values) - min(values) < _SLACK:
        low, high = mean, mean
        if math.isfinite(floor) and math.isfinite(ceiling):
            low, high = _rule_of_three(mean, n, floor, ceiling)
    else:
        found = _bca(values) if n >= FEWEST_TO_BOOTSTRAP else None
        low, high = found or _student(mean, math.fsum((one - mean) ** 2 for one in values) / n, n)
    return Interval(mean=mean, low=max(floor, min(low, mean)), high=min(ceiling, max(high, mean)), n=n)


def clustered_share(groups: Sequence[tuple[int, int]]) -> Interval:
    """A share with its 95 % interval when answers come in groups, as those of one person do.

    Wilson's interval with the effective number of answers, which is their number over the design effect of a
    ratio (Korn and Graubard 1998, Survey Methodology 24:193). Answers of a single group count as one.

    Args:
        groups: how many were right, and how many there were, in each.
    """
    groups = [(right, of) for right, of in groups if of > 0]
    total = sum(of for _, of in groups)
    if not total:
        return Interval(mean=0.0, low=0.0, high=1.0, n=0)
    share, count = sum(right for right, _ in groups) / total, len(groups)
    effective = float(count)
    if count > 1 and 0 < share < 1:
        spread = math.fsum((right - share * of) ** 2 for right, of in groups) * count / (count - 1) / total**2
        effective = min(total, max(1.0, share * (1 - share) / spread)) if spread else total
    return _bounded(share, *_wilson(share, effective), total, 0.0)


def independent_difference(first: Interval, second: Interval) -> Interval:
    """Second minus first, of means that were measured on different things, with its 95 % interval.

    Both intervals are put together by the method of variance estimates recovery (Zou and Donner 2008,
    Statistics in Medicine 27:1693); for shares with Wilson's interval that is Newcombe's (1998, ibid.
    17:873). Of the same things it is wider than it need be. ``n`` is the smaller one.
    """
    gap = second.mean - first.mean
    low = gap - math.hypot(second.mean - second.low, first.high - first.mean)
    high = gap + math.hypot(second.high - second.mean, first.mean - first.low)
    return Interval(mean=gap, low=low, high=high, n=min(first.n, second.n))


def compare(first: Evaluation, second: Evaluation, together: int = 1) -> Comparison:
    """Compare ``second`` with ``first`` on the cases that both have.

    Pass/fail scores: Tango's score interval for the difference of paired proportions (Tango 1998, Statistics
    in Medicine 17:891; recommended by Fagerland, Lydersen and Laake 2014, ibid. 33:2850), which keeps a width
    when no case differs, and the exact McNemar test. Graded or weighted scores: BCa bootstrap from 20 pairs
    on, Student's t below, and a sign-flip permutation test. Effect sizes and, for graded scores, Wilcoxon's
    signed-rank test stand beside them.

    The verdict is *better* or *worse* only if the interval excludes 0 and p < 0.05.

    Args:
        together: one of so many comparisons that are told at once. Then its interval is a simultaneous one
            (Bonferroni: each at ``1 - 0.05 / together``), and a claim needs the p-value corrected, which
            :func:`compare_several` sees to.
    """
    before, after = first.by_case(), second.by_case()
    pairs = [(before[key], after[key]) for key in before if key in after]
    fixed = tuple(old.case_id for old, new in pairs if new.passed and not old.passed)
    broken = tuple(old.case_id for old, new in pairs if old.passed and not new.passed)
    difference, p_value, method = _difference(pairs, 1 - (1 - CONFIDENCE) / together)
    effects, rank_test = _effects(pairs)
    return Comparison(
        difference=difference,
        p_value=p_value,
        verdict=_verdict(difference, p_value),
        method=method,
        together=together,
        effects=effects,
        wilcoxon=rank_test,
        fixed=fixed,
        broken=broken,
        simulated=first.simulated or second.simulated,
    )


def compare_several(pairs: Sequence[tuple[Evaluation, Evaluation]]) -> list[Comparison]:
    """Compare the second of each pair with the first, as :func:`compare` does, with Holm's correction.

    With more than one, the verdicts go by the corrected p-values and by simultaneous intervals (Bonferroni),
    which hold together with 95 %: the chance that any verdict is wrong by luck stays below 5 %, however many
    there are. An interval is widened to 0 where the corrected test leaves 0 open, so that no verdict stands
    beside an interval that says something else.
    """
    found = [compare(first, second, max(1, len(pairs))) for first, second in pairs]
    if len(found) < 2:
        return found
    corrected = holm([comparison.p_value for comparison in found])
    return [_corrected(comparison, p) for comparison, p in zip(found, corrected, strict=True)]


def _corrected(comparison: Comparison, p_adjusted: float) -> Comparison:
    """With the verdict by the corrected p-value, and an interval that says no more than it.

    Interval and test are different methods, and can differ at the edge: where the test leaves 0 open, the
    interval is widened to 0, which only adds to what it covers.
    """
    gap = comparison.difference
    verdict = _verdict(gap, p_adjusted)
    if verdict == "not distinguishable":
        gap = gap.model_copy(update={"low": min(gap.low, 0.0), "high": max(gap.high, 0.0)})
    return comparison.model_copy(update={"difference": gap, "p_adjusted": p_adjusted, "verdict": verdict})


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number by the step-down method of Holm (1979), in the same order."""
    count = len(p_values)
    corrected, least = [1.0] * count, 0.0
    for rank, position in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        least = max(least, min(1.0, (count - rank) * p_values[position]))
        corrected[position] = least
    return corrected


def smallest_detectable(n: int, p_disc: float = 0.3) -> float:
    """Gain in [0, 1] that comparing on ``n`` pass/fail cases shows with 80 % power: ``2.8 sqrt(p_disc/n)``.

    Args:
        n: cases.
        p_disc: share of the cases on which the two prompts differ; 0.3 is a plausible one.
    """
    return min(1.0, 2.8 * math.sqrt(p_disc / n)) if n > 0 else 1.0


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of the exact McNemar test: a sign test on the cases that only one side passes."""
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**n)


def tango(only_first: int, only_second: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """95 % score interval for (share that only the second passes) - (share that only the first passes)."""
    z = _quantile(confidence)
    estimate = (only_second - only_first) / n
    low = _root(lambda gap: _tango_score(only_first, only_second, n, gap) - z, -1.0, estimate)
    high = _root(lambda gap: _tango_score(only_first, only_second, n, gap) + z, estimate, 1.0)
    return low, high


def _difference(
    pairs: Sequence[tuple[CaseResult, CaseResult]], confidence: float
) -> tuple[Interval, float, str]:
    """Mean of (second - first) with its interval, p-value and the method in words."""
    n = len(pairs)
    if n == 0:
        return Interval(mean=0.0, low=-1.0, high=1.0, n=0), 1.0, "no case in common"
    equal_weights = all(old.weight == pairs[0][0].weight for old, _ in pairs)
    if equal_weights and _pass_fail(pairs):
        lost = sum(old.score > new.score for old, new in pairs)
        won = sum(new.score > old.score for old, new in pairs)
        difference = _bounded((won - lost) / n, *tango(lost, won, n, confidence), n, -1.0)
        return difference, mcnemar(lost, won), "Tango score interval, exact McNemar test"
    # Scaled by weight, so that the plain mean of the gaps is the weighted mean of the differences.
    shares, _ = _shares([old.weight for old, _ in pairs])
    gaps = [n * share * (new.score - old.score) for share, (old, new) in zip(shares, pairs, strict=True)]
    return _graded_difference(gaps, confidence)


def _graded_difference(gaps: Sequence[float], confidence: float) -> tuple[Interval, float, str]:
    n = len(gaps)
    mean = math.fsum(gaps) / n
    if max(gaps) - min(gaps) < _SLACK:
        low, high = _rule_of_three(mean, n, -1.0, 1.0, confidence)
        p_value = 1.0 if abs(mean) < _SLACK else min(1.0, 2.0 ** (1 - n))
        return _bounded(mean, low, high, n, -1.0), p_value, "all differences equal: rule of three, sign flips"
    p_value, test = _sign_flip(gaps)
    bounds = _bca(gaps, confidence) if n >= FEWEST_TO_BOOTSTRAP else None
    if bounds is None:
        spread = math.fsum((gap - mean) ** 2 for gap in gaps) / n
        return (
            _bounded(mean, *_student(mean, spread, n, confidence), n, -1.0),
            p_value,
            f"paired t interval, {test}",
        )
    return _bounded(mean, *bounds, n, -1.0), p_value, f"BCa bootstrap interval, {test}"


def _effects(pairs: Sequence[tuple[CaseResult, CaseResult]]) -> tuple[dict[Effect, float], float | None]:
    """Effect sizes and, for graded scores, the p-value of Wilcoxon's signed-rank test."""
    if not pairs:
        return {}, None
    shares, _ = _shares([old.weight for old, _ in pairs])
    first, second = [old.score for old, _ in pairs], [new.score for _, new in pairs]
    if _pass_fail(pairs):
        before, after = (
            min(1.0, math.fsum(share for share, score in zip(shares, scores, strict=True) if score))
            for scores in (first, second)
        )
        return {"cohens_h": cohens_h(before, after)}, None
    gaps = [new - old for old, new in zip(first, second, strict=True)]
    effects: dict[Effect, float] = {}
    standardized = cohens_dz(gaps, shares)
    if standardized is not None:
        effects["cohens_dz"] = standardized
    effects["cliffs_delta"] = cliffs_delta(first, second, shares)
    return effects, _wilcoxon(gaps)


def _pass_fail(pairs: Sequence[tuple[CaseResult, CaseResult]]) -> bool:
    return all(result.score in (0, 1) for pair in pairs for result in pair)


def _wilcoxon(gaps: Sequence[float]) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test; cases without a difference are left out."""
    moved = tuple(round(gap, 12) for gap in gaps if abs(gap) > _SLACK)  # ties by value, not by rounding error
    return _signed_rank(moved) if moved else 1.0


@lru_cache(maxsize=256)
def _signed_rank(moved: tuple[float, ...]) -> float:
    """Kept, since with ties among few cases it permutes them, which takes half a second."""
    stats: Any = import_module("scipy.stats")
    return float(stats.wilcoxon(moved).pvalue)


def _verdict(difference: Interval, p_value: float) -> Verdict:
    if p_value < SIGNIFICANT and difference.low > 0:
        return "better"
    if p_value < SIGNIFICANT and difference.high < 0:
        return "worse"
    return "not distinguishable"


def _shares(weights: Sequence[float]) -> tuple[list[float], float]:
    """Weights scaled to sum to 1, and Kish's effective sample size."""
    total = math.fsum(weights)
    shares = [weight / total for weight in weights]
    return shares, 1 / math.fsum(share * share for share in shares)


def _bounded(mean: float, low: float, high: float, n: int, floor: float) -> Interval:
    mean = min(1.0, max(floor, mean))
    return Interval(mean=mean, low=max(floor, min(low, mean)), high=min(1.0, max(high, mean)), n=n)


def _wilson(mean: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927)."""
    z = _quantile(confidence)
    squared = z * z
    centre = (mean + squared / (2 * n)) / (1 + squared / n)
    half = z / (1 + squared / n) * math.sqrt(max(0.0, mean * (1 - mean)) / n + squared / (4 * n * n))
    return centre - half, centre + half


def _quantile(confidence: float) -> float:
    return Z if confidence == CONFIDENCE else NormalDist().inv_cdf(0.5 + confidence / 2)


def _rule_of_three(
    mean: float, n: float, floor: float, ceiling: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Bounds if a share of cases that could have stayed unseen in ``n`` scored the lowest, or the highest."""
    unseen = 1 - ((1 - confidence) / 2) ** (1 / n)
    return mean - unseen * (mean - floor), mean + unseen * (ceiling - mean)


def _student(mean: float, spread: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Student's t interval from the mean squared deviation ``spread`` of ``n`` (effective) values."""
    stats: Any = import_module("scipy.stats")
    if n <= 1 + _SLACK:
        return -math.inf, math.inf
    quantile = float(stats.t.ppf(0.5 + confidence / 2, n - 1))
    half = quantile * math.sqrt(spread / (n - 1))
    return mean - half, mean + half


def _bca(gaps: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Bias-corrected and accelerated bootstrap interval of the mean (Efron 1987); None if it has none."""
    np: Any = import_module("numpy")
    stats: Any = import_module("scipy.stats")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of what the None says
        found: Any = stats.bootstrap(
            (np.asarray(gaps),),
            np.mean,
            n_resamples=RESAMPLES,
            batch=max(1, 2_000_000 // len(gaps)),
            confidence_level=confidence,
            method="BCa",
            rng=np.random.default_rng(SEED),
        )
    low, high = float(found.confidence_interval.low), float(found.confidence_interval.high)
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low < high else None


def _sign_flip(gaps: Sequence[float]) -> tuple[float, str]:
    """Two-sided p-value of the sign-flip permutation test of the mean; gaps of 0 have no sign to flip."""
    np: Any = import_module("numpy")
    signed = np.asarray([gap for gap in gaps if gap])
    count = len(signed)
    observed = abs(float(signed.sum())) - _SLACK
    if count <= MOST_EXACT:
        patterns = np.arange(2**count)[:, None]
        signs = ((patterns >> np.arange(count)) & 1) * 2 - 1
        return float(np.mean(np.abs(signs @ signed) >= observed)), "exact sign-flip test"
    rng = np.random.default_rng(SEED)
    extreme, left = 0, RESAMPLES
    while left:
        rows = min(left, max(1, 2_000_000 // count))
        signs = rng.integers(0, 2, size=(rows, count), dtype=np.int8) * 2 - 1
        extreme += int(np.sum(np.abs(signs @ signed) >= observed))
        left -= rows
    return (1 + extreme) / (1 + RESAMPLES), f"sign-flip test ({RESAMPLES} permutations)"


def _tango_score(only_first: int, only_second: int, n: int, gap: float) -> float:
    """Tango's score statistic for a true difference of ``gap``; it falls as ``gap`` grows."""
    a = 2 * n
    b = -only_second - only_first + (2 * n - only_second + only_first) * gap
    c = -only_first * gap * (1 - gap)
    share = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = n * (2 * share + gap * (1 - gap))
    distance = only_second - only_first - n * gap
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where ``falling`` crosses 0 between ``low`` and ``high``, by bisection to machine precision."""
    for _ in range(60):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
