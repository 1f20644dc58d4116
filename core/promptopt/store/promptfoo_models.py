"""promptfoo's providers as models."""

from collections.abc import Callable
from typing import Any, cast

from promptopt.domain.text import one_line

Table = dict[str, Any]

PREFIXES = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "palm": "gemini",
    "vertex": "vertex_ai",
    "azure": "azure",
    "azureopenai": "azure",
    "bedrock": "bedrock",
    "ollama": "ollama_chat",
    "mistral": "mistral",
    "groq": "groq",
    "openrouter": "openrouter",
    "deepseek": "deepseek",
    "xai": "xai",
    "cohere": "cohere",
    "togetherai": "together_ai",
    "fireworks": "fireworks_ai",
    "perplexity": "perplexity",
    "cerebras": "cerebras",
    "huggingface": "huggingface",
    "replicate": "replicate",
}
"""The first part of a provider's id, and litellm's prefix."""

KINDS = {"chat", "messages", "completion", "responses", "text-generation", "converse"}
OTHER_KINDS = {"embedding", "embeddings", "image", "moderation", "realtime", "assistant", "audio", "agents"}

DEFAULT_TARGET = "openai/gpt-4o-mini"

CONFIG = {
    "temperature": "temperature",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "apiBaseUrl": "base_url",
    "apiKeyEnvar": "api_key_env",
}
PROVIDER_KEYS = {"id", "config", "label", "delay"}
PARAMS = {"top_p", "seed", "stop", "frequency_penalty", "presence_penalty", "reasoning_effort"}


def target_model(providers: Any, lose: Callable[[str, str], None], notices: list[str]) -> Table:
    """The settings of the target model: the first provider that is a model here. Others are told."""
    found: list[Table] = []
    items = cast("list[Any]", providers) if isinstance(providers, list) else [providers]
    for number, item in enumerate(items):
        table = model_settings(item, f"providers[{number}]", lose)
        if table is not None:
            found.append(table)
        elif identity := _parts(item)[0]:
            lose(f"the provider {one_line(identity, 60)}", f"providers[{number}]")
    if not found:
        notices.append(f"no provider names a model: the target is {DEFAULT_TARGET}; mend it in project.toml")
        return {"model": DEFAULT_TARGET}
    if len(found) > 1:
        others = ", ".join(str(other["model"]) for other in found[1:])
        notices.append(f"the first of {len(found)} providers is the target; not taken over: {others}")
    return found[0]


def model_settings(provider: Any, where: str, lose: Callable[[str, str], None]) -> Table | None:
    """The settings of a model of a provider; None if that is no model here."""
    identity, config, others = _parts(provider)
    model = model_name(identity)
    if model is None:
        return None
    for key in others:
        lose(f"{one_line(key, 40)} of a provider", where)
    return {"model": model, **_settings(config, f"{where}.config", lose)}


def model_name(identity: str) -> str | None:
    """litellm's name of a provider: ``openai:chat:gpt-4o`` is ``openai/gpt-4o``; None if it is no model."""
    head, _, rest = identity.partition(":")
    prefix = PREFIXES.get(head.lower())
    kind, _, model = rest.partition(":")
    if prefix is None or not rest or kind in OTHER_KINDS:
        return None
    if kind not in KINDS:
        model = rest
    return f"{prefix}/{model}" if model else None


def _parts(item: Any) -> tuple[str, Table, list[str]]:
    """Id, configuration and other keys: of text, of a table with ``id`` or whose only key is the id."""
    if isinstance(item, str):
        return item, {}, []
    if not isinstance(item, dict):
        return "", {}, []
    table = cast("Table", item)
    if "id" not in table and len(table) == 1:
        identity, inner = next(iter(table.items()))
        table = {"id": identity, **(cast("Table", inner) if isinstance(inner, dict) else {})}
    config: Any = table.get("config")
    others = [str(key) for key in table if key not in PROVIDER_KEYS]
    return str(table.get("id", "")), cast("Table", config) if isinstance(config, dict) else {}, others


def _settings(config: Table, where: str, lose: Callable[[str, str], None]) -> Table:
    settings: Table = {}
    params: Table = {}
    for key, value in config.items():
        if key in CONFIG and isinstance(value, (str, int, float)) and "{{" not in str(value):
            settings[CONFIG[key]] = value
        elif key in PARAMS:
            params[key] = value
        else:
            lose(f"the setting {one_line(key, 40)} of a provider", where)
    return {**settings, "params": params} if params else settings
