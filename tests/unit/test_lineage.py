"""The tree of candidates, and the grid of outcomes."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from promptopt.runs.standings import Candidate
from promptopt_tui.views.grid import ERROR, FAILED, MOST, NONE, PARTIAL, PASSED, Grid, column, kept, outcome
from promptopt_tui.views.lineage import family


def candidates(parents: Mapping[str, str]) -> dict[str, Candidate]:
    return {
        one: Candidate(id=one, text=one, source="optimizer", parent_id=parent or None)
        for one, parent in parents.items()
    }


def drawn(parents: Mapping[str, str], ahead: Sequence[str] = ()) -> list[str]:
    return [f"{member.branch}{member.candidate.id}" for member in family(candidates(parents), ahead)]


def test_the_line_to_the_best_goes_straight_down_and_attempts_branch_off() -> None:
    tree = {"seed": "", "a": "seed", "x": "a", "y": "a", "b": "a", "z": "b"}
    assert drawn(tree, ["b"]) == ["seed", "a", "├─x", "├─y", "b", "└─z"]


def test_without_a_best_the_longest_line_is_straight() -> None:
    tree = {"seed": "", "a": "seed", "b": "seed", "c": "b", "d": "c"}
    assert drawn(tree) == ["seed", "├─a", "b", "c", "└─d"]


def test_a_branch_has_branches_of_its_own() -> None:
    tree = {"seed": "", "a": "seed", "p": "a", "q": "p", "r": "p", "s": "q", "b": "seed", "c": "b"}
    assert drawn(tree, ["c"]) == ["seed", "├─a", "│ p", "│ ├─r", "│ q", "│ └─s", "b", "c"]


def test_attempts_at_the_end_close_the_branch() -> None:
    assert drawn({"seed": "", "a": "seed", "b": "seed"}) == ["seed", "├─a", "└─b"]


def test_prompts_that_people_brought_stand_beside_each_other() -> None:
    assert drawn({"a": "", "b": "", "c": "gone"}) == ["a", "b", "c"]


@given(st.integers(1, 40).flatmap(lambda n: st.lists(st.integers(-1, n), min_size=n, max_size=n)))
def test_every_candidate_is_there_once_whatever_the_parents(parents: list[int]) -> None:
    tree = {str(n): "" if parent < 0 else str(parent) for n, parent in enumerate(parents)}
    members = family(candidates(tree), ["0", "3"])
    assert sorted(member.candidate.id for member in members) == sorted(tree)


def test_a_line_of_thousands_is_no_tower() -> None:
    tree = {str(n): str(n - 1) if n else "" for n in range(5000)}
    assert {member.branch for member in family(candidates(tree), ["4999"])} <= {"", "└─"}


def test_outcomes() -> None:
    assert outcome(1.0, True, "") == PASSED
    assert outcome(0.0, False, "wrong format") == FAILED
    assert outcome(0.4, False, "near miss") == PARTIAL
    assert outcome(0.0, False, "error") == ERROR


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(min_size=5, max_size=5)), max_size=12))
def test_counts_are_those_of_the_columns_whatever_came_before(puts: list[tuple[str, bytes]]) -> None:
    grid = Grid([str(n) for n in range(5)])
    held: dict[str, bytes] = {}
    for one, found in puts:
        held[one] = bytes(value % 5 for value in found)
        grid.put(one, held[one])
        if one == "c":
            grid.drop(one)
            del held[one]
    for place in range(5):
        values = [found[place] for found in held.values()]
        assert grid.failed[place] == sum(value in (FAILED, ERROR, PARTIAL) for value in values)
        assert grid.scored[place] == sum(value != NONE for value in values)
    failed = [grid.failed[place] for place in grid.by_failures()]
    assert failed == sorted(failed, reverse=True)


def test_a_column_has_a_place_for_every_case() -> None:
    places = {"x": 0, "y": 1, "z": 2}
    assert column([("z", 1.0, True, ""), ("gone", 0.0, False, "")], places) == bytes([NONE, NONE, PASSED])


def test_of_many_candidates_the_first_the_wanted_and_the_newest_are_held() -> None:
    everyone = [str(n) for n in range(500)]
    held = kept(everyone, ["17"])
    assert len(held) == MOST and held[:2] == ["0", "17"] and held[-1] == "499"
    assert kept(everyone[:5]) == everyone[:5]
