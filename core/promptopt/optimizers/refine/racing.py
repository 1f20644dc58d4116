"""The race of a round's proposals against the best prompt.

All proposals are screened on one block of cases, which finds what does harm and most of what does nothing.
What is left is put together, and only that goes on: to tell small gains from none takes more cases than a
search can pay for each of them, and one prompt with all of them gains more than each, on the same cases.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.evaluation.racing import race
from promptopt.optimizers.refine.demonstrating import identity
from promptopt.optimizers.refine.ground import Ground
from promptopt.optimizers.refine.merging import merge_prompts
from promptopt.optimizers.refine.proposing import Draft, room, size
from promptopt.optimizers.refine.screen import BLOCK, FIRST, LEAST, Estimate, Screen, Strata, deal

LIKELY = 0.4
"""Chance to pass the gate from which a validation is paid for; less where it costs less than a race."""

OPEN = -0.5
"""Gain in standard errors down to which a proposal that was dropped is not held against its writer."""

LENGTH_FLOOR = 1200
"""Characters that are added to both lengths before they are compared: short prompts may double."""


@dataclass(frozen=True)
class Raced:
    """What a race showed of a draft.

    Attributes:
        found: what it gains over the best prompt.
        dropped: why it left, in words; empty if it was in until the end.
        vetoed: it left because it broke a case that must pass.
    """

    draft: Draft
    found: Estimate
    dropped: str = ""
    vetoed: bool = False

    @property
    def prompt(self) -> Prompt:
        return self.draft.prompt

    @property
    def open(self) -> bool:
        """Whether it left without having shown that it does harm, or nothing."""
        return bool(self.dropped) and not self.vetoed and self.found.z > OPEN


class Racecourse:
    """Where proposals race."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def cases(self, drafts: Sequence[Draft], dice: random.Random) -> list[Example]:
        """The cases of a round's race, in their order: those that nobody shows or was measured on first."""
        ground = self._ground
        shown = {identity(demo) for draft in drafts for demo in draft.prompt.demonstrations}
        # Another order in each round: proposals are not to fit the same few cases again and again.
        order = dice.sample(ground.train, len(ground.train))
        met = {name for draft in drafts for name in ground.known.results(draft.prompt)}
        order.sort(key=lambda case: (identity(case) in shown, case.id in met))
        must = {case.id for case in ground.must_pass}
        return deal(order, self._strata(), ground.options.race_cases, must)

    async def screened(self, drafts: Sequence[Draft], cases: Sequence[Example]) -> list[Raced]:
        """All drafts on one block of cases; if nobody is left, those that it leaves open on another."""
        raced = await self._race(drafts, cases[:BLOCK], FIRST)
        if any(not one.dropped for one in raced):
            return raced
        again = [one.draft for one in raced if one.open]
        second = {one.prompt.id: one for one in await self._race(again, cases[BLOCK : 2 * BLOCK], FIRST)}
        return [second.get(one.prompt.id, one) for one in raced]

    async def raced(self, drafts: Sequence[Draft], cases: Sequence[Example]) -> list[Raced]:
        """What was put together, or is left, on all cases, as far as that is needed."""
        return await self._race(drafts, cases, LEAST)

    async def _race(
        self, drafts: Sequence[Draft], cases: Sequence[Example], least: Sequence[float]
    ) -> list[Raced]:
        if not drafts:
            return []
        ground, best = self._ground, self._ground.best
        prompts = {prompt.id: prompt for prompt in (best, *(draft.prompt for draft in drafts))}
        strata = self._strata()
        screen = Screen(
            best.id, strata, ground.weights, lambda name: ground.context.breaks(prompts[name]), least
        )

        outcome = await race(
            [draft.prompt.id for draft in drafts],
            cases,
            lambda name, some: ground.measure(prompts[name], some, len(cases)),
            screen,
            anchors=[best.id],
            block=BLOCK,
            veto=screen.veto,
            enough=screen.enough,
        )
        gone = {name: left.reason for name, left in outcome.dropped.items()}
        return [self._raced(draft, gone.get(draft.prompt.id, "")) for draft in drafts]

    def estimate(self, prompt: Prompt) -> Estimate:
        """What a prompt gains over the best one, by the training cases of both."""
        best = self._ground.best
        screen = Screen(best.id, self._strata(), self._ground.weights)
        table = {one.id: self._ground.known.scores(one) for one in (best, prompt)}
        return screen.estimates(table, [prompt.id])[prompt.id]

    def trust(self, prompt: Prompt) -> float:
        """Chance that a prompt of the pool is no worse than the best one, by what is known of both."""
        return 1.0 if prompt == self._ground.best else NormalDist().cdf(self.estimate(prompt).z)

    def worth(self, prompt: Prompt, found: Estimate) -> float:
        """What a prompt gains, less what its length costs."""
        longer = (size(prompt) + LENGTH_FLOOR) / (size(self._ground.best) + LENGTH_FLOOR)
        return found.gain - self._ground.options.length_penalty * max(0.0, longer - 1)

    def joined(self, raced: Sequence[Raced]) -> Draft | None:
        """What gained, put together; None if there is but one, or they contradict each other."""
        through = [one for one in raced if not one.dropped]
        ranked = sorted(through, key=lambda one: -self.worth(one.prompt, one.found))
        if len(ranked) < 2:
            return None
        first = ranked[0]
        merged, sources = first.prompt, [first.prompt.id]
        most = room(first.draft.parent, self._ground.state, self._ground.options)
        for one in ranked[1:]:
            base = self._base(first.draft, one.draft)
            found = merge_prompts(base, merged, one.prompt, self._ground.options.demonstrations)
            if found is not None and found.id != merged.id and size(found) <= most:
                merged = found
                sources.append(one.prompt.id)
        known = {*self._ground.state.tried, *(one.prompt.id for one in raced)}
        if merged.id in known:
            return None
        reasoning = f"what gained in this round, together: {len(sources)} proposals"
        return Draft(merged, first.draft.parent, "join", reasoning, sources=tuple(sources))

    def likely(self, raced: Sequence[Raced]) -> Raced | None:
        """Whoever promises most, if it is likely enough to pass the gate."""
        through = [one for one in raced if not one.dropped]
        if not through:
            return None
        chosen = max(through, key=lambda one: self.worth(one.prompt, one.found))
        cases = len(self._ground.selecting.results)
        least = LIKELY * min(1.0, cases / self._ground.options.race_cases)
        return chosen if self._strata().nothing_to_mend or chosen.found.chance(cases) >= least else None

    def _strata(self) -> Strata:
        results = self._ground.known.results(self._ground.best)
        return Strata.of(list(results.values()), self._ground.state.settled, self._ground.selecting)

    def _raced(self, draft: Draft, dropped: str) -> Raced:
        """Show how far a draft came."""
        self._ground.context.measured(self._ground.on_train(draft.prompt))
        vetoed = bool(dropped) and bool(self._ground.context.breaks(draft.prompt))
        return Raced(draft, self.estimate(draft.prompt), dropped, vetoed)

    def _base(self, one: Draft, other: Draft) -> Prompt:
        """The nearest prompt that two drafts come from."""
        if one.parent.id == other.parent.id:
            return one.parent
        return self._ground.state.common_ancestor(one.parent, other.parent)
