"""Embeddings, through litellm's formats for its providers. What holds for texts (``litellm_transport.py``)
holds for them: the usual request is written from a template and its answer read here; all else goes through
``litellm.aembedding`` as a whole.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

from promptopt.domain.chat import EmbedRequest, Request
from promptopt.domain.prompt import Message
from promptopt.domain.vectors import pack, unpack
from promptopt.models.keys import provider_of
from promptopt.models.litellm_arguments import EMBEDDING_ENDPOINT_PROVIDERS, embedding_arguments
from promptopt.models.litellm_template import Template, learn
from promptopt.models.litellm_transport import LiteLLMTransport, unlogged
from promptopt.models.litellm_wire import Carriage, carried_by
from promptopt.models.rate_headers import exhausted
from promptopt.models.transport import Reply, TransportError
from promptopt.models.wire import HttpAnswer, WireError


class LiteLLMEmbedding(LiteLLMTransport):
    """Embeds texts by one model. For arguments and errors see :class:`LiteLLMTransport`."""

    providers: ClassVar[frozenset[str]] = EMBEDDING_ENDPOINT_PROVIDERS

    _embedding: Template | None = None

    async def _learn_the_usual(self) -> None:
        async def complete(messages: Sequence[Message], carriage: Carriage) -> None:
            await self._embed_as_a_whole(self._request(messages[0].content), carriage)

        if self._templated:
            self._embedding = await learn(complete, ("user",))

    async def _complete(self, request: Request, carriage: Carriage) -> Reply:
        if not isinstance(request, EmbedRequest):
            raise TransportError(
                f"{self._settings.model} is set up for embeddings, not for texts", fatal=True
            )
        reply: Reply | None = None
        if self._embedding is not None and request == self._request(request.text):
            text = Message(role="user", content=request.text)
            with contextlib.suppress(WireError):
                answer = await carriage.send(self._embedding.write((text,), carriage.timeout))
                reply = self._read_embedding(answer)
        return reply or await self._embed_as_a_whole(request, carriage)

    def _request(self, text: str) -> EmbedRequest:
        return EmbedRequest(model=self._settings.model, text=text, params=self._settings.params)

    async def _embed_as_a_whole(self, request: EmbedRequest, carriage: Carriage) -> Reply:
        with unlogged(), carried_by(carriage):
            response = await self._litellm.aembedding(**embedding_arguments(self._settings, request))
        data, usage = getattr(response, "data", None), getattr(response, "usage", None)
        return _reply(data, usage, response.model, self._settings.model, carriage.seconds)

    def _read_embedding(self, answer: HttpAnswer) -> Reply | None:
        """An answer in OpenAI's format, which most providers have; None if litellm must look at it."""
        if answer.status != 200:
            return None
        with contextlib.suppress(Exception):
            body = cast("dict[str, Any]", json.loads(answer.body))
            reply = _reply(body["data"], body["usage"], body["model"], self._settings.model, answer.seconds)
            return replace(reply, wait=exhausted(answer.headers))
        return None


def _reply(data: Any, usage: Any, answered_by: Any, model: str, seconds: float | None) -> Reply:
    """The one embedding in an answer.

    Raises:
        TransportError: there is none, or it holds something else than numbers.
    """
    items: list[Any] = list(data or ())
    numbers = _get(items[0], "embedding") if len(items) == 1 else None
    try:
        if numbers is None:
            raise ValueError(f"there are {len(items)} embeddings in it")
        vector = pack(unpack(numbers) if isinstance(numbers, str) else numbers)
    except ValueError as error:
        said = f"the answer of {model} has no embedding that can be used: {error}"
        raise TransportError(said, retryable=True, billed=True) from None
    tokens = _get(usage, "prompt_tokens") or _get(usage, "total_tokens")
    return Reply(
        text="",
        vector=vector,
        # litellm fills in a zero for a provider that gives none.
        prompt_tokens=tokens if isinstance(tokens, int) and tokens else None,
        completion_tokens=0 if tokens else None,
        model=str(answered_by or model).removeprefix(f"{provider_of(model)}/"),
        seconds=seconds,
    )


def _get(item: Any, name: str) -> Any:
    if isinstance(item, Mapping):
        return cast("Mapping[str, Any]", item).get(name)
    return getattr(item, name, None)
