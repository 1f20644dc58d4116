"""One search of ``grpo``: where it stands, and one group."""

from collections.abc import Sequence

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Evaluation
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.feedback import analyze
from promptopt.evaluation.statistics import compare
from promptopt.evaluation.together import both
from promptopt.optimizers.base import RunContext
from promptopt.optimizers.grpo import judging
from promptopt.optimizers.grpo.deciding import BROKE, Decider, Verdict
from promptopt.optimizers.grpo.deck import Deck
from promptopt.optimizers.grpo.learning import Teacher, change, hopeful
from promptopt.optimizers.grpo.measuring import Measurements
from promptopt.optimizers.grpo.options import GrpoOptions
from promptopt.optimizers.grpo.proposing import Variant
from promptopt.optimizers.grpo.reward import RewardCalculator, RewardConfig
from promptopt.optimizers.grpo.scoring import ByJudges, ByMetric, Scored, Scorer
from promptopt.optimizers.grpo.state import State, Tried
from promptopt.optimizers.grpo.trimming import trimmed
from promptopt.optimizers.grpo.writing import Writer, Written


class Search:
    """A search under way.

    Args:
        judges: whether performance comes from a tournament.
        play: plays it.
    """

    def __init__(
        self,
        context: RunContext,
        options: GrpoOptions,
        *,
        judges: bool = False,
        play: judging.Judging = judging.play,
    ) -> None:
        self._context = context
        self._options = options
        self._judges = judges
        self._state = State.fresh(context.seed_prompt, options)
        self._deck = Deck(context.dataset.train, options.seed)
        cases = {case.id: case for case in context.dataset.train}
        calculator = RewardCalculator(RewardConfig(performance=options.performance, format=options.format))
        self._known = Measurements(context, calculator)
        self._scorer: Scorer = (
            ByJudges(self._known, context, options, self._state, calculator, play)
            if judges
            else ByMetric(self._known, context, options)
        )
        self._decider = Decider(context, self._scorer, self._known, self._deck.cases)
        self._writer = Writer(context, options, self._state, cases)
        self._teacher = Teacher(context, self._state, self._known, cases)
        self._cases = cases
        self._on_validation: Evaluation | None = None
        restored = context.restored()
        if restored is not None:
            self._state.load(restored)
            self._deck.place = self._state.place

    async def settle_in(self) -> None:
        """Take up a person's edit, if there is one, and know the best prompt's scores."""
        edit = self._context.adopted()
        if edit is not None:
            self._state.restart(edit)
            self._on_validation = None
            self._save()
        best = self._state.pool.best.prompt
        if self._on_validation is None:
            await self._measure(best, self._decider.must_pass)
            self._on_validation = await self._context.evaluate(best, "validation")
        if self._checked_whole:
            await self._measure(best, self._first())

    def ended(self) -> StopRun | None:
        """Why the search is over, if it is."""
        assert self._on_validation
        state = self._state
        on_train = self._known.evaluation(state.pool.best.prompt, "train", self._first())
        if self._checked_whole and on_train.all_passed:
            count = len(on_train.results)
            return StopRun("all_pass", f"every validation case passes, and each of {count} training cases")
        if state.iteration >= self._options.max_iterations:
            return StopRun("max_iterations", f"{state.iteration} groups, as many as were allowed")
        if state.barren >= self._options.plateau:
            return StopRun("plateau", f"{state.barren} groups in a row brought no gain")
        return None

    @property
    def _checked_whole(self) -> bool:
        """Whether every validation case passes, and that says that it is right."""
        return not self._judges and self._on_validation is not None and self._on_validation.all_passed

    async def tidy(self) -> bool:
        """Before the end, once: leave out what the best prompt does as well without; whether anything was."""
        state = self._state
        if state.tidied or not self._options.trim or self._judges:
            return False
        best, anchor = state.pool.best.prompt, state.anchor
        marks = [f"{{{name}}}" for name in best.placeholders(self._context.dataset.train[0].inputs)]
        fixed = [*marks, *self._options.protected]
        shorter = await trimmed(best, self._first(), anchor.text, fixed, self._known)
        known = {prompt.id for prompt in state.tried}
        state.tidied = True
        if (
            shorter is None
            or shorter.id in known
            or not await self._known.may_score(shorter, best, "trim: without what made no difference")
        ):
            self._save()
            return False
        state.tried.append(shorter)
        self._context.candidate(
            shorter,
            iteration=state.iteration,
            parent=best,
            reasoning=f"trim: without what made no difference on {len(self._first())} training cases",
        )
        await self._known.measure(shorter, "train", self._first(), quietly=True)
        self._known.show(shorter, self._deck.cases)
        before = self._on_validation
        assert before
        verdict = await self._decider.decide(best, before, shorter, trimmed=True)
        accepted = self._context.judged(
            shorter, best, verdict.accepted, verdict.said, verdict.comparison, outright=verdict.accepted
        )
        if accepted:
            self._crown(shorter, verdict)
        self._save()
        return accepted

    async def iterate(self) -> None:
        """Write a group, score it, learn from it, and see whether its best takes the best prompt's place."""
        number = self._state.iteration + 1
        self._context.iteration(number)
        parent = self._state.pool.parent(self._state.dice, 0.0 if self._judges else self._options.pareto)
        least, most = self._sizes
        batch = self._deck.deal(most, self._state.pool.spread(), self._state.dice)
        of_parent = self._of_parent(parent, batch[:least])
        await self._measure(parent, of_parent)
        written = await self._writer.write(number, parent, self._known.evaluation(parent, "train", of_parent))
        for variant in written.variants:
            self._enter(number, variant, parent)
        if not written.variants:
            self._close(number, accepted=False)
            return
        best = self._state.pool.best.prompt
        anchors = [parent] if parent.id == best.id else [parent, best]
        scored = await self._scorer.score(
            [variant.prompt for variant in written.variants], anchors, batch, self._context.breaks
        )
        chosen = hopeful(scored, self._ranked(written, scored), best)
        verdict, taught = await both(self._decide(best, chosen), self._teacher.ask(number, written, scored))
        verdict = self._tell(written, scored, chosen, verdict)
        self._note(number, written, scored, chosen, verdict)
        self._teacher.note_vain(written)
        self._teacher.learn(written, scored, self._writer.progress, taught)
        self._deck.used(batch, len(scored.cases))
        self._settle(written, scored, anchors, of_parent, chosen, verdict)
        self._close(number, accepted=verdict is not None and verdict.accepted)

    # --- parts of a group's life ---

    async def _measure(self, prompt: Prompt, cases: Sequence[Example]) -> None:
        """Measure a prompt on training cases that it was not measured on, and show it."""
        if not self._known.lacks(prompt, "train", cases):
            return
        await self._known.measure(prompt, "train", cases)
        self._context.measured(self._known.evaluation(prompt, "train", self._deck.cases))

    @property
    def _sizes(self) -> tuple[int, int]:
        """Cases of a group, and most of them."""
        options = self._options
        if self._judges:
            return options.judged_cases, options.judged_cases
        return options.batch, options.widest

    def _first(self) -> list[Example]:
        """The cases on which a prompt that passes validation is looked at before the search ends."""
        return self._deck.cases[: self._options.batch]

    def _of_parent(self, parent: Prompt, batch: Sequence[Example]) -> list[Example]:
        """The batch, and what the parent was measured on before: the more feedback rests on, the better."""
        wanted = self._state.pool.rewards(parent).keys() | {case.id for case in batch}
        return [case for case in self._deck.cases if case.id in wanted]

    def _enter(self, number: int, variant: Variant, parent: Prompt) -> None:
        self._state.tried.append(variant.prompt)
        self._context.candidate(
            variant.prompt,
            iteration=number,
            parent=parent,
            reasoning=f"{variant.slot.operator}: {variant.reasoning}",
            confidence=variant.confidence,
        )

    def _ranked(self, written: Written, scored: Scored) -> list[Prompt]:
        """Variants that are still in, by the lower bound of what they are worth.

        Members of a group that can't be told apart may all be better than the best prompt so far.
        """
        found, best = scored.advantages, self._state.pool.best_id

        def worth(prompt: Prompt) -> float:
            price = self._state.trust.price(
                prompt.text, written.parent.text, self._state.anchor.text, self._writer.progress
            )
            if found.null:
                mean, error = scored.gap(best, prompt.id)
                return mean - error - price
            return found.members[prompt.id].shrunken - found.doubt(prompt.id) - price

        running = [v.prompt for v in written.variants if v.prompt.id not in scored.dropped]
        return sorted(running, key=lambda prompt: -worth(prompt))

    async def _decide(self, best: Prompt, chosen: Prompt | None) -> Verdict | None:
        """Whether the chosen variant takes the best prompt's place; None if none was chosen."""
        before = self._on_validation
        assert before
        return await self._decider.decide(best, before, chosen) if chosen else None

    def _tell(
        self, written: Written, scored: Scored, chosen: Prompt | None, verdict: Verdict | None
    ) -> Verdict | None:
        """Show what became of each variant, the chosen one last; returns the verdict as the run has it."""
        best = self._state.pool.best.prompt
        raced = [self._cases[name] for name in scored.cases]
        on_parent = self._known.evaluation(written.parent, "train", raced)
        for variant in written.variants:
            if chosen is None or variant.prompt.id != chosen.id:
                gain = compare(on_parent, self._known.evaluation(variant.prompt, "train", raced))
                self._context.judged(
                    variant.prompt, written.parent, False, _said(variant, scored, best, chosen), gain
                )
        if chosen is None or verdict is None:
            return None
        on_train = self._known.evaluation(chosen, "train", raced)
        self._context.feedback(analyze(on_train, self._cases, on_parent), written.parent)
        accepted = self._context.judged(
            chosen,
            best,
            verdict.accepted,
            verdict.said,
            verdict.comparison,
            outright=verdict.accepted and scored.by_judges,
        )
        return verdict if accepted == verdict.accepted else Verdict(False, verdict.said, BROKE, None)

    def _note(
        self, number: int, written: Written, scored: Scored, chosen: Prompt | None, verdict: Verdict | None
    ) -> None:
        """Note for proposers what became of each variant."""
        raced = [self._cases[name] for name in scored.cases]
        on_parent = self._known.evaluation(written.parent, "train", raced)
        for place, variant in enumerate(written.variants):
            gain = compare(on_parent, self._known.evaluation(variant.prompt, "train", raced))
            mine = verdict if chosen and variant.prompt.id == chosen.id else None
            outcome = mine.told if mine else _outcome(variant, scored)
            moved = change(scored, variant.prompt, written.parent)
            self._state.history.append(
                Tried(
                    label=f"#{number}{chr(ord('a') + place) if place else ''}",
                    operator=variant.slot.operator,
                    idea=variant.reasoning,
                    change=moved[0] if moved else None,
                    error=moved[1] if moved else 0.0,
                    fixed=len(gain.fixed),
                    broken=len(gain.broken),
                    outcome=outcome,
                    accepted=mine is not None and mine.accepted,
                )
            )

    def _settle(
        self,
        written: Written,
        scored: Scored,
        anchors: Sequence[Prompt],
        of_parent: Sequence[Example],
        chosen: Prompt | None,
        verdict: Verdict | None,
    ) -> None:
        """Bring the pool up to date."""
        pool = self._state.pool
        if not scored.by_judges:
            rewards = self._known.rewards(written.parent)
            met = {case.id: rewards[case.id].total for case in of_parent if case.id in rewards}
            pool.note(written.parent, met)
            for prompt in anchors:
                pool.note(prompt, scored.table[prompt.id])
            for variant in written.variants:
                if variant.prompt.id not in scored.dropped:
                    pool.keep(variant.prompt, scored.table[variant.prompt.id])
        if chosen and verdict and verdict.accepted:
            self._crown(chosen, verdict)

    def _crown(self, prompt: Prompt, verdict: Verdict) -> None:
        """Go on from a prompt that was accepted."""
        self._state.pool.crown(prompt)
        self._on_validation = verdict.on_validation

    def _close(self, number: int, *, accepted: bool) -> None:
        self._state.iteration = number
        self._state.barren = 0 if accepted else self._state.barren + 1
        self._state.place = self._deck.place
        self._known.forget({member.prompt.id for member in self._state.pool.members})
        self._save()

    def _save(self) -> None:
        self._context.checkpoint(self._state.iteration, self._state.dump())


def _outcome(variant: Variant, scored: Scored) -> str:
    """What became of a variant that was not chosen, for proposers."""
    gone = scored.dropped.get(variant.prompt.id)
    if gone is not None:
        return BROKE if "must pass" in gone.reason else "it fell behind"
    return "not told apart from the others" if scored.advantages.null else "no gain beyond noise"


def _said(variant: Variant, scored: Scored, best: Prompt, chosen: Prompt | None) -> str:
    """The same for people."""
    gone = scored.dropped.get(variant.prompt.id)
    if gone is not None:
        return f"left the race: {gone.reason}"
    found = scored.advantages.members[variant.prompt.id]
    above = f"{found.raw * 100:+.1f} points above its group (z {found.z:+.1f})"
    if chosen is not None:
        return f"{above}: another of the group went on to validation"
    mean, error = scored.gap(best.id, variant.prompt.id)
    return f"{above}, {mean * 100:+.1f} ± {error * 100:.1f} against the best prompt: no more than noise"
