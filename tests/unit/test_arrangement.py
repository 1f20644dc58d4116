"""Where the cockpit's panels are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt_tui.actions import MAKING, PANELS, TOURNAMENT
from promptopt_tui.views.arrangement import (
    ALL,
    ALSO_MAKING,
    LAYOUTS,
    LEAST,
    arrange,
    layout_for,
    next_layout,
    there_are,
)
from promptopt_tui.views.header import key_of

panels = st.sets(st.sampled_from([*PANELS, TOURNAMENT]), min_size=1)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("size", [(120, 40), (200, 40), (240, 70)])
def test_a_layout_has_every_panel_once(name: str, size: tuple[int, int]) -> None:
    columns = LAYOUTS[name].columns(*size)
    told = [panel for column in columns for place in column.places for panel in place.panels]
    assert sorted(told) == sorted(ALL)


@given(
    st.sampled_from([*LAYOUTS, "unknown"]),
    panels | st.sets(st.sampled_from([*ALSO_MAKING, *MAKING]), min_size=1),
    st.lists(st.sampled_from(ALL), unique=True),
    st.integers(60, 240),
    st.integers(12, 70),
    st.booleans(),
)
def test_the_places_fill_the_screen_and_hold_every_panel_once(
    name: str, there: set[str], recent: list[str], width: int, height: int, alone: bool
) -> None:
    spots = arrange(name, there, recent, (width, height), width, alone=alone)
    covered = [
        (x, y)
        for spot in spots.values()
        for x in range(spot.region.x, spot.region.right)
        for y in range(spot.region.y, spot.region.bottom)
    ]
    assert len(covered) == len(set(covered)) == width * height
    held = [panel for spot in spots.values() for panel in spot.tabs]
    assert sorted(held) == sorted(there)
    for front, spot in spots.items():
        assert front in spot.tabs
        assert spot.region.height >= LEAST
        newer = [panel for panel in recent if panel in spot.tabs]
        assert not newer or front == newer[0]


def test_fixed_heights_hold_where_there_is_room() -> None:
    spots = arrange("overview", there_are((), tournament=False), (), (120, 38), 120)
    assert spots["progress"].region.size == (41, 16)
    assert spots["budget"].region.size == (41, 12)
    assert spots["log"].region.height == 7
    assert spots["log"].tabs == ("log", "calls")


def test_a_narrow_terminal_has_one_place() -> None:
    spots = arrange("overview", there_are((), tournament=False), ("cases",), (80, 20), 80)
    assert list(spots) == ["cases"]
    assert len(spots["cases"].tabs) == 10


def test_a_flat_terminal_makes_tabs_of_what_does_not_fit() -> None:
    spots = arrange("overview", there_are((), tournament=True), (), (150, 20), 150)
    assert min(spot.region.height for spot in spots.values()) >= LEAST
    assert len(spots) == 6


def test_hiding_everything_hides_nothing() -> None:
    assert there_are(ALL, tournament=False) == set(PANELS)
    assert there_are(ALL, tournament=False, making=True) == {*ALSO_MAKING, *MAKING}


def test_a_run_that_makes_cases_up_shows_no_panel_of_a_search() -> None:
    there = there_are((), tournament=False, making=True)
    spots = arrange("overview", there, (), (120, 38), 120)
    assert there.isdisjoint({"standings", "prompt", "cases", "errors", "lineage", "heat"})
    assert list(spots) == ["progress", "budget", "left-out", "coverage", "drafts", "draft", "log"]


def test_its_panels_have_the_keys_of_those_that_they_stand_in_for() -> None:
    assert [key_of(panel) for panel in ("coverage", "draft", "drafts", "left-out")] == ["2", "3", "4", "5"]


def test_a_run_that_plays_has_its_own_layout_until_one_is_chosen() -> None:
    assert layout_for("", plays=True) == "tournament"
    assert layout_for("", plays=False) == layout_for("gone", plays=False) == "overview"
    assert layout_for("cases", plays=True) == "cases"


def test_a_key_goes_round_the_layouts() -> None:
    seen = ["overview"]
    for _ in LAYOUTS:
        seen.append(next_layout(seen[-1]))
    assert seen[:-1] == list(LAYOUTS) and seen[-1] == seen[0]
