"""The wire formats: how requests are read, and what answers and errors look like."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.loopback.faults import Fault

Style = Literal["openai", "anthropic", "embeddings"]


@dataclass(frozen=True)
class Call:
    """One request, the same for all formats. ``messages`` are (role, text), a system text first; of a request
    for embeddings, the texts.
    """

    style: Style
    model: str
    messages: tuple[tuple[str, str], ...]
    max_tokens: int | None
    body: dict[str, Any]

    @property
    def text(self) -> str:
        return "\n".join(text for _, text in self.messages)

    @property
    def last_user(self) -> str:
        return next((text for role, text in reversed(self.messages) if role == "user"), "")


def read_call(style: Style, body: dict[str, Any]) -> Call:
    """Read a request body."""
    messages = [(str(m["role"]), _text(m.get("content"))) for m in body.get("messages", [])]
    if style == "embeddings":
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        messages = [("user", text) for text in texts]
    if style == "anthropic" and body.get("system"):
        messages.insert(0, ("system", _text(body["system"])))
    most = body.get("max_tokens") or body.get("max_completion_tokens")
    return Call(style, str(body.get("model", "")), tuple(messages), most, body)


def tokens(text: str) -> int:
    """The server's own count: a token for every four bytes, at least one."""
    return max(1, len(text.encode()) // 4)


def answer(call: Call, reply: str, fault: Fault | None) -> dict[str, Any]:
    """The body of a whole answer, cut at the request's ``max_tokens``."""
    used = tokens(reply)
    cut = call.max_tokens is not None and used > call.max_tokens
    if cut and call.max_tokens:
        reply, used = reply.encode()[: call.max_tokens * 4].decode(errors="ignore"), call.max_tokens
    if fault is Fault.EMPTY:
        reply, used = "", 0
    prompt = tokens(call.text)
    make = _openai_answer if call.style == "openai" else _anthropic_answer
    return make(call, reply, (prompt, used), cut, fault)


def embeddings_answer(
    call: Call, embed: Callable[[str], Sequence[float]], fault: Fault | None
) -> dict[str, Any]:
    """The body of a whole answer with an embedding of each text, in OpenAI's format."""
    texts = [] if fault is Fault.EMPTY else [text for _, text in call.messages]
    items = [
        {"object": "embedding", "index": n, "embedding": list(embed(text))} for n, text in enumerate(texts)
    ]
    body: dict[str, Any] = {"object": "list", "data": items, "model": call.model}
    if fault is not Fault.NO_USAGE:
        used = sum(tokens(text) for _, text in call.messages)
        body["usage"] = {"prompt_tokens": used, "total_tokens": used}
    return body


def words_in(text: str) -> list[float]:
    """The usual embedding: a number for each of a few buckets of words."""
    numbers = [0.1] * 16
    for word in text.lower().split():
        numbers[zlib.crc32(word.encode()) % 16] += 1.0
    return numbers


def _openai_answer(
    call: Call, reply: str, usage: tuple[int, int], cut: bool, fault: Fault | None
) -> dict[str, Any]:
    content: Any = None if fault is Fault.EMPTY else reply
    if fault is Fault.PARTS:
        half = len(reply) // 2
        content = [{"type": "text", "text": reply[:half]}, {"type": "text", "text": reply[half:]}]
    message = {"role": "assistant", "content": content}
    body: dict[str, Any] = {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 1,
        "model": call.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "length" if cut else "stop"}],
    }
    if fault is not Fault.NO_USAGE:
        prompt, used = usage
        body["usage"] = {
            "prompt_tokens": prompt,
            "completion_tokens": used,
            "total_tokens": prompt + used,
        }
    return body


def _anthropic_answer(
    call: Call, reply: str, usage: tuple[int, int], cut: bool, fault: Fault | None
) -> dict[str, Any]:
    half = len(reply) // 2 if fault is Fault.PARTS else len(reply)
    parts = [] if fault is Fault.EMPTY else [part for part in (reply[:half], reply[half:]) if part]
    body: dict[str, Any] = {
        "id": "msg_loopback",
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [{"type": "text", "text": part} for part in parts],
        "stop_reason": "max_tokens" if cut else "end_turn",
        "stop_sequence": None,
    }
    if fault is not Fault.NO_USAGE:
        body["usage"] = {"input_tokens": usage[0], "output_tokens": usage[1]}
    return body


_REFUSALS: dict[Fault, tuple[int, str, str, str, str]] = {
    # fault: status, OpenAI's type and code, Anthropic's type, message
    Fault.RATE_LIMIT: (429, "requests", "rate_limit_exceeded", "rate_limit_error", "Rate limit reached"),
    Fault.NO_CREDIT: (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "invalid_request_error",
        "Your credit balance is too low: you exceeded your current quota.",
    ),
    Fault.SERVER_ERROR: (500, "server_error", "server_error", "api_error", "The server had an error"),
    Fault.OVERLOADED: (529, "server_error", "overloaded", "overloaded_error", "Overloaded"),
    Fault.WRONG_KEY: (
        401,
        "invalid_request_error",
        "invalid_api_key",
        "authentication_error",
        "Incorrect API key provided: {key}.",
    ),
    Fault.FORBIDDEN: (
        403,
        "invalid_request_error",
        "permission_denied",
        "permission_error",
        "This key may not use the model",
    ),
    Fault.UNKNOWN_MODEL: (
        404,
        "invalid_request_error",
        "model_not_found",
        "not_found_error",
        "The model `{model}` does not exist",
    ),
    Fault.BAD_REQUEST: (
        400,
        "invalid_request_error",
        "invalid_value",
        "invalid_request_error",
        "temperature: must be at most 1",
    ),
    Fault.CONTEXT_LENGTH: (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "invalid_request_error",
        "prompt is too long: This model's maximum context length is 8192 tokens. However, your messages "
        "resulted in 9000 tokens.",
    ),
    Fault.CONTENT_POLICY: (
        400,
        "invalid_request_error",
        "content_policy_violation",
        "invalid_request_error",
        "Your request was rejected as a result of our safety system. content_policy_violation",
    ),
}


def refusal(call: Call, fault: Fault, key: str) -> tuple[int, dict[str, Any]] | None:
    """Status and body of a fault that is an HTTP error, as the vendor words it; None for other faults."""
    if fault not in _REFUSALS:
        return None
    status, openai_type, code, anthropic_type, message = _REFUSALS[fault]
    said = message.format(key=key, model=call.model)
    if call.style == "anthropic":
        status = 400 if fault is Fault.NO_CREDIT else status
        return status, {"type": "error", "error": {"type": anthropic_type, "message": said}}
    return status, {"error": {"message": said, "type": openai_type, "param": None, "code": code}}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return "" if content is None else str(content)
