"""The simulator as a transport: one model, its answers, its latency and its token counts."""

import asyncio
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from promptopt.domain.chat import ChatRequest, EmbedRequest, Request
from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.vectors import pack
from promptopt.models.simulator.arbiter import Arbiter
from promptopt.models.simulator.drafter import Drafter
from promptopt.models.simulator.likeness import embedding
from promptopt.models.simulator.oracle import Oracle
from promptopt.models.simulator.proposer import Proposer
from promptopt.models.simulator.target import Target
from promptopt.models.transport import Reply, TransportError
from promptopt.store.receipts import Kept, Slip

_CHARS_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4

_SPREAD = 0.4
"""Standard deviation of the logarithm of latency: some calls take twice the mean, few three times."""


@dataclass(frozen=True)
class SimModel:
    """A model of the simulator.

    Attributes:
        talent: of a target, what it can do beyond the usual; None if it does other work.
        latency: mean seconds per call.
    """

    talent: float | None
    latency: float


MODELS = {
    "sim/target": SimModel(talent=0.0, latency=0.4),
    "sim/small": SimModel(talent=-0.12, latency=0.2),
    "sim/large": SimModel(talent=0.05, latency=0.9),
    "sim/optimizer": SimModel(talent=None, latency=2.0),
    "sim/judge": SimModel(talent=None, latency=0.6),
    "sim/generator": SimModel(talent=None, latency=1.0),
    "sim/embedding": SimModel(talent=None, latency=0.1),
}
"""The simulated models by name."""


class Simulator:
    """Answers requests to one ``sim/…`` model, in this process.

    A reply depends on the seed, the model, the request's content and the sample, and on nothing else.

    Args:
        model: one of ``MODELS``.
        dataset: the project's cases, from which the simulated target takes the right answers; without it
            every answer is a guess.
        seed: of all draws.
        latency: mean seconds per call; None for the model's own, 0 for none.

    Raises:
        SettingsError: there is no such simulated model.
    """

    def __init__(
        self, model: str, dataset: Dataset | None, settings: ProjectSettings, seed: int, latency: float | None
    ) -> None:
        known = MODELS.get(model)
        if known is None:
            raise SettingsError(
                f"there is no simulated model {model!r}",
                where="models",
                fix=f"use one of: {', '.join(MODELS)}",
            )
        self._model = model
        self._seed = seed
        self._latency = known.latency if latency is None else latency
        self._answer: Callable[[ChatRequest, int], str]
        if model == "sim/judge":
            self._answer = Arbiter(Oracle(dataset), seed).answer
        elif model == "sim/generator":
            self._answer = Drafter(seed).answer
        elif known.talent is None:
            self._answer = Proposer(seed).answer
        else:
            self._answer = Target(model, known.talent, Oracle(dataset), settings, seed).answer

    relay = ""
    """Nothing is sent, nothing filed."""

    async def prepare(self) -> None:
        """Nothing to do: all is in process."""

    async def complete(
        self,
        request: Request,
        *,
        sample: int,
        timeout: float,
        slip: Slip | None = None,
        kept: Mapping[str, Kept] | None = None,
    ) -> Reply:
        """Answer ``request``, after a while. Nothing is paid, so nothing is filed.

        Raises:
            TransportError: the answer would take longer than ``timeout`` seconds, or the model gives no such
                answers.
        """
        if isinstance(request, EmbedRequest) != (self._model == "sim/embedding"):
            what = "embeddings, no texts" if self._model == "sim/embedding" else "texts, no embeddings"
            raise TransportError(f"the simulated model {self._model} gives {what}", fatal=True)
        await self._wait(request, sample, timeout)
        if isinstance(request, EmbedRequest):
            return Reply(
                "", _tokens(request.text), 0, model=self._model, vector=pack(embedding(request.text))
            )
        text = self._answer(request, sample)
        finish_reason = "stop"
        if len(text) > request.max_tokens * _CHARS_PER_TOKEN:
            text = text[: request.max_tokens * _CHARS_PER_TOKEN]
            finish_reason = "length"
        return Reply(text, _prompt_tokens(request.messages), _tokens(text), finish_reason, self._model)

    async def close(self) -> None:
        """Nothing to give back."""

    async def _wait(self, request: Request, sample: int, timeout: float) -> None:
        if self._latency <= 0:
            return
        seconds = self.latency_of(request, sample)
        await asyncio.sleep(min(seconds, timeout))
        if seconds > timeout:
            raise TransportError(
                f"{self._model} did not answer within {timeout:g} s (simulated)", retryable=True, billed=True
            )

    def latency_of(self, request: Request, sample: int) -> float:
        """Seconds that the answer takes: log-normal around the mean, at most four times it."""
        rng = random.Random(f"{self._seed}/{request.content_key()}/{sample}")
        spread = math.exp(rng.gauss(0.0, _SPREAD) - _SPREAD**2 / 2)
        return self._latency * min(spread, 4.0)


def _tokens(text: str) -> int:
    return math.ceil(len(text) / _CHARS_PER_TOKEN)


def _prompt_tokens(messages: Sequence[Message]) -> int:
    return sum(_tokens(message.content) + _TOKENS_PER_MESSAGE for message in messages)
