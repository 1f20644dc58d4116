"""What a round has shown, taken into the state: for parents, for proposers, for the rounds to come."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptopt.domain.prompt import Prompt
from promptopt.evaluation.feedback import analyze
from promptopt.optimizers.metaprompt import Attempt
from promptopt.optimizers.refine.ground import Ground
from promptopt.optimizers.refine.memory import Change
from promptopt.optimizers.refine.proposing import Failure
from promptopt.optimizers.refine.racing import Raced
from promptopt.optimizers.refine.validating import Verdict


@dataclass(frozen=True)
class Round:
    """What happened in a round.

    Attributes:
        failures: slots that nothing came for.
        chosen: who was validated, if anybody was.
    """

    number: int
    raced: Sequence[Raced]
    failures: Sequence[Failure]
    chosen: Raced | None
    verdict: Verdict | None

    @property
    def accepted(self) -> bool:
        return self.verdict is not None and self.verdict.accepted

    def taken(self, one: Raced) -> bool:
        """Whether a proposal, or what it became part of, is the new best."""
        chosen = self.chosen
        return (
            self.accepted
            and chosen is not None
            and one.prompt.id in (chosen.prompt.id, *chosen.draft.sources)
        )


class Book:
    """Keeps a search's state."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def judged(self, prompt: Prompt, verdict: Verdict) -> bool:
        """Show what a validation came to; if the run lets it, the prompt is the best one. Whether it is."""
        context, best = self._ground.context, self._ground.best
        said = verdict.accepted, verdict.reason, verdict.comparison
        accepted = context.judged(prompt, best, *said)
        if accepted:
            self._crown(prompt, verdict)
        return accepted

    def _tell(self, round_: Round) -> None:
        """Show what became of every proposal but the one that was validated."""
        ground = self._ground
        context, best = ground.context, ground.best
        of_best = ground.on_train(best)
        for one in round_.raced:
            own = ground.on_train(one.prompt)
            context.feedback(analyze(own, ground.cases, of_best), best)
            if one is not round_.chosen:
                context.judged(one.prompt, best, False, self._why(one, round_), None)

    def settle(self, round_: Round) -> None:
        """Show the round, take it into the state, and keep that."""
        ground, state = self._ground, self._ground.state
        self._tell(round_)
        came: dict[str, list[bool]] = {}
        for one in round_.raced:
            draft = one.draft
            state.tried[draft.prompt.id] = draft.prompt
            state.parents[draft.prompt.id] = list(draft.sources)
            if draft.operator == "merge":
                state.merged.append(list(draft.sources))
            if draft.operator != "join":
                came.setdefault(draft.operator, []).append(round_.taken(one))
            state.note(ground.known.results(draft.prompt))
            self._note_vain(one)
            self._note_dropped(one, round_)
            state.attempts += self._attempts(one, round_)
        in_vain = [one.slot for one in round_.failures]
        state.merged += [[slot.parent.id, slot.other.id] for slot in in_vain if slot.other]
        number = round_.number
        state.attempts += [Attempt(number, "", "", False, None, 0, 0, one.reason) for one in round_.failures]
        state.score_operators(came)
        joined = {name for one in round_.raced if not one.dropped for name in one.draft.joined}
        for one in round_.raced:
            if one.dropped or one.prompt.id in joined or (round_.accepted and one is round_.chosen):
                continue
            state.pool.enter(one.prompt, ground.known.scores(one.prompt), validated=one is round_.chosen)
        state.iteration = number
        state.barren += 1
        if round_.chosen and round_.verdict:
            self.judged(round_.chosen.prompt, round_.verdict)
        ground.known.forget({*state.open, *(member.prompt.id for member in state.pool.members)})
        ground.save()

    def _crown(self, prompt: Prompt, verdict: Verdict) -> None:
        """Let a prompt be the best one."""
        assert verdict.evaluation
        ground = self._ground
        ground.state.pool.crown(prompt, ground.known.scores(prompt))
        ground.state.barren = 0
        ground.state.open = {}  # they were compared with another prompt
        ground.on_validation = verdict.evaluation

    def _why(self, one: Raced, round_: Round) -> str:
        """What became of a proposal that was not validated, in words."""
        if one.dropped:
            return one.dropped
        points = f"{one.found.gain * 100:+.1f} points on {one.found.n} training cases"
        if any(one.prompt.id in other.draft.joined for other in round_.raced):
            return f"{points}: put together with others"
        return f"{points}: kept to be built on"

    def _note_vain(self, one: Raced) -> None:
        """Count the kinds of failure that a writer was shown and mended not one case of."""
        results = self._ground.known.results(one.prompt)
        for cluster in one.draft.shown:
            met = [results[name] for name in cluster.case_ids if name in results]
            if met and not any(result.passed for result in met):
                self._ground.state.vain[cluster.key] += 1

    def _note_dropped(self, one: Raced, round_: Round) -> None:
        """A change that showed no gain is not to be tried again soon, unless it was hardly looked at."""
        state = self._ground.state
        state.open.pop(one.prompt.id, None)
        verdict = round_.verdict if one is round_.chosen else None
        lost = verdict is not None and not verdict.accepted and verdict.comparison.difference.mean <= 0
        if one.open and one.found.n < self._ground.options.race_cases:
            state.open[one.prompt.id] = list(self._ground.known.results(one.prompt))
        elif lost or (one.dropped and one.found.gain <= 0):
            state.memory.keep(round_.number, Change.between(one.draft.parent, one.prompt))

    def _attempts(self, one: Raced, round_: Round) -> list[Attempt]:
        """What proposers are told of a proposal; nothing of figures of validation cases."""
        if one.draft.operator not in ("rewrite", "merge"):
            return []
        before, after = self._ground.known.results(self._ground.best), self._ground.known.results(one.prompt)
        common = [name for name in after if name in before]
        return [
            Attempt(
                iteration=round_.number,
                prompt=one.prompt.text,
                reasoning=one.draft.reasoning,
                accepted=round_.taken(one),
                train_change=one.found.gain,
                fixed=sum(after[name].passed and not before[name].passed for name in common),
                broken=sum(before[name].passed and not after[name].passed for name in common),
                note=_note(one, round_),
            )
        ]


def _note(one: Raced, round_: Round) -> str:
    if round_.taken(one):
        return "it gained on cases you do not see"
    broke = one is round_.chosen and round_.verdict is not None and round_.verdict.broke
    if broke or one.dropped.startswith("breaks"):
        return "it broke a case that must pass"
    return "no gain on the training cases" if one.dropped else "no gain beyond noise"
