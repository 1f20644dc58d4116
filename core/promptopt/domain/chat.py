"""Requests to a model and what comes back."""

import hashlib
import json
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from promptopt.domain.prompt import Message


class ChatRequest(BaseModel):
    """One request, as its content: two equal requests may be answered by one reply."""

    model_config = ConfigDict(frozen=True)

    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int = 1024
    params: dict[str, Any] = Field(default_factory=dict[str, Any])

    def content_key(self) -> str:
        """Hash of everything that is sent: 32 hexadecimal digits."""
        return _content_key(self)

    def text_bytes(self) -> int:
        """Bytes of the messages."""
        return sum(len(m.content.encode("utf-8", "surrogatepass")) for m in self.messages)

    def token_bound(self) -> int:
        """Upper bound of the prompt's tokens: a byte-level tokenizer makes at most one token of a byte."""
        return self.text_bytes() + 12 * (len(self.messages) + 1)


class EmbedRequest(BaseModel):
    """One text whose embedding is asked for. Each text is a request of its own, so that it is paid for once.

    Attributes:
        max_tokens: nothing is generated.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    text: str
    params: dict[str, Any] = Field(default_factory=dict[str, Any])
    max_tokens: ClassVar[int] = 0

    def content_key(self) -> str:
        """As of a :class:`ChatRequest`, with which no key is shared."""
        return _content_key(self)

    def text_bytes(self) -> int:
        """Bytes of the text."""
        return len(self.text.encode("utf-8", "surrogatepass"))

    def token_bound(self) -> int:
        """As of a :class:`ChatRequest`; a few tokens are for what a tokenizer adds at both ends."""
        return self.text_bytes() + 12


Request = ChatRequest | EmbedRequest


class LLMResponse(BaseModel):
    """A model's reply.

    Attributes:
        text: the reply; empty if it is an embedding.
        vector: an embedding (see ``domain.vectors``); empty if the reply is text.
        usage: ``prompt_tokens`` and ``completion_tokens``, as the provider counted them.
        cost: USD; None if the price is unknown.
        latency: seconds from sending to the whole reply.
        metadata: model, finish reason, whether it was replayed from the journal or simulated.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    vector: str = ""
    usage: dict[str, int] = Field(default_factory=dict[str, int])
    cost: float | None = None
    latency: float = 0.0
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])

    @property
    def finish_reason(self) -> str:
        """``stop``, ``length``, ``content_filter`` …, as the provider says."""
        return str(self.metadata.get("finish_reason", ""))


def _content_key(request: BaseModel) -> str:
    text = json.dumps(request.model_dump(mode="json"), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
