"""The gateway: the only way to a model, for every optimizer, judge and check.

In this order: compliance → pause gate → journal → limits → budget reservation → transport with retries →
journal → settle.
What was answered once is answered from the journal for ever after.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from promptopt.domain.chat import ChatRequest, EmbedRequest, LLMResponse, Request
from promptopt.domain.errors import CallFailed
from promptopt.domain.events import Role
from promptopt.domain.prompt import Message
from promptopt.domain.stopping import StopRun
from promptopt.models.budget import Ledger
from promptopt.models.endpoint import Endpoint, PauseGate, Seat, role_of
from promptopt.models.sending import Flight, Sender
from promptopt.models.shield import Shield, Veiled
from promptopt.models.telemetry import OFF
from promptopt.store.audit import Audit
from promptopt.store.journal import Journal, Recorded
from promptopt.store.receipts import Place
from promptopt.store.reuse import EarlierAnswers

GUIDED: Seat = "optimizer"
"""Whose requests people can add something to."""

EMBED_PATH = "embed"
"""Path of all calls for embeddings: wherever in a run a text is embedded, it is the same call."""


class Gateway:
    """Makes calls for one run. Used from one event loop.

    Args:
        endpoints: the models by seat: by role, and the judges of a panel by ``judge/NAME``.
        notice: told, in words, of retries worth knowing.
        shield: what may be sent, by the project's policy: no call passes beside it.
        redact: takes secrets out of error texts.
    """

    def __init__(
        self,
        endpoints: dict[Seat, Endpoint],
        journal: Journal,
        ledger: Ledger,
        notice: Callable[[str], None],
        shield: Shield,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.endpoints = endpoints
        self.shield = shield
        self.gate = PauseGate()
        self.telemetry = OFF
        """Is told of each call that was made."""
        self._journal = journal
        self._notice = notice
        self._sender = Sender(endpoints, journal, ledger, self.gate, notice, redact)
        self._replayed = 0
        self._occurrences: Counter[tuple[str, str]] = Counter()
        self._under_way: dict[Place, Flight] = {}
        self._addenda: Sequence[str] = ("",)
        self._lines: dict[Seat, tuple[Seat, ...]] = {}
        """Seats of the models that have answered for one seat, the present last."""

    def audited(self, audit: Audit) -> None:
        """Have ``audit`` take down what is sent."""
        self._sender.audit = audit

    @property
    def replayed(self) -> int:
        """Calls answered without asking, from the journal, from receipts or from an earlier run."""
        return self._replayed + self._sender.found

    @property
    def reused(self) -> dict[str, int]:
        """Answers that earlier runs paid for, by run."""
        return dict(self._sender.reused)

    def reuse(self, earlier: EarlierAnswers | None, so_far: Mapping[str, int]) -> None:
        """Take answers of ``earlier`` runs; ``so_far`` were taken by this run's earlier workers, by run."""
        self._sender.earlier = earlier
        self._sender.reused.update(so_far)

    def on_ready(self, ready: Callable[[], None]) -> None:
        """Have ``ready`` called once calls can be sent: what the journal answers needs no transport."""
        self._sender.on_ready = ready

    def on_trouble(self, trouble: Callable[[str], None]) -> None:
        """Have ``trouble`` told, in words, when an endpoint answers nobody; it is to shut the gate."""
        self._sender.trouble = trouble

    def guide(self, addenda: Sequence[str]) -> None:
        """Add the last of ``addenda`` to what the optimizer model is asked from now on.

        The others were added in the course of the run, in that order: what was asked with one of them was
        asked, and is not asked again with another.
        """
        self._addenda = tuple(addenda)

    def reseat(self, seat: Seat, endpoint: Endpoint) -> None:
        """Let another model answer for a seat; what the former has answered is not asked again."""
        line = self._lines.get(seat, (seat,))
        new = f"{seat}/{len(line) + 1}"
        self.endpoints[new] = endpoint
        self._lines[seat] = (*line, new)
        self._sender.unprepared.add(endpoint)

    def answered(self, seat: Seat, messages: Sequence[Message]) -> bool:
        """Whether the first draw of a request was answered, by the journal or on its way there."""
        try:
            place = (self._veiled(seat, messages).request.content_key(), "", 0)
        except CallFailed:
            return False
        return place in self._under_way or self._journal.knows(place)

    async def call(
        self,
        seat: Seat,
        messages: Sequence[Message],
        *,
        path: str = "",
        sample: int | None = 0,
        urgent: bool = False,
        finishing: bool = False,
        case_id: str = "",
        temperature: float | None = None,
    ) -> LLMResponse:
        """Answer ``messages`` by the model of a seat, which is a role or a judge of a panel.

        Args:
            path: where in the run the call is made. Calls of equal content and path share one answer.
            sample: number of the draw; None numbers the calls of equal content and path by their order.
            urgent: goes through the pause gate (a person asked for it while the run is paused).
            finishing: may use what was held back for the sealed test.
            case_id: the case that is asked about, if it is one, for the record.
            temperature: in place of the model's own.

        Raises:
            CallFailed: no answer, after all retries, or the policy lets nothing of it out.
            StopRun: a cap is reached, the endpoint is gone, or the run was stopped.
        """
        veiled = self._veiled(seat, messages, temperature)
        key = veiled.request.content_key()
        if sample is None:
            sample = self._occurrences[key, path]
            self._occurrences[key, path] += 1
        place = (key, path, sample)
        if seat == GUIDED or seat in self._lines:
            await self.gate.passed(place)  # what is asked for during a pause counts
            seat, veiled, place = self._as_before(seat, messages, temperature, place)
        return await self._answer(seat, veiled, place, urgent=urgent, finishing=finishing, case_id=case_id)

    def _as_before(
        self, seat: Seat, messages: Sequence[Message], temperature: float | None, place: Place
    ) -> tuple[Seat, Veiled, Place]:
        """A call as it was made before, of the model and with the addendum of then, or as it is now."""
        found = seat, self._veiled(seat, messages, temperature), place
        for each in self._lines.get(seat, (seat,)):
            for addendum in self._addenda if seat == GUIDED else ("",):
                asked = self._veiled(each, messages, temperature, addendum)
                found = each, asked, (asked.request.content_key(), *place[1:])
                if found[2] in self._under_way or self._journal.knows(found[2]):
                    return found
        return found

    async def embed(
        self, text: str, *, urgent: bool = False, finishing: bool = False, case_id: str = ""
    ) -> LLMResponse:
        """The embedding of ``text`` by the model of the role ``embedding``, asked for once in a run.

        For arguments and errors see :meth:`call`.
        """
        settings = self.endpoints["embedding"].settings
        request = EmbedRequest(model=settings.model, text=text, params=settings.params)
        veiled = self._veil("embedding", request)
        place = (veiled.request.content_key(), EMBED_PATH, 0)
        return await self._answer(
            "embedding", veiled, place, urgent=urgent, finishing=finishing, case_id=case_id
        )

    async def _answer(
        self, seat: Seat, veiled: Veiled, place: Place, *, urgent: bool, finishing: bool, case_id: str
    ) -> LLMResponse:
        """An answer with its values, from what was answered, is being answered, or is asked for now."""
        response = await self._answer_as_sent(
            seat, veiled, place, urgent=urgent, finishing=finishing, case_id=case_id
        )
        return self.shield.unveil(seat, response, veiled)

    async def _answer_as_sent(
        self, seat: Seat, veiled: Veiled, place: Place, *, urgent: bool, finishing: bool, case_id: str
    ) -> LLMResponse:
        """The recorded answer to a request, that of an equal one under way, or a new one."""
        if urgent:
            self.gate.let_through(place)
        flight = self._under_way.get(place)
        if flight is None:
            await self.gate.passed(place)
            recorded = self._journal.take(*place)
            if recorded is not None:
                self.gate.forget(place)
                self._replayed += 1
                await asyncio.sleep(0)  # others have their turn, however much there is to replay
                return _replay(recorded)
            flight = self._under_way.get(place)
        if flight is None:
            if case_id:
                self._journal.concerns(place, case_id)
            flight = self._under_way[place] = Flight()
            flight.task = asyncio.create_task(self._make(seat, veiled, place, finishing, flight, case_id))
            flight.task.add_done_callback(lambda done: self._forget(place, done))
        return await self._wait_for(flight, place)

    def concurrency(self, role: Role) -> Callable[[], float | None]:
        """Count calls at once from now on; what is returned gives their mean, None if there were none."""
        limiter = self.endpoints[role].limiter
        before, began = limiter.busy(), time.monotonic()

        def mean() -> float | None:
            busy = limiter.busy() - before
            return busy / (time.monotonic() - began) if busy else None

        return mean

    def stop(self, signal: StopRun) -> None:
        """Let nothing more be sent; calls that have not been sent yet end with ``signal``."""
        self._sender.stopped = signal
        self.gate.open()

    def go_on(self) -> None:
        """Undo :meth:`stop`, for the sealed test."""
        self._sender.stopped = None

    async def drain(self, patience: float | None = None) -> None:
        """Wait for the calls in flight, at most ``patience`` seconds, and give up the rest."""
        tasks = [flight.task for flight in self._under_way.values()]
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=patience)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        for endpoint in dict.fromkeys(self.endpoints.values()):
            await endpoint.transport.close()

    def _veiled(
        self, seat: Seat, messages: Sequence[Message], temperature: float | None = None, addendum: str = ""
    ) -> Veiled:
        """What is sent for messages. Raises CallFailed: nothing may be."""
        settings = self.endpoints[seat].settings
        request = ChatRequest(
            model=settings.model,
            messages=tuple(messages),
            temperature=settings.temperature if temperature is None else temperature,
            max_tokens=settings.max_tokens,
            params=settings.params,
        )
        return self._veil(seat, with_addendum(request, addendum))

    def _veil(self, seat: Seat, request: Request) -> Veiled:
        try:
            return self.shield.veil(seat, self.endpoints[seat].settings, request)
        except CallFailed as failure:
            self._notice(str(failure))
            raise

    async def _make(
        self,
        seat: Seat,
        veiled: Veiled,
        place: Place,
        finishing: bool,
        flight: Flight,
        case_id: str,
    ) -> LLMResponse:
        """Make a call, and tell telemetry how it ended."""
        request = veiled.request
        self.shield.made(veiled)
        flight.told = veiled.told
        try:
            response = await self._sender.make(seat, request, place, finishing, flight)
        except CallFailed as failure:
            self.telemetry.called(role_of(seat), request, place, case_id, str(failure))
            raise
        self.telemetry.called(role_of(seat), request, place, case_id, response)
        return response

    async def _wait_for(self, flight: Flight, place: Place) -> LLMResponse:
        """Whoever waits may go away: a request that was sent is answered and kept, another is not sent."""
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not (flight.waiting or flight.sent or flight.task.done()):
                flight.task.cancel()
                self._drop(place, flight.task)

    def _drop(self, place: Place, task: "asyncio.Task[LLMResponse]") -> None:
        flight = self._under_way.get(place)
        if flight and flight.task is task:
            del self._under_way[place]
            self.gate.forget(place)

    def _forget(self, place: Place, task: "asyncio.Task[LLMResponse]") -> None:
        self._drop(place, task)
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits for it any more


def with_addendum(request: ChatRequest, addendum: str) -> ChatRequest:
    """A request with a text at the end of its last user message; without any, the same."""
    if not addendum:
        return request
    messages = list(request.messages)
    place = next((at for at in reversed(range(len(messages))) if messages[at].role == "user"), None)
    if place is None:
        messages.append(Message(role="user", content=addendum))
    else:
        content = f"{messages[place].content}\n\n{addendum}"
        messages[place] = messages[place].model_copy(update={"content": content})
    return request.model_copy(update={"messages": tuple(messages)})


def _replay(recorded: Recorded) -> LLMResponse:
    if recorded.response is None:
        raise CallFailed(recorded.error)
    return recorded.response
