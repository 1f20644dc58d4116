"""What litellm is told, and what it must never be told."""

import re
from collections.abc import Collection, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from promptopt.domain.chat import ChatRequest, EmbedRequest, Request
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ModelSettings
from promptopt.models.keys import key_variable, missing_key, provider_of, resolve_key, variable_name
from promptopt.models.litellm_errors import CallSite
from promptopt.models.transport import TransportError

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

EMBEDDING_ENDPOINT_PROVIDERS = frozenset(
    {
        "azure",
        "fireworks_ai",
        "gemini",
        "hosted_vllm",
        "infinity",
        "jina_ai",
        "litellm_proxy",
        "llamafile",
        "lm_studio",
        "mistral",
        "nvidia_nim",
        "ollama",
        "openai",
        "openrouter",
        "together_ai",
        "voyage",
    }
)
"""Of which that holds for embeddings (tested)."""

_RESERVED_PARAMS = re.compile(
    r"(?:^|_)(?:api|base|url|uri|host|endpoint|key|secret|token|password|credentials?|headers?|cookies?|proxy"
    r"|client|session|ssl|cert|mock|fallbacks?|retry|retries|cooldown|callbacks?|logger|log|cache|caching"
    r"|stream|models?|messages|timeout|drop|litellm|aws|vertex|azure|deployment|guardrails?|id"
    r"|tools?|functions?|search|web|plugins)(?:_|$)"
    r"|^(?:n|best_of|max_(?:completion_|output_|new_)?tokens|num_predict|temperature)$"
)
_ALLOWED_PARAMS = frozenset({"prompt_cache_key", "prompt_cache_retention"})


def arguments_for(settings: ModelSettings, request: ChatRequest) -> dict[str, Any]:
    """What ``litellm.acompletion`` is called with.

    Raises:
        TransportError: the request is for another model, has parameters that can't be used, or has no key.
    """
    arguments = {
        **_arguments(settings, request),
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "max_tokens": request.max_tokens,
    }
    if request.temperature is not None:
        arguments["temperature"] = request.temperature
    return arguments


def embedding_arguments(settings: ModelSettings, request: EmbedRequest) -> dict[str, Any]:
    """What ``litellm.aembedding`` is called with. Raises TransportError, as :func:`arguments_for` does."""
    return {**_arguments(settings, request), "input": [request.text]}


def _arguments(settings: ModelSettings, request: Request) -> dict[str, Any]:
    """What all calls of a model are made with."""
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
    return {
        **request.params,
        "model": settings.model,
        "api_base": _address(settings),
        "api_key": _key_to_send(settings),
        "timeout": _OWN_TIMEOUT,
        "num_retries": 0,
        "max_retries": 0,
        "drop_params": True,
    }


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


def check(settings: ModelSettings, providers: Collection[str] = CUSTOM_ENDPOINT_PROVIDERS) -> None:
    """Refuse settings under which litellm would send requests elsewhere, or in another way, than they say.

    Args:
        providers: those that can be used with an endpoint of the project's.

    Raises:
        SettingsError: they are such.
    """
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
    if provider_of(model) not in providers:
        raise SettingsError(
            f"{model} can't be used with a base_url",
            where="models",
            fix="for a server that speaks OpenAI's format write openai/<model>; base_url also works with "
            + ", ".join(sorted({*providers} - {"openai"})),
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


def call_site(settings: ModelSettings) -> CallSite:
    """Who is called, for messages."""
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
