"""Results at hand: who asks for a prompt's score again has it at once, who asks for more cases pays for
those only.
"""

from collections.abc import Mapping, Sequence

from promptopt.domain.dataset import Example, Split
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.evaluation.runner import gathered

EVALUATIONS_KEPT = 6
"""Whole evaluations at hand (the current prompt's, on two splits, are asked for again and again)."""

RESULTS_KEPT = 20_000
"""Single results at hand, of the prompts scored last."""


class AtHand:
    """What the prompts of one run scored last; older results are let go, the journal has their answers."""

    def __init__(self) -> None:
        self._evaluations: dict[tuple[str, Split, tuple[str, ...]], Evaluation] = {}
        self._results: dict[tuple[str, Split], dict[str, CaseResult]] = {}

    def evaluation(self, prompt_id: str, split: Split, cases: Sequence[Example]) -> Evaluation | None:
        """A prompt's evaluation on just these cases."""
        return self._evaluations.get((prompt_id, split, _ids(cases)))

    def results(self, prompt_id: str, split: Split) -> Mapping[str, CaseResult]:
        """A prompt's results by case; what is given stays as it is."""
        return self._results.get((prompt_id, split), {})

    def complete(
        self, fresh: Evaluation, known: Mapping[str, CaseResult], cases: Sequence[Example]
    ) -> Evaluation:
        """The evaluation on ``cases``, of results that were ``known`` before and ``fresh`` ones; all of them
        are at hand from now on.
        """
        place = fresh.prompt_id, fresh.split
        results = {**self._results.pop(place, {}), **known, **fresh.by_case()}
        self._results[place] = results  # the newest last
        while len(self._results) > 1 and sum(map(len, self._results.values())) > RESULTS_KEPT:
            del self._results[next(iter(self._results))]
        whole = fresh
        if len(fresh.results) != len(cases):
            whole = gathered(*place, [results[case.id] for case in cases])
        self._evaluations[(*place, _ids(cases))] = whole
        while len(self._evaluations) > EVALUATIONS_KEPT:
            del self._evaluations[next(iter(self._evaluations))]
        return whole

    def forget(self) -> None:
        """Let all go."""
        self._evaluations.clear()
        self._results.clear()


def _ids(cases: Sequence[Example]) -> tuple[str, ...]:
    return tuple(case.id for case in cases)
