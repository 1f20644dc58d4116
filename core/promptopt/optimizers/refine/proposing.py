"""Proposals: several prompts side by side, each made in another way, all asked for at once."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example
from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import Cluster, Evaluation, Feedback
from promptopt.domain.text import one_line
from promptopt.evaluation.clusters import Evidence
from promptopt.evaluation.feedback import analyze, render_feedback
from promptopt.evaluation.together import together
from promptopt.optimizers.metaprompt import (
    SYSTEM,
    SYSTEM_EDITS,
    Assignment,
    conversation,
    correction,
    echoed,
)
from promptopt.optimizers.proposals import (
    Malformed,
    Proposal,
    Rules,
    guarded_answers,
    parse_proposal,
    repeats,
)
from promptopt.optimizers.refine.demonstrating import Demonstrator, identity, shown_size
from promptopt.optimizers.refine.ground import Ground
from promptopt.optimizers.refine.memory import Change
from promptopt.optimizers.refine.merging import merge_prompts
from promptopt.optimizers.refine.options import RefineOptions
from promptopt.optimizers.refine.state import State

Operator = Literal["rewrite", "demonstrate", "merge"]

OPERATORS: tuple[Operator, ...] = ("rewrite", "demonstrate", "merge")

Strategy = Literal["mend", "focus", "rethink"]

_ASSIGNMENTS: dict[Strategy, str] = {
    "mend": "mend the kinds of failure that cost the most, as many of them as you understand.",
    "focus": "mend only this kind of failure, others take care of the rest: {aim}.",
    "rethink": "try another approach than the current prompt and than what was tried, by {approach}.",
}

_APPROACHES = (
    "a procedure that the target follows without writing it down",
    "definitions: what each answer or field means, and what tells it from its neighbours",
    "saying how to treat inputs that are unclear, odd, or about several things at once",
    "saying exactly what the answer must look like, and what it must not have",
    "another order and plainer words: what decides most comes first, and nothing is left vague",
)

IN_VAIN = 2
"""Rounds without an accepted proposal after which one of the next round takes another approach."""

_MERGE = (
    "put the two prompts together. The other prompt does better on some cases, and worse on others: keep of "
    "each what its gains come from, and add nothing else."
)


@dataclass(frozen=True)
class Slot:
    """One proposal that is to be made.

    Attributes:
        number: from 1.
        turn: of the rewritings in the round, which one it is, from 0.
        other: the second parent, for ``merge``.
    """

    number: int
    operator: Operator
    parent: Prompt
    turn: int = 0
    other: Prompt | None = None


@dataclass(frozen=True)
class Draft:
    """A proposal that can be raced.

    Attributes:
        sources: ids of what it was made from, the parent first.
        shown: clusters of failures whose cases its writer saw.
    """

    prompt: Prompt
    parent: Prompt
    operator: str
    reasoning: str
    confidence: float | None = None
    sources: tuple[str, ...] = ()
    shown: tuple[Cluster, ...] = ()

    @property
    def joined(self) -> tuple[str, ...]:
        """Ids of the proposals of the same round that it is put together of."""
        return self.sources if self.operator == "join" else ()


@dataclass(frozen=True)
class Failure:
    """A slot for which nothing came that can be raced, and why."""

    slot: Slot
    reason: str


class Writer:
    """Makes the proposals of a round."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        context, options = ground.context, ground.options
        self._context = context
        self._options = options
        self._state = ground.state
        self._demonstrator = Demonstrator(ground.train, options.demonstrations, self._passes)
        texts = [context.seed_prompt.text, context.task.description, *map(str, context.task.output_format)]
        self._answers = guarded_answers(context.dataset, "\n".join(texts))

    async def write(self, number: int, slots: Sequence[Slot]) -> list[Draft | Failure]:
        """Fill the slots, all at once; in their order. Of equal prompts the first one counts."""
        made = await together(self._fill(number, slot) for slot in slots)
        tried = self._state.tried.keys() - self._state.open.keys()
        kept: list[Draft | Failure] = []
        for slot, one in zip(slots, made, strict=True):
            if isinstance(one, Draft) and one.prompt.id in tried:
                kept.append(Failure(slot, "another proposal of this round, or an earlier one, is the same"))
                continue
            if isinstance(one, Draft):
                tried.add(one.prompt.id)
            kept.append(one)
        return kept

    def feedback(self, prompt: Prompt) -> tuple[Evaluation, Feedback]:
        """What is known of a prompt on training cases, and what that teaches."""
        evaluation = self._ground.on_train(prompt)
        evidence = Evidence(solved=self._state.pool.solved(prompt.id), vain=dict(self._state.vain))
        return evaluation, analyze(evaluation, self._ground.cases, evidence=evidence)

    def may_demonstrate(self) -> bool:
        """Whether demonstrations can be tried: not if the training cases are those that select."""
        results = self._ground.known.results(self._ground.best)
        return self._context.dataset.held_back and self._demonstrator.possible(results)

    def placeholders(self) -> list[str]:
        """Marks that every prompt must have."""
        return self._context.seed_prompt.placeholders(self._columns())

    # --- ways to make one ---

    async def _fill(self, number: int, slot: Slot) -> Draft | Failure:
        if slot.operator == "demonstrate":
            return await self._admitted(number, slot, await self._demonstrate(number, slot))
        if slot.operator == "merge" and slot.other is not None:
            merged = self._merge(slot, slot.other)
            if merged is not None:
                return await self._admitted(number, slot, merged)
            # They contradict each other: a model has to choose.
        return await self._rewrite(number, slot)

    async def _admitted(self, number: int, slot: Slot, made: Draft | Failure) -> Draft | Failure:
        """What was made without a model, if people let it be scored."""
        if isinstance(made, Failure):
            return made
        why_not = await self.refusal(number, made)
        return Failure(slot, why_not) if why_not else made

    async def refusal(self, number: int, draft: Draft) -> str:
        """Why people do not let a draft be scored; empty if they do."""
        return await self._context.admit(
            draft.prompt, iteration=number, parent=draft.parent, reasoning=draft.reasoning
        )

    async def _demonstrate(self, number: int, slot: Slot) -> Draft | Failure:
        parent = slot.parent
        dice = random.Random(f"refine/{self._options.seed}/{number}/{slot.number}")
        results = self._ground.known.results(parent)
        room = self._room(parent) - len(parent.text)
        demos = await self._demonstrator.draw(parent, results, room, dice)
        if not demos or set(map(identity, demos)) == set(map(identity, parent.demonstrations)):
            return Failure(slot, "no demonstrations fit into the room that a prompt has")
        prompt = Prompt(text=parent.text, demonstrations=demos)
        shown = "a demonstration" if len(demos) == 1 else f"{len(demos)} demonstrations"
        return Draft(prompt, parent, "demonstrate", f"the same text with {shown}", sources=(parent.id,))

    def _merge(self, slot: Slot, other: Prompt) -> Draft | Failure | None:
        """Both parents put together without a model; None if they contradict each other."""
        base = self._state.common_ancestor(slot.parent, other)
        merged = merge_prompts(base, slot.parent, other, self._options.demonstrations)
        if merged is None or size(merged) > self._room(slot.parent):
            return None
        if merged.id in self._state.tried:
            return Failure(slot, "the two prompts together are one that was tried")
        sources = (slot.parent.id, other.id)
        return Draft(merged, slot.parent, "merge", "the changes of two prompts together", sources=sources)

    async def _rewrite(self, number: int, slot: Slot) -> Draft | Failure:
        """Ask the optimizer model, until what comes can be used."""
        parent = slot.parent
        evaluation, feedback = self.feedback(parent)
        part, shown = self._assignment(slot, evaluation, feedback)
        edits = len(parent.text) >= self._options.edits_from
        text = render_feedback(shown, self._ground.cases, evaluation, max_chars=self._options.feedback_chars)
        messages = conversation(
            self._context.task,
            self.placeholders(),
            parent,
            evaluation.score,
            text,
            self._state.attempts,
            self._options.recent,
            Assignment(part, slot.other, edits),
        )
        seen = {diff.case_id for diff in shown.diffs}
        clusters = tuple(cluster for cluster in feedback.clusters if seen & set(cluster.case_ids))
        found = await self._asked(number, slot, messages, edits)
        return replace(found, shown=clusters) if isinstance(found, Draft) else found

    async def _asked(self, number: int, slot: Slot, messages: list[Message], edits: bool) -> Draft | Failure:
        """A draft that can be used; after all tries, why the last one could not."""
        refusal = ""
        for attempt in range(1, self._options.tries + 1):
            path = f"propose/{number}/{slot.number}/{attempt}"
            try:
                response: LLMResponse = await self._context.complete("optimizer", messages, path=path)
            except CallFailed as failure:
                refusal = f"no reply: {failure}"
                self._context.refused(number, attempt, refusal)
                continue
            found = self._usable(number, slot.parent, response.text)
            if isinstance(found, Proposal):
                draft = _draft(slot, found)
                refusal = await self.refusal(number, draft)
                if not refusal:
                    return draft
            else:
                refusal = found
            self._context.refused(number, attempt, refusal)
            messages = [
                *messages,
                Message(role="assistant", content=echoed(response.text)),
                Message(role="user", content=correction(refusal, edits)),
            ]
        return Failure(slot, refusal)

    def _usable(self, number: int, parent: Prompt, reply: str) -> Proposal | str:
        """The proposal in a reply, or why it can't be used."""
        try:
            proposal = parse_proposal(reply, parent.text)
        except Malformed as fault:
            return str(fault)
        for name in self._state.open:
            known = self._state.tried[name]
            if known.demonstrations == parent.demonstrations and repeats(proposal.prompt, known.text):
                return replace(proposal, prompt=known.text)  # it is measured on more cases
        objection = self._rules(parent).objection(proposal, self._state.tried.values())
        if objection:
            return objection
        prompt = Prompt(text=proposal.prompt, demonstrations=parent.demonstrations)
        return self._state.memory.objection(number, Change.between(parent, prompt)) or proposal

    def _assignment(self, slot: Slot, evaluation: Evaluation, feedback: Feedback) -> tuple[str, Feedback]:
        """What a slot's writer is asked to do, and the failures that it is shown for that."""
        if self._options.proposals == 1 and slot.other is None:
            return "", feedback
        told, shown = self._part(slot, evaluation, feedback)
        # The number keeps requests apart: equal ones would mostly get equal replies.
        number = f"{slot.number} of {self._options.proposals}"
        together = "all are measured side by side, and what gains is put together"
        return f"You write proposal {number} of this round; {together}. Your part: {told}", shown

    def _part(self, slot: Slot, evaluation: Evaluation, feedback: Feedback) -> tuple[str, Feedback]:
        """The first one mends what it can, the others one kind each; after rounds in vain one rethinks."""
        if slot.other is not None:
            return _MERGE, feedback
        if slot.turn == 0:
            return _ASSIGNMENTS["mend"], feedback
        in_vain = int(self._state.barren >= IN_VAIN)
        kinds = [cluster for cluster in feedback.clusters if cluster.case_ids]
        place = slot.turn - 1 - in_vain
        if not 0 <= place < len(kinds):
            approach = _APPROACHES[(slot.turn + self._state.iteration) % len(_APPROACHES)]
            return _ASSIGNMENTS["rethink"].format(approach=approach), feedback
        kind = kinds[place]
        # Named by a case: what else tells the kind is text of cases and outputs, which stays in the feedback.
        like = one_line(kind.case_ids[0], 40)
        aim = f"{kind.category}, as in case {like} ({len(kind.case_ids)} of {feedback.total} cases)"
        return _ASSIGNMENTS["focus"].format(aim=aim), self._first(kind, evaluation, feedback)

    def _first(self, kind: Cluster, evaluation: Evaluation, feedback: Feedback) -> Feedback:
        """The feedback with failures of one kind shown first, and others as far as there is room."""
        of_kind = [r for r in evaluation.results if r.passed or r.case_id in kind.case_ids]
        part = evaluation.model_copy(update={"results": tuple(of_kind)})
        first = analyze(part, self._ground.cases).diffs
        shown = {diff.case_id for diff in first}
        diffs = [*first, *(diff for diff in feedback.diffs if diff.case_id not in shown)]
        return feedback.model_copy(update={"diffs": tuple(diffs[: max(len(first), len(feedback.diffs))])})

    # --- rules ---

    def _columns(self) -> list[str]:
        return list(self._context.dataset.train[0].inputs)

    def _rules(self, parent: Prompt) -> Rules:
        dataset = self._context.dataset
        return Rules(
            columns=self._columns(),
            placeholders=self.placeholders(),
            max_chars=self._room(parent) - (size(parent) - len(parent.text)),
            guarded=dataset.validation if dataset.held_back else (),
            answers=self._answers,
            secret=(SYSTEM, SYSTEM_EDITS),
        )

    def _room(self, parent: Prompt) -> int:
        return room(parent, self._state, self._options)

    async def _passes(self, case: Example, text: str) -> bool:
        return (await self._context.judge(case, LLMResponse(text=text))).passed


def _draft(slot: Slot, proposal: Proposal) -> Draft:
    """What a model proposed for a slot."""
    prompt = Prompt(text=proposal.prompt, demonstrations=slot.parent.demonstrations)
    sources = (slot.parent.id, *((slot.other.id,) if slot.other else ()))
    operator = "merge" if slot.other else "rewrite"
    return Draft(prompt, slot.parent, operator, proposal.reasoning, proposal.confidence, sources)


def room(parent: Prompt, state: State, options: RefineOptions) -> int:
    """Characters that a prompt made from ``parent`` may have, demonstrations included."""
    first = size(state.anchor)
    return max(int(first * options.max_growth), first + options.room, size(parent))


def size(prompt: Prompt) -> int:
    """Characters of a prompt, its demonstrations included."""
    return len(prompt.text) + sum(shown_size(prompt.text, demo) for demo in prompt.demonstrations)
