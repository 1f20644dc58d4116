"""Several answers to one case: their result as one, and how far a prompt can be relied on."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

from promptopt.domain.results import CaseResult, Reliability, Sample
from promptopt.evaluation.scores import form_score


def merge(draws: Sequence[CaseResult]) -> CaseResult:
    """The result of a case of the results of its draws.

    The score is their mean; it passes if all pass. Tokens and cost are sums, latency a mean. Output, checks
    and category are those of the draw that tells most: the worst that failed with an answer, else a failed
    call, else the first. A single draw is the result itself.
    """
    if len(draws) == 1:
        return draws[0]
    shown = min(draws, key=_telling)
    costs = [draw.cost for draw in draws if not draw.error]
    return shown.model_copy(
        update={
            "score": fmean(draw.score for draw in draws),
            "passed": all(draw.passed for draw in draws),
            "samples": tuple(
                Sample(
                    output=draw.output,
                    score=draw.score,
                    passed=draw.passed,
                    error=draw.error,
                    form=form_score(draw.checks),
                )
                for draw in draws
            ),
            "prompt_tokens": sum(draw.prompt_tokens for draw in draws),
            "completion_tokens": sum(draw.completion_tokens for draw in draws),
            "cost": None if not costs or None in costs else math.fsum(cost or 0.0 for cost in costs),
            "latency": fmean(draw.latency for draw in draws),
            "judging": sum((draw.judging for draw in draws[1:]), draws[0].judging),
            "embedding": sum((draw.embedding for draw in draws[1:]), draws[0].embedding),
        }
    )


def _telling(draw: CaseResult) -> tuple[int, float]:
    rank = 2 if draw.passed else 1 if draw.error else 0
    return rank, draw.score


def all_pass(passes: int, draws: int, k: int) -> float:
    """pass^k of one case: the chance that ``k`` of its draws all pass, ``C(passes, k) / C(draws, k)``.

    The unbiased estimate of Yao et al. (2024), tau-bench, arXiv 2406.12045.
    """
    return math.comb(passes, k) / math.comb(draws, k)


def agreement(passes: int, draws: int) -> float:
    """Share of the pairs of draws that have the same verdict."""
    same = math.comb(passes, 2) + math.comb(draws - passes, 2)
    return same / math.comb(draws, 2)


def reliability(results: Iterable[CaseResult]) -> Reliability | None:
    """pass^k, consistency and flaky cases, weighted as the cases are; None if no case had several draws."""
    drawn = [result for result in results if len(result.samples) > 1]
    if not drawn:
        return None
    repeats = min(len(result.samples) for result in drawn)
    counts = [(sum(s.passed for s in result.samples), len(result.samples)) for result in drawn]
    weights = [result.weight for result in drawn]
    return Reliability(
        repeats=repeats,
        pass_hat={
            k: fmean([all_pass(passes, draws, k) for passes, draws in counts], weights)
            for k in range(1, repeats + 1)
        },
        consistency=fmean([agreement(passes, draws) for passes, draws in counts], weights),
        flaky=tuple(result.case_id for result in drawn if result.flaky),
    )
