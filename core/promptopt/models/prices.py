"""What calls cost: the project's own price, else the list that litellm brings along.

The list is read as a file, because importing litellm takes seconds. A price that is not known is None, never
zero: a budget in USD can then refuse, rather than spend without counting.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from promptopt.domain.settings import ModelSettings, Price
from promptopt.models.keys import provider_of

_FILE = "model_prices_and_context_window_backup.json"
_TOKENS_PER_PRICE = 1_000_000

_BASE = re.compile(r"(input|output)_cost_per_(?:reasoning_)?token(?:_above_\d+k_tokens)?")
_PRIORITY = re.compile(_BASE.pattern + "(?:_priority)?")
# Models that search the web in every call, for a fee that does not depend on tokens.
_ALWAYS_SEARCHES = re.compile(r"perplexity/|\bsonar|search-(?:preview|api)")
_PER_CALL = ("input_cost_per_request", "input_cost_per_query", "cost_per_second", "input_cost_per_second")


def lookup_price(settings: ModelSettings) -> Price | None:
    """USD per million tokens for ``settings``, or None if it is not known.

    The price in the settings comes first; a ``free`` model costs nothing; a simulated model without a price
    has none. Then litellm's list is asked, with and without the provider's name, as litellm does. An entry
    without a price, with a price of zero, or that charges by the call or the second besides (web search) is
    not a price. (An embedding model has no output that could have one.)

    Where the price depends on the length of the prompt, or differs for reasoning tokens, the highest is used:
    costs are upper bounds then.
    """
    if settings.price is not None:
        return settings.price
    if settings.free:
        return Price(input=0.0, output=0.0)
    if settings.simulated:
        return None
    if _ALWAYS_SEARCHES.search(settings.model):
        return None
    priority = settings.params.get("service_tier") == "priority"
    for entry in _entries(settings.model):
        price = _price(entry, _PRIORITY if priority else _BASE)
        if price is not None:
            return price
    return None


def cost(price: Price, prompt_tokens: int, completion_tokens: int) -> float:
    """USD for these numbers of tokens."""
    return (price.input * prompt_tokens + price.output * completion_tokens) / _TOKENS_PER_PRICE


class CostTracker:
    """The price of one model.

    Attributes:
        price: USD per million tokens; None if it is not known.
    """

    def __init__(self, provider: str, model: str) -> None:
        self.provider = provider
        self.model = model
        named = model if not provider or model.startswith(f"{provider}/") else f"{provider}/{model}"
        self.price = lookup_price(ModelSettings(model=named))

    def calculate_cost(self, usage: Mapping[str, int]) -> float | None:
        """USD for a call's ``prompt_tokens`` and ``completion_tokens``; None if the price is not known."""
        if self.price is None:
            return None
        return cost(self.price, usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))


@lru_cache(maxsize=1)
def _price_list() -> Mapping[str, Mapping[str, Any]]:
    """Entries by lower-case name; empty if litellm is not installed or has no such file any more."""
    found = find_spec("litellm")
    for folder in (found.submodule_search_locations if found else None) or ():
        path = Path(folder) / _FILE
        if path.is_file():
            entries = cast(dict[str, dict[str, Any]], json.loads(path.read_text(encoding="utf-8")))
            return {name.lower(): entry for name, entry in entries.items()}
    return {}


def _entries(model: str) -> Iterator[Mapping[str, Any]]:
    """The entries that may speak of ``model``, the closest first."""
    prices = _price_list()
    provider = provider_of(model)
    bare = model.removeprefix(f"{provider}/")
    for name in (model, bare, *_without_version(model), *_without_version(bare)):
        entry = prices.get(name.lower())
        if entry is not None and _same_provider(provider, str(entry.get("litellm_provider") or "")):
            yield entry


def _without_version(name: str) -> Iterator[str]:
    """Shorter names under which a version or a fine-tune is listed."""
    if "ft:" in name:
        yield ":".join(name.split(":")[:2])
    undated = re.sub(r"-(?:\d{4}-\d{2}-\d{2}|\d{3})$", "", name)
    if undated != name:
        yield undated


def _same_provider(asked: str, listed: str) -> bool:
    """Whether a price that is listed for one provider holds for another."""
    if not asked or not listed or asked in (listed, "litellm_proxy"):
        return True
    families = ("vertex_ai", "fireworks_ai", "bedrock", "cohere")
    return any(asked.startswith(family) and listed.startswith(family) for family in families)


def _price(entry: Mapping[str, Any], names: re.Pattern[str]) -> Price | None:
    if any(entry.get(name) for name in _PER_CALL):
        return None
    highest = {"input": 0.0, "output": 0.0}
    for tier in (entry, *entry.get("tiered_pricing", ())):
        for name, value in tier.items():
            match = names.fullmatch(name)
            if match and isinstance(value, int | float):
                highest[match[1]] = max(highest[match[1]], round(value * _TOKENS_PER_PRICE, 9))
    generates = entry.get("mode") != "embedding"
    if not highest["input"] or (generates and not highest["output"]):
        return None
    return Price(input=highest["input"], output=highest["output"])
