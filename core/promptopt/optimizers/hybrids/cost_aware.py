"""The most promising optimizer next, in slices, until none brings anything for what it costs.

A bandit over optimizers whose rewards fade (discounted Thompson sampling, Raj and Kalyani 2017): the reward
of a slice is what it gained on validation per hundred target calls. Each optimizer has one slice first; then
the one whose drawn reward is highest goes on from the best prompt so far.
"""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, cast

from pydantic import Field

from promptopt.domain.forecast import Plan, Scale, Spread
from promptopt.domain.stopping import StopRun
from promptopt.optimizers.base import OptimizerOptions
from promptopt.optimizers.hybrids.combined import Combined, CombinedOptions, Names, Part, Play
from promptopt.optimizers.hybrids.outlook import Share, any_of

_FADING = 0.8
"""What a slice's reward counts after one more slice of anybody's."""

_EXPECTED = 0.02
"""Gain per hundred calls that an optimizer is thought good for before it has shown anything."""


class CostAwareOptions(CombinedOptions):
    """Settings of ``cost-aware``.

    Attributes:
        optimizers: those to choose from; those that cost least first.
        slice_calls: target calls of one slice; None: four times the validation cases, at least 60.
        patience: slices in a row without any gain after which it ends, once each optimizer had its turn.
        max_slices: most slices.
    """

    optimizers: Names = Field(
        default=["dspy-bootstrap-random-search", "refine", "grpo", "dspy-gepa"], min_length=1
    )
    slice_calls: int | None = Field(default=None, ge=1)
    patience: int = Field(default=3, ge=1)
    max_slices: int = Field(default=12, ge=1)


@dataclass
class _Arm:
    """An optimizer and what its slices brought, newest last: gain per hundred calls."""

    name: str
    rewards: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])

    def draw(self, now: int, dice: random.Random) -> float:
        """A plausible reward of the next slice: normal around the faded mean."""
        weights = [_FADING ** (now - then) for then, _ in self.rewards]
        weight = 1.0 + sum(weights)
        mean = (_EXPECTED + sum(w * r for w, (_, r) in zip(weights, self.rewards, strict=True))) / weight
        spread = max(_EXPECTED, statistics.pstdev([_EXPECTED, *(r for _, r in self.rewards)]))
        return dice.gauss(mean, spread / weight**0.5)


class CostAware(Combined):
    """Slices of optimizers, chosen by what they gained per call; it changes when one stands still."""

    name: ClassVar[str] = "cost-aware"
    on_edit: ClassVar[str] = (
        "The slice under way and those to come go on from your prompt, whatever it scores."
    )
    Options: ClassVar[type[OptimizerOptions]] = CostAwareOptions

    def members(self) -> Sequence[str]:
        return cast(CostAwareOptions, self.options).optimizers

    def outlook(self, plans: Sequence[Plan], scale: Scale) -> list[Share]:
        """Slices of whichever optimizer: one if that solves it, else until none brings anything."""
        options = cast(CostAwareOptions, self.options)
        likely = min(options.max_slices, len(plans) + options.patience)
        size = options.slice_calls or _slice(scale.validation)
        return [Share(any_of(plans), Spread.of(1, likely, options.max_slices), size)]

    async def combine(self, play: Play) -> StopRun:
        options = cast(CostAwareOptions, self.options)
        dice = random.Random(f"cost-aware/{options.seed}")
        arms = [_Arm(name) for name in options.optimizers]
        best = play.edited(play.best)
        score = (await play.context.evaluate(play.context.seed_prompt, "validation")).score.mean
        size = options.slice_calls or _slice(len(play.context.dataset.validation))
        barren = 0
        for number in range(options.max_slices):
            calls = size if play.left is None else min(size, play.left)
            if calls == 0:
                return StopRun("max_iterations", f"the {options.calls} target calls of all stages are used")
            arm, reason = _choose(arms, number, dice)
            seed = options.seed + len(arm.rewards)
            outcome = await play.stage(Part(arm.name, best, reason, calls, seed))
            gain = outcome.score - score
            arm.rewards.append((number, 100 * gain / max(1, outcome.used)))
            turned = play.edit(outcome) is not None  # by a person, whose prompt counts whatever it scores
            barren = 0 if gain > 0 or turned else barren + 1
            if gain > 0 or turned:
                best = play.edited(outcome.best)
                score = (await play.context.evaluate(best, "validation")).score.mean
            if score >= 1.0:
                return StopRun("all_pass", "every validation case passes")
            if barren >= options.patience and all(one.rewards for one in arms):
                return StopRun("plateau", f"{barren} slices in a row brought no gain")
        return StopRun("max_iterations", f"{options.max_slices} slices, as many as were allowed")


def _slice(validation: int) -> int:
    """Target calls of a slice with so many validation cases."""
    return max(60, 4 * validation)


def _choose(arms: Sequence[_Arm], number: int, dice: random.Random) -> tuple[_Arm, str]:
    """The optimizer of the next slice, and why, in words."""
    fresh = next((arm for arm in arms if not arm.rewards), None)
    if fresh is not None:
        return fresh, "its first slice"
    drawn = [(arm.draw(number, dice), at) for at, arm in enumerate(arms)]
    arm = arms[max(drawn)[1]]
    last = arm.rewards[-1][1] * 100
    return arm, f"its last slice gained {last:+.1f} points per 100 calls"
