"""Validation: whether a prompt takes the best one's place, for as few calls as that takes."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Comparison, Evaluation
from promptopt.evaluation.futility import hopeless
from promptopt.evaluation.gates import gate, no_worse, paired
from promptopt.evaluation.statistics import compare
from promptopt.optimizers.refine.ground import Ground

LOOKS = 6
"""Times that a validation under way is looked at …"""

FEWEST = 8
"""… with at least so many cases between two of them."""


@dataclass(frozen=True)
class Verdict:
    """What a validation came to.

    Attributes:
        reason: in words, for people.
        broke: it broke a case that must pass.
        evaluation: on all validation cases, if it went that far.
    """

    accepted: bool
    reason: str
    comparison: Comparison
    broke: bool = False
    evaluation: Evaluation | None = None


class Validator:
    """Validates prompts against the best one."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def validate(self, prompt: Prompt) -> Verdict:
        """Measure a prompt on the validation cases, as long as it can pass the gate, and judge it there.

        Where the best prompt passes all of them, there is nothing to gain: then a prompt has to pass all of
        them as well, and the gate on the training cases.
        """
        ground, before = self._ground, self._ground.validated
        await ground.measure(prompt, ground.must_pass, len(ground.must_pass))
        if broken := ground.context.breaks(prompt):
            on_train = compare(ground.on_train(ground.best), ground.on_train(prompt))
            return Verdict(False, broken, on_train, broke=True)
        if before.all_passed:
            return await self._beside_all_passed(prompt)
        # Those that the best prompt fails come first: whether they are won is what decides.
        failed = {result.case_id for result in before.results if not result.passed}
        order = sorted(ground.validation, key=lambda case: case.id not in failed)
        ended = await self._measured(prompt, order, lambda so_far: hopeless(before, so_far))
        if isinstance(ended, Verdict):
            return ended
        accepted, said = gate(before, ended)
        return Verdict(accepted, said, compare(before, ended), evaluation=ended)

    async def _beside_all_passed(self, prompt: Prompt) -> Verdict:
        """Judge a prompt on the training cases, if it passes every validation case as the best one does."""
        ground = self._ground
        await ground.measure(prompt, ground.train, len(ground.train))
        best, own = ground.on_train(ground.best), ground.on_train(prompt)
        accepted, said = gate(best, own)
        if not accepted:
            return Verdict(False, f"every validation case passes already; {said}", compare(best, own))
        ended = await self._measured(prompt, ground.validation, lambda so_far: not so_far.all_passed)
        if isinstance(ended, Verdict):
            return ended
        return Verdict(
            True, f"{said}; every validation case still passes", compare(best, own), evaluation=ended
        )

    async def as_good(self, prompt: Prompt) -> Verdict:
        """Measure a shorter prompt, as long as it loses nothing."""
        before = self._ground.validated
        passed = {result.case_id for result in before.results if result.passed}
        order = sorted(self._ground.validation, key=lambda case: case.id not in passed)
        ended = await self._measured(prompt, order, lambda so_far: not not_worse(before, so_far))
        if isinstance(ended, Verdict):
            return ended
        return Verdict(True, "as good, and shorter", compare(before, ended), evaluation=ended)

    async def _measured(
        self, prompt: Prompt, order: list[Example], lost: Callable[[Evaluation], bool]
    ) -> Evaluation | Verdict:
        """A prompt on all validation cases, in parts; or why it was given up on the way."""
        ground, before = self._ground, self._ground.validated
        block = max(FEWEST, math.ceil(len(order) / LOOKS))
        cases = ground.context.dataset.validation
        so_far = ground.known.evaluation(prompt, "validation", cases)
        for at in range(0, len(order), block):
            await ground.known.measure(prompt, "validation", order[at : at + block], len(order))
            so_far = ground.known.evaluation(prompt, "validation", cases)
            if broken := ground.context.breaks(prompt):
                return Verdict(False, broken, compare(before, so_far), broke=True)
            if lost(so_far):
                gain = compare(before, so_far)
                points = f"{gain.difference.mean * 100:+.1f} points"
                done = f"{len(so_far.results)} of {len(order)} cases"
                return Verdict(False, f"validation {points}, given up after {done}", gain)
        ground.context.measured(so_far)
        return so_far


def not_worse(before: Evaluation, so_far: Evaluation) -> bool:
    """Whether no loss is seen: none on the whole, and none that counts with some confidence."""
    mean, error = paired(before, so_far)
    return mean >= 0 and no_worse(mean, error)
