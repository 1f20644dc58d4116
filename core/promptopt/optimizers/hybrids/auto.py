"""Which optimizer, with which settings? Tried out by cross-validation, the poor ones for little; then used.

A block is a configuration on a fold: it searches on the other folds' cases, with a quarter of the calls of a
full search, and what it finds is scored, case by case, on the fold against the prompt to start from. All
configurations play the first fold, the better half of them the second, and so on, two at least to the last
(successive halving; Jamieson and Talwalkar 2016). Of those that played most folds the cheapest within one
standard error of the best is chosen (Breiman et al. 1984), and searches on the run's own cases.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, ClassVar, cast

from pydantic import Field, model_validator

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.events import Notice
from promptopt.domain.forecast import Plan, Scale, Spread
from promptopt.domain.prompt import Prompt
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.gates import gate
from promptopt.evaluation.statistics import compare
from promptopt.optimizers.base import BaseOptimizer, OptimizerOptions, RunContext
from promptopt.optimizers.hybrids.combined import Combined, CombinedOptions, Part, Play, make
from promptopt.optimizers.hybrids.outlook import Share, any_of, trial_scale
from promptopt.optimizers.hybrids.trials import Trial, choose, decision, give_up, progress, stay
from promptopt.optimizers.measuring import whole
from promptopt.optimizers.stages import Rehearsal

FINALS = 2
"""Prompts that trials found and that are scored on all validation cases if the run ends before the choice."""

LEAST_BLOCK = 3
"""Times the cases of a fold that a trial needs, to find anything at all."""

TRIALS_SHARE = 0.5
"""Of a limited number of calls, what trials may have; the rest is for the search with the choice."""

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
        block_calls: target calls of one trial; None: eight times the cases of a fold, at least 120. Fewer, if
            ``calls`` or the budget's cap on calls would leave less than half for the search with the choice.
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
        if any(config["name"] == "auto" for config in self.configs):
            raise ValueError("auto can't be one of its own configs")
        return self


class Auto(Combined):
    """Tries optimizers and settings out by cross-validation, and goes on with the one that did best."""

    name: ClassVar[str] = "auto"
    on_edit: ClassVar[str] = (
        "The trial under way and those to come start from your prompt, and so does the final search."
    )
    Options: ClassVar[type[OptimizerOptions]] = AutoOptions

    _found: list[tuple[float, Prompt]] | None = None
    _start: Prompt

    def members(self) -> Sequence[str]:
        return [str(config["name"]) for config in cast(AutoOptions, self.options).configs]

    def _made(self) -> list[BaseOptimizer]:
        options = cast(AutoOptions, self.options)
        trials = [Trial(config) for config in options.configs]
        return [make(trial.name, options, None, trial.settings, self._classes) for trial in trials]

    def scale_of_stages(self, scale: Scale) -> Scale:
        """Trials search on the other folds' cases; the choice, on all of them, is taken to cost the same."""
        cases = scale.validation if scale.shared else scale.train + scale.validation
        folds = cast(AutoOptions, self.options).folds
        return trial_scale(scale, cases - cases // folds)

    def outlook(self, plans: Sequence[Plan], scale: Scale) -> list[Share]:
        """All configurations on the first fold, fewer on each later one, and the search of the choice."""
        options = cast(AutoOptions, self.options)
        cases = scale.validation if scale.shared else scale.train + scale.validation
        fold = -(-cases // options.folds)
        calls = options.block_calls or _usual_block(fold)
        shares, standing = [Share(plan, calls=calls, scored=fold) for plan in plans], len(plans)
        for _ in range(1, options.folds):
            standing = stay(standing)
            shares.append(Share(any_of(plans), Spread.exactly(standing), calls, fold))
        return [*shares, Share(any_of(plans))] if options.final else shares

    @property
    def finals(self) -> int:
        return FINALS

    async def finish(self, context: RunContext) -> None:
        """Score what the trials found, what gained most on its fold first, if none was chosen yet."""
        if self._found is None:
            await super().finish(context)
            return
        found = {prompt.id: prompt for _, prompt in sorted(self._found, key=lambda one: -one[0])}
        best = found.pop(self._start.id, self._start)
        before = await whole(context, best)
        for prompt in [*found.values()][:FINALS]:
            evaluation = await whole(context, prompt)
            accepted, reason = gate(before, evaluation)
            if context.judged(prompt, best, accepted, reason, compare(before, evaluation)):
                best, before = prompt, evaluation

    def _block(self, context: RunContext, folds: Sequence[Sequence[Example]]) -> int:
        """Target calls of one trial."""
        options = cast(AutoOptions, self.options)
        fold = max(len(one) for one in folds)
        usual = options.block_calls or _usual_block(fold)
        room = _room(context, options.calls)
        if room is None:
            return usual
        trials = standing = len(options.configs)
        for _ in folds[1:]:
            standing = stay(standing)
            trials += standing
        share = TRIALS_SHARE if options.final else 1.0
        scoring = sum(len(one) for one in folds) + trials * fold
        return min(usual, int((room * share - scoring) / trials))

    async def combine(self, play: Play) -> StopRun:
        options = cast(AutoOptions, self.options)
        context = play.context
        self._start = start = play.edited(play.best)
        self._found = []
        folds = deal(list(context.dataset.cases()), options.folds, options.seed)
        if len(folds) < 2:
            raise SettingsError(
                "the cases are all of one group, so none can be held out to choose by",
                where="data.group",
                fix="give cases of several groups, or name one optimizer",
            )
        trials = [Trial(config) for config in options.configs]
        block = self._block(context, folds)
        least = 1 if options.block_calls else LEAST_BLOCK * max(len(fold) for fold in folds)
        if block < least:
            return await self._untried(play, trials[0])
        racing = trials
        for number, fold in enumerate(folds, 1):
            rest = [case for other in folds if other is not fold for case in other]
            play.used += len(fold) * context.settings.evaluation.repeats
            for trial in racing:
                part = Part(
                    trial.name,
                    start,
                    f"fold {number} of {len(folds)}, {len(racing)} configurations",
                    calls=block,
                    settings=trial.settings,
                    dataset=_halves(rest, options.seed),
                    kind=Rehearsal,
                    scored=fold,
                )
                outcome = await play.stage(part)
                # What a person wrote is no merit of the trial that it came into; the next ones start there.
                begun = outcome.edit or start
                scored = (await context.evaluate(begun, "train", fold, counts=False)).by_case()
                before = {case_id: result.score for case_id, result in scored.items()}
                self._start = start = play.edit(outcome) or start
                trial.add(fold, before, outcome.scores, outcome.used)
                self._found.append((trial.folds[-1], outcome.best))
            if number < len(folds):
                racing = give_up(racing, number)
                context.show(progress(trials, number, len(folds)))
        context.show(decision(trials, len(folds), len(folds)))
        chosen = choose(trials)
        self._found = None
        named = f"chose {chosen.mark()}"
        if not options.final:
            return StopRun("max_iterations", named)
        outcome = await play.stage(
            Part(chosen.name, play.edited(start), "the choice", play.left, settings=chosen.settings)
        )
        return StopRun("max_iterations", f"{named}; it ended: {outcome.ended}")

    async def _untried(self, play: Play, first: Trial) -> StopRun:
        """Search with the first configuration, where there are too few calls to try any out."""
        self._found = None
        told = f"the calls are too few to try configurations out: the first, {first.mark()}, is used"
        play.context.show(Notice(level="warning", text=told))
        start = play.edited(play.best)
        outcome = await play.stage(Part(first.name, start, told, play.left, settings=first.settings))
        return StopRun("max_iterations", f"{told}; it ended: {outcome.ended}")


def _usual_block(fold: int) -> int:
    """Target calls of a trial with so many cases in its fold."""
    return max(120, 8 * fold)


def _room(context: RunContext, calls: int | None) -> int | None:
    """Target calls of all stages: by ``calls``, and by what the budget leaves beside baseline and test."""
    limits = context.settings.budget.limits()
    caps = [int(limits[name]) for name in ("calls", "target_calls") if name in limits]
    aside = 3 * len(context.dataset.validation) * context.settings.evaluation.repeats
    rooms = [*([] if calls is None else [calls]), *(max(0, cap - aside) for cap in caps)]
    return min(rooms, default=None)


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
    train, *rest = deal(cases, 2, seed)
    validation = rest[0] if rest else train  # all cases of one group
    return Dataset(train=tuple(train), validation=tuple(validation), test=())
