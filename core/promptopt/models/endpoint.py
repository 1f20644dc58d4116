"""What the gateway needs of a model in a role, and of a pause."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from promptopt.domain.chat import LLMResponse, Request
from promptopt.domain.settings import ModelSettings, Price
from promptopt.domain.stopping import StopRun
from promptopt.domain.text import storable
from promptopt.domain.words import Role
from promptopt.models.keys import provider_of
from promptopt.models.limits import Limiter, Turn
from promptopt.models.transport import Reply, Transport
from promptopt.store.receipts import Place
from promptopt.store.reuse import REDIRECTED

Seat = str
"""Where a model sits: its role, or ``judge/NAME``, a judge of a panel, which counts to the role ``judge``."""

QUIET = 3.0
"""Seconds without an answer that are no accident, however many calls there are."""

ENOUGH = 4
"""Failures without any answer between them that tell of an outage, once it is long."""

OUTAGE = 20.0
"""Seconds without an answer after which a model is taken to be gone, where few calls tell."""


def seat_of(role: Role, judge: str = "") -> Seat:
    """The seat of a role, or of the judge of that name."""
    return f"judge/{judge}" if judge else role


def role_of(seat: Seat) -> Role:
    """The role whose budget and record a seat counts to."""
    return cast(Role, seat.partition("/")[0])


def named(seat: Seat) -> str:
    """A seat in words: ``the target model``, ``the judge haiku``."""
    role, _, judge = seat.partition("/")
    return f"the {role} {judge}" if judge else f"the {role} model"


def setting_of(seat: Seat) -> str:
    """Where the project file has it: ``models.target``, ``judges.haiku``."""
    role, _, judge = seat.partition("/")
    return f"judges.{judge}" if judge else f"models.{role}"


def host_of(settings: ModelSettings, redirected: str = "") -> str:
    """Where requests of a model go: a host, the provider, or nowhere; never a password or a path."""
    if settings.simulated:
        return "simulated"
    if settings.base_url:
        try:
            parts = urlsplit(settings.base_url)
            return parts.hostname or "?" if parts.port is None else f"{parts.hostname}:{parts.port}"
        except ValueError:
            return "?"
    provider = provider_of(settings.model) or "unknown"
    return f"{provider}, by way of an address in the environment" if redirected else provider


class Silence:
    """The time since an endpoint's last answer: which calls failed in it, and how often.

    Only failures that retries can mend are told to it. It says whether the fault is the endpoint's: a call of
    its own kind (a case that crashes the server, say) fails while others come through, or while no other is
    tried.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answered_at = 0.0
        self._since = 0.0
        self._calls: set[Place] = set()
        self._failures = 0

    def end(self) -> None:
        """An answer came."""
        self._answered_at = self._clock()
        self._calls.clear()

    def failed(self, place: Place, mended_at: float) -> None:
        """A call failed; what failed before ``mended_at`` counts no more."""
        if not self._calls or self._since < mended_at:
            self._calls, self._failures, self._since = set(), 0, self._clock()
        self._calls.add(place)
        self._failures += 1

    def means_nobody(self, *, since: float, alone: bool, often: bool, last: bool) -> bool:
        """Whether the endpoint answers nobody any more.

        Args:
            since: when the call was tried first.
            alone: the role makes its calls one by one, so that there are no others to tell by.
            often: the call has failed several times.
            last: it will not be tried again.
        """
        if not alone and len(self._calls) < 2:
            return False
        seconds = self._clock() - self._since
        if seconds < QUIET and self._answered_at >= since:
            return False
        long = seconds >= OUTAGE
        return last or (often and (long or not alone)) or (long and self._failures >= ENOUGH)


@dataclass(eq=False)
class Endpoint:
    """A model in a role: how to reach it, what it costs (``price`` None: unknown), how much it takes."""

    settings: ModelSettings
    transport: Transport
    price: Price | None
    redirected: str = ""
    """Mark of the address that the environment sends requests to, if it does; kept with each answer."""
    limiter: Limiter = field(init=False)
    gone: StopRun | None = None
    """Why no call can succeed any more."""
    failed: list[Place] = field(default_factory=list[Place])
    """Calls that failed for good before any was answered."""
    silence: Silence = field(default_factory=Silence)
    """What failed since the last answer."""
    _tokens: float = 0.0

    def __post_init__(self) -> None:
        settings = self.settings
        self.limiter = Limiter(
            settings.max_concurrency, settings.requests_per_minute, settings.tokens_per_minute
        )

    def expected_tokens(self, request: Request) -> int:
        """What a call is likely to use: the mean so far, at first a generous guess."""
        return round(self._tokens) or request.token_bound() // 4 + request.max_tokens

    def took(self, turn: Turn, response: LLMResponse, wait: float | None) -> None:
        """An answer came: count it, and give the turn to the next one, after ``wait`` seconds if need be."""
        used = sum(response.usage.values())
        self._tokens = used if not self._tokens else 0.9 * self._tokens + 0.1 * used
        if wait:
            self.limiter.hold(wait)
        self.limiter.answered(turn, used)
        self.limiter.leave(turn)

    def answered(self, response: LLMResponse) -> None:
        """A call has come through; what an earlier run was answered says nothing of the endpoint now."""
        if "reused_from" in response.metadata:
            return
        self.silence.end()

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """USD, or None if the price is unknown."""
        if self.price is None:
            return None
        return (prompt_tokens * self.price.input + completion_tokens * self.price.output) / 1_000_000

    def response(self, request: Request, reply: Reply) -> LLMResponse:
        """A reply with its price; what the provider does not count, counts as its upper bound."""
        prompt_tokens = request.token_bound() if reply.prompt_tokens is None else reply.prompt_tokens
        completion_tokens = (
            len(reply.text.encode("utf-8", "surrogatepass"))
            if reply.completion_tokens is None
            else reply.completion_tokens
        )
        return LLMResponse(
            text=storable(reply.text),
            vector=reply.vector,
            usage={"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens},
            cost=self.cost(prompt_tokens, completion_tokens),
            latency=reply.seconds or 0.0,
            metadata={
                "model": reply.model or request.model,
                "finish_reason": reply.finish_reason,
                "simulated": self.settings.simulated,
                **({"usage_estimated": True} if reply.completion_tokens is None else {}),
                **({REDIRECTED: self.redirected} if self.redirected else {}),
            },
        )


class PauseGate:
    """Open or shut. While it is shut, only calls with a pass go through."""

    def __init__(self) -> None:
        self.shut = False
        self.opened_at = 0.0
        """When it was opened last, on the monotonic clock."""
        self._passes: set[Place] = set()
        self._moved = asyncio.Event()

    def close(self) -> None:
        self.shut = True

    def open(self) -> None:
        self.shut = False
        self.opened_at = time.monotonic()
        self._wake()

    def let_through(self, place: Place) -> None:
        """Give a call a pass: a person asked for it while the run is paused."""
        self._passes.add(place)
        self._wake()

    def forget(self, place: Place) -> None:
        self._passes.discard(place)

    def stops(self, place: Place) -> bool:
        return self.shut and place not in self._passes

    async def passed(self, place: Place) -> None:
        while self.stops(place):
            await self._moved.wait()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
