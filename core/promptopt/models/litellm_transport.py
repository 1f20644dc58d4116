"""Real models, through litellm's formats for a hundred providers.

litellm is imported when the first call needs it, in a thread: the import takes seconds. One call here is one
HTTP request; repeating is the gateway's business, which alone knows the budget.
"""

import asyncio
import contextlib
import importlib
import logging
import os
import re
import warnings
from collections.abc import Generator, Iterable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from promptopt.domain.chat import ChatRequest
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ModelSettings
from promptopt.models.keys import key_variable, missing_key, provider_of, resolve_key, variable_name
from promptopt.models.litellm_errors import CallSite, timed_out, translate
from promptopt.models.litellm_wire import Carriage, carried_by, wrap_litellm
from promptopt.models.redaction import Redactor
from promptopt.models.transport import Reply, TransportError
from promptopt.models.wire import HttpWire, Wire
from promptopt.store.receipts import Kept, Slip

DUMMY_KEY = "no-key-needed"
"""What an endpoint gets whose settings name no key. A provider's standard key must never go there."""

_OWN_TIMEOUT = 3600.0
"""litellm's timeout counts from byte to byte, so ``complete`` keeps the time itself."""

CUSTOM_ENDPOINT_PROVIDERS = frozenset(
    {
        "anthropic",
        "azure",
        "cerebras",
        "cohere_chat",
        "deepseek",
        "fireworks_ai",
        "gemini",
        "groq",
        "hosted_vllm",
        "litellm_proxy",
        "llamafile",
        "lm_studio",
        "mistral",
        "nvidia_nim",
        "ollama",
        "ollama_chat",
        "openai",
        "openrouter",
        "together_ai",
        "xai",
    }
)
"""Providers that send an endpoint of the project's no other secret than the key given for it (tested).

Others sign in with what lies around on the machine (cloud credentials, token files)."""

_RESERVED_PARAMS = re.compile(
    r"(?:^|_)(?:api|base|url|uri|host|endpoint|key|secret|token|password|credentials?|headers?|cookies?|proxy"
    r"|client|session|ssl|cert|mock|fallbacks?|retry|retries|cooldown|callbacks?|logger|log|cache|caching"
    r"|stream|models?|messages|timeout|drop|litellm|aws|vertex|azure|deployment|guardrails?|id"
    r"|tools?|functions?|search|web|plugins)(?:_|$)"
    r"|^(?:n|best_of|max_(?:completion_|output_|new_)?tokens|num_predict|temperature)$"
)
_ALLOWED_PARAMS = frozenset({"prompt_cache_key", "prompt_cache_retention"})


class LiteLLMTransport:
    """Answers requests for one model.

    Args:
        settings: the model.
        redactor: keeps keys out of messages; one that knows this model's key if not given.
        wire: carries the requests, and is closed by its owner; one of its own if not given.

    Raises:
        SettingsError: settings under which litellm would send requests elsewhere, or in another way, than
            the settings say.
    """

    def __init__(
        self, settings: ModelSettings, redactor: Redactor | None = None, wire: Wire | None = None
    ) -> None:
        _check(settings)
        self._settings = settings
        self._redactor = redactor or Redactor([settings])
        self._site = _call_site(settings)
        self._litellm: Any = None
        self._wire = wire or HttpWire()
        self._owns_wire = wire is None

    @property
    def relay(self) -> str:
        """Name of the relay that keeps receipts; empty if none does."""
        return self._wire.relay

    async def prepare(self) -> None:
        """Import litellm, so that the first call need not wait for it. Calling it again does nothing."""
        if self._litellm is None:
            self._litellm, _ = await asyncio.gather(asyncio.to_thread(_import_litellm), self._wire.prepare())

    async def complete(
        self,
        request: ChatRequest,
        *,
        sample: int,
        timeout: float,
        slip: Slip | None = None,
        kept: Mapping[str, Kept] | None = None,
    ) -> Reply:
        """Send ``request`` once, or read what was ``kept``. Samples differ only by chance.

        Raises:
            TransportError: there is no answer.
        """
        await self.prepare()
        arguments = self._arguments(request)
        failure: TransportError
        clock = asyncio.timeout(timeout)
        try:
            async with clock:
                with _unlogged(), carried_by(Carriage(self._wire, timeout, slip, kept)):
                    response = await self._litellm.acompletion(**arguments)
            return _read_reply(response, self._settings.model)
        except TransportError:
            raise
        except Exception as error:
            late = clock.expired()
            failure = timed_out(self._site, timeout) if late else translate(error, self._site, self._redactor)
        # Raised out here, so that it does not carry litellm's exception, which has headers and bodies in it.
        raise failure

    async def close(self) -> None:
        """Close the connections, if they are its own. It can be used again."""
        if self._owns_wire:
            await self._wire.close()

    def _arguments(self, request: ChatRequest) -> dict[str, Any]:
        settings = self._settings
        if request.model != settings.model:
            raise TransportError(f"the request is for {request.model}, this transport for {settings.model}")
        if request.params != settings.params:
            try:
                _check_params(request.params, settings.model)
            except SettingsError as error:
                raise TransportError(str(error)) from None
        problem = missing_key(settings)
        if problem:
            raise TransportError(problem, fatal=True)
        arguments: dict[str, Any] = {
            **request.params,
            "model": settings.model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "max_tokens": request.max_tokens,
            "api_base": _address(settings),
            "api_key": _key_to_send(settings),
            "timeout": _OWN_TIMEOUT,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
        }
        if request.temperature is not None:
            arguments["temperature"] = request.temperature
        return arguments


def _address(settings: ModelSettings) -> str | None:
    """``base_url`` as litellm wants it, which joins paths without looking, and adds Anthropic's ``/v1``."""
    if settings.base_url is None:
        return None
    address = settings.base_url.rstrip("/")
    return address.removesuffix("/v1") if provider_of(settings.model) == "anthropic" else address


def _key_to_send(settings: ModelSettings) -> str | None:
    """The key to hand to litellm; None leaves it to litellm to take the provider's standard variables."""
    if settings.api_key_env:
        return resolve_key(settings)
    return DUMMY_KEY if settings.base_url else None


def _check(settings: ModelSettings) -> None:
    model = settings.model
    if "://" in model:
        raise SettingsError(
            f"the model's name {model!r} has an address in it", where="models", fix="give it as base_url"
        )
    _check_params(settings.params, model)
    if settings.base_url is None:
        return
    if not re.fullmatch(r"https?://[^\s/]+(?:/\S*)?", settings.base_url):
        raise SettingsError(
            "base_url must be an address such as http://localhost:8000/v1", where=f"models: {model}"
        )
    if provider_of(model) not in CUSTOM_ENDPOINT_PROVIDERS:
        raise SettingsError(
            f"{model} can't be used with a base_url",
            where="models",
            fix="for a server that speaks OpenAI's format write openai/<model>; base_url also works with "
            + ", ".join(sorted(CUSTOM_ENDPOINT_PROVIDERS - {"openai"})),
        )


def _check_params(params: Mapping[str, Any], model: str) -> None:
    """Refuse parameters that steer litellm (where to send, with what key) or lift the bound of a cost."""
    inside: Any = params.get("extra_body")
    more = cast("Mapping[str, Any]", inside).keys() if isinstance(inside, Mapping) else ()
    for name in (*params, *more):
        if name not in _ALLOWED_PARAMS and _RESERVED_PARAMS.search(name.lower()):
            raise SettingsError(
                f"params.{name} can't be used",
                where=f"models: {model}",
                fix="params is for sampling settings; model, base_url, api_key_env, temperature, max_tokens "
                "and timeout stand beside it",
            )


def _call_site(settings: ModelSettings) -> CallSite:
    variable = key_variable(settings)
    hint = missing_key(settings) or "name the environment variable that has it with api_key_env"
    return CallSite(
        model=settings.model,
        endpoint=_host(settings.base_url) if settings.base_url else provider_of(settings.model) or "provider",
        key=variable_name(variable) if variable else "",
        key_hint=hint,
        custom=settings.base_url is not None,
        no_version=bool(settings.base_url)
        and provider_of(settings.model) in ("openai", "hosted_vllm")
        and not re.search(r"/v\d", urlsplit(settings.base_url or "").path),
    )


def _host(base_url: str) -> str:
    """Host and port: an address may have a password in front of them."""
    return urlsplit(base_url).netloc.rpartition("@")[2]


def _import_litellm() -> Any:
    """Import litellm, silent, and set it up for one request a call."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it fetches a price list
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it loads .env of the current folder
    litellm: Any = importlib.import_module("litellm")
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in ("httpx", "openai"):  # their INFO lines have addresses with keys in them
        logging.getLogger(name).setLevel(logging.WARNING)
    # What pydantic thinks of litellm's classes is no business of the user's.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"pydantic\.")
    wrap_litellm()
    return litellm


@contextlib.contextmanager
def _unlogged() -> Generator[None]:
    """Keep the call out of litellm's logging callbacks, and off the background task that feeds them."""
    try:
        internal: Any = importlib.import_module("litellm._internal_context").is_internal_call
    except (ImportError, AttributeError):
        yield
        return
    token = internal.set(True)
    try:
        yield
    finally:
        internal.reset(token)


def _read_reply(response: Any, model: str) -> Reply:
    choices: list[Any] = list(getattr(response, "choices", None) or ())
    if not choices:
        raise TransportError(f"the answer of {model} has no choices", retryable=True, billed=True)
    prompt_tokens, completion_tokens = _usage(getattr(response, "usage", None))
    return Reply(
        text=_text(choices[0].message.content),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        finish_reason=str(choices[0].finish_reason or "stop"),
        model=str(response.model or model),
    )


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, Iterable):
        return str(content)
    parts = cast("Iterable[Any]", content)
    return "".join(part if isinstance(part, str) else str(part.get("text") or "") for part in parts)


def _usage(usage: Any) -> tuple[int | None, int | None]:
    """Prompt and completion tokens. litellm fills in zeros for a provider that gives none."""
    prompt = getattr(usage, "prompt_tokens", None)
    completion = getattr(usage, "completion_tokens", None)
    if not isinstance(prompt, int) or not isinstance(completion, int) or not prompt:
        return None, None
    return prompt, completion
