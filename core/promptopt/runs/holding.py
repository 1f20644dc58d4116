"""What is kept back for the sealed test, and for what comes before it, so that the search can't spend it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from statistics import fmean

from promptopt.domain.events import Role
from promptopt.domain.results import Evaluation, Judging
from promptopt.domain.settings import ModelSettings, ProjectSettings
from promptopt.models.budget import Amount
from promptopt.runs.setup import model_of

MARGIN = 1.5
"""The sealed test may cost this multiple of what the baseline's calls did on average."""


@dataclass(frozen=True)
class Holding:
    """What answers to cases will take, of the budget and of the time of each role that is asked."""

    amounts: Mapping[Role, Amount]
    seconds: Mapping[Role, float]


def for_the_test(settings: ProjectSettings, cases: int, baseline: Evaluation) -> Holding | None:
    """What to hold back, from what the baseline's calls took; None without a test, or an answer to tell by.

    Args:
        cases: in the test split.
    """
    return _holding(settings, 2 * cases, baseline)


def for_finals(
    settings: ProjectSettings, prompts: int, cases: int, baseline: Evaluation
) -> Mapping[Role, Amount]:
    """What scoring so many prompts on so many cases will take, by role."""
    holding = _holding(settings, prompts * cases, baseline)
    return holding.amounts if holding else {}


def _holding(settings: ProjectSettings, number: int, baseline: Evaluation) -> Holding | None:
    """What to hold back for ``number`` cases that are answered and judged."""
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
    amounts: dict[Role, Amount] = {"target": amount + last}
    times: dict[Role, float] = {"target": _time(seconds, calls, target)}
    asked: dict[Role, Judging] = {
        "judge": sum((result.judging for result in answered), Judging()),
        "embedding": sum((result.embedding for result in answered), Judging()),
    }
    for role, took in asked.items():
        if took.calls:
            model = model_of(settings, role)
            most = 0 if role == "embedding" else model.max_tokens
            amounts[role] = _asked_by_checks(took, len(answered), number, most)
            times[role] = _time(took.seconds / took.calls, took.calls * number / len(answered), model)
    return Holding(amounts, times)


def _time(seconds: float, calls: float, model: ModelSettings) -> float:
    """Seconds that so many calls of one model take, many at once."""
    return seconds * (calls / model.max_concurrency + 2) * MARGIN


def _asked_by_checks(took: Judging, cases: int, number: int, most: int) -> Amount:
    """What the checks of ``number`` cases will take, from what they ``took`` for the cases of the baseline.

    Args:
        most: tokens that an answer may have.
    """
    share = number * MARGIN / cases
    last = most + round(4 * took.tokens / cases)
    return Amount(ceil(took.calls * share), round(took.tokens * share) + last, took.usd * (share + 4 / cases))
