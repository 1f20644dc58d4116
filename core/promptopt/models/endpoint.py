"""What the gateway needs of a model in a role, and of a pause."""

import asyncio
from dataclasses import dataclass, field

from promptopt.domain.chat import ChatRequest, LLMResponse
from promptopt.domain.settings import ModelSettings, Price
from promptopt.domain.stopping import StopRun
from promptopt.domain.text import storable
from promptopt.models.transport import Reply, Transport
from promptopt.store.receipts import Place


@dataclass
class Endpoint:
    """A model in a role: how to reach it and what it costs (``price`` None: unknown)."""

    settings: ModelSettings
    transport: Transport
    price: Price | None
    slots: asyncio.Semaphore = field(init=False)
    streak: list[Place] = field(default_factory=list[Place])
    gone: StopRun | None = None
    """Why no call can succeed any more."""

    def __post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.settings.max_concurrency)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """USD, or None if the price is unknown."""
        if self.price is None:
            return None
        return (prompt_tokens * self.price.input + completion_tokens * self.price.output) / 1_000_000

    def response(self, request: ChatRequest, reply: Reply, latency: float) -> LLMResponse:
        """A reply with its price; what the provider does not count, counts as its upper bound."""
        prompt_tokens = request.token_bound() if reply.prompt_tokens is None else reply.prompt_tokens
        completion_tokens = (
            len(reply.text.encode("utf-8", "surrogatepass"))
            if reply.completion_tokens is None
            else reply.completion_tokens
        )
        return LLMResponse(
            text=storable(reply.text),
            usage={"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens},
            cost=self.cost(prompt_tokens, completion_tokens),
            latency=latency if reply.seconds is None else reply.seconds,
            metadata={
                "model": reply.model or request.model,
                "finish_reason": reply.finish_reason,
                "simulated": self.settings.simulated,
                **({"usage_estimated": True} if reply.completion_tokens is None else {}),
            },
        )


class PauseGate:
    """Open or shut. While it is shut, only calls with a pass go through."""

    def __init__(self) -> None:
        self.shut = False
        self._passes: set[Place] = set()
        self._moved = asyncio.Event()

    def close(self) -> None:
        self.shut = True

    def open(self) -> None:
        self.shut = False
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
