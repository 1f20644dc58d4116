"""What is kept back for the sealed test, and for what comes before it, so that the search can't spend it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from statistics import fmean

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset
from promptopt.domain.events import Role
from promptopt.domain.results import Evaluation, Judging
from promptopt.domain.settings import ModelSettings, ProjectSettings
from promptopt.models.budget import Amount, Ledger
from promptopt.runs.acts import words
from promptopt.runs.setup import model_of

MARGIN = 1.5
"""The sealed test may cost this multiple of what the baseline's calls did on average."""

FINALS_SHARE = 1 / 3
"""Of what is left of the budget after the baseline, the most that is held back for what is scored before the
sealed test if the search is cut short."""

TELLING_SHARE = 0.4
"""Of a cap, what the sealed test may need before people are told."""


class HeldBack:
    """What is held back of one run's budget, from what its baseline took.

    Args:
        dataset: with the sealed test split.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: ProjectSettings,
        dataset: Dataset,
        emit: Callable[[ev.Event], None],
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._dataset = dataset
        self._emit = emit
        self._finals: Mapping[Role, Amount] = {}
        """For prompts that are scored after the search was cut short."""

    def hold_for_test(self, baseline: Evaluation) -> None:
        """Keep enough back for the sealed test of two prompts, from what the baseline's calls cost."""
        holding = _holding(self._settings, 2 * len(self._dataset.test), baseline)
        if holding is None:
            return
        self._ledger.hold(holding.amounts, holding.seconds)
        for name, meter in self._ledger.meters().items():
            if meter.limit and meter.held > TELLING_SHARE * meter.limit:
                share = f"{min(1.0, meter.held / meter.limit):.0%}"
                text = f"the sealed test needs {share} of the budget's {name}; the search gets the rest"
                self._emit(ev.Notice(level="warning", text=text))

    def hold_for_finals(self, most: int, baseline: Evaluation) -> None:
        """Keep room for what is scored if the search is cut short; of a small budget not much.

        Args:
            most: prompts that the optimizer scores then.
        """
        must_pass = sum(case.must_pass for case in self._dataset.train)
        cases = len(self._dataset.validation) + must_pass
        for prompts in range(most, 0, -1):
            holding = _holding(self._settings, prompts * cases, baseline)
            if holding and self._ledger.share_of_rest(holding.amounts) <= FINALS_SHARE:
                self._ledger.hold_more(holding.amounts)
                self._finals = holding.amounts
                return

    def no_room_for_test(self, prompts: int) -> str:
        """Why the sealed test of so many prompts can't be scored whole, before any of it is; else empty.

        A part of it would prove nothing, and its cases would be used up.
        """
        if self._settings.cache.reuse:
            return ""  # who knows which answers are there
        calls = prompts * len(self._dataset.test) * self._settings.evaluation.repeats
        cap = self._ledger.no_room("target", Amount(calls=calls))
        if cap is None:
            return ""
        meter = self._ledger.meters()[cap]
        left = max(0, round((meter.limit or 0) - meter.spent - meter.uncertain))
        return (
            f"the sealed test was left alone: it needs {calls:,} calls, and the cap on {words(cap)} "
            f"leaves {left:,}"
        )

    def let_finals_go(self) -> bool:
        """Let calls have what was kept for them; returns whether there was anything."""
        amounts, self._finals = self._finals, {}
        if amounts:
            self._ledger.let_go(amounts)
        return bool(amounts)


@dataclass(frozen=True)
class _Holding:
    """What answers to cases will take, of the budget and of the time of each role that is asked."""

    amounts: Mapping[Role, Amount]
    seconds: Mapping[Role, float]


def _holding(settings: ProjectSettings, number: int, baseline: Evaluation) -> _Holding | None:
    """What to hold back for ``number`` cases that are answered and judged, from what the baseline's calls
    took; None if there are none, or no answer to tell by.
    """
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
    return _Holding(amounts, times)


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
