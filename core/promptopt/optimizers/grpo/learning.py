"""What a group teaches: which operators and lessons work, how far to go, and new lessons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptopt.domain.dataset import Example
from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Prompt
from promptopt.evaluation.gates import gains
from promptopt.optimizers.base import RunContext
from promptopt.optimizers.grpo import distilling
from promptopt.optimizers.grpo.advantage import Advantages
from promptopt.optimizers.grpo.measuring import Measurements
from promptopt.optimizers.grpo.proposing import Variant
from promptopt.optimizers.grpo.scoring import Scored
from promptopt.optimizers.grpo.state import State
from promptopt.optimizers.grpo.trust import distance
from promptopt.optimizers.grpo.writing import Written


@dataclass(frozen=True)
class Taught:
    """Lessons that were asked for, and what the cases that were shown say of them, by their ids."""

    operations: list[distilling.Operation]
    gains: Mapping[str, float]


class Teacher:
    """Learns from groups, into the state.

    Args:
        cases: training cases by id.
    """

    def __init__(
        self, context: RunContext, state: State, measurements: Measurements, cases: Mapping[str, Example]
    ) -> None:
        self._context = context
        self._state = state
        self._measurements = measurements
        self._cases = cases

    async def ask(self, number: int, written: Written, scored: Scored) -> Taught | None:
        """Ask what makes the best of a group better than its worst; None if the group does not tell."""
        if scored.advantages.null or scored.by_judges:
            return None
        prompts = {prompt.id: prompt for prompt in (written.parent, *(v.prompt for v in written.variants))}
        better, worse = _ends(scored.advantages, list(prompts))
        if better == worse:
            return None
        shown = distilling.contrast(
            prompts[better], prompts[worse], written.parent, scored.table, self._cases
        )
        if shown is None:
            return None
        results = {name: self._measurements.results(prompt) for name, prompt in prompts.items()}
        messages = distilling.request(
            shown, results, self._state.library.items, self._context.task.description
        )
        try:
            response = await self._context.complete("optimizer", messages, path=f"distil/{number}")
        except CallFailed:
            return None
        return Taught(*distilling.by_id(distilling.read_operations(response.text), shown))

    def learn(self, written: Written, scored: Scored, progress: float, taught: Taught | None) -> None:
        """Take in how a group did. One that could not be told apart says nothing of anybody."""
        state = self._state
        state.lost = state.lost + 1 if scored.advantages.null else 0
        if not scored.advantages.null:
            members = scored.advantages.members
            well = [variant for variant in written.variants if _well(variant, scored)]
            for variant in written.variants:
                if variant.prompt.id in members:
                    state.bandit.learn(variant.slot.operator, variant in well)
            state.trust.adapt([distance(v.prompt.text, written.parent.text) for v in well], progress)
            used = {v.prompt.id: v.lessons for v in written.variants if v.prompt.id in members}
            state.library.record(used, {name: members[name].shrunken for name in used})
        if taught is not None:
            state.library.apply(taught.operations, taught.gains)

    def note_vain(self, written: Written) -> None:
        """Count the kinds of failure that a variant was to mend and mended not one case of."""
        before = self._measurements.results(written.parent)
        for variant in written.variants:
            if not variant.slot.cluster:
                continue
            after = self._measurements.results(variant.prompt)
            fixed = any(r.passed and name in before and not before[name].passed for name, r in after.items())
            if not fixed:
                self._state.vain[variant.slot.cluster] += 1


def change(scored: Scored, variant: Prompt, parent: Prompt) -> tuple[float, float] | None:
    """Mean paired difference of a variant to its parent and its error; None if it was not measured."""
    if variant.id not in scored.table or not scored.table[variant.id]:
        return None
    return scored.gap(parent.id, variant.id)


def hopeful(scored: Scored, ranked: Sequence[Prompt], best: Prompt) -> Prompt | None:
    """The first of ``ranked`` that gains a standard error over ``best`` on the group's cases."""
    return next((prompt for prompt in ranked if gains(*scored.gap(best.id, prompt.id))), None)


def _well(variant: Variant, scored: Scored) -> bool:
    name = variant.prompt.id
    return name not in scored.dropped and scored.advantages.members[name].shrunken > 0


def _ends(found: Advantages, names: Sequence[str]) -> tuple[str, str]:
    """Who is best for sure, and who is worst for sure: by the bounds of one standard error."""
    known = [name for name in names if name in found.members]
    high = max(known, key=lambda name: found.members[name].raw - found.members[name].error)
    low = min(known, key=lambda name: found.members[name].raw + found.members[name].error)
    return high, low
