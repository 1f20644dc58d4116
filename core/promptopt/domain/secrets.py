"""Which environment variables hold the secrets of providers."""

import re
from collections.abc import Iterable

Alternatives = tuple[tuple[str, ...], ...]

PROVIDER_KEYS: dict[str, Alternatives] = {
    "openai": (("OPENAI_API_KEY",),),
    "anthropic": (("ANTHROPIC_API_KEY",), ("ANTHROPIC_AUTH_TOKEN",)),
    "gemini": (("GEMINI_API_KEY",), ("GOOGLE_API_KEY",)),
    "mistral": (("MISTRAL_API_KEY",), ("MISTRAL_AZURE_API_KEY",)),
    "groq": (("GROQ_API_KEY",),),
    "together_ai": (("TOGETHERAI_API_KEY",), ("TOGETHER_API_KEY",), ("TOGETHER_AI_API_KEY",)),
    "deepseek": (("DEEPSEEK_API_KEY",),),
    "openrouter": (("OPENROUTER_API_KEY",), ("OR_API_KEY",)),
    "xai": (("XAI_API_KEY",),),
    "cohere": (("COHERE_API_KEY",), ("CO_API_KEY",)),
    "cohere_chat": (("COHERE_API_KEY",), ("CO_API_KEY",)),
    "fireworks_ai": (("FIREWORKS_API_KEY",), ("FIREWORKS_AI_API_KEY",), ("FIREWORKSAI_API_KEY",)),
    "perplexity": (("PERPLEXITYAI_API_KEY",), ("PERPLEXITY_API_KEY",)),
    "cerebras": (("CEREBRAS_API_KEY",),),
    "nvidia_nim": (("NVIDIA_NIM_API_KEY",),),
    "azure": (
        ("AZURE_API_KEY",),
        ("AZURE_OPENAI_API_KEY",),
        ("AZURE_AD_TOKEN",),
        ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"),
    ),
}
"""litellm's provider names, and the variables that each can be used with: any one group, in this order."""

_OTHER_SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "DASHSCOPE_API_KEY",
    "HF_TOKEN",
    "HUGGINGFACE_API_KEY",
    "LITELLM_API_KEY",
    "LITELLM_PROXY_API_KEY",
    "MOONSHOT_API_KEY",
    "OLLAMA_API_KEY",
    "OPENAI_ADMIN_KEY",
    "REPLICATE_API_KEY",
    "REPLICATE_API_TOKEN",
    "VERTEX_API_KEY",
    "WATSONX_API_KEY",
    "ZAI_API_KEY",
)
"""Secrets of providers that can also be used without them (roles, local credentials), so none is missed."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOOKS_LIKE_A_KEY = re.compile(r"(?=.*\d)(?=.*[a-z])[A-Za-z0-9_]{28,}")


def secret_variables() -> Iterable[str]:
    """Names of the environment variables that are known to hold provider secrets."""
    named = {name for groups in PROVIDER_KEYS.values() for group in groups for name in group}
    return sorted(named.union(_OTHER_SECRETS))


def variable_name(api_key_env: str) -> str:
    """``api_key_env`` fit to be shown: hidden if somebody put the key itself there."""
    if _VARIABLE.fullmatch(api_key_env) and not _LOOKS_LIKE_A_KEY.fullmatch(api_key_env):
        return api_key_env
    return "[not a variable name]"
