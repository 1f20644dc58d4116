"""The gateway: the only way to a model, for every optimizer, judge and check.

In this order: pause gate → journal → concurrency → budget reservation → transport with retries → journal →
settle. What was answered once is answered from the journal for ever after.
"""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from promptopt.domain.chat import ChatRequest, LLMResponse
from promptopt.domain.events import Role
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ModelSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.text import storable
from promptopt.models.budget import Amount, Ledger
from promptopt.models.endpoint import Endpoint, PauseGate, Place
from promptopt.models.transport import Reply, TransportError
from promptopt.store.journal import Journal, Received, Recorded
from promptopt.store.receipts import Slip

T = TypeVar("T")

STREAK = 5
"""Calls of one role that may fail one after the other before the run stops: the endpoint is gone."""

RELAY_SECONDS = 0.05
"""Between two looks for the answer that an earlier worker's relay waits for."""

LONGEST_WAIT = 60.0
"""Most seconds between two attempts, whatever the server asks for."""


class CallFailed(Exception):
    """A call that ended without an answer; the run goes on from that."""


class _NotNow(BaseException):
    """The run was paused before the request went out."""


@dataclass
class _Flight:
    """A call under way, and how many wait for its answer.

    Attributes:
        sent: a request is out, or its answer is being booked: it ends by itself.
    """

    task: "asyncio.Task[LLMResponse]" = field(init=False)
    waiting: int = 0
    sent: bool = False


class Gateway:
    """Makes calls for one run. Used from one event loop.

    Args:
        notice: told, in words, of retries worth knowing.
        redact: takes secrets out of error texts.
    """

    def __init__(
        self,
        endpoints: Mapping[Role, Endpoint],
        journal: Journal,
        ledger: Ledger,
        notice: Callable[[str], None],
        redact: Callable[[str], str] = str,
    ) -> None:
        self.endpoints = endpoints
        self.gate = PauseGate()
        self.replayed = 0
        self._journal = journal
        self._ledger = ledger
        self._notice = notice
        self._redact = redact
        self._occurrences: Counter[tuple[str, str]] = Counter()
        self._under_way: dict[Place, _Flight] = {}
        self._stopped: StopRun | None = None

    async def call(
        self,
        role: Role,
        messages: Sequence[Message],
        *,
        path: str = "",
        sample: int | None = 0,
        urgent: bool = False,
        finishing: bool = False,
    ) -> LLMResponse:
        """Answer ``messages`` by the model of ``role``.

        Args:
            path: where in the run the call is made. Calls of equal content and path share one answer.
            sample: number of the draw; None numbers the calls of equal content and path by their order.
            urgent: goes through the pause gate (a person asked for it while the run is paused).
            finishing: may use what was held back for the sealed test.

        Raises:
            CallFailed: no answer, after all retries.
            StopRun: a cap is reached, the endpoint is gone, or the run was stopped.
        """
        request = self._request(role, messages)
        key = request.content_key()
        if sample is None:
            sample = self._occurrences[key, path]
            self._occurrences[key, path] += 1
        place = (key, path, sample)
        if urgent:
            self.gate.let_through(place)
        flight = self._under_way.get(place)
        if flight is None:
            await self.gate.passed(place)
            recorded = self._journal.take(*place)
            if recorded is not None:
                self.gate.forget(place)
                self.replayed += 1
                await asyncio.sleep(0)  # others have their turn, however much there is to replay
                return _replay(recorded)
            flight = self._under_way.get(place)
        if flight is None:
            flight = self._under_way[place] = _Flight()
            flight.task = asyncio.create_task(self._make(role, request, place, finishing, flight))
            flight.task.add_done_callback(lambda done: self._forget(place, done))
        return await self._wait_for(flight, place)

    def stop(self, signal: StopRun) -> None:
        """Let nothing more be sent; calls that have not been sent yet end with ``signal``."""
        self._stopped = signal
        self.gate.open()

    def go_on(self) -> None:
        """Undo :meth:`stop`, for the sealed test."""
        self._stopped = None

    async def drain(self, patience: float | None = None) -> None:
        """Wait for the calls in flight, at most ``patience`` seconds, and give up the rest."""
        tasks = [flight.task for flight in self._under_way.values()]
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=patience)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def prepare(self) -> None:
        """Make the transports ready: importing litellm takes seconds, which are no running time."""
        for endpoint in self.endpoints.values():
            await endpoint.transport.prepare()

    async def close(self) -> None:
        for endpoint in self.endpoints.values():
            await endpoint.transport.close()

    def _request(self, role: Role, messages: Sequence[Message]) -> ChatRequest:
        settings = self.endpoints[role].settings
        return ChatRequest(
            model=settings.model,
            messages=tuple(messages),
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            params=settings.params,
        )

    async def _wait_for(self, flight: _Flight, place: Place) -> LLMResponse:
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

    async def _make(
        self, role: Role, request: ChatRequest, place: Place, finishing: bool, flight: _Flight
    ) -> LLMResponse:
        endpoint = self.endpoints[role]
        attempt = 0
        while True:
            try:
                async with self._turn(endpoint, place):
                    response = await self._attempt(role, request, place, finishing, flight)
            except _NotNow:
                continue
            except TransportError as error:
                if attempt == endpoint.settings.retries or not error.retryable:
                    return await self._fail(role, request, place, error)
                flight.sent = False
                await asyncio.sleep(_backoff(attempt, error.retry_after))
                attempt += 1
            else:
                endpoint.streak.clear()
                return response

    @asynccontextmanager
    async def _turn(self, endpoint: Endpoint, place: Place) -> AsyncGenerator[None]:
        """A slot of the endpoint, past the gate. Who waits at the gate holds no slot: others may pass."""
        while True:
            await self.gate.passed(place)
            await endpoint.slots.acquire()
            if not self.gate.stops(place):
                break
            endpoint.slots.release()
        try:
            yield
        finally:
            endpoint.slots.release()

    def _may_go(self, endpoint: Endpoint, place: Place) -> None:
        stop = self._stopped or endpoint.gone
        if stop:
            raise stop
        if self.gate.stops(place):
            raise _NotNow

    async def _attempt(
        self, role: Role, request: ChatRequest, place: Place, finishing: bool, flight: _Flight
    ) -> LLMResponse:
        """Send one request, with its own reservation, and keep what comes back."""
        endpoint = self.endpoints[role]
        self._may_go(endpoint, place)
        while self._journal.under_way(place):  # noqa: ASYNC110 — another process's file has no event
            # An earlier worker was killed after it had sent this; its relay has yet to hear of the answer.
            await asyncio.sleep(RELAY_SECONDS)
        received = self._journal.received(place)
        known = await _finish(self._read(role, request, place, received)) if received else None
        if known is not None:
            return known
        prompt_bound = request.token_bound()
        tokens = prompt_bound + request.max_tokens
        bound = Amount(1, tokens, endpoint.cost(prompt_bound, request.max_tokens) or 0.0)
        await self._ledger.reserve(role, bound, finishing=finishing)
        intent = uuid.uuid4().hex
        try:
            intended = self._journal.intend(intent, role, bound.usd, bound.tokens, endpoint.transport.relay)
            await asyncio.wrap_future(intended)
            self._may_go(endpoint, place)  # again: room in the budget can be long in coming
            timeout = self._timeout(endpoint)
            started = time.perf_counter()
            flight.sent = True
            async with asyncio.timeout(timeout):
                reply = await endpoint.transport.complete(
                    request, sample=place[2], timeout=timeout, slip=Slip(intent, place)
                )
            latency = time.perf_counter() - started
        except Exception as error:
            failure = _as_transport_error(error, role, endpoint.settings)
            await _finish(self._book_failure(role, intent, bound, failure, maybe_billed=flight.sent))
            raise failure from None
        except BaseException:
            if flight.sent:
                # Its answer may still come, and a resumed run will find it: the intent stays open.
                await _finish(self._ledger.settle(role, bound, bound, uncertain=True))
            else:
                unsent = TransportError("given up before it was sent")
                await _finish(self._book_failure(role, intent, bound, unsent, maybe_billed=False))
            raise
        return await _finish(self._book(role, request, place, bound, intent, reply, latency))

    async def _book(
        self,
        role: Role,
        request: ChatRequest,
        place: Place,
        bound: Amount,
        intent: str,
        reply: Reply,
        latency: float,
    ) -> LLMResponse:
        """Record an answer and settle its reservation."""
        response = self.endpoints[role].response(request, reply, latency)
        await asyncio.wrap_future(self._journal.record(intent, role, request, place, response))
        await self._ledger.settle(role, bound, _amount(response), priced=response.cost is not None)
        return response

    async def _read(
        self, role: Role, request: ChatRequest, place: Place, received: Received
    ) -> LLMResponse | None:
        """Read and record an answer that an earlier worker received; None if it can't be read."""
        endpoint = self.endpoints[role]
        try:
            reply = await endpoint.transport.complete(
                request, sample=place[2], timeout=endpoint.settings.timeout, kept=received.answers
            )
        except TransportError:
            return None  # half an answer, or of a kind that nobody can read: it is asked for again
        response = endpoint.response(request, reply, 0.0)
        await asyncio.wrap_future(self._journal.record(received.intent_id, role, request, place, response))
        bound = Amount(1, received.tokens, received.usd)
        await self._ledger.found(role, bound, _amount(response), priced=response.cost is not None)
        self.replayed += 1
        return response

    async def _book_failure(
        self, role: Role, intent: str, bound: Amount, error: TransportError, *, maybe_billed: bool
    ) -> None:
        unknown = maybe_billed and error.billed
        actual = Amount(1, bound.tokens, bound.usd) if unknown else Amount(calls=1 if maybe_billed else 0)
        outcome = "unknown" if unknown else "refused" if maybe_billed else "unsent"
        booked = self._journal.settle(
            intent, role, outcome, actual.usd, actual.tokens, self._said(error)[:500]
        )
        await asyncio.wrap_future(booked)
        await self._ledger.settle(role, bound, Amount(calls=actual.calls))
        if unknown:
            await self._ledger.settle(role, Amount(), Amount(0, actual.tokens, actual.usd), uncertain=True)

    async def _fail(
        self, role: Role, request: ChatRequest, place: Place, error: TransportError
    ) -> LLMResponse:
        """Keep the error as the call's outcome, or stop the run if it will meet every call."""
        endpoint = self.endpoints[role]
        if endpoint.gone:
            raise endpoint.gone
        text = self._said(error)
        if error.fatal:
            raise self._give_up(endpoint, f"the {role} model can't be called: {text}")
        await asyncio.wrap_future(self._journal.record(uuid.uuid4().hex, role, request, place, text))
        if error.retryable:
            endpoint.streak.append(place)
        if len(endpoint.streak) >= STREAK:
            raise self._give_up(
                endpoint,
                f"{STREAK} calls of the {role} model failed one after the other, the last with: {text}",
            )
        self._notice(f"a call of the {role} model failed: {text}")
        raise CallFailed(text)

    def _said(self, error: TransportError) -> str:
        return self._redact(storable(str(error)))

    def _give_up(self, endpoint: Endpoint, detail: str) -> StopRun:
        """Stop the run; a resumed one makes the calls again that failed because the endpoint was gone."""
        endpoint.gone = StopRun("error", detail, now=True)
        self._journal.forget(endpoint.streak)
        return endpoint.gone

    def _timeout(self, endpoint: Endpoint) -> float:
        """Seconds that a request has: a cap on minutes ends it too."""
        left = self._ledger.seconds_left()
        return endpoint.settings.timeout if left is None else min(endpoint.settings.timeout, left)


def _amount(response: LLMResponse) -> Amount:
    return Amount(1, sum(response.usage.values()), response.cost or 0.0)


def _replay(recorded: Recorded) -> LLMResponse:
    if recorded.response is None:
        raise CallFailed(recorded.error)
    return recorded.response


def _as_transport_error(error: Exception, role: Role, settings: ModelSettings) -> TransportError:
    if isinstance(error, TransportError):
        return error
    if isinstance(error, TimeoutError):
        said = f"no whole answer of {settings.model} in time; models.{role}.timeout is {settings.timeout:g} s"
        return TransportError(said, retryable=True, billed=True)
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
