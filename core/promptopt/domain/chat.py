"""Requests to a model and what comes back."""

import hashlib
import json
from typing import Any

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
        text = json.dumps(self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def token_bound(self) -> int:
        """Upper bound of the prompt's tokens: a byte-level tokenizer makes at most one token of a byte."""
        return sum(len(m.content.encode("utf-8", "surrogatepass")) + 12 for m in self.messages) + 12


class LLMResponse(BaseModel):
    """A model's reply.

    Attributes:
        text: the reply.
        usage: ``prompt_tokens`` and ``completion_tokens``, as the provider counted them.
        cost: USD; None if the price is unknown.
        latency: seconds from sending to the whole reply.
        metadata: model, finish reason, whether it was replayed from the journal or simulated.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    usage: dict[str, int] = Field(default_factory=dict[str, int])
    cost: float | None = None
    latency: float = 0.0
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])

    @property
    def finish_reason(self) -> str:
        """``stop``, ``length``, ``content_filter`` …, as the provider says."""
        return str(self.metadata.get("finish_reason", ""))
