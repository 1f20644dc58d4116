"""Optimizers side by side, the poorer half given up at each rung, and a tournament of what they found.

Successive halving over optimizers (Jamieson and Talwalkar 2016): each has the same number of target calls,
the better half twice as many, and so on. An optimizer that goes on does so from its own best prompt.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, cast

from pydantic import Field

from promptopt.domain.forecast import Plan, Scale, Spread
from promptopt.domain.prompt import Prompt
from promptopt.domain.stopping import StopRun
from promptopt.optimizers.base import OptimizerOptions, RunContext
from promptopt.optimizers.hybrids.combined import Combined, CombinedOptions, Names, Outcome, Part, Play
from promptopt.optimizers.hybrids.outlook import Share, any_of
from promptopt.tournament.config import TournamentConfig
from promptopt.tournament.manager import TournamentManager
from promptopt.tournament.results import TournamentResults


class EnsembleOptions(CombinedOptions):
    """Settings of ``ensemble``.

    Attributes:
        optimizers: those that take part.
        rungs: how often the poorer half is given up and the others go on with twice the calls.
        first_calls: target calls of each on the first rung; None: an equal share of ``calls``, else no limit.
        judging: what the tournament at the end goes by: ``metric``, ``judges``, or the metric and, where that
            is a tie, the judges.
    """

    optimizers: Names = Field(default=["refine", "dspy-bootstrap-random-search", "dspy-gepa"], min_length=2)
    rungs: int = Field(default=1, ge=1, le=5)
    first_calls: int | None = Field(default=None, ge=1)
    judging: Literal["metric", "judges", "metric_then_judges"] = "metric"


class Ensemble(Combined):
    """Optimizers side by side; the winner of a tournament of their best prompts wins the run."""

    name: ClassVar[str] = "ensemble"
    on_edit: ClassVar[str] = "The optimizer at work, and all that follow, go on from your prompt."
    Options: ClassVar[type[OptimizerOptions]] = EnsembleOptions

    def members(self) -> Sequence[str]:
        return cast(EnsembleOptions, self.options).optimizers

    @property
    def needs_judges(self) -> bool:
        return super().needs_judges or cast(EnsembleOptions, self.options).judging != "metric"

    async def combine(self, play: Play) -> StopRun:
        options = cast(EnsembleOptions, self.options)
        start = play.edited(play.best)
        nothing = Outcome(optimizer="", best=start, score=0.0, used=0, ended="", iterations=0)
        standing = dict.fromkeys(options.optimizers, nothing)
        found: dict[str, Prompt] = {}
        calls = self._first_share()
        for rung in range(options.rungs):
            for name in tuple(standing):
                reason = f"rung {rung + 1} of {options.rungs}, {len(standing)} optimizers"
                outcome = await play.stage(
                    Part(name, standing[name].best, reason, calls, options.seed + rung)
                )
                best = play.edited(outcome.best)
                found |= {outcome.best.id: outcome.best, best.id: best}
                standing[name] = outcome
                edit = play.edit(outcome)
                if edit is not None:  # a person's prompt is what all others start from
                    standing = {each: one.model_copy(update={"best": edit}) for each, one in standing.items()}
                    standing[name] = outcome.model_copy(update={"best": best})
            if rung + 1 < options.rungs:
                ranked = sorted(standing.values(), key=lambda one: -one.score)
                standing = {one.optimizer: one for one in ranked[: max(1, len(ranked) // 2)]}
                calls = None if calls is None else 2 * calls
        await crown(play, [start, *(prompt for prompt in found.values() if prompt.id != start.id)], options)
        return StopRun("max_iterations", f"the {len(options.optimizers)} optimizers came to their end")

    def outlook(self, plans: Sequence[Plan], scale: Scale) -> list[Share]:
        """Each optimizer on the first rung, half of them, whichever those are, on each later one."""
        calls = self._first_share()
        shares, standing = [Share(plan, calls=calls) for plan in plans], len(plans)
        for _ in range(1, cast(EnsembleOptions, self.options).rungs):
            standing, calls = max(1, standing // 2), None if calls is None else 2 * calls
            shares.append(Share(any_of(plans), Spread.exactly(standing), calls))
        return shares

    def _first_share(self) -> int | None:
        options = cast(EnsembleOptions, self.options)
        if options.first_calls is not None or options.calls is None:
            return options.first_calls
        number, parts, share = len(options.optimizers), 0, 1
        for _ in range(options.rungs):
            parts += number * share
            number, share = max(1, number // 2), 2 * share
        return max(1, options.calls // parts)


async def crown(play: Play, prompts: Sequence[Prompt], options: EnsembleOptions) -> Prompt:
    """Let prompts play for the run's result; those that lose count no longer as accepted.

    What breaks a case that must pass can't win, and does not play.
    """
    context = play.context
    prompts = [prompt for prompt in prompts if not context.breaks(prompt)] or prompts[:1]
    if len(prompts) < 2:
        return prompts[0]
    config = TournamentConfig(format="round_robin", judging=options.judging, seed=options.seed)
    results = await TournamentManager(config).run(context, prompts, context.dataset.validation)
    give_up_beaten(context, prompts, results, "lost the tournament")
    return results.champion


def give_up_beaten(
    context: RunContext, prompts: Sequence[Prompt], results: TournamentResults, reason: str
) -> None:
    """Let prompts that are rated below a tournament's best count no longer as accepted.

    The run's first prompt stays in the running, as ever; so does who shares the first place.
    """
    top = max(rating.rating for rating in results.ratings)
    beaten = {rating.candidate_id for rating in results.ratings if rating.rating < top}
    for prompt in prompts:
        if prompt.id in beaten - {results.champion.id, context.seed_prompt.id}:
            context.judged(prompt, results.champion, False, reason, None)
