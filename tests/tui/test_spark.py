"""A course of figures in one line."""

from hypothesis import given
from hypothesis import strategies as st

from promptopt_tui.views.spark import BARS, spark


def test_it_goes_from_the_lowest_to_the_highest() -> None:
    assert spark([0.0, 0.5, 1.0], 10) == "▁▅█"
    assert spark([], 5) == ""
    assert spark([0.4, 0.4], 5) == "▁▁"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300), st.integers(1, 40))
def test_it_fits_and_ends_where_the_course_ends(values: list[float], width: int) -> None:
    drawn = spark(values, width)
    assert len(drawn) == min(width, len(values))
    assert set(drawn) <= set(BARS)
    if max(values) > min(values) and values[-1] == max(values):
        assert drawn[-1] == BARS[-1]
