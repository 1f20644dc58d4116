"""Which optimizer, with which settings? Tried out by cross-validation, the poor ones for little; then used.

A block is a configuration on a fold: it searches on the other folds' cases, with a quarter of the calls of a
full search, and what it finds is scored, case by case, on the fold against the prompt to start from. All
configurations play the first fold, the better half of them the second, and so on (successive halving;
Jamieson and Talwalkar 2016). Of those that played most folds the cheapest within one standard error of the
best is chosen (Breiman et al. 1984), and searches on the run's own cases.
"""

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from pydantic import Field, model_validator

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.events import Notice
from promptopt.domain.stopping import StopRun
from promptopt.optimizers.base import OptimizerOptions
from promptopt.optimizers.hybrids.combined import Combined, CombinedOptions, Part, Play
from promptopt.optimizers.stages import Rehearsal

CONFIGS: list[dict[str, Any]] = [
    {"name": "refine"},
    {"name": "dspy-bootstrap-random-search", "num_candidates": 8},
    {"name": "dspy-mipro"},
    {"name": "dspy-gepa"},
]
"""What is tried if nothing else is asked for."""


class AutoOptions(CombinedOptions):
    """Settings of ``auto``.

    Attributes:
        configs: optimizers with settings, each a table with ``name``.
        folds: parts that training and validation cases are dealt into.
        block_calls: target calls of one trial; None: four times the cases of a fold, at least 60.
        final: search with the choice at the end; false: only say which it is.
    """

    configs: list[dict[str, Any]] = Field(default=CONFIGS, min_length=2)
    folds: int = Field(default=3, ge=2, le=10)
    block_calls: int | None = Field(default=None, ge=1)
    final: bool = True

    @model_validator(mode="after")
    def _each_has_a_name(self) -> "AutoOptions":
        if any(not isinstance(config.get("name"), str) for config in self.configs):
            raise ValueError("each of configs is a table with the name of an optimizer")
        return self


@dataclass
class Trial:
    """A configuration and what it gained, case by case, on the folds that it played.

    Attributes:
        gains: scores of the prompts that it found less those of the prompt to start from.
        used: target calls.
    """

    config: Mapping[str, Any]
    gains: list[float] = field(default_factory=list[float])
    folds: int = 0
    used: int = 0

    @property
    def name(self) -> str:
        return str(self.config["name"])

    @property
    def settings(self) -> dict[str, Any]:
        return {key: value for key, value in self.config.items() if key != "name"}

    @property
    def mean(self) -> float:
        return statistics.fmean(self.gains) if self.gains else 0.0

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return statistics.stdev(self.gains) / math.sqrt(len(self.gains)) if len(self.gains) > 1 else 0.0

    def __str__(self) -> str:
        settings = ", ".join(f"{key} = {value}" for key, value in self.settings.items())
        named = f"{self.name} ({settings})" if settings else self.name
        figures = f"{self.mean * 100:+.1f} ± {self.error * 100:.1f} points"
        return f"{named}: {figures} on {len(self.gains)} cases of {self.folds} folds, {self.used} calls"


class Auto(Combined):
    """Tries optimizers and settings out by cross-validation, and goes on with the one that did best."""

    name: ClassVar[str] = "auto"
    on_edit: ClassVar[str] = (
        "The trial under way and those to come start from your prompt, and so does the final search."
    )
    Options: ClassVar[type[OptimizerOptions]] = AutoOptions

    def members(self) -> Sequence[str]:
        return [str(config["name"]) for config in cast(AutoOptions, self.options).configs]

    async def combine(self, play: Play) -> StopRun:
        options = cast(AutoOptions, self.options)
        context = play.context
        start = play.edited(play.best)
        folds = deal(list(context.dataset.cases()), options.folds, options.seed)
        trials = [Trial(config) for config in options.configs]
        racing = trials
        for number, fold in enumerate(folds):
            rest = [case for other in folds if other is not fold for case in other]
            for trial in racing:
                part = Part(
                    trial.name,
                    start,
                    f"fold {number + 1} of {len(folds)}, {len(racing)} configurations",
                    calls=options.block_calls or max(60, 4 * len(fold)),
                    settings=trial.settings,
                    dataset=_halves(rest, options.seed),
                    kind=Rehearsal,
                    scored=fold,
                )
                outcome = await play.stage(part)
                # What a person wrote is no merit of the trial that it came into; the next ones start there.
                begun = outcome.edit or start
                before = (await context.evaluate(begun, "train", fold, counts=False)).by_case()
                start = play.edit(outcome) or start
                trial.gains += [score - before[case].score for case, score in outcome.scores.items()]
                trial.folds, trial.used = number + 1, trial.used + outcome.used
            racing = sorted(racing, key=lambda one: -one.mean)[: max(1, math.ceil(len(racing) / 2))]
            if len(racing) == 1:
                break
        chosen = choose(trials)
        table = "; ".join(str(trial) for trial in sorted(trials, key=lambda one: (-one.folds, -one.mean)))
        context.show(
            Notice(text=f"auto chose {chosen.name}, by what was gained on cases not searched on: {table}")
        )
        if not options.final:
            return StopRun("max_iterations", f"chose {chosen}")
        outcome = await play.stage(
            Part(chosen.name, play.edited(start), "the choice", play.left, settings=chosen.settings)
        )
        return StopRun("max_iterations", f"chose {chosen}; it ended: {outcome.ended}")


def choose(trials: Sequence[Trial]) -> Trial:
    """The cheapest of those that played most folds and are within one standard error of the best."""
    most = max(trial.folds for trial in trials)
    finalists = [trial for trial in trials if trial.folds == most]
    best = max(finalists, key=lambda trial: trial.mean)
    near = [trial for trial in finalists if trial.mean >= best.mean - best.error]
    return min(near, key=lambda trial: trial.used)


def deal(cases: Sequence[Example], folds: int, seed: int) -> list[list[Example]]:
    """Deal cases into folds of about the same size; groups stay together."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for case in cases:
        groups[case.group or f"case {case.id}"].append(case)
    order = sorted(groups)
    random.Random(f"folds/{seed}").shuffle(order)
    dealt: list[list[Example]] = [[] for _ in range(folds)]
    for name in order:
        min(dealt, key=len).extend(groups[name])
    return [fold for fold in dealt if fold]


def _halves(cases: Sequence[Example], seed: int) -> Dataset:
    """Training and validation cases of a trial."""
    train, validation = deal(cases, 2, seed)
    return Dataset(train=tuple(train), validation=tuple(validation), test=())
