"""Admission: whether a proposal of the optimizer may be scored, decided once, before anything is paid for it.

It may not if it is not as people ask; and if they want to see every proposal, it waits for one of them. What
was decided holds for ever: a resumed run, which is replayed, goes the way that it went. So does what was
scored before, whatever is asked of prompts since.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from promptopt.domain import events as ev
from promptopt.domain.demonstrations import Demonstration
from promptopt.domain.guidance import objection
from promptopt.domain.prompt import Prompt
from promptopt.runs.acts import ITSELF
from promptopt.runs.state import RunState


@dataclass
class _Waiting:
    """A proposal that waits, and how many wait for what comes of it."""

    answer: "asyncio.Future[str]"
    number: int = field(default=0)


class Admission:
    """Admits proposals of one run.

    Attributes:
        on_wait: called when a proposal begins to wait for a person.
        paid: whether answers to a prompt were asked for before, by an earlier worker.
    """

    def __init__(self, state: RunState, emit: Callable[[ev.Event], None]) -> None:
        self.on_wait: Callable[[], None] = lambda: None
        self.paid: Callable[[Prompt], bool] = lambda _: False
        self._state = state
        self._emit = emit
        self._decided = {
            candidate.id: ""
            for candidate in state.candidates.values()
            if candidate.scores or candidate.source != "optimizer"
        } | state.wishes.decided
        self._waiting: dict[str, _Waiting] = {}

    @property
    def waits(self) -> bool:
        """A proposal waits for a person."""
        return bool(self._waiting)

    def waive(self, prompt_id: str) -> None:
        """What a person brings is admitted."""
        self._decided[prompt_id] = ""

    def refused(self, prompt_id: str) -> str:
        """Why a prompt was not admitted; empty if it was, or nobody has asked."""
        return self._decided.get(prompt_id, "")

    def at_once(self, prompt: Prompt) -> str | None:
        """Why a prompt may not be scored, in words for who wrote it; empty if it may, None if a person has
        to be asked (:meth:`ask`).
        """
        if prompt.id in self._waiting:
            return None
        known = self._by_rule(prompt)
        if known is not None:
            self._decided[prompt.id] = known
        return known

    async def ask(
        self, prompt: Prompt, *, iteration: int, parent_id: str | None, reasoning: str, made_by: str
    ) -> str:
        """Wait for a person; returns why the prompt may not be scored, empty if it may."""
        waiting = self._waiting.get(prompt.id)
        if waiting is None:
            waiting = self._waiting[prompt.id] = _Waiting(asyncio.get_running_loop().create_future())
            shown = [Demonstration(inputs=d.inputs, output=d.expected or "") for d in prompt.demonstrations]
            self._emit(
                ev.ProposalWaiting(
                    candidate_id=prompt.id,
                    text=prompt.text,
                    demonstrations=shown,
                    iteration=iteration,
                    parent_id=parent_id,
                    reasoning=reasoning,
                    made_by=made_by,
                )
            )
            self.on_wait()
        waiting.number += 1
        try:
            return await asyncio.shield(waiting.answer)
        finally:
            waiting.number -= 1
            if not waiting.number and self._waiting.get(prompt.id) is waiting:
                del self._waiting[prompt.id]
                self._emit(ev.ProposalDropped(candidate_id=prompt.id))

    def decide(self, candidate_id: str, accepted: bool, by: str, reason: str = "") -> bool:
        """Let a proposal be scored, or not; False if it does not wait."""
        waiting = self._waiting.pop(candidate_id, None)
        if waiting is None:
            return False
        self._emit(ev.ProposalDecided(candidate_id=candidate_id, accepted=accepted, by=by, reason=reason))
        why_not = "" if accepted else f"a person rejected it{f': {reason}' if reason else ''}"
        self._decided[candidate_id] = why_not
        waiting.answer.set_result(why_not)
        return True

    def let_all_go(self, by: str, reason: str) -> None:
        """Nobody is asked any more: what waits may be scored."""
        for candidate_id in list(self._waiting):
            self.decide(candidate_id, True, by, reason)

    def _by_rule(self, prompt: Prompt) -> str | None:
        if prompt.id in self._decided:
            return self._decided[prompt.id]
        wishes = self._state.wishes
        demands = [wish for wish in wishes.in_force if wish.form != "note"]
        if not (demands or wishes.approval) or self.paid(prompt):
            return ""
        broken = objection(demands, prompt.text)
        if broken:
            self._emit(ev.ProposalDecided(candidate_id=prompt.id, accepted=False, by=ITSELF, reason=broken))
            return broken
        return None if wishes.approval else ""
