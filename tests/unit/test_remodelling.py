"""Another model in a role: what of its settings is taken over."""

import pytest
from pydantic import ValidationError

from promptopt.cli.modelling import read_settings
from promptopt.domain.errors import SettingsError
from promptopt.domain.redaction import Redactor
from promptopt.domain.settings import ModelSettings, Price
from promptopt.runs.remodelling import changed

BEFORE = ModelSettings(
    model="openai/gpt-4o",
    base_url="http://127.0.0.1:1/v1",
    api_key_env="MY_KEY",
    max_tokens=3000,
    price=Price(input=1, output=2),
)


def test_what_says_something_of_the_former_model_is_not_taken_over() -> None:
    same = changed(BEFORE, {"max_tokens": 100})
    assert same == BEFORE.model_copy(update={"max_tokens": 100})
    sister = changed(BEFORE, {"model": "openai/gpt-4o-mini"})
    assert (sister.base_url, sister.api_key_env, sister.max_tokens) == (BEFORE.base_url, "MY_KEY", 3000)
    assert sister.price is None
    stranger = changed(BEFORE, {"model": "anthropic/claude-opus-4-5", "free": True})
    assert (stranger.base_url, stranger.api_key_env, stranger.free) == (None, None, True)
    with pytest.raises(ValidationError):
        changed(BEFORE, {"max_tokens": 0})


def test_settings_are_read_as_toml_or_as_text() -> None:
    told = ("model=openai/gpt-4o", "max_tokens=200", "free=true", "price={ input = 1, output = 2 }")
    assert read_settings(told) == {
        "model": "openai/gpt-4o",
        "max_tokens": 200,
        "free": True,
        "price": {"input": 1, "output": 2},
    }
    for bad in ((), ("gpt-4o",), ("api_key=sk-1",)):
        with pytest.raises(SettingsError):
            read_settings(bad)


def test_the_key_of_a_model_that_comes_later_is_kept_out_of_texts_too() -> None:
    redactor = Redactor([], {"MY_KEY": "very-secret-key"})
    assert "very-secret-key" in redactor.redact("a very-secret-key")
    redactor.learn(BEFORE)
    assert redactor.redact("a very-secret-key") == "a [redacted]"
