"""Making one call: turn, reservation, request, retries, and the books."""

import asyncio
import itertools
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from promptopt.domain.chat import LLMResponse, Request
from promptopt.domain.errors import CallFailed
from promptopt.domain.settings import ModelSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.text import storable
from promptopt.models.budget import Amount, Ledger
from promptopt.models.endpoint import Endpoint, PauseGate, Seat, host_of, named, role_of, setting_of
from promptopt.models.limits import Turn
from promptopt.models.transport import Reply, TransportError
from promptopt.store.audit import Audit, NoAudit
from promptopt.store.journal import Journal, Received
from promptopt.store.receipts import Place, Slip
from promptopt.store.reuse import EarlierAnswers

T = TypeVar("T")

RELAY_SECONDS = 0.05
"""Between two looks for the answer that an earlier worker's relay waits for."""

SHORTEST_WAIT = 0.1
"""Between two looks whether the budget's time is over, for calls that wait for their turn."""

LONGEST_WAIT = 60.0
"""Most seconds between two attempts, whatever the server asks for."""

HOPELESS = 10
"""Calls that may fail, each in a way that no retry mends, before a model that never answered is given up."""

ENOUGH = 4
"""Retries after which an endpoint is given up that has answered nobody in the meantime."""


class NotNow(BaseException):
    """The run was paused before the request went out."""


@dataclass
class Flight:
    """A call under way, and how many wait for its answer.

    Attributes:
        sent: a request is out, or its answer is being booked: it ends by itself.
    """

    task: "asyncio.Task[LLMResponse]" = field(init=False)
    waiting: int = 0
    sent: bool = False
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What an audit log is to have of the request beside what it says itself."""


class Sender:
    """Makes calls that no journal answers. Used from one event loop.

    Args:
        notice: told, in words, of calls that failed.
        redact: takes secrets out of error texts.

    Attributes:
        stopped: why nothing may be sent any more, if so.
        trouble: told, in words, that an endpoint answers nobody; it is to shut the gate. Without it the run
            ends then.
    """

    def __init__(
        self,
        endpoints: Mapping[Seat, Endpoint],
        journal: Journal,
        ledger: Ledger,
        gate: PauseGate,
        notice: Callable[[str], None],
        redact: Callable[[str], str] = str,
    ) -> None:
        self.stopped: StopRun | None = None
        self.trouble: Callable[[str], None] | None = None
        self.on_ready: Callable[[], None] = _nothing
        """Called once, when the transports can be used: importing litellm takes seconds, no running time."""
        self._preparing: asyncio.Task[None] | None = None
        self.unprepared: set[Endpoint] = set()
        """Endpoints that came later than that."""
        self.found = 0
        """Answers that an earlier worker's relay had received, or that an earlier run paid for."""
        self.earlier: EarlierAnswers | None = None
        """Answers of earlier runs that may be used again."""
        self.reused: Counter[str] = Counter()
        """How many were, by run."""
        self.audit: Audit = NoAudit()
        """Takes down what is sent."""
        self._name = uuid.uuid4().hex[:24]
        self._numbers = itertools.count()
        self._endpoints = endpoints
        self._journal = journal
        self._ledger = ledger
        self._gate = gate
        self._notice = notice
        self._redact = redact

    def _new_id(self) -> str:
        """An id that no other worker uses."""
        return f"{self._name}{next(self._numbers):08x}"

    async def make(
        self, seat: Seat, request: Request, place: Place, finishing: bool, flight: Flight
    ) -> LLMResponse:
        """Attempt a call until it is answered or there is no hope left.

        Args:
            finishing: the call may use what was held back for the sealed test.

        Raises:
            CallFailed: no answer; that is recorded as the call's outcome.
            StopRun: a cap is reached, the endpoint refuses everybody, or the run was stopped.
        """
        endpoint = self._endpoints[seat]
        attempt, began, asked = 0, time.monotonic(), False
        alone = seat != "target" or endpoint.limiter.most == 1
        while True:
            try:
                response = await self._attempt(seat, request, place, finishing, flight)
            except NotNow:
                continue
            except TransportError as error:
                flight.sent = False
                if not error.retryable:
                    return await self._fail(seat, request, place, error)
                endpoint.silence.failed(place, self._gate.opened_at)
                last = attempt == endpoint.settings.retries
                out = endpoint.silence.means_nobody(
                    since=began, alone=alone, often=attempt >= ENOUGH, last=last
                )
                if began < self._gate.opened_at:  # what failed before somebody mended it counts no more
                    attempt, began = 0, time.monotonic()
                elif out and (error.unsent or not asked):
                    self._give_up(seat, endpoint, error)
                    if not self._gate.stops(place):  # a person asked for it during a pause, and is told
                        return await self._fail(seat, request, place, error)
                    # Once is enough, unless nothing can be reached at all: it may be this call, after all.
                    attempt, began, asked = 0, time.monotonic(), True
                elif last:
                    return await self._fail(seat, request, place, error)
                else:
                    await asyncio.sleep(self._at_most(seat, _backoff(attempt, error.retry_after)))
                    attempt += 1
            else:
                endpoint.answered(response)
                return response

    async def _prepared(self) -> None:
        """Wait until the transports can be used; the first call that has to be sent makes them ready.

        Raises:
            PromptoptError: there is no way to send anything.
        """
        if self._preparing is None:
            self._preparing = asyncio.create_task(self._prepare())
        await asyncio.shield(self._preparing)

    async def _prepare(self) -> None:
        for endpoint in dict.fromkeys(self._endpoints.values()):
            await endpoint.transport.prepare()
        self.on_ready()

    async def _attempt(
        self, seat: Seat, request: Request, place: Place, finishing: bool, flight: Flight
    ) -> LLMResponse:
        """Send one request, with its own reservation, and keep what comes back."""
        endpoint = self._endpoints[seat]
        await self._gate.passed(place)
        self._may_go(endpoint, place)
        await self._prepared()
        if endpoint in self.unprepared:
            await endpoint.transport.prepare()
            self.unprepared.discard(endpoint)
        known = await self._found(seat, request, place) or await self._reused(seat, request, place)
        if known is not None:
            return known
        async with self._turn(seat, request, place) as turn:
            self._may_go(endpoint, place)
            prompt_bound = request.token_bound()
            tokens = prompt_bound + request.max_tokens
            bound = Amount(1, tokens, endpoint.cost(prompt_bound, request.max_tokens) or 0.0)
            await self._ledger.reserve(role_of(seat), bound, finishing=finishing)
            intent = self._new_id()
            reply = await self._send(seat, request, Slip(intent, place), bound, flight)
            response = endpoint.response(request, reply)
            endpoint.took(turn, response, reply.wait)
        return await _finish(self._book(seat, request, place, bound, intent, response))

    async def _send(self, seat: Seat, request: Request, slip: Slip, bound: Amount, flight: Flight) -> Reply:
        """Send a request that ``bound`` is reserved for; a failure is booked."""
        endpoint = self._endpoints[seat]
        relay = endpoint.transport.relay
        try:
            intended = self._journal.intend(
                slip.intent_id, role_of(seat), bound.usd, bound.tokens, relay, slip.place
            )
            await asyncio.wrap_future(intended)
            self._may_go(endpoint, slip.place)  # again: room in the budget can be long in coming
            timeout = self._timeout(seat, endpoint)
            started = time.perf_counter()
            flight.sent = True
            self._take_down(seat, request, slip, flight)
            async with asyncio.timeout(timeout):
                reply = await endpoint.transport.complete(
                    request, sample=slip.place[2], timeout=timeout, slip=slip
                )
        except Exception as error:
            failure = _as_transport_error(error, seat, endpoint.settings)
            # What is refused is not billed; what was given up waiting for may be.
            endpoint.limiter.failed(
                crowded=failure.crowded, late=failure.billed, retry_after=failure.retry_after
            )
            sent = flight.sent and not failure.unsent
            if flight.sent:
                self.audit.ended(slip.intent_id, "no answer" if sent else "not sent")
            await _finish(self._book_failure(seat, slip.intent_id, bound, failure, sent=sent))
            raise failure from None
        except BaseException:
            if flight.sent:
                # Its answer may still come, and a resumed run will find it: the intent stays open.
                await _finish(self._ledger.settle(role_of(seat), bound, bound, uncertain=True))
            else:
                unsent = TransportError("given up before it was sent")
                await _finish(self._book_failure(seat, slip.intent_id, bound, unsent, sent=False))
            raise
        self._take_answer_down(slip.intent_id, reply)
        return reply if reply.seconds is not None else replace(reply, seconds=time.perf_counter() - started)

    def _take_down(self, seat: Seat, request: Request, slip: Slip, flight: Flight) -> None:
        settings = self._endpoints[seat].settings
        self.audit.sent(
            slip.intent_id,
            role=seat,
            model=settings.model,
            host=host_of(settings, self._endpoints[seat].redirected),
            content=slip.place[0],
            bytes=request.text_bytes(),
            **flight.told,
        )

    def _take_answer_down(self, intent: str, reply: Reply, result: str = "answered") -> None:
        self.audit.ended(intent, result, tokens_in=reply.prompt_tokens, tokens_out=reply.completion_tokens)

    @asynccontextmanager
    async def _turn(self, seat: Seat, request: Request, place: Place) -> AsyncGenerator[Turn]:
        """A turn at the endpoint, past the gate. Who waits at the gate holds none: others may pass."""
        endpoint = self._endpoints[seat]
        turn = await self._enter(seat, endpoint, request)
        try:
            if self._gate.stops(place):
                raise NotNow
            yield turn
        except (NotNow, StopRun):
            endpoint.limiter.unused(turn)  # nothing was sent
            raise
        finally:
            endpoint.limiter.leave(turn)

    async def _enter(self, seat: Seat, endpoint: Endpoint, request: Request) -> Turn:
        """A turn, if one comes before the budget's time is over. Raises StopRun."""
        while True:
            left = self._ledger.seconds_left(role_of(seat))
            try:
                async with asyncio.timeout(None if left is None else max(SHORTEST_WAIT, left)):
                    return await endpoint.limiter.enter(endpoint.expected_tokens(request))
            except TimeoutError:
                # There may be time: in a pause none goes by.
                self._ledger.check_time(role_of(seat), finishing=True)

    def _may_go(self, endpoint: Endpoint, place: Place) -> None:
        stop = self.stopped or endpoint.gone
        if stop:
            raise stop
        if self._gate.stops(place):
            raise NotNow

    async def _book(
        self,
        seat: Seat,
        request: Request,
        place: Place,
        bound: Amount,
        intent: str,
        response: LLMResponse,
    ) -> LLMResponse:
        """Record an answer and settle its reservation."""
        await asyncio.wrap_future(self._journal.record(intent, role_of(seat), request, place, response))
        actual = _amount(response)
        await self._ledger.settle(role_of(seat), bound, actual, priced=response.cost is not None)
        if actual.tokens > bound.tokens:
            self._notice(f"{named(seat)} bills more tokens than max_tokens allows: no cap holds then")
        return response

    async def _found(self, seat: Seat, request: Request, place: Place) -> LLMResponse | None:
        """The answer that an earlier worker's relay has received, or will receive."""
        while self._journal.under_way(place):  # noqa: ASYNC110 — another process's file has no event
            await asyncio.sleep(RELAY_SECONDS)
        received = self._journal.received(place)
        return await _finish(self._read(seat, request, place, received)) if received else None

    async def _reused(self, seat: Seat, request: Request, place: Place) -> LLMResponse | None:
        """The answer to an equal request that an earlier run of the project paid for. No budget counts it."""
        found = self.earlier.find(place) if self.earlier and seat == "target" else None
        return await _finish(self._take(seat, request, place, *found)) if found else None

    async def _take(
        self, seat: Seat, request: Request, place: Place, response: LLMResponse, source: str
    ) -> LLMResponse:
        """Record an answer of an earlier run as this run's own, at what it would cost now."""
        usage = response.usage
        cost = self._endpoints[seat].cost(usage["prompt_tokens"], usage["completion_tokens"])
        metadata = {**response.metadata, "replayed": True, "reused_from": source}
        response = response.model_copy(update={"cost": cost, "metadata": metadata})
        recorded = self._journal.record(
            self._new_id(), role_of(seat), request, place, response, reused_from=source
        )
        await asyncio.wrap_future(recorded)
        self.found += 1
        self.reused[source] += 1
        return response

    async def _read(
        self, seat: Seat, request: Request, place: Place, received: Received
    ) -> LLMResponse | None:
        """Read and record an answer that an earlier worker received; None if it can't be read."""
        endpoint = self._endpoints[seat]
        try:
            reply = await endpoint.transport.complete(
                request, sample=place[2], timeout=endpoint.settings.timeout, kept=received.answers
            )
        except TransportError:
            return None  # half an answer, or of a kind that nobody can read: it is asked for again
        self._take_answer_down(received.intent_id, reply, "answered, to an earlier worker")
        response = endpoint.response(request, reply)
        role = role_of(seat)
        await asyncio.wrap_future(self._journal.record(received.intent_id, role, request, place, response))
        bound = Amount(1, received.tokens, received.usd)
        await self._ledger.found(role, bound, _amount(response), priced=response.cost is not None)
        self.found += 1
        return response

    async def _book_failure(
        self, seat: Seat, intent: str, bound: Amount, error: TransportError, *, sent: bool
    ) -> None:
        unknown = sent and error.billed
        actual = bound if unknown else Amount(calls=int(sent))
        outcome = "unknown" if unknown else "refused" if sent else "unsent"
        booked = self._journal.settle(
            intent, role_of(seat), outcome, actual.usd, actual.tokens, self._said(error)[:500]
        )
        await asyncio.wrap_future(booked)
        await self._ledger.settle(role_of(seat), bound, actual, uncertain=unknown)

    async def _fail(self, seat: Seat, request: Request, place: Place, error: TransportError) -> LLMResponse:
        """Keep the error as the call's outcome, or stop the run if it will meet every call."""
        endpoint = self._endpoints[seat]
        if endpoint.gone:
            raise endpoint.gone
        text = self._said(error)
        if error.fatal:
            endpoint.gone = StopRun("error", f"{named(seat)} can't be called: {text}", now=True)
            raise endpoint.gone
        await asyncio.wrap_future(self._journal.record(self._new_id(), role_of(seat), request, place, text))
        self._stop_if_all_fail(seat, place, text)
        self._notice(f"a call of {named(seat)} failed: {text}")
        raise CallFailed(text)

    def _stop_if_all_fail(self, seat: Seat, place: Place, text: str) -> None:
        """A model that has never answered and fails every call is not worth a run's whole budget."""
        if self._ledger.spent(role_of(seat)).tokens:
            return
        endpoint = self._endpoints[seat]
        endpoint.failed.append(place)
        if len(endpoint.failed) < HOPELESS:
            return
        self._journal.forget(endpoint.failed)  # so that a resumed run makes these calls again
        endpoint.gone = StopRun("error", f"{named(seat)} fails every call, as in: {text}", now=True)
        raise endpoint.gone

    def _give_up(self, seat: Seat, endpoint: Endpoint, error: TransportError) -> None:
        """The endpoint answers nobody: let the run wait for a person, or end it."""
        detail = f"{named(seat)} answers no call any more; the last one failed with: {self._said(error)}"
        if self._gate.shut:
            return
        if self.trouble is None:
            endpoint.gone = StopRun("error", detail, now=True)
            raise endpoint.gone
        self.trouble(detail)

    def _said(self, error: TransportError) -> str:
        return self._redact(storable(str(error)))

    def _timeout(self, seat: Seat, endpoint: Endpoint) -> float:
        """Seconds that a request has: caps on minutes end it too."""
        return self._at_most(seat, endpoint.settings.timeout)

    def _at_most(self, seat: Seat, seconds: float) -> float:
        """``seconds``, or what is left of the budget's time."""
        left = self._ledger.seconds_left(role_of(seat))
        return seconds if left is None else max(0.0, min(seconds, left))


def _nothing() -> None:
    """Nobody waits for it."""


def _amount(response: LLMResponse) -> Amount:
    return Amount(1, sum(response.usage.values()), response.cost or 0.0)


def _as_transport_error(error: Exception, seat: Seat, settings: ModelSettings) -> TransportError:
    if isinstance(error, TransportError):
        return error
    if isinstance(error, TimeoutError):
        place, most = setting_of(seat), f"{settings.timeout:g} s"
        said = f"no whole answer of {settings.model} in time; {place}.timeout is {most}"
        return TransportError(said, retryable=True, billed=True, crowded=True)
    return TransportError(f"{type(error).__name__}: {error}", billed=True)


def _backoff(attempt: int, retry_after: float | None) -> float:
    """Seconds to wait: what the server asks for, else exponential with full jitter (0.5 s, doubling)."""
    if retry_after is not None:
        return min(LONGEST_WAIT, max(0.0, retry_after))
    return min(LONGEST_WAIT, 0.5 * 2**attempt) * random.uniform(0.5, 1.0)


async def _finish(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` to its end even if the caller is cancelled meanwhile: books must be kept."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
