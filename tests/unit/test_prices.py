"""What calls cost, by a list made for the test, and by litellm's own."""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.settings import ModelSettings, Price
from promptopt.models import prices
from promptopt.models.prices import CostTracker, cost, lookup_price

LIST: dict[str, dict[str, Any]] = {
    "plain": {"litellm_provider": "openai", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
    "groq/prefixed": {
        "litellm_provider": "groq",
        "input_cost_per_token": 3e-6,
        "output_cost_per_token": 4e-6,
    },
    "zero": {"litellm_provider": "openai", "input_cost_per_token": 0, "output_cost_per_token": 0.0},
    "half": {"litellm_provider": "openai", "input_cost_per_token": 1e-6, "output_cost_per_token": 0.0},
    "embedding": {
        "litellm_provider": "openai",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 0.0,
        "mode": "embedding",
    },
    "absent": {"litellm_provider": "openai", "max_tokens": 5},
    "by-the-call": {
        "litellm_provider": "openai",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
        "input_cost_per_request": 0.005,
    },
    "tiered": {
        "litellm_provider": "openai",
        "input_cost_per_token": 1e-6,
        "input_cost_per_token_above_200k_tokens": 2e-6,
        "input_cost_per_token_priority": 9e-6,
        "input_cost_per_token_batches": 50e-6,
        "input_cost_per_audio_token": 60e-6,
        "output_cost_per_token": 4e-6,
        "output_cost_per_token_above_200k_tokens": 6e-6,
        "output_cost_per_reasoning_token": 7e-6,
        "output_cost_per_token_priority": 12e-6,
    },
    "dashscope/listed": {
        "litellm_provider": "dashscope",
        "tiered_pricing": [
            {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "range": [0, 1000]},
            {"input_cost_per_token": 5e-6, "output_cost_per_token": 6e-6, "range": [1000, 9000]},
        ],
    },
    "ft:plain": {"litellm_provider": "openai", "input_cost_per_token": 8e-6, "output_cost_per_token": 9e-6},
}


@pytest.fixture
def price_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A list of the test's own in place of litellm's."""

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    name = "model_prices_and_context_window_backup.json"
    (tmp_path / name).write_text(json.dumps(LIST), encoding="utf-8")
    monkeypatch.setattr(prices, "find_spec", lambda _: Spec)
    prices._price_list.cache_clear()
    yield
    prices._price_list.cache_clear()


def pair(model: str, **more: Any) -> tuple[float, float] | None:
    price = lookup_price(ModelSettings(model=model, **more))
    return (price.input, price.output) if price else None


def test_the_settings_come_first() -> None:
    own = Price(input=0.5, output=0.0)
    assert lookup_price(ModelSettings(model="openai/gpt-4o-mini", price=own)) == own
    assert pair("openai/gpt-4o-mini", free=True) == (0.0, 0.0)
    assert lookup_price(ModelSettings(model="sim/x", price=own)) == own
    assert pair("sim/x") is None


@pytest.mark.usefixtures("price_list")
@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("openai/plain", (1.0, 2.0)),
        ("plain", (1.0, 2.0)),
        ("PLAIN", (1.0, 2.0)),
        ("openai/plain-2025-01-31", (1.0, 2.0)),
        ("litellm_proxy/plain", (1.0, 2.0)),
        ("openai/ft:plain:org::id", (8.0, 9.0)),
        ("groq/prefixed", (3.0, 4.0)),
        ("groq/plain", None),  # another provider's model of the same name
        ("prefixed", None),
        ("openai/zero", None),
        ("openai/half", None),
        ("openai/embedding", (1.0, 0.0)),
        ("openai/absent", None),
        ("openai/by-the-call", None),
        ("perplexity/sonar", None),
        ("openai/nowhere", None),
        ("openai/tiered", (2.0, 7.0)),
        ("dashscope/listed", (5.0, 6.0)),
    ],
)
def test_lookup(model: str, expected: tuple[float, float] | None) -> None:
    assert pair(model) == expected


@pytest.mark.usefixtures("price_list")
def test_the_dearer_tier_of_service_is_counted_when_asked_for() -> None:
    assert pair("openai/tiered", params={"service_tier": "priority"}) == (9.0, 12.0)
    assert pair("openai/tiered", params={"service_tier": "flex"}) == (2.0, 7.0)


@pytest.mark.parametrize(
    ("name", "listed"), [("openai/gpt-4o-mini", "gpt-4o-mini"), ("claude-opus-4-5",) * 2]
)
def test_litellms_own_list_is_found(name: str, listed: str) -> None:
    spec = find_spec("litellm")
    assert spec and spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "model_prices_and_context_window_backup.json"
    entry = json.loads(path.read_text(encoding="utf-8"))[listed]
    found = pair(name)
    assert found == pytest.approx((entry["input_cost_per_token"] * 1e6, entry["output_cost_per_token"] * 1e6))


def test_without_a_list_no_price_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "find_spec", lambda _: None)
    prices._price_list.cache_clear()
    assert pair("openai/gpt-4o-mini") is None
    prices._price_list.cache_clear()


def test_cost_is_in_usd() -> None:
    assert cost(Price(input=2.5, output=10.0), 1_000_000, 500_000) == pytest.approx(7.5)
    assert cost(Price(input=2.5, output=10.0), 0, 0) == 0.0


@pytest.mark.usefixtures("price_list")
def test_cost_tracker() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    assert CostTracker("openai", "plain").calculate_cost(usage) == pytest.approx(0.0012)
    assert CostTracker("openai", "openai/plain").calculate_cost(usage) == pytest.approx(0.0012)
    assert CostTracker("", "plain").calculate_cost({"prompt_tokens": 1000}) == pytest.approx(0.001)
    assert CostTracker("openai", "nowhere").calculate_cost(usage) is None
