"""Measuring prompts on training cases, each case once: whoever asks again gets what is known."""

from collections.abc import Collection, Mapping, Sequence

from promptopt.domain.dataset import Example
from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.evaluation.reliability import merge
from promptopt.evaluation.runner import failed
from promptopt.evaluation.statistics import interval
from promptopt.evaluation.together import together
from promptopt.optimizers.base import RunContext
from promptopt.optimizers.grpo.reward import Reward, RewardCalculator


class Measurements:
    """What is known of prompts on training cases. What a worker before has measured, the journal answers."""

    def __init__(self, context: RunContext, calculator: RewardCalculator) -> None:
        self._context = context
        self._calculator = calculator
        self._results: dict[str, dict[str, CaseResult]] = {}

    def lacks(self, prompt: Prompt, cases: Sequence[Example]) -> bool:
        """Whether ``prompt`` was not measured on some of the cases."""
        known = self._results.get(prompt.id, {})
        return any(case.id not in known for case in cases)

    async def measure(
        self, prompt: Prompt, cases: Sequence[Example], *, quietly: bool = False
    ) -> dict[str, float]:
        """Case id to reward; a case without an answer is missing.

        Args:
            quietly: the prompt is not in the running, so nothing of it is shown.
        """
        known = self._results.setdefault(prompt.id, {})
        unknown = [case for case in cases if case.id not in known]
        results = await together(self._case(prompt, case, quietly) for case in unknown)
        known.update({result.case_id: result for result in results})
        rewards = {case.id: self._calculator.reward(known[case.id]) for case in cases}
        return {case_id: reward.total for case_id, reward in rewards.items() if reward is not None}

    def show(self, prompt: Prompt, cases: Sequence[Example]) -> None:
        """Show all that is known of a prompt on some cases, and what it comes to."""
        evaluation = self.evaluation(prompt, cases)
        self._context.measuring(prompt, "train", len(evaluation.results))
        for result in evaluation.results:
            self._context.noted(prompt, "train", result)
        self._context.measured(evaluation)

    def rewards(self, prompt: Prompt) -> dict[str, Reward]:
        """Case id to reward, for all cases that were answered so far."""
        found = {name: self._calculator.reward(r) for name, r in self._results.get(prompt.id, {}).items()}
        return {name: reward for name, reward in found.items() if reward is not None}

    def results(self, prompt: Prompt) -> Mapping[str, CaseResult]:
        """Case id to result, for all cases so far."""
        return self._results.get(prompt.id, {})

    def evaluation(self, prompt: Prompt, cases: Sequence[Example]) -> Evaluation:
        """What is known of a prompt on some cases, in their order."""
        known = self._results.get(prompt.id, {})
        results = tuple(known[case.id] for case in cases if case.id in known)
        score = interval([result.score for result in results], [result.weight for result in results])
        return Evaluation(prompt_id=prompt.id, split="train", results=results, score=score)

    def forget(self, keep: Collection[str]) -> None:
        """Forget all prompts but those with these ids."""
        self._results = {name: results for name, results in self._results.items() if name in keep}

    async def _case(self, prompt: Prompt, case: Example, quietly: bool) -> CaseResult:
        draws = range(self._context.settings.evaluation.repeats)
        result = merge(await together(self._draw(prompt, case, draw) for draw in draws))
        if not quietly:
            self._context.noted(prompt, "train", result)
        return result

    async def _draw(self, prompt: Prompt, case: Example, draw: int) -> CaseResult:
        try:
            response = await self._context.complete(
                "target", prompt.render(case), sample=draw, case_id=case.id
            )
        except CallFailed as failure:
            return failed(case, failure)
        return await self._context.judge(case, response)
