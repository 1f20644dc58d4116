"""Whether a prompt takes the best one's place: must-pass cases first, then the gate on validation cases."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Comparison, Evaluation
from promptopt.evaluation.gates import no_worse, paired
from promptopt.evaluation.statistics import compare
from promptopt.optimizers.base import RunContext
from promptopt.optimizers.grpo.measuring import Measurements
from promptopt.optimizers.grpo.scoring import Scorer

BROKE = "it broke a case that must pass"
"""What proposers are told of a prompt that did; people are told which one."""


@dataclass(frozen=True)
class Verdict:
    """Whether a prompt takes the best one's place.

    Attributes:
        said: why, in words; for people.
        told: the same without figures of validation cases; for proposers.
        on_validation: if it was scored there.
    """

    accepted: bool
    said: str
    told: str
    comparison: Comparison | None
    on_validation: Evaluation | None = None


class Decider:
    """Decides.

    Args:
        scorer: has the gate.
        cases: training cases.
    """

    def __init__(
        self,
        context: RunContext,
        scorer: Scorer,
        known: Measurements,
        cases: Sequence[Example],
    ) -> None:
        self._context = context
        self._scorer = scorer
        self._known = known
        self.must_pass = [case for case in cases if case.must_pass]
        """Those of training; all of them are looked at before anything is accepted."""

    async def decide(
        self, best: Prompt, before: Evaluation, chosen: Prompt, *, trimmed: bool = False
    ) -> Verdict:
        """Whether ``chosen`` takes the place of ``best``, whose validation cases came to ``before``.

        Args:
            trimmed: it is the same and shorter, so that it need not be better.
        """
        await self._known.measure(chosen, "train", self.must_pass)
        if broken := self._context.breaks(chosen):
            return Verdict(False, broken, BROKE, None)
        after = await self._context.evaluate(chosen, "validation")
        gain = compare(before, after)
        if broken := self._context.breaks(chosen):
            return Verdict(False, broken, BROKE, gain)
        if trimmed:
            mean, error = paired(before, after)
            accepted, said = no_worse(mean, error), f"validation {mean * 100:+.1f} points, and it is shorter"
        else:
            accepted, said = await self._scorer.gate(best, chosen, before, after)
        told = "accepted: it gained on cases that you do not see" if accepted else "no gain beyond noise"
        return Verdict(accepted, said, told, gain, after)
