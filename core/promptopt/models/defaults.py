"""The model of a provider that is taken where somebody has its key and names no model."""

from dataclasses import dataclass

from promptopt.domain.words import Role


@dataclass(frozen=True)
class Pair:
    """A cheap model of a provider, and a strong one. Both are in the price list: a cap in USD holds."""

    cheap: str
    strong: str


DEFAULTS = {
    "openai": Pair("openai/gpt-4o-mini", "openai/gpt-4.1"),
    "anthropic": Pair("anthropic/claude-haiku-4-5", "anthropic/claude-opus-4-5"),
    "gemini": Pair("gemini/gemini-2.5-flash", "gemini/gemini-2.5-pro"),
    "mistral": Pair("mistral/mistral-small-latest", "mistral/mistral-large-latest"),
    "deepseek": Pair("deepseek/deepseek-chat", "deepseek/deepseek-chat"),
}
"""By litellm's name of the provider, in the order in which keys are looked for."""

STRONG: tuple[Role, ...] = ("optimizer", "judge", "generator")
"""Roles that a strong model pays off in; the target is what a team would use every day."""


def models_of(provider: str) -> dict[Role, str]:
    """A model of a provider for each role but embedding."""
    pair = DEFAULTS[provider]
    return {"target": pair.cheap, **dict.fromkeys(STRONG, pair.strong)}
