"""What a tournament shows steers the next round: contested cases and winning answers go back into the search.

Each round lets one optimizer find several prompts and has them play each other on training cases. The next
round searches on the cases that some of the best still fail, beside as many that they pass, and starts from
the champion, with its answers to cases that the others failed as demonstrations.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from pydantic import Field

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.forecast import Plan, Scale, Spread
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Evaluation
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.gates import gate
from promptopt.evaluation.statistics import compare
from promptopt.optimizers.base import BaseOptimizer, OptimizerOptions
from promptopt.optimizers.hybrids.combined import Combined, CombinedOptions, Part, Play, make
from promptopt.optimizers.hybrids.ensemble import give_up_beaten
from promptopt.optimizers.hybrids.outlook import Share
from promptopt.tournament.config import TournamentConfig
from promptopt.tournament.manager import TournamentManager
from promptopt.tournament.results import TournamentResults

TOP = 3
"""Prompts of a round from which the next one learns."""


class FeedbackOptions(CombinedOptions):
    """Settings of ``feedback``.

    Attributes:
        optimizer: what finds prompts.
        rounds: most rounds; it ends before if a round brings nothing.
        prompts: searches per round, each with a seed of its own.
        examples: most demonstrations that a champion gets from what it got right.
        train_cases: most training cases that prompts play on.
    """

    optimizer: str = "dspy-mipro"
    rounds: int = Field(default=3, ge=1)
    prompts: int = Field(default=2, ge=1)
    examples: int = Field(default=3, ge=0)
    train_cases: int = Field(default=40, ge=1)


class Feedback(Combined):
    """Rounds of searches and tournaments; each round is steered by what the last tournament showed."""

    name: ClassVar[str] = "feedback"
    on_edit: ClassVar[str] = (
        "The search under way goes on from your prompt; the round begins anew from there."
    )
    Options: ClassVar[type[OptimizerOptions]] = FeedbackOptions

    def members(self) -> Sequence[str]:
        return [cast(FeedbackOptions, self.options).optimizer]

    def outlook(self, plans: Sequence[Plan], scale: Scale) -> list[Share]:
        """Searches of one to all rounds; what each found plays on training cases."""
        options = cast(FeedbackOptions, self.options)
        likely = options.prompts * (1 + options.rounds) / 2
        times = Spread.of(options.prompts, likely, options.prompts * options.rounds)
        calls = None if options.calls is None else max(1, options.calls // (options.prompts * options.rounds))
        return [Share(plans[0], times, calls, scored=min(scale.train, options.train_cases))]

    async def combine(self, play: Play) -> StopRun:
        options = cast(FeedbackOptions, self.options)
        context = play.context
        best = play.edited(play.best)
        score = (await context.evaluate(best, "validation")).score.mean
        train = context.dataset.train[: options.train_cases]
        cases: Dataset | None = None
        number = 0
        while number < options.rounds:
            found, turned = await self._searches(play, best, number, cases)
            if turned:  # by a person: the round begins anew from what came of their prompt
                best = found[-1]
                score = (await context.evaluate(best, "validation")).score.mean
                continue
            sound = [prompt for prompt in found if not context.breaks(prompt)] or found[:1]
            played = await _played(sound, play, train)
            leading = played.top(TOP) if played else sound[:1]
            top = [(prompt, await context.evaluate(prompt, "train", train)) for prompt in leading]
            champion = await _with_examples(top, play, train, options.examples)
            reached = (await context.evaluate(champion, "validation")).score.mean
            number += 1
            if played:  # where the round brought no gain, what it started from stays in the running
                beaten = [prompt for prompt in found if reached > score or prompt.id != best.id]
                give_up_beaten(context, beaten, played, f"lost the tournament of round {number}")
            if reached >= 1.0:
                return StopRun("all_pass", f"every validation case passes after round {number}")
            if reached <= score:
                return StopRun("plateau", f"round {number} brought no gain")
            best, score = champion, reached
            cases = _contested([evaluation for _, evaluation in top], context.dataset)
        return StopRun("max_iterations", f"{options.rounds} rounds, as many as were allowed")

    async def _searches(
        self, play: Play, best: Prompt, number: int, cases: Dataset | None
    ) -> tuple[list[Prompt], bool]:
        """A round's prompts, first the one that it starts from, and whether a person's edit ended it: then
        the last is what came of that.
        """
        options = cast(FeedbackOptions, self.options)
        found = [best]
        for at in range(options.prompts):
            left = play.left
            calls = None if left is None else left // (options.prompts * (options.rounds - number) - at)
            seed = options.seed + number * options.prompts + at
            reason = f"round {number + 1} of {options.rounds}, search {at + 1} of {options.prompts}"
            outcome = await play.stage(Part(options.optimizer, best, reason, calls, seed, dataset=cases))
            found.append(play.edited(outcome.best))
            if play.edit(outcome) is not None:
                return found, True
        return found, False


class SimpleFeedbackOptions(CombinedOptions):
    """Settings of ``simple-feedback``.

    Attributes:
        optimizer: what finds the first prompt.
        variations: prompts around it that play each other.
    """

    optimizer: str = "dspy-mipro"
    variations: int = Field(default=8, ge=2)


class SimpleFeedback(Combined):
    """One search, variations of its prompt in a group of GRPO's, demonstrations from the best of them."""

    name: ClassVar[str] = "simple-feedback"
    on_edit: ClassVar[str] = (
        "The step under way goes on from your prompt, the next one from what that made of it."
    )
    Options: ClassVar[type[OptimizerOptions]] = SimpleFeedbackOptions

    def members(self) -> Sequence[str]:
        return [cast(SimpleFeedbackOptions, self.options).optimizer, "grpo", "dspy-bootstrap"]

    def _made(self) -> list[BaseOptimizer]:
        options = cast(SimpleFeedbackOptions, self.options)
        more = {"grpo": _group(options)}
        return [make(name, options, None, more.get(name), self._classes) for name in self.members()]

    async def combine(self, play: Play) -> StopRun:
        options = cast(SimpleFeedbackOptions, self.options)
        dataset = play.context.dataset
        first = await play.stage(
            Part(options.optimizer, play.edited(play.best), "the first prompt", play.left)
        )
        group = _group(options)
        varied = await play.stage(
            Part("grpo", play.edited(first.best), "variations of it", play.left, settings=group)
        )
        best = play.edited(varied.best)
        right = {r.case_id for r in (await play.context.evaluate(best, "train")).results if r.passed}
        passed = tuple(case for case in dataset.train if case.id in right)
        if passed:
            shown = dataset.model_copy(update={"train": passed})
            await play.stage(
                Part(
                    "dspy-bootstrap", best, "demonstrations from what it gets right", play.left, dataset=shown
                )
            )
        return StopRun("max_iterations", "search, variations and demonstrations came to their end")


def _group(options: SimpleFeedbackOptions) -> dict[str, Any]:
    """Settings of ``grpo`` for one group of variations."""
    return {"group": options.variations, "max_iterations": 1}


async def _played(
    prompts: Sequence[Prompt], play: Play, train: Sequence[Example]
) -> TournamentResults | None:
    """The tournament of a round on training cases; None if there is one prompt only."""
    if len({prompt.id for prompt in prompts}) < 2:
        return None
    config = TournamentConfig(format="round_robin", judging="metric")
    return await TournamentManager(config).run(play.context, prompts, train, "train")


async def _with_examples(
    top: Sequence[tuple[Prompt, Evaluation]], play: Play, train: Sequence[Example], most: int
) -> Prompt:
    """The champion, with answers that it got right and others did not, where that helps on validation."""
    champion, evaluation = top[0]
    failed = {r.case_id for _, other in top[1:] for r in other.results if not r.passed}
    won = [r for r in evaluation.results if r.passed and r.case_id in failed]
    by_id = {case.id: case for case in train}
    shown = tuple(by_id[r.case_id].model_copy(update={"expected": r.output}) for r in won[:most])
    if not shown:
        return champion
    context = play.context
    taught = champion.model_copy(update={"demonstrations": (*champion.demonstrations, *shown)})
    about: dict[str, Any] = {
        "iteration": play.iterations,
        "parent": champion,
        "reasoning": f"{len(shown)} of its answers that others got wrong, as demonstrations",
        "made_by": "feedback",
    }
    if await context.admit(taught, **about):
        return champion
    context.candidate(taught, **about)
    before, after = [await context.evaluate(prompt, "validation") for prompt in (champion, taught)]
    accepted, reason = gate(before, after)
    accepted = context.judged(taught, champion, accepted, reason, compare(before, after))
    return taught if accepted else champion


def _contested(top: Sequence[Evaluation], dataset: Dataset) -> Dataset:
    """Training cases that some of the best fail, beside as many that they all pass."""
    failed = {r.case_id for evaluation in top for r in evaluation.results if not r.passed}
    hard = [case for case in dataset.train if case.id in failed]
    easy = [case for case in dataset.train if case.id not in failed][: max(len(hard), 1)]
    return dataset.model_copy(update={"train": (*hard, *easy)}) if hard else dataset
