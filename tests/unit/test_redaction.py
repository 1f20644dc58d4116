"""No key passes; prose does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain.redaction import REDACTED, Redactor
from promptopt.domain.settings import ModelSettings

ODD_KEY = "correct horse/battery+staple="


def redactor(**environ: str) -> Redactor:
    return Redactor([ModelSettings(model="openai/x", api_key_env="MY_KEY")], environ)


@pytest.mark.parametrize("name", ["MY_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY"])
def test_known_values_are_replaced_wherever_they_stand(name: str) -> None:
    redact = redactor(**{name: ODD_KEY}).redact
    assert redact(f"a{ODD_KEY}b {ODD_KEY}") == f"a{REDACTED}b {REDACTED}"
    assert redact("?key=correct%20horse%2Fbattery%2Bstaple%3D") == f"?key={REDACTED}"


def test_values_of_other_variables_are_not_secrets() -> None:
    assert redactor(HOME="/home/somebody").redact("in /home/somebody") == "in /home/somebody"


def test_a_short_value_is_not_searched_for() -> None:
    assert redactor(MY_KEY="test").redact("a test") == "a test"


def test_a_key_that_begins_with_another_is_replaced_whole() -> None:
    redact = redactor(MY_KEY="abcdefgh", OPENAI_API_KEY="abcdefgh-and-more").redact
    assert redact("abcdefgh-and-more, abcdefgh") == f"{REDACTED}, {REDACTED}"


def test_a_key_pasted_into_the_settings_is_a_secret() -> None:
    pasted = "0123456789abcdef0123456789abcdef"
    settings = ModelSettings(model="openai/x", api_key_env=pasted)
    assert pasted not in Redactor([settings], {}).redact(f"the variable {pasted}")


def test_the_name_of_a_variable_is_no_secret() -> None:
    said = "the environment variable MY_KEY is not set"
    assert redactor().redact(said) == said
    assert redactor(MY_KEY=ODD_KEY).redact(said) == said


def test_a_password_in_an_address_is_a_secret() -> None:
    settings = ModelSettings(model="openai/x", base_url="http://me:hunter2hunter2@host/v1")
    assert "hunter2" not in Redactor([settings], {}).redact("GET http://me:hunter2hunter2@host/v1")


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdEFGH1234567890abcd",
        "sk-ant-api03-abcdEFGH1234567890-abcd_AA",
        "sk-or-v1-0123456789abcdef0123456789abcdef",
        "gsk_abcdEFGH1234567890abcd",
        "xai-abcdEFGH1234567890abcd",
        "pplx-abcdEFGH1234567890abcd",
        "hf_abcdefghijklmnopqrstuvwx",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "key {}, then", '{{"k": "{}"}}', "({})", "={}\n"])
def test_shapes_of_vendor_keys(key: str, frame: str) -> None:
    text = frame.format(key)
    assert redactor().redact(text) == text.replace(key, REDACTED)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc.def-123456",
        "{'authorization': 'Bearer abc.def-123456'}",
        "x-api-key: abc.def-123456",
        '"api_key": "abc.def-123456"',
        "api-key=abc.def-123456",
        "bearer abc.def-123456",
        "Proxy-Authorization: Basic abc.def-123456",
    ],
)
def test_headers(text: str) -> None:
    redacted = redactor().redact(text)
    assert "abc.def" not in redacted
    assert REDACTED in redacted


def test_keys_that_somebody_else_has_masked() -> None:
    redact = redactor(MY_KEY="abcd-0123456789-wxyz").redact
    assert redact("Incorrect key: abcd*******wxyz.") == f"Incorrect key: {REDACTED}."
    assert redact("Incorrect key: sk-pr****wxyz.") == f"Incorrect key: {REDACTED}."


@pytest.mark.parametrize(
    "prose",
    [
        "The bearer of good news came to the sk-learn meeting.",
        "***bold*** and **** and name****",
        "Ask for an API key: it is free.",
        "skiing-in-the-mountains-of-norway",
        "The task-oriented-dialogue-system-number-5",
        "fw-up, hf_x, AIza",
        "",
    ],
)
def test_prose_is_left_alone(prose: str) -> None:
    assert redactor(MY_KEY=ODD_KEY).redact(prose) == prose


@given(before=st.text(), after=st.text())
def test_whatever_stands_around_it_a_known_key_never_passes(before: str, after: str) -> None:
    assert ODD_KEY not in redactor(MY_KEY=ODD_KEY).redact(f"{before}{ODD_KEY}{after}")


@given(st.text(alphabet="ab*:sk-= "))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    redact = redactor(MY_KEY=ODD_KEY).redact
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("unit", ["a", "*", "sk-", "eyJ", "bearer ", "-", "sk-1a*"])
def test_long_texts_take_time_in_proportion(unit: str) -> None:
    """A million characters that almost match: with a quadratic pattern this would not end."""
    redactor(MY_KEY=ODD_KEY).redact(unit * (1_000_000 // len(unit)) + "***")
