"""What is kept back for the sealed test, so that the search can't spend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean

from promptopt.domain.results import CaseResult, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.models.budget import Amount
from promptopt.runs.setup import model_of

MARGIN = 1.5
"""The sealed test may cost this multiple of what the baseline's calls did on average."""


@dataclass(frozen=True)
class Holding:
    """What the test of two prompts will take: of the target's budget, of the judge's, and of the time."""

    target: Amount
    judging: Amount
    seconds: float


def for_the_test(settings: ProjectSettings, cases: int, baseline: Evaluation) -> Holding | None:
    """What to hold back, from what the baseline's calls took; None without a test, or an answer to tell by.

    Args:
        cases: in the test split.
    """
    number = 2 * cases
    answered = [result for result in baseline.results if not result.error]
    if not number or not answered:
        return None
    tokens = fmean(result.prompt_tokens + result.completion_tokens for result in answered)
    usd = fmean(result.cost or 0.0 for result in answered)
    seconds = fmean(result.latency for result in answered)
    target = settings.models["target"]
    # The last calls are reserved at their upper bounds, which no answer reaches.
    last = Amount(0, target.max_tokens + round(4 * tokens), 4 * usd)
    calls = number * settings.evaluation.repeats
    amount = Amount(calls, round(tokens * number * MARGIN), usd * number * MARGIN)
    rounds = calls / target.max_concurrency + 2
    return Holding(amount + last, _judging(settings, answered, number), seconds * rounds * MARGIN)


def _judging(settings: ProjectSettings, answered: Sequence[CaseResult], number: int) -> Amount:
    """What judging ``number`` cases will take, from what it took in the baseline."""
    took = [result.judging for result in answered]
    calls = fmean(one.calls for one in took)
    if not calls:
        return Amount()
    tokens, usd = fmean(one.tokens for one in took), fmean(one.usd for one in took)
    share = number * MARGIN
    last = model_of(settings, "judge").max_tokens + round(4 * tokens)
    return Amount(ceil(calls * share), round(tokens * share) + last, usd * (share + 4))
