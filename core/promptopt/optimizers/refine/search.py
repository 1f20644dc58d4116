"""One search of ``refine``: where it stands, and one round."""

import random
from collections.abc import Collection, Sequence

from promptopt.domain.dataset import Example
from promptopt.domain.stopping import StopRun
from promptopt.optimizers.base import RunContext
from promptopt.optimizers.refine.bookkeeping import Book, Round
from promptopt.optimizers.refine.demonstrating import identity
from promptopt.optimizers.refine.ground import Ground
from promptopt.optimizers.refine.options import RefineOptions
from promptopt.optimizers.refine.planning import plan_slots
from promptopt.optimizers.refine.proposing import Draft, Failure, Writer
from promptopt.optimizers.refine.racing import Racecourse
from promptopt.optimizers.refine.screen import BLOCK
from promptopt.optimizers.refine.shortening import Passage, passages
from promptopt.optimizers.refine.validating import Validator

FIRST_LOOK = 16
"""Training cases that a prompt is looked at on before anything is proposed from it …"""

FAILURES = 8
"""… and more, until so many fail …"""

MORE = 32
"""… but at most so many more in one round."""


class Search:
    """A search under way."""

    def __init__(self, context: RunContext, options: RefineOptions) -> None:
        self._context = context
        self._options = options
        self._ground = Ground(context, options)
        self._state = self._ground.state
        self._writer = Writer(self._ground)
        self._course = Racecourse(self._ground)
        self._validator = Validator(self._ground)
        self._book = Book(self._ground)
        kept = context.restored()
        self._resumes = kept is not None
        if kept is not None:
            self._state.load(kept)

    async def settle_in(self) -> None:
        """Take up a person's edit, if there is one, and know the best prompt's scores."""
        edit = self._context.adopted()
        if edit is not None:
            self._state.restart(edit, self._options)
            self._ground.on_validation = None
            self._ground.save()
        if self._resumes:
            # What an earlier worker has measured, and knew; the journal answers it.
            met: dict[str, Collection[str]] = {one.prompt.id: one.scores for one in self._state.pool.members}
            for name, names in (met | self._state.open).items():
                cases = [case for case in self._ground.train if case.id in names]
                await self._ground.known.measure(self._state.tried[name], "train", cases)
            self._resumes = False
        if self._ground.on_validation is None:
            evaluation = await self._context.evaluate(self._ground.best, "validation")
            self._ground.on_validation = evaluation
        await self._look()

    def ended(self) -> StopRun | None:
        """Why the search is over, if it is."""
        state = self._state
        if state.end:
            return StopRun(*state.end)
        on_train = self._ground.on_train(self._ground.best)
        if self._ground.validated.all_passed and on_train.all_passed:
            return StopRun("all_pass", self._all_pass(len(on_train.results)))
        if state.iteration >= self._options.max_iterations:
            return StopRun("max_iterations", f"{state.iteration} iterations, as many as were allowed")
        if state.barren >= self._options.plateau:
            return StopRun("plateau", f"{state.barren} iterations in a row brought no gain")
        return None

    def _all_pass(self, scored: int) -> str:
        """What passes when all that was scored does: of the training cases, that may be a sample."""
        there = len(self._context.dataset.train)
        if scored == there:
            return "every training and validation case passes"
        return f"every sampled training case ({scored} of {there}) and every validation case passes"

    async def iterate(self) -> None:
        """Proposals, their race, and whether the best of them takes the best prompt's place."""
        number = self._state.iteration + 1
        self._context.iteration(number)
        self._context.feedback(self._writer.feedback(self._ground.best)[1])
        dice = random.Random(f"refine/{self._options.seed}/{number}")
        slots = plan_slots(
            self._options.proposals,
            self._state,
            dice,
            trust=self._course.trust,
            demonstrate=self._writer.may_demonstrate(),
        )
        made = await self._writer.write(number, slots)
        drafts = [one for one in made if isinstance(one, Draft)]
        for draft in drafts:
            self._enter(number, draft)
        cases = self._course.cases(drafts, dice)
        screened = await self._course.screened(drafts, cases)
        joint = self._course.joined(screened)
        if joint is not None and not await self._writer.refusal(number, joint):
            self._enter(number, joint)
            finalists = [joint]
        else:
            finalists = [one.draft for one in screened if not one.dropped]
        final = await self._course.raced(finalists, cases)
        raced = [one for one in screened if one.draft not in finalists] + final
        chosen = self._course.likely(final)
        verdict = await self._validator.validate(chosen.prompt) if chosen else None
        failures = [one for one in made if isinstance(one, Failure)]
        self._book.settle(Round(number, raced, failures, chosen, verdict))

    async def last_chance(self, end: StopRun) -> bool:
        """Validate the prompt of the pool that promises most and never was; whether it was accepted."""
        if self._state.end or self._state.chance == self._state.iteration or end.reason == "all_pass":
            return False
        waiting = [member.prompt for member in self._state.pool.members if not member.validated]
        found = {prompt.id: self._course.estimate(prompt) for prompt in waiting}
        hopeful = [prompt for prompt in waiting if found[prompt.id].gain > 0 and prompt != self._ground.best]
        if not hopeful:
            return False
        self._state.chance = self._state.iteration
        prompt = max(hopeful, key=lambda one: self._course.worth(one, found[one.id]))
        verdict = await self._validator.validate(prompt)
        accepted = self._book.judged(prompt, verdict)
        if not accepted:
            self._state.pool.enter(prompt, {}, validated=True)
        self._ground.save()
        return accepted

    async def shorten(self, end: StopRun) -> None:
        """Leave out, one by one, passages that the search has added and that turn out to be of no use."""
        self._state.end = (end.reason, end.detail)
        marks = [f"{{{name}}}" for name in self._writer.placeholders()]
        while len(self._state.left_out) < self._options.shorten:
            added = passages(self._state.anchor, self._ground.best, marks)
            left = [passage for passage in added if passage.key not in self._state.left_out]
            if not left:
                return
            await self._leave_out(left[0])

    async def _leave_out(self, passage: Passage) -> None:
        """See whether the best prompt does as well without a passage."""
        best = self._ground.best
        prompt = passage.without(best)
        draft = Draft(prompt, best, "shorten", f"without {passage}", None, (best.id,))
        number = self._state.iteration
        if prompt.id not in self._state.tried and not await self._writer.refusal(number, draft):
            self._enter(number, draft)
            verdict = await self._validator.as_good(prompt)
            self._state.tried[prompt.id] = prompt
            self._state.parents[prompt.id] = [best.id]
            self._book.judged(prompt, verdict)
        self._state.left_out.append(passage.key)
        self._ground.save()

    async def _look(self) -> None:
        """Measure the best prompt on training cases, the hard ones first, until enough of them fail."""
        ground, best = self._ground, self._ground.best
        if self._state.end or self._state.looked == (best.id, self._state.iteration):
            return  # as an earlier worker did
        known = ground.known.results(best)
        before = len(known)
        await self._measure_best(ground.must_pass)
        whole = ground.validated.all_passed
        most = len(known) + MORE
        met, shown = ground.known.results(best), set(map(identity, best.demonstrations))
        fresh = [case for case in ground.train if case.id not in met and identity(case) not in shown]
        fresh.sort(key=lambda case: -round(self._state.hard(case.id), 9))
        while fresh:
            known = ground.known.results(best)
            failing = sum(not result.passed for result in known.values())
            if not whole and ((len(known) >= FIRST_LOOK and failing >= FAILURES) or len(known) >= most):
                break
            await self._measure_best(fresh[:BLOCK])
            del fresh[:BLOCK]
        self._state.looked = (best.id, self._state.iteration)
        if len(ground.known.results(best)) > before:
            self._context.measured(ground.on_train(best))

    async def _measure_best(self, cases: Sequence[Example]) -> None:
        ground, best = self._ground, self._ground.best
        before = set(ground.known.results(best))
        await ground.measure(best, cases, FIRST_LOOK)
        new = {name: result for name, result in ground.known.results(best).items() if name not in before}
        self._state.note(new)
        self._state.pool.note(best, ground.known.scores(best))

    def _enter(self, number: int, draft: Draft) -> None:
        """Show a draft as a candidate."""
        self._context.candidate(
            draft.prompt,
            iteration=number,
            parent=draft.parent,
            reasoning=draft.reasoning,
            confidence=draft.confidence,
        )
