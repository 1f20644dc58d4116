"""Scoring a group: by the checks, racing over common cases, or by judges, in a tournament."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Protocol

from promptopt.domain.dataset import Example, Split
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Evaluation
from promptopt.evaluation.gates import clearly_worse, gains, gate
from promptopt.evaluation.racing import Dropped, Everybody, Halving, PairedT, Rule, gap, race
from promptopt.evaluation.together import together
from promptopt.optimizers.base import RunContext
from promptopt.optimizers.grpo import judging
from promptopt.optimizers.grpo.advantage import Advantages, advantages, shrink
from promptopt.optimizers.grpo.measuring import Measurements
from promptopt.optimizers.grpo.options import GrpoOptions
from promptopt.optimizers.grpo.reward import RewardCalculator
from promptopt.optimizers.grpo.state import State

Veto = Callable[[Prompt], str]
"""Why a prompt must not go on, whatever it rewards; empty if it may."""


@dataclass
class Scored:
    """What the scoring of a group came to.

    Attributes:
        table: prompt id to case to reward, the anchors' too.
        advantages: of all of them.
        cases: ids of the cases that were used.
        dropped: prompt id to when and why it left.
        weights: case id to weight.
    """

    table: dict[str, dict[str, float]]
    advantages: Advantages
    cases: list[str]
    dropped: dict[str, Dropped] = field(default_factory=dict[str, Dropped])
    weights: dict[str, float] = field(default_factory=dict[str, float])
    by_judges: bool = False

    def gap(self, worse: str, better: str) -> tuple[float, float]:
        """Mean of ``better - worse``, in reward, and its standard error."""
        if not self.by_judges:
            mean, error, _ = gap(self.table, worse, better, self.weights)
            return mean, error
        one, other = self.advantages.members[worse], self.advantages.members[better]
        return other.raw - one.raw, math.hypot(one.error, other.error)


class Scorer(Protocol):
    """Scores groups, and decides whether a prompt takes the best one's place."""

    async def score(
        self, group: Sequence[Prompt], anchors: Sequence[Prompt], cases: Sequence[Example], veto: Veto
    ) -> Scored:
        """Score ``group`` beside ``anchors``, on training cases, the first of which count most."""
        ...

    async def gate(
        self, best: Prompt, candidate: Prompt, before: Evaluation, after: Evaluation
    ) -> tuple[bool, str]:
        """Whether the candidate takes the best one's place, and why, in words.

        Args:
            before, after: both on the validation cases.
        """
        ...


class ByMetric:
    """By the checks: a race over common cases."""

    def __init__(self, measurements: Measurements, context: RunContext, options: GrpoOptions) -> None:
        self._measurements = measurements
        self._context = context
        self._options = options

    async def score(
        self, group: Sequence[Prompt], anchors: Sequence[Prompt], cases: Sequence[Example], veto: Veto
    ) -> Scored:
        prompts = {prompt.id: prompt for prompt in (*anchors, *group)}
        weights = {case.id: case.weight for case in cases}
        total = min(len(cases), self._options.batch)

        async def measure(name: str, some: Sequence[Example]) -> Mapping[str, float]:
            return await self._measurements.rewarded(prompts[name], some, total)

        outcome = await race(
            [prompt.id for prompt in group],
            cases,
            measure,
            self._rule(),
            anchors=[prompt.id for prompt in anchors],
            block=self._options.block,
            veto=lambda name: veto(prompts[name]),
            enough=lambda table, done: done >= self._options.batch and not advantages(table, weights).null,
        )
        for prompt in group:
            self._context.measured(self._measurements.evaluation(prompt, "train", cases))
        return Scored(
            outcome.table, advantages(outcome.table, weights), outcome.cases, outcome.dropped, weights
        )

    async def gate(
        self, best: Prompt, candidate: Prompt, before: Evaluation, after: Evaluation
    ) -> tuple[bool, str]:
        return gate(before, after)

    def _rule(self) -> Rule:
        if self._options.race == "paired_t":
            return PairedT(self._options.level, self._options.fewest)
        return Halving(self._options.fewest) if self._options.race == "halving" else Everybody()


class ByJudges:
    """By judges: all play a tournament on the same cases, and the form of their outputs counts beside it.

    Args:
        play: plays a tournament.
    """

    def __init__(
        self,
        measurements: Measurements,
        context: RunContext,
        options: GrpoOptions,
        state: State,
        calculator: RewardCalculator,
        play: judging.Judging,
    ) -> None:
        self._state = state
        self._measurements = measurements
        self._context = context
        self._options = options
        self._calculator = calculator
        self._play = play

    async def score(
        self, group: Sequence[Prompt], anchors: Sequence[Prompt], cases: Sequence[Example], veto: Veto
    ) -> Scored:
        some = cases[: self._options.judged_cases]
        prompts = [*anchors, *group]
        await together(self._measurements.measure(prompt, "train", some) for prompt in prompts)
        for prompt in group:
            self._context.measured(self._measurements.evaluation(prompt, "train", some))
        barred = {prompt.id: reason for prompt in group if (reason := veto(prompt))}
        playing = [prompt for prompt in prompts if prompt.id not in barred]
        strength = await self._strengths(playing, some, "train")
        form = {prompt.id: self._form(prompt, some) for prompt in playing}
        weights = {case.id: case.weight for case in some}
        by_form = advantages(form, weights)
        total = self._calculator.combine
        worth = {name: total(one.mean, _mean(form[name])) for name, one in strength.items()}
        share = total(1.0, 0.0) if any(form.values()) else 1.0
        errors = {
            name: math.hypot(share * one.error, (1 - share) * _finite(by_form.members[name].error))
            for name, one in strength.items()
        }
        middle = fmean(worth.values())
        raw = {name: value - middle for name, value in worth.items()}
        table = {name: {case.id: value for case in some} for name, value in worth.items()}
        return Scored(
            table=table,
            advantages=shrink(raw, errors, {name: len(some) for name in raw}),
            cases=[case.id for case in some],
            dropped={name: Dropped(len(some), reason) for name, reason in barred.items()},
            weights=weights,
            by_judges=True,
        )

    async def gate(
        self, best: Prompt, candidate: Prompt, before: Evaluation, after: Evaluation
    ) -> tuple[bool, str]:
        if clearly_worse(before, after):
            return False, "clearly worse by the checks on the validation cases"
        cases = self._context.dataset.validation
        strength = (await self._strengths([best, candidate], cases, "validation"))[candidate.id]
        # Of two, the one's chance is what the other's is not: half is equality.
        mean, error = strength.mean - 0.5, strength.error
        said = f"judges give it {strength.mean:.0%} of the validation cases, standard error {error * 100:.1f}"
        return gains(mean, error), said if mean > 0 else f"{said}: no gain"

    async def _strengths(
        self, prompts: Sequence[Prompt], cases: Sequence[Example], split: Split
    ) -> Mapping[str, judging.Strength]:
        played = self._state.matches
        results = await self._play(
            self._context, prompts, cases, split, seed=self._options.seed, played=played
        )
        self._state.matches = played + len(results.matches)
        return judging.strengths(results, prompts)

    def _form(self, prompt: Prompt, cases: Sequence[Example]) -> dict[str, float]:
        rewards = self._measurements.rewards(prompt)
        wanted = [(case.id, rewards[case.id].form) for case in cases if case.id in rewards]
        return {case_id: form for case_id, form in wanted if form is not None}


def _mean(values: Mapping[str, float]) -> float | None:
    return fmean(values.values()) if values else None


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
