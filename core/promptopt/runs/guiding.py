"""People guide the optimizer: wishes for its proposals, and their decision on each of them."""

import asyncio
from collections.abc import Callable, Mapping

from promptopt.domain import events as ev
from promptopt.domain.guidance import Guidance, objection
from promptopt.models.gateway import Gateway
from promptopt.runs.admission import Admission
from promptopt.runs.voice import Handler, Voice
from promptopt.store.commands import Command, Decide, Guide, Sent, SetApproval, Withdraw

LOOK_SECONDS = 0.1
"""Between two looks whether anything but a person is waited for."""


class Guiding:
    """Carries out what people ask of proposals.

    Args:
        in_flight: calls that are under way.
    """

    def __init__(
        self, engine: Voice, admission: Admission, gateway: Gateway, in_flight: Callable[[], int]
    ) -> None:
        self._engine = engine
        self._admission = admission
        self._gateway = gateway
        self._in_flight = in_flight
        self._clock: asyncio.Task[None] | None = None
        admission.on_wait = self._mind_the_clock
        gateway.guide(engine.state.wishes.addenda)
        self.handlers: Mapping[type[Command], Handler] = {
            Guide: self._guide,
            Withdraw: self._withdraw,
            SetApproval: self._set_approval,
        }

    def knows(self, command: Decide) -> bool:
        """Whether it is about a proposal, one that waits or will again once a resumed run is there."""
        return command.candidate_id in self._engine.state.wishes.waiting

    def decide(self, sent: Sent, command: Decide) -> str | None:
        """Answer a proposal; None: the run is not there yet."""
        if not self._admission.decide(command.candidate_id, command.adopt, sent.author, command.reason):
            return None
        return "accepted: it is scored" if command.adopt else "rejected"

    def _guide(self, sent: Sent, command: Guide) -> str:
        state = self._engine.state
        if state.version and not state.has_search:
            return "there is no optimizer that could be guided"
        text = command.text.strip()
        if not text:
            return "an empty text asks for nothing"
        wish = Guidance(number=sent.id, form=command.form, text=text, by=sent.author)
        for other in state.wishes.in_force:
            if (other.form, other.text) == (wish.form, wish.text):
                return f"that is in force already, as number {other.number}"
            if _contradict(wish, other):
                return f"that contradicts number {other.number}, {other}"
        self._engine.emit(
            ev.GuidanceGiven(
                number=sent.id, form=command.form, text=text, by=sent.author, reason=command.reason
            )
        )
        self._gateway.guide(state.wishes.addenda)
        current = state.candidates.get(state.current_id)
        if current and objection([wish], current.text):
            what = "does not contain it" if wish.form == "keep" else "contains it"
            return (
                f"in force as number {sent.id}; the current prompt {what}, so proposals have to change that"
            )
        return f"in force as number {sent.id}"

    def _withdraw(self, sent: Sent, command: Withdraw) -> str:
        wishes = self._engine.state.wishes
        if all(wish.number != command.number for wish in wishes.in_force):
            return f"nothing is in force as number {command.number}"
        self._engine.emit(ev.GuidanceWithdrawn(number=command.number, by=sent.author, reason=command.reason))
        self._gateway.guide(wishes.addenda)
        return "withdrawn"

    def _set_approval(self, sent: Sent, command: SetApproval) -> str:
        state = self._engine.state
        if state.version and not state.has_search:
            return "there is no optimizer that proposes anything"
        if state.wishes.approval == command.on:
            return "proposals wait for a person already" if command.on else "no proposal waits for anybody"
        self._engine.emit(ev.ApprovalSet(on=command.on, by=sent.author, reason=command.reason))
        if not command.on:
            self._admission.let_all_go(sent.author, command.reason)
        return "every proposal waits for a person from now on" if command.on else "proposals wait no more"

    def _mind_the_clock(self) -> None:
        """Waiting for a person is no running time."""
        if self._clock is None or self._clock.done():
            self._clock = asyncio.create_task(self._stop_the_clock())

    async def _stop_the_clock(self) -> None:
        watch = self._engine.watch
        stopped = False
        try:
            while self._admission.waits:
                idle = self._in_flight() == 0
                if idle and watch.runs:
                    watch.pause()
                    stopped = True
                elif stopped and not idle and not self._gateway.gate.shut:
                    watch.go_on()
                    stopped = False
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            if stopped and not self._gateway.gate.shut:
                watch.go_on()


def _contradict(one: Guidance, other: Guidance) -> bool:
    """Whether no prompt can be as both ask."""
    kept, avoided = (one, other) if one.form == "keep" else (other, one)
    return (kept.form, avoided.form) == ("keep", "avoid") and not avoided.met_by(kept.text)
