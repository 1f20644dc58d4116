"""What each way of failing becomes, over real HTTP, for both wire formats."""

import asyncio
import contextlib
import gc
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from promptopt.domain.chat import ChatRequest
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Message
from promptopt.domain.secrets import secret_variables
from promptopt.domain.settings import ModelSettings
from promptopt.models.litellm_arguments import CUSTOM_ENDPOINT_PROVIDERS, DUMMY_KEY
from promptopt.models.litellm_transport import LiteLLMTransport
from promptopt.models.transport import Reply, TransportError
from promptopt.models.wire import HttpAnswer, HttpRequest, HttpWire
from promptopt.store.receipts import Kept, Slip
from tests.loopback import API_KEY, API_KEY_ENV, Fault, FaultPlan, LoopbackServer, key_hash

MODELS = {"openai": "openai/gpt-4o-mini", "anthropic": "anthropic/claude-3-5-haiku-latest"}
PATIENCE = 30.0
"""Seconds for calls that are answered: the first one loads half of litellm."""


class Harness(NamedTuple):
    server: LoopbackServer
    transport: LiteLLMTransport
    settings: ModelSettings

    async def ask(self, text: str = "Ticket 3: about login", timeout: float = PATIENCE, **more: Any) -> Reply:
        messages = (Message(role="system", content="Label it."), Message(role="user", content=text))
        request = ChatRequest(model=self.settings.model, messages=messages, **more)
        return await self.transport.complete(request, sample=0, timeout=timeout)

    async def fail(self, fault: Fault, timeout: float = PATIENCE, **plan: Any) -> TransportError:
        """The error of one call that meets ``fault``; checks that it was one request."""
        self.server.faults = FaultPlan(attempts=(fault,) * 5, **plan)
        before = self.server.count()
        with pytest.raises(TransportError) as caught:
            await self.ask(f"Ticket 3: about {fault}", timeout=timeout)
        assert self.server.count() - before == 1
        return caught.value


def settings_for(style: str, server: LoopbackServer, **more: Any) -> ModelSettings:
    url = server.openai_url if style == "openai" else server.url
    more = {"api_key_env": API_KEY_ENV, **more}
    return ModelSettings(model=MODELS[style], base_url=url, **more)


@pytest.fixture(params=["openai", "anthropic"])
def style(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def called(style: str, loopback: LoopbackServer) -> AsyncIterator[Harness]:
    settings = settings_for(style, loopback)
    transport = LiteLLMTransport(settings)
    yield Harness(loopback, transport, settings)
    await transport.close()


def verdict(error: TransportError) -> str:
    flags = {"retryable": error.retryable, "fatal": error.fatal, "billed": error.billed}
    return " ".join(name for name, on in flags.items() if on)


async def test_an_answer(called: Harness) -> None:
    reply = await called.ask()
    assert reply.text
    assert reply.prompt_tokens and reply.completion_tokens
    assert reply.finish_reason == "stop"
    assert called.settings.model.endswith(reply.model)
    assert called.server.records()[0].answered


async def test_what_is_sent(called: Harness) -> None:
    called.settings.params["top_p"] = 0.5
    await called.ask("Ticket 1: Grüße 😀", temperature=0.0, max_tokens=77, params={"top_p": 0.5})
    body = called.server.records()[0].body
    assert body["model"] == called.settings.model.partition("/")[2]
    assert (body["temperature"], body["max_tokens"], body["top_p"]) == (0.0, 77, 0.5)
    assert "Grüße 😀" in str(body["messages"])
    assert not {"api_key", "num_retries", "drop_params", "stream"} & {k for k, v in body.items() if v}


async def test_equal_requests_have_equal_bodies(called: Harness) -> None:
    await called.ask()
    await called.ask()
    assert list(called.server.answered_twice().values()) == [2]


async def test_a_reply_that_is_cut_says_so(called: Harness) -> None:
    called.server.behaviour = lambda _: "word " * 50
    reply = await called.ask(max_tokens=5)
    assert reply.finish_reason == "length"
    assert reply.completion_tokens == 5


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.RATE_LIMIT, "retryable"),
        (Fault.SERVER_ERROR, "retryable"),
        (Fault.OVERLOADED, "retryable"),
        (Fault.RESET, "retryable billed"),
        (Fault.TRUNCATED, "retryable billed"),
        (Fault.MALFORMED, "retryable billed"),
        (Fault.NOT_CHAT, "retryable billed"),
        (Fault.WRONG_KEY, "fatal"),
        (Fault.FORBIDDEN, "fatal"),
        (Fault.NO_CREDIT, "fatal"),
        (Fault.UNKNOWN_MODEL, "fatal"),
        (Fault.CONTEXT_LENGTH, ""),
        (Fault.BAD_REQUEST, ""),
        (Fault.CONTENT_POLICY, ""),
    ],
)
async def test_faults(called: Harness, fault: Fault, expected: str) -> None:
    error = await called.fail(fault)
    assert verdict(error) == expected
    message = str(error)
    assert f"127.0.0.1:{called.server.port}" in message
    assert called.settings.model in message
    assert API_KEY not in message
    assert len(message) < 500
    for noise in ("Traceback", "litellm", "Exception -", "Give Feedback", "\n", "<html>"):
        assert noise not in message
    # Logging an error prints its causes too, and litellm's have headers and bodies in them.
    assert error.__context__ is None
    assert error.__cause__ is None


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.TRICKLE])
async def test_the_timeout_is_for_the_whole_call(called: Harness, fault: Fault) -> None:
    await called.ask()  # the first call is slow for reasons of its own
    error = await called.fail(fault, timeout=0.5)
    assert verdict(error) == "retryable billed"
    assert "within 0.5 s" in str(error)


async def test_after_a_failure_the_next_call_works(called: Harness) -> None:
    for fault in (Fault.RESET, Fault.TRUNCATED, Fault.MALFORMED, Fault.SERVER_ERROR):
        await called.fail(fault)
        called.server.faults = FaultPlan()
        assert (await called.ask(f"Ticket 4: after {fault}")).text


@pytest.mark.parametrize(
    ("said", "expected"), [("7", 7.0), ("0.5", 0.5), ("", None), ("soon", None), ("-1", None), ("nan", None)]
)
async def test_retry_after(called: Harness, said: str, expected: float | None) -> None:
    error = await called.fail(Fault.RATE_LIMIT, retry_after=said)
    assert error.retry_after == expected


async def test_retry_after_as_a_date(called: Harness) -> None:
    date = datetime.now(UTC) + timedelta(hours=1)
    error = await called.fail(Fault.OVERLOADED, retry_after=format_datetime(date, usegmt=True))
    assert error.retry_after is not None
    assert 3000 < error.retry_after <= 3600


async def test_messages_say_what_to_do(called: Harness) -> None:
    wrong_key = await called.fail(Fault.WRONG_KEY)
    assert API_KEY_ENV in str(wrong_key)
    unknown = await called.fail(Fault.UNKNOWN_MODEL)
    assert "check the model's name and base_url" in str(unknown)
    assert "does not exist" in str(unknown)
    too_long = await called.fail(Fault.CONTEXT_LENGTH)
    assert "maximum context length is 8192 tokens" in str(too_long)


async def test_an_answer_without_text_is_empty(called: Harness) -> None:
    called.server.faults = FaultPlan(attempts=(Fault.EMPTY,))
    reply = await called.ask()
    assert reply.text == ""
    assert reply.prompt_tokens


async def test_an_answer_without_usage_has_none(loopback: LoopbackServer) -> None:
    settings = settings_for("openai", loopback)
    transport = LiteLLMTransport(settings)
    loopback.faults = FaultPlan(attempts=(Fault.NO_USAGE,))
    reply = await Harness(loopback, transport, settings).ask()
    await transport.close()
    assert reply.text
    assert (reply.prompt_tokens, reply.completion_tokens) == (None, None)


async def test_an_answer_in_parts_is_joined(loopback: LoopbackServer) -> None:
    settings = settings_for("anthropic", loopback)
    transport = LiteLLMTransport(settings)
    loopback.behaviour = lambda _: "first half, second half"
    loopback.faults = FaultPlan(attempts=(Fault.PARTS,))
    reply = await Harness(loopback, transport, settings).ask()
    await transport.close()
    assert reply.text == "first half, second half"


async def test_nobody_there(style: str, loopback: LoopbackServer, unused_tcp_port: int) -> None:
    settings = settings_for(style, loopback)
    settings.base_url = f"http://127.0.0.1:{unused_tcp_port}/v1"
    transport = LiteLLMTransport(settings)
    with pytest.raises(TransportError, match=r"reached .*; check the connection and base_url") as caught:
        await Harness(loopback, transport, settings).ask()
    await transport.close()
    assert verdict(caught.value) == "retryable"


async def test_cancellation_passes_through(called: Harness) -> None:
    with called.server.holding():
        task = asyncio.ensure_future(called.ask())
        await asyncio.to_thread(called.server.wait_for, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    called.server.faults = FaultPlan()
    assert (await called.ask("Ticket 5: after it")).text


async def test_64_at_once_on_connections_that_are_kept(called: Harness) -> None:
    async def wave(number: int) -> set[int]:
        with called.server.holding():
            tasks = [asyncio.ensure_future(called.ask(f"Ticket {n}: wave {number}")) for n in range(64)]
            await asyncio.to_thread(called.server.wait_for, 64 * (number + 1))
        await asyncio.gather(*tasks)
        return {record.connection for record in called.server.records()[64 * number :]}

    first, second = await wave(0), await wave(1)
    assert called.server.peak == 64
    assert len(first) == 64
    assert second == first


async def test_a_key_is_never_sent_to_an_endpoint_it_was_not_given_for(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {name: f"sentinel-{name.lower()}-0123456789" for name in secret_variables()}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    for provider in sorted(CUSTOM_ENDPOINT_PROVIDERS):
        loopback.clear()
        settings = ModelSettings(model=f"{provider}/some-model", base_url=loopback.openai_url)
        transport = LiteLLMTransport(settings)
        with contextlib.suppress(TransportError):  # most of them ask at paths that this server has not
            await Harness(loopback, transport, settings).ask()
        await transport.close()
        records = loopback.records()
        assert records, f"{provider} did not ask the endpoint"
        sent = {value for record in records for value in record.headers.values()}
        assert not sent & {key_hash(value) for value in secrets.values()}, provider
        assert "sentinel-" not in repr(records), provider


async def test_without_api_key_env_a_dummy_is_sent(style: str, loopback: LoopbackServer) -> None:
    settings = settings_for(style, loopback, api_key_env=None)
    transport = LiteLLMTransport(settings)
    assert (await Harness(loopback, transport, settings).ask()).text
    await transport.close()
    headers = loopback.records()[0].headers
    assert key_hash(DUMMY_KEY) in (headers.get("authorization"), headers.get("x-api-key"))


async def test_the_named_key_is_sent(called: Harness) -> None:
    await called.ask()
    headers = called.server.records()[0].headers
    assert key_hash(API_KEY) in (headers.get("authorization"), headers.get("x-api-key"))


async def test_a_missing_key_is_told_before_anything_is_sent(
    called: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(API_KEY_ENV)
    with pytest.raises(TransportError, match=f"{API_KEY_ENV} is not set") as caught:
        await called.ask()
    assert verdict(caught.value) == "fatal"
    assert called.server.count() == 0


@pytest.mark.parametrize(
    "model", ["openai/gpt-4o-mini", "anthropic/claude-opus-4-5", "gemini/gemini-2.5-pro"]
)
async def test_a_missing_standard_key_is_named(model: str) -> None:
    transport = LiteLLMTransport(ModelSettings(model=model))
    request = ChatRequest(model=model, messages=(Message(role="user", content="hi"),))
    with pytest.raises(TransportError, match=f"{model.partition('/')[0].upper()}_API_KEY") as caught:
        await transport.complete(request, sample=0, timeout=PATIENCE)
    assert verdict(caught.value) == "fatal"
    await transport.close()


async def test_a_model_of_no_known_provider() -> None:
    transport = LiteLLMTransport(ModelSettings(model="nonsense/model"))
    request = ChatRequest(model="nonsense/model", messages=(Message(role="user", content="hi"),))
    with pytest.raises(TransportError, match=r"no provider is known for nonsense/model.*openai/gpt-4o-mini"):
        await transport.complete(request, sample=0, timeout=PATIENCE)
    await transport.close()


async def test_text_that_no_encoding_carries_is_an_error_of_this_request_only(called: Harness) -> None:
    with pytest.raises(TransportError) as caught:
        await called.ask("half an emoji: \ud83d")
    assert not caught.value.fatal
    assert called.server.count() == 0


@pytest.mark.parametrize(
    "params",
    [
        {"api_base": "http://evil.example"},
        {"base_url": "http://evil.example"},
        {"api_key": "x"},
        {"extra_headers": {"Host": "x"}},
        {"num_retries": 5},
        {"max_tokens": 10**6},
        {"max_completion_tokens": 10**6},
        {"n": 8},
        {"fallbacks": ["openai/gpt-5"]},
        {"mock_response": "free"},
        {"custom_llm_provider": None, "ssl_verify": False},
        {"aws_bedrock_runtime_endpoint": "http://evil.example"},
        {"web_search_options": {}},
        {"extra_body": {"n": 8}},
        {"extra_body": {"models": ["expensive"]}},
    ],
)
def test_params_that_steer_the_client_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="can't be used"):
        LiteLLMTransport(ModelSettings(model="openai/gpt-4o-mini", params=params))


def test_sampling_params_are_let_through() -> None:
    params = {
        "top_p": 0.9,
        "top_k": 5,
        "seed": 1,
        "stop": ["\n"],
        "presence_penalty": 0.1,
        "logit_bias": {"1": 1},
        "reasoning_effort": "low",
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "response_format": {"type": "json_object"},
        "service_tier": "flex",
        "num_ctx": 8192,
        "keep_alive": "5m",
        "prompt_cache_key": "k",
        "extra_body": {"min_p": 0.1},
    }
    LiteLLMTransport(ModelSettings(model="openai/gpt-4o-mini", params=params))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "huggingface/https://evil.example/x"}, "has an address in it"),
        ({"model": "vertex_ai/gemini-2.5-pro", "base_url": "http://x"}, "can't be used with a base_url"),
        ({"model": "bedrock/claude", "base_url": "http://x"}, "can't be used with a base_url"),
        ({"model": "llama-3", "base_url": "http://x"}, "openai/<model>"),
        ({"model": "openai/x", "base_url": "localhost:8000"}, "must be an address"),
        ({"model": "openai/x", "base_url": "file:///etc/passwd"}, "must be an address"),
    ],
)
def test_settings_that_would_go_astray_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        LiteLLMTransport(ModelSettings(**settings))


async def test_close_frees_the_connections(loopback: LoopbackServer) -> None:
    loop = asyncio.get_running_loop()

    def sessions() -> list[aiohttp.ClientSession]:
        gc.collect()
        return [
            thing
            for thing in gc.get_objects()
            if type(thing) is aiohttp.ClientSession and thing._loop is loop and not thing.closed
        ]

    transports: list[LiteLLMTransport] = []
    for style in MODELS:
        settings = settings_for(style, loopback)
        transports.append(LiteLLMTransport(settings))
        await Harness(loopback, transports[-1], settings).ask()
    assert len(sessions()) == 2
    await transports[0].close()
    await transports[0].close()
    assert len(sessions()) == 1
    await transports[1].close()
    assert sessions() == []
    reply = await Harness(loopback, transports[1], settings_for("anthropic", loopback)).ask("Ticket 9: again")
    assert reply.text
    await transports[1].close()
    assert sessions() == []


async def test_nothing_is_printed_or_logged(
    called: Harness, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await called.ask("Ticket 1: the quick brown fox")
    for fault in (Fault.WRONG_KEY, Fault.MALFORMED, Fault.RESET, Fault.CONTEXT_LENGTH):
        await called.fail(fault)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert API_KEY not in caplog.text
    assert "quick brown fox" not in caplog.text


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_the_ways_in_which_people_write_an_address(
    style: str, loopback: LoopbackServer, ending: str
) -> None:
    base = ending if style == "anthropic" else f"/v1{ending.removeprefix('/v1')}"
    settings = settings_for(style, loopback).model_copy(update={"base_url": loopback.url + base})
    transport = LiteLLMTransport(settings)
    reply = await Harness(loopback, transport, settings).ask("Ticket 3: about login")
    await transport.close()
    assert reply.text
    assert loopback.records()[-1].path in ("/v1/chat/completions", "/v1/messages")


SCRIPT = """
import asyncio, sys
from promptopt.domain.chat import ChatRequest
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ModelSettings
from promptopt.models.litellm_transport import LiteLLMTransport

async def main(url):
    assert "litellm" not in sys.modules
    for model, base in (("openai/gpt-4o-mini", url + "/v1"), ("anthropic/claude-3-5-haiku-latest", url)):
        settings = ModelSettings(model=model, base_url=base, api_key_env="LOOPBACK_API_KEY")
        transport = LiteLLMTransport(settings)
        calls = [
            ChatRequest(model=model, messages=(Message(role="user", content=f"Ticket {n}: login"),))
            for n in range(20)
        ]
        await asyncio.gather(*(transport.complete(call, sample=0, timeout=60) for call in calls))
        await transport.close()

asyncio.run(main(sys.argv[1]))
"""


def test_a_process_ends_clean_and_never_reads_a_dotenv_file(loopback: LoopbackServer, tmp_path: Path) -> None:
    """No word on either stream, no resource left open; a .env file of the current folder steers nothing."""
    (tmp_path / ".env").write_text("LOOPBACK_API_KEY=from-dotenv-0123456789\nHTTP_PROXY=http://127.0.0.1:9\n")
    root = Path(__file__).parents[2]
    environ = {key: value for key, value in os.environ.items() if key != "LITELLM_MODE"}
    environ["PYTHONPATH"] = str(root / "core")
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", SCRIPT, loopback.url]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert loopback.count(answered=True) == 40


@pytest.fixture
def unused_tcp_port() -> Iterator[int]:
    """A port on which nobody listens: bound, so that nobody else takes it, but not listening."""
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


async def test_an_address_without_a_version_gets_a_hint(loopback: LoopbackServer) -> None:
    settings = ModelSettings(model="openai/gpt-4o-mini", base_url=loopback.url, api_key_env=API_KEY_ENV)
    transport = LiteLLMTransport(settings)
    request = ChatRequest(model=settings.model, messages=(Message(role="user", content="hi"),))
    with pytest.raises(TransportError, match="usually ends in /v1"):
        await transport.complete(request, sample=0, timeout=10)
    await transport.close()


class Remembering(HttpWire):
    """A wire that keeps answers as a relay does."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, Kept] = {}
        self.slips: list[Slip | None] = []

    async def send(self, request: HttpRequest, slip: Slip | None = None) -> HttpAnswer:
        answer = await super().send(request, slip)
        self.slips.append(slip)
        kind = answer.headers["content-type"]
        self.kept[request.asked] = Kept(request.asked, answer.status, kind, answer.body, answer.seconds)
        return answer


async def test_a_kept_answer_is_read_again_without_a_request(style: str, loopback: LoopbackServer) -> None:
    settings = settings_for(style, loopback)
    request = ChatRequest(model=settings.model, messages=(Message(role="user", content="hä?"),))
    wire = Remembering()
    transport = LiteLLMTransport(settings, wire=wire)
    slip = Slip("i1", ("key", "path", 0))
    first = await transport.complete(request, sample=0, timeout=30, slip=slip)
    assert (wire.slips, loopback.count()) == ([slip], 1)
    again = await transport.complete(request, sample=0, timeout=30, kept=wire.kept)
    assert again == first
    assert loopback.count() == 1
    with pytest.raises(TransportError):
        await transport.complete(request, sample=0, timeout=30, kept={})
    assert loopback.count() == 1
    await transport.close()
    assert (await wire.send(HttpRequest(loopback.url + "/v1/models", {}, b"", 5, "GET"))).status == 200
    await wire.close()
