"""What is copied and read without litellm's whole call is what litellm's whole call sends and reads."""

import json
from dataclasses import replace
from typing import Any

import pytest

from promptopt.domain.chat import ChatRequest
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ModelSettings
from promptopt.models.litellm_arguments import CUSTOM_ENDPOINT_PROVIDERS
from promptopt.models.litellm_template import roles_of
from promptopt.models.litellm_transport import LiteLLMTransport
from promptopt.models.transport import Reply, TransportError
from promptopt.models.wire import HttpAnswer, HttpRequest, WireError
from promptopt.store.receipts import Slip
from tests.loopback import API_KEY, API_KEY_ENV

NAMES = {
    "anthropic": "anthropic/claude-opus-4-5",
    "gemini": "gemini/gemini-2.5-pro",
    "openai": "openai/gpt-4o-mini",
    "ollama": "ollama/llama3",
    "ollama_chat": "ollama_chat/llama3",
}


class Canned:
    """A wire that remembers what is sent, and gives an answer that was recorded."""

    relay = ""

    def __init__(self, body: Any = None, status: int = 200) -> None:
        self.body = body
        self.status = status
        self.sent: list[HttpRequest] = []

    async def prepare(self) -> None: ...

    async def send(self, request: HttpRequest, slip: Slip | None = None) -> HttpAnswer:
        self.sent.append(request)
        if self.body is None:
            raise WireError("broken", "nothing is recorded")
        raw = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return HttpAnswer(self.status, {"content-type": "application/json"}, raw, 0.25)

    async def close(self) -> None: ...


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY_ENV, API_KEY)


def settings_for(provider: str, **more: Any) -> ModelSettings:
    name = NAMES.get(provider, f"{provider}/some-model")
    base = {"base_url": "http://127.0.0.1:9/v1", "api_key_env": API_KEY_ENV, "max_tokens": 64}
    return ModelSettings(model=name, **{**base, **more})


async def both_ways(settings: ModelSettings, messages: list[Message], body: Any, status: int = 200) -> Any:
    """Requests and outcomes of one call: from the template, and through litellm as a whole."""
    found = []
    for templated in (True, False):
        wire = Canned(body, status)
        transport = LiteLLMTransport(settings, wire=wire)
        transport._templated = templated
        request = ChatRequest(
            model=settings.model,
            messages=tuple(messages),
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            params=settings.params,
        )
        outcome: Reply | str
        try:
            outcome = replace(await transport.complete(request, sample=0, timeout=30), seconds=None)
        except TransportError as error:
            outcome = f"{error} {error.retryable} {error.billed} {error.fatal} {error.retry_after}"
        if templated:
            assert await transport._template(request) is not None or roles_of(messages) is None
        (sent,) = wire.sent
        found.append((sent, outcome))
        await transport.close()
    return found


def content(request: HttpRequest) -> tuple[Any, ...]:
    return request.url, dict(request.headers), request.method, json.loads(request.body)


def chat(*texts: str, system: bool = True) -> list[Message]:
    roles = ["user", "assistant"] * len(texts)
    if system:
        roles.insert(0, "system")
    return [Message.model_validate({"role": r, "content": t}) for r, t in zip(roles, texts, strict=False)]


MESSAGES = {
    "one": chat("Sort this: my card was charged twice", system=False),
    "two": chat("Be brief.", "Ticket 3: about login"),
    "demonstrations": chat("Label it.", "a", "bug", "b", "billing", "c"),
    "every kind of text": chat(
        'quotes " and \\ and {braces} and zq7Kx0Wv9', " spaces around\n\n\ttabs ", system=True
    ),
    "other scripts": chat("ümläut 漢字 🙂 \u2028 \x00 \x1b[31m", "हिन्दी العربية", system=True),
    "blank": chat("", " ", system=True),
    "the answer begun": chat("Label it.", "Ticket", "The label is "),
}

PARAMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sampling": {"top_p": 0.9, "seed": 7, "stop": ["\n", "END"]},
    "json mode": {"response_format": {"type": "json_object"}},
}


@pytest.mark.parametrize("provider", sorted(CUSTOM_ENDPOINT_PROVIDERS - {"nvidia_nim"}))
async def test_requests_are_those_that_litellm_sends(provider: str) -> None:
    for params in PARAMS.values():
        settings = settings_for(provider, params=params, temperature=0.0)
        for messages in MESSAGES.values():
            (copied, _), (own, _) = await both_ways(settings, messages, body=None)
            assert content(copied) == content(own)


@pytest.mark.parametrize("model", ["openai/o3-mini", "openai/gpt-5", "anthropic/claude-3-5-haiku-latest"])
async def test_models_with_ways_of_their_own(model: str) -> None:
    settings = settings_for("openai").model_copy(update={"model": model})
    for messages in MESSAGES.values():
        (copied, _), (own, _) = await both_ways(settings, messages, body=None)
        assert content(copied) == content(own)


def openai_answer(**message: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1767000000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "billing", "refusal": None, **message},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 10,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }


def changed(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy with other values at paths such as ``choices__0__finish_reason``; None takes one away."""
    made = json.loads(json.dumps(body))
    for path, value in changes.items():
        *steps, last = [int(step) if step.isdigit() else step for step in path.split("__")]
        inner: Any = made
        for step in steps:
            inner = inner[step]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return made


ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-5-20251101",
    "content": [{"type": "text", "text": "billing"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 25,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 12,
        "output_tokens": 3,
        "service_tier": "standard",
    },
}
GEMINI = {
    "candidates": [
        {
            "content": {"parts": [{"text": "billing"}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
            "avgLogprobs": -0.01,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 14,
        "candidatesTokenCount": 2,
        "totalTokenCount": 66,
        "thoughtsTokenCount": 50,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 14}],
    },
    "modelVersion": "gemini-2.5-pro",
    "responseId": "r1",
}
OLLAMA_CHAT = {
    "model": "llama3",
    "created_at": "2026-11-01T10:00:00.123456789Z",
    "message": {"role": "assistant", "content": "billing"},
    "done_reason": "stop",
    "done": True,
    "total_duration": 4883583458,
    "load_duration": 1334875,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 342546000,
    "eval_count": 282,
    "eval_duration": 4535599000,
}
OLLAMA = {**{k: v for k, v in OLLAMA_CHAT.items() if k != "message"}, "response": "billing"}

OPENAI = openai_answer()
RECORDED: list[tuple[str, str, Any]] = [
    ("openai", "usual", OPENAI),
    ("openai", "null content", openai_answer(content=None)),
    ("openai", "refusal", openai_answer(content=None, refusal="I can't help with that.")),
    ("openai", "parts", openai_answer(content=[{"type": "text", "text": part} for part in ("bill", "ing")])),
    ("openai", "cut", changed(OPENAI, choices__0__finish_reason="length")),
    ("openai", "filtered", changed(OPENAI, choices__0__finish_reason="content_filter")),
    ("openai", "no usage", changed(OPENAI, usage=None)),
    ("openai", "odd finish", changed(OPENAI, choices__0__finish_reason="eos")),
    ("openai", "two choices", changed(OPENAI, choices=[OPENAI["choices"][0]] * 2)),
    ("openai", "reasoning", openai_answer(reasoning_content="hm", content="<think>hm</think>billing")),
    ("openai", "no choices", changed(OPENAI, choices=[])),
    ("openai", "another thing", {"hello": "world"}),
    ("openai", "an error inside", {"error": {"message": "overloaded", "code": 503}}),
    ("openai", "no JSON", b"<html>proxy</html>"),
    ("openai", "nothing", b""),
    ("openai", "a list", []),
    ("hosted_vllm", "usual", changed(OPENAI, system_fingerprint=None, service_tier=None)),
    ("hosted_vllm", "reasoning", openai_answer(reasoning_content="hm")),
    ("deepseek", "reasoning", openai_answer(reasoning_content="hm")),
    ("groq", "usual", {**OPENAI, "x_groq": {"id": "req_1"}, "usage": {**OPENAI["usage"], "queue_time": 0.1}}),
    ("mistral", "usual", OPENAI),
    ("openrouter", "usual", {**OPENAI, "provider": "x", "usage": {**OPENAI["usage"], "cost": 0.0001}}),
    ("together_ai", "usual", OPENAI),
    ("xai", "usual", OPENAI),
    ("fireworks_ai", "usual", OPENAI),
    ("cerebras", "usual", OPENAI),
    ("lm_studio", "usual", OPENAI),
    ("llamafile", "usual", OPENAI),
    ("litellm_proxy", "usual", OPENAI),
    ("azure", "usual", OPENAI),
    ("anthropic", "usual", ANTHROPIC),
    ("anthropic", "thinking", changed(ANTHROPIC, content=[
        {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "billing"}
    ])),
    ("anthropic", "two blocks", changed(ANTHROPIC, content=[{"type": "text", "text": t} for t in "ab"])),
    ("anthropic", "no text", changed(ANTHROPIC, content=[])),
    ("anthropic", "cut", changed(ANTHROPIC, stop_reason="max_tokens")),
    ("anthropic", "stop sequence", changed(ANTHROPIC, stop_reason="stop_sequence", stop_sequence="\n")),
    ("anthropic", "refusal", changed(ANTHROPIC, stop_reason="refusal")),
    ("anthropic", "no usage", changed(ANTHROPIC, usage=None)),
    ("anthropic", "an error inside", {"type": "error", "error": {"type": "overloaded_error"}}),
    ("anthropic", "no JSON", b"<html>"),
    ("gemini", "usual", GEMINI),
    ("gemini", "thoughts", changed(GEMINI, candidates__0__content__parts=[
        {"text": "hm", "thought": True}, {"text": "billing"}
    ])),
    ("gemini", "cut", changed(GEMINI, candidates__0__finishReason="MAX_TOKENS")),
    ("gemini", "cut before text", changed(
        GEMINI, candidates__0__finishReason="MAX_TOKENS", candidates__0__content={"role": "model"}
    )),
    ("gemini", "unsafe", changed(GEMINI, candidates__0__finishReason="SAFETY", candidates__0__content=None)),
    ("gemini", "blocked", {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}}),
    ("gemini", "no usage", changed(GEMINI, usageMetadata=None)),
    ("gemini", "no JSON", b"<html>"),
    ("ollama_chat", "usual", OLLAMA_CHAT),
    ("ollama_chat", "cut", changed(OLLAMA_CHAT, done_reason="length")),
    ("ollama_chat", "no counts", changed(OLLAMA_CHAT, eval_count=None, prompt_eval_count=None)),
    ("ollama_chat", "thinking", changed(OLLAMA_CHAT, message__thinking="hm")),
    ("ollama_chat", "an error inside", {"error": "model not loaded"}),
    ("ollama", "usual", OLLAMA),
    ("ollama", "empty", changed(OLLAMA, response="")),
    ("ollama", "no JSON", b"<html>"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "body"), [pytest.param(p, body, id=f"{p}: {what}") for p, what, body in RECORDED]
)
async def test_answers_are_read_as_litellm_reads_them(provider: str, body: Any) -> None:
    (_, read), (_, own) = await both_ways(settings_for(provider), MESSAGES["two"], body)
    assert read == own


@pytest.mark.parametrize("provider", ["openai", "anthropic", "groq", "ollama_chat", "gemini"])
async def test_answers_in_json_mode_are_read_as_litellm_reads_them(provider: str) -> None:
    bodies: dict[str, Any] = {
        "openai": openai_answer(content='{"a": 1}'),
        "groq": openai_answer(content='{"a": 1}'),
        "anthropic": changed(ANTHROPIC, content=[{"type": "text", "text": '{"a": 1}'}]),
        "gemini": changed(GEMINI, candidates__0__content__parts=[{"text": '{"a": 1}'}]),
        "ollama_chat": changed(OLLAMA_CHAT, message__content='{"a": 1}'),
    }
    settings = settings_for(provider, params=PARAMS["json mode"])
    (_, read), (_, own) = await both_ways(settings, MESSAGES["two"], bodies[provider])
    assert read == own


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 429, 500, 503, 529])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "ollama_chat"])
async def test_refusals_mean_what_litellm_says_they_mean(provider: str, status: int) -> None:
    body = {"error": {"message": f"said {status}", "type": "some_error", "code": status}}
    (_, read), (_, own) = await both_ways(settings_for(provider), MESSAGES["two"], body, status)
    assert read == own
    assert isinstance(read, str)


async def test_the_answer_of_a_mock_is_what_was_recorded() -> None:
    """The comparison above compares something."""
    ((_, read), _) = await both_ways(settings_for("openai"), MESSAGES["two"], OPENAI)
    assert read == Reply("billing", 19, 10, "stop", "gpt-4o-mini-2024-07-18")


async def test_a_web_page_in_place_of_an_answer_is_called_one() -> None:
    ((_, read), _) = await both_ways(settings_for("openai"), MESSAGES["two"], b"<!DOCTYPE html><p>Log in")
    assert "it is a web page" in str(read)
    ((_, read), _) = await both_ways(settings_for("openai"), MESSAGES["two"], b"busy")
    assert "it is no JSON" in str(read)
