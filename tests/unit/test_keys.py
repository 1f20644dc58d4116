"""Which variable holds which key."""

import subprocess
import sys

import pytest

from promptopt.domain.secrets import PROVIDER_KEYS
from promptopt.domain.settings import ModelSettings
from promptopt.models.keys import key_variable, missing_key, provider_of, resolve_key


def test_a_named_variable_wins_over_the_standard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "standard")
    monkeypatch.setenv("MY_KEY", "mine")
    settings = ModelSettings(model="openai/gpt-4o-mini", api_key_env="MY_KEY")
    assert (key_variable(settings), resolve_key(settings)) == ("MY_KEY", "mine")
    monkeypatch.delenv("MY_KEY")
    assert resolve_key(settings) is None
    assert "MY_KEY is not set" in (missing_key(settings) or "")


@pytest.mark.parametrize("provider", sorted(PROVIDER_KEYS))
def test_each_way_to_sign_in_is_enough(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ModelSettings(model=f"{provider}/some-model")
    missing = missing_key(settings)
    assert missing and PROVIDER_KEYS[provider][0][0] in missing
    for group in PROVIDER_KEYS[provider]:
        with monkeypatch.context() as patch:
            for name in group:
                patch.setenv(name, f"value of {name}")
            assert missing_key(settings) is None
            assert resolve_key(settings) == f"value of {group[0]}"


def test_half_a_way_to_sign_in_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_ID", "an id without its secret")
    assert missing_key(ModelSettings(model="azure/some-deployment"))


def test_an_empty_variable_is_a_missing_one_and_space_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ModelSettings(model="groq/llama-3.3-70b")
    monkeypatch.setenv("GROQ_API_KEY", " \n")
    assert missing_key(settings)
    monkeypatch.setenv("GROQ_API_KEY", "key-from-a-file\n")
    assert resolve_key(settings) == "key-from-a-file"


def test_an_endpoint_of_the_project_never_gets_the_standard_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "standard")
    settings = ModelSettings(model="openai/llama", base_url="http://localhost:8000/v1")
    assert resolve_key(settings) is None
    assert missing_key(settings) is None


@pytest.mark.parametrize(
    "model", ["sim/tickets", "ollama/llama3", "ollama_chat/llama3", "hosted_vllm/x", "bedrock/y"]
)
def test_models_that_need_no_key_or_may_not(model: str) -> None:
    assert missing_key(ModelSettings(model=model)) is None


@pytest.mark.parametrize(
    "pasted", ["sk-proj-abcdef0123456789abcdef", "gsk_4f9d8a7b6c5e4d3c2b1a0f9e8d7c6b5a", "my key", ""]
)
def test_a_key_pasted_in_place_of_a_name_is_not_repeated(pasted: str) -> None:
    settings = ModelSettings(model="openai/gpt-4o-mini", api_key_env=pasted)
    said = missing_key(settings)
    assert said
    assert not pasted or pasted not in said


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("openai/gpt-4o", "openai"),
        ("gpt-4o", "openai"),
        ("o3-mini", "openai"),
        ("claude-opus-4-5", "anthropic"),
        ("openrouter/anthropic/claude", "openrouter"),
        ("some-model", ""),
    ],
)
def test_provider_of(model: str, provider: str) -> None:
    assert provider_of(model) == provider


def test_looking_for_keys_and_prices_does_not_import_litellm() -> None:
    code = (
        "import sys; from promptopt.domain.settings import ModelSettings as M; "
        "from promptopt.models.keys import missing_key; from promptopt.models.prices import lookup_price; "
        "from promptopt.domain.redaction import Redactor; import promptopt.models.litellm_transport; "
        "m = M(model='openai/gpt-4o-mini'); missing_key(m); assert lookup_price(m); Redactor([m]); "
        "assert not {'litellm', 'openai', 'aiohttp', 'httpx'} & set(sys.modules), 'imported'"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"], check=False
    )
    assert done.returncode == 0
