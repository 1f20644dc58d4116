"""Text on its way to the screen."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from promptopt_tui import formatting as fm
from promptopt_tui import paint

STYLES = dict.fromkeys(paint.STYLES, Style())
HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\x1b\x9b\x00\x07\u202e\u200b\ud800]52;c[/x][red]漢字😀 \n\t"), st.characters()
    ),
    max_size=80,
)


@given(HOSTILE, st.integers(1, 60))
def test_a_strip_is_safe_and_has_exactly_its_width(text: str, width: int) -> None:
    strip = paint.strip([(text, "good"), (text, "")], width, STYLES, Style())

    assert sum(cell_len(segment.text) for segment in strip) == width
    assert all(
        unicodedata.category(char) not in ("Cc", "Cf", "Cs") for char in strip.text if char != "\u00ad"
    )


@given(HOSTILE, st.integers(1, 40))
def test_fit_gives_one_line_of_the_width(text: str, width: int) -> None:
    assert cell_len(paint.fit(text, width)) == width
    assert cell_len(paint.fit(text, width, "right")) == width


@given(st.text(st.characters(categories=["L", "N", "Zs", "P"]), max_size=200), st.integers(4, 40))
def test_wrapped_lines_fit_and_lose_no_word(text: str, width: int) -> None:
    lines = paint.wrap([(text, "")], width, [("  ", "")])

    assert all(paint.width_of(line) <= width for line in lines)
    joined = "".join(part for line in lines for part, _ in line)
    assert joined.replace(" ", "") == text.replace(" ", "")


def test_wrap_keeps_styles() -> None:
    lines = paint.wrap([("one two ", "good"), ("three", "bad")], 8)

    assert [[style for text, style in line if text.strip()] for line in lines] == [["good"], ["bad"]]


def test_the_left_side_gives_way() -> None:
    line = paint.columns([("a long name of a project", "bold")], [("$1.00", "")], 14)

    assert paint.width_of(line) == 14
    assert "".join(text for text, _ in line) == "a long…  $1.00"


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "unknown"), (0.0, "$0.00"), (0.00004, "<$0.0001"), (0.0042, "$0.0042"), (1.5, "$1.50")],
)
def test_money(value: float | None, said: str) -> None:
    assert fm.usd(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "00:00"), (271, "04:31"), (7471, "2:04:31"), (273600, "3d 04h")]
)
def test_durations(seconds: float, said: str) -> None:
    assert fm.clock(seconds) == said


def test_a_bar_shows_the_smallest_share_and_never_grows_over_its_width() -> None:
    spans = fm.bar(10, (0.001, "a", ""), (0.9, "b", ""), (0.5, "c", ""))

    assert "".join(text for text, _ in spans) == "abbbbbbbbc"
