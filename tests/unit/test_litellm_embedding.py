"""Embeddings: what is copied and read without litellm's whole call is what litellm sends and reads."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from promptopt.domain.chat import ChatRequest, EmbedRequest
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ModelSettings
from promptopt.domain.vectors import pack, unpack
from promptopt.models import litellm_transport
from promptopt.models.litellm_arguments import EMBEDDING_ENDPOINT_PROVIDERS, embedding_arguments
from promptopt.models.litellm_embedding import LiteLLMEmbedding
from promptopt.models.litellm_wire import Carriage, carried_by
from promptopt.models.transport import Reply, TransportError
from promptopt.models.wire import HttpAnswer, HttpRequest
from tests.loopback import API_KEY, API_KEY_ENV
from tests.unit.test_litellm_formats import Canned, content

NAMES = {"gemini": "gemini/gemini-embedding-001", "openai": "openai/text-embedding-3-small"}
TEXTS = [
    "refund, please",
    'quotes " and \\ and {braces} zq7Kx0Wv9',
    " space\n\n\ttabs ",
    "漢字 🙂 \u2028 \x00",
]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY_ENV, API_KEY)


def settings_for(provider: str, **more: Any) -> ModelSettings:
    base = {"base_url": "http://127.0.0.1:9/v1", "api_key_env": API_KEY_ENV}
    return ModelSettings(model=NAMES.get(provider, f"{provider}/some-model"), **{**base, **more})


def request(settings: ModelSettings, text: str) -> EmbedRequest:
    return EmbedRequest(model=settings.model, text=text, params=settings.params)


async def ours(settings: ModelSettings, text: str, body: Any, status: int = 200) -> tuple[Canned, Any]:
    """The requests and the outcome of one call."""
    wire = Canned(body, status)
    transport = LiteLLMEmbedding(settings, wire=wire)
    outcome: Reply | str
    try:
        reply = await transport.complete(request(settings, text), sample=0, timeout=30)
        outcome = replace(reply, seconds=None)
    except TransportError as error:
        outcome = f"{error} {error.retryable} {error.billed} {error.fatal} {error.retry_after}"
    await transport.close()
    return wire, outcome


async def litellms(settings: ModelSettings, text: str, body: Any) -> tuple[Canned, Any]:
    """The requests and the answer of ``litellm.aembedding`` by itself."""
    litellm = litellm_transport._import_litellm()
    wire = Canned(body)
    try:
        with carried_by(Carriage(wire, timeout=30)):
            return wire, await litellm.aembedding(**embedding_arguments(settings, request(settings, text)))
    except Exception:
        return wire, None


@pytest.mark.parametrize("provider", sorted(EMBEDDING_ENDPOINT_PROVIDERS))
async def test_requests_are_those_that_litellm_sends(provider: str) -> None:
    for params in ({}, {"dimensions": 256}, {"user": "u", "encoding_format": "base64"}):
        settings = settings_for(provider, params=params)
        for text in TEXTS:
            (sent,) = (await ours(settings, text, body=None))[0].sent
            (own,) = (await litellms(settings, text, body=None))[0].sent
            assert content(sent) == content(own)


@pytest.mark.parametrize("provider", sorted(EMBEDDING_ENDPOINT_PROVIDERS))
async def test_the_usual_request_is_copied(provider: str) -> None:
    transport = LiteLLMEmbedding(settings_for(provider), wire=Canned())
    await transport.prepare()
    assert transport._embedding is not None


VECTOR = [0.25, -0.5, 0.125]


def openai_answer(**changes: Any) -> dict[str, Any]:
    item = {"object": "embedding", "index": 0, "embedding": VECTOR}
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return {"object": "list", "data": [item], "model": "text-embedding-3-small", "usage": usage, **changes}


RECORDED: dict[str, tuple[str, Any]] = {
    "openai": ("openai", openai_answer()),
    "openai, base64": ("openai", openai_answer(data=[{"index": 0, "embedding": pack(VECTOR)}])),
    "vllm": ("hosted_vllm", openai_answer(id="embd-1", created=1767000000)),
    "azure": ("azure", openai_answer()),
    "mistral": ("mistral", openai_answer(id="x")),
    "together": ("together_ai", openai_answer()),
    "fireworks": ("fireworks_ai", openai_answer()),
    "voyage": ("voyage", openai_answer(usage={"total_tokens": 8})),
    "jina": ("jina_ai", openai_answer()),
    "infinity": ("infinity", openai_answer()),
    "lm studio": ("lm_studio", openai_answer()),
    "gemini": ("gemini", {"embeddings": [{"values": VECTOR}]}),
    "ollama": ("ollama", {"model": "x", "embeddings": [VECTOR], "prompt_eval_count": 8}),
}


@pytest.mark.parametrize("what", RECORDED)
async def test_answers_are_read_as_litellm_reads_them(what: str) -> None:
    provider, body = RECORDED[what]
    settings = settings_for(provider)
    _, reply = await ours(settings, "hello there", body)
    _, own = await litellms(settings, "hello there", body)
    assert isinstance(reply, Reply), reply
    numbers = own.data[0]["embedding"]
    assert unpack(reply.vector) == unpack(numbers if isinstance(numbers, str) else pack(numbers))
    assert list(unpack(reply.vector)) == VECTOR
    counted = getattr(own.usage, "prompt_tokens", 0) or None
    assert (reply.prompt_tokens, reply.completion_tokens) == (counted, 0 if counted else None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (openai_answer(data=[]), "there are 0 embeddings in it"),
        (openai_answer(data=[{"index": 0, "embedding": []}]), "no numbers"),
        (openai_answer(data=[{"index": 0, "embedding": ["a"]}]), "not a list of numbers"),
        (openai_answer(data=[{"index": 0, "embedding": "?"}]), ""),
        (openai_answer(data=openai_answer()["data"] * 2), "there are 2 embeddings in it"),
        ({"hello": "world"}, ""),
        ({"error": {"message": "overloaded", "code": 503}}, ""),
        ([], ""),
        (b"<html>proxy</html>", ""),
        (b"", ""),
    ],
)
async def test_answers_without_an_embedding_are_errors_that_another_try_may_mend(
    body: Any, said: str
) -> None:
    wire, outcome = await ours(settings_for("openai"), "hello", body)
    assert isinstance(outcome, str) and said in outcome
    assert outcome.split()[-4:-1] == ["True", "True", "False"], outcome  # retryable, billed, not fatal
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(401, "fatal"), (404, "fatal"), (400, ""), (429, "retryable"), (500, "retryable")],
)
async def test_refusals_mean_what_they_mean_for_texts(
    status: int, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    send = Carriage.send

    async def counted(self: Carriage, request: HttpRequest) -> HttpAnswer:
        asked.append(request.url)
        return await send(self, request)

    monkeypatch.setattr(Carriage, "send", counted)
    body = {"error": {"message": f"said {status}", "type": "some_error", "code": status}}
    wire, outcome = await ours(settings_for("openai"), "hello", body, status)
    retryable, billed, fatal, _ = outcome.split()[-4:]
    assert (retryable == "True", billed, fatal == "True") == (
        verdict == "retryable",
        "False",
        verdict == "fatal",
    )
    assert len(wire.sent) == 1
    assert len(asked) == 2 + 2  # both rehearsals, the call, and litellm's look at its answer: no retries


async def test_a_broken_wire_is_asked_once() -> None:
    wire, outcome = await ours(settings_for("openai"), "hello", None)
    assert len(wire.sent) == 1 and "True True False" in outcome


async def test_requests_of_another_kind_are_refused() -> None:
    embedding = LiteLLMEmbedding(settings_for("openai"), wire=Canned())
    texts = litellm_transport.LiteLLMTransport(settings_for("openai"), wire=Canned())
    chat = ChatRequest(model=NAMES["openai"], messages=(Message(role="user", content="hi"),))
    with pytest.raises(TransportError, match="not for texts"):
        await embedding.complete(chat, sample=0, timeout=30)
    with pytest.raises(TransportError, match="not set up for embeddings"):
        await texts.complete(request(settings_for("openai"), "hi"), sample=0, timeout=30)


def test_the_content_of_a_request_is_its_address() -> None:
    base = EmbedRequest(model="m", text="a")
    others: list[Callable[[], Any]] = [
        lambda: EmbedRequest(model="m", text="b"),
        lambda: EmbedRequest(model="n", text="a"),
        lambda: EmbedRequest(model="m", text="a", params={"dimensions": 8}),
        lambda: ChatRequest(model="m", messages=(Message(role="user", content="a"),)),
    ]
    keys = {base.content_key(), *(make().content_key() for make in others)}
    assert len(keys) == 5 and base.content_key() == EmbedRequest(model="m", text="a").content_key()
    assert base.token_bound() >= 1 + 2 and base.max_tokens == 0
