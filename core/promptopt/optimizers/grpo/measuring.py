"""What a group was rewarded on training cases."""

from collections.abc import Sequence

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.optimizers import measuring
from promptopt.optimizers.base import RunContext
from promptopt.optimizers.grpo.reward import Reward, RewardCalculator


class Measurements(measuring.Measurements):
    """What is known of prompts, and the rewards that it comes to on training cases."""

    def __init__(self, context: RunContext, calculator: RewardCalculator) -> None:
        super().__init__(context)
        self._calculator = calculator

    async def rewarded(
        self, prompt: Prompt, cases: Sequence[Example], total: int | None = None, *, quietly: bool = False
    ) -> dict[str, float]:
        """Measure a prompt on training cases; case id to reward, and a case without an answer is missing."""
        await self.measure(prompt, "train", cases, total, quietly=quietly)
        rewards = self.rewards(prompt)
        return {case.id: rewards[case.id].total for case in cases if case.id in rewards}

    def rewards(self, prompt: Prompt) -> dict[str, Reward]:
        """Case id to reward, for all training cases that were answered so far."""
        found = {name: self._calculator.reward(result) for name, result in self.results(prompt).items()}
        return {name: reward for name, reward in found.items() if reward is not None}

    def show(self, prompt: Prompt, cases: Sequence[Example]) -> None:
        """Show all that is known of a prompt on some training cases, and what it comes to."""
        evaluation = self.evaluation(prompt, "train", cases)
        self._context.measuring(prompt, "train", len(evaluation.results))
        for result in evaluation.results:
            self._context.noted(prompt, "train", result)
        self._context.measured(evaluation)
