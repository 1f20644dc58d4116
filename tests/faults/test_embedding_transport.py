"""Embeddings over real HTTP: what is sent, to whom, and what each way of failing becomes."""

import contextlib
from typing import Any

import pytest

from promptopt.domain.chat import EmbedRequest
from promptopt.domain.errors import SettingsError
from promptopt.domain.secrets import secret_variables
from promptopt.domain.settings import ModelSettings
from promptopt.domain.vectors import unpack
from promptopt.models.litellm_arguments import EMBEDDING_ENDPOINT_PROVIDERS
from promptopt.models.litellm_embedding import LiteLLMEmbedding
from promptopt.models.transport import Reply, TransportError
from promptopt.runs.setup import real_transport
from tests.loopback import API_KEY, API_KEY_ENV, Fault, FaultPlan, LoopbackServer, key_hash
from tests.loopback.wire import words_in

PATIENCE = 30.0
MODEL = "openai/text-embedding-3-small"


def settings_for(server: LoopbackServer, **more: Any) -> ModelSettings:
    return ModelSettings(
        **{"model": MODEL, "base_url": server.openai_url, "api_key_env": API_KEY_ENV, **more}
    )


async def embedded(
    settings: ModelSettings, text: str = "a refund, please", timeout: float = PATIENCE
) -> Reply:
    transport = LiteLLMEmbedding(settings)
    request = EmbedRequest(model=settings.model, text=text, params=settings.params)
    try:
        return await transport.complete(request, sample=0, timeout=timeout)
    finally:
        await transport.close()


async def test_what_is_sent_and_what_comes_back(loopback: LoopbackServer) -> None:
    reply = await embedded(settings_for(loopback, params={"dimensions": 16}))
    assert list(unpack(reply.vector)) == pytest.approx(words_in("a refund, please"))
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("", 4, 0)
    assert reply.model == "text-embedding-3-small" and reply.seconds
    (record,) = loopback.records()
    assert record.path == "/v1/embeddings" and record.headers["authorization"] == key_hash(API_KEY)
    assert record.body == {
        "model": "text-embedding-3-small", "input": ["a refund, please"], "dimensions": 16,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.RATE_LIMIT, "retryable crowded"),
        (Fault.SERVER_ERROR, "retryable"),
        (Fault.RESET, "retryable billed"),
        (Fault.TRUNCATED, "retryable billed"),
        (Fault.MALFORMED, "retryable billed"),
        (Fault.NOT_CHAT, "retryable billed"),
        (Fault.EMPTY, "retryable billed"),
        (Fault.WRONG_KEY, "fatal"),
        (Fault.UNKNOWN_MODEL, "fatal"),
        (Fault.CONTEXT_LENGTH, ""),
        (Fault.BAD_REQUEST, ""),
    ],
)
async def test_faults(loopback: LoopbackServer, fault: Fault, expected: str) -> None:
    loopback.faults = FaultPlan(attempts=(fault,) * 5)
    with pytest.raises(TransportError) as caught:
        await embedded(settings_for(loopback))
    error = caught.value
    said = [name for name in ("retryable", "fatal", "billed", "crowded") if getattr(error, name)]
    assert " ".join(said) == expected
    assert loopback.count() == 1
    assert MODEL in str(error) and API_KEY not in str(error) and "litellm" not in str(error)


async def test_a_server_that_hangs_is_given_up(loopback: LoopbackServer) -> None:
    await embedded(settings_for(loopback))  # the first call is slow for reasons of its own
    loopback.faults = FaultPlan(attempts=(Fault.HANG,) * 2)
    with pytest.raises(TransportError, match="no whole answer within") as caught:
        await embedded(settings_for(loopback), text="another", timeout=0.4)
    assert caught.value.retryable and caught.value.billed


async def test_an_answer_without_usage_is_one(loopback: LoopbackServer) -> None:
    loopback.faults = FaultPlan(attempts=(Fault.NO_USAGE,))
    reply = await embedded(settings_for(loopback))
    assert reply.vector and reply.prompt_tokens is None


async def test_text_that_no_encoding_carries_is_an_error_of_this_request_only(
    loopback: LoopbackServer,
) -> None:
    with pytest.raises(TransportError) as caught:
        await embedded(settings_for(loopback), text="half an emoji: \ud83d")
    assert not caught.value.fatal and loopback.count() == 0


async def test_a_key_is_never_sent_to_an_endpoint_it_was_not_given_for(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {name: f"sentinel-{name.lower()}-0123456789" for name in secret_variables()}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    for provider in sorted(EMBEDDING_ENDPOINT_PROVIDERS):
        loopback.clear()
        settings = ModelSettings(model=f"{provider}/some-model", base_url=loopback.openai_url)
        with contextlib.suppress(TransportError):  # some ask at paths that this server has not
            await embedded(settings)
        records = loopback.records()
        assert records, f"{provider} did not ask the endpoint"
        sent = {value for record in records for value in record.headers.values()}
        assert not sent & {key_hash(value) for value in secrets.values()}, provider
        assert "sentinel-" not in repr(records), provider


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "cohere/embed-v4.0", "base_url": "http://x"}, "can't be used with a base_url"),
        ({"model": "groq/x", "base_url": "http://x"}, "voyage"),
        ({"model": MODEL, "params": {"api_base": "http://evil.example"}}, "can't be used"),
        ({"model": MODEL, "params": {"mock_response": "free"}}, "can't be used"),
    ],
)
def test_settings_that_would_go_astray_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        real_transport("embedding", ModelSettings(**settings))
    assert said in f"{caught.value.what} {caught.value.fix}"


async def test_a_missing_key_is_told_before_anything_is_sent(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(API_KEY_ENV)
    with pytest.raises(TransportError, match=f"{API_KEY_ENV} is not set") as caught:
        await embedded(settings_for(loopback))
    assert caught.value.fatal and loopback.count() == 0


async def test_a_provider_that_has_no_embeddings_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "x" * 20)
    with pytest.raises(TransportError) as caught:
        await embedded(ModelSettings(model="groq/llama-3"))
    assert "no way to get that of groq/llama-3" in str(caught.value)
    assert caught.value.fatal and caught.value.unsent
