"""Placeholders stand for the same value wherever it stands, and come back as it was written."""

import json

from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain.pii.find import find_pii
from promptopt.domain.pii.masking import Masker, placeholders_in, unmask

PHONES = tuple(f"+49 30 55{number:05}" for number in range(300))
MESSAGES = tuple(
    f"Hello, please call me at {phone} or write to user{number}@example.com. Thanks, Anna Schmidt"
    for number, phone in enumerate(PHONES)
)


def masker(*cases: str, own: tuple[str, ...] = ("Answer the customer.",)) -> Masker:
    made = Masker(find_pii, "salt")
    made.learn(own, cases)
    return made


def test_each_of_many_values_that_begin_alike_has_its_own_placeholder() -> None:
    made = masker(*MESSAGES)
    seen = {made.mask(text).text for text in MESSAGES}
    assert len(seen) == len(MESSAGES)
    assert not any(phone in text for phone in PHONES for text in seen)


def test_a_known_value_is_found_where_nothing_introduces_it() -> None:
    made = masker("My name is Hannelore Wolkenstein.")
    assert made.mask("As Hannelore Wolkenstein wrote, it leaks").text == "As [NAME_1] wrote, it leaks"
    assert made.mask("Hannelore Wolkensteiner is somebody else").raws == {}


def test_of_two_known_values_at_one_place_the_longer_one_is_meant() -> None:
    made = masker("My name is Anna Berg.", "My name is Anna Berg Sommer.")
    assert made.mask("so said Anna Berg Sommer again").text == "so said [NAME_2] again"


def test_what_a_json_text_has_escaped_is_known_too() -> None:
    made = masker("My name is Jörg Müller.")
    assert "J\\u00f6rg" not in made.mask(json.dumps({"from whom": "Jörg Müller"})).text


def test_a_value_that_was_cut_is_masked_as_far_as_it_goes() -> None:
    made = masker("write to hannelore.wolkenstein@example.com")
    assert "hannelore" not in made.mask("write to hannelore.wolken…").text


def test_another_worker_calls_all_of_them_the_same() -> None:
    late = "Now write to somebody.new@example.org"
    first, second = masker(*MESSAGES[:20]), masker(*MESSAGES[:20])
    for text in (*MESSAGES[:20], late):
        assert first.mask(text) == second.mask(text)
    assert list(placeholders_in(first.mask(late).text)) == ["email"]


@given(
    st.lists(st.sampled_from([*MESSAGES[:12], "nothing here", "[EMAIL_1] as somebody typed it"]), max_size=6)
)
def test_masking_and_putting_back_is_nothing(texts: list[str]) -> None:
    made = masker(*texts)
    text = "\n".join(texts)
    masked = made.mask(text)
    assert unmask(masked.text, masked.raws) == text
    assert not any(phone in masked.text for phone in PHONES[:12])
