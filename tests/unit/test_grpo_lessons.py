"""The experience library: operations hold only with evidence, lessons answer for what they bring."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.optimizers.grpo.lessons import Library, Operation

CALM = settings(derandomize=True, deadline=None, max_examples=60)

GAINS = {"c1": 0.7, "c2": 0.3, "lost": -0.5, "tied": 0.0}


def add(do: str = "name the labels", *evidence: str, when: str = "") -> Operation:
    return Operation("add", when=when, do=do, evidence=evidence or ("c1",))


def library(*texts: str) -> Library:
    made = Library()
    made.apply([add(text) for text in texts], GAINS)
    return made


def texts(of: Library) -> list[str]:
    return [lesson.text for lesson in of.items]


def test_lessons_are_added_changed_and_deleted() -> None:
    made = library("name the labels", "ask for one word")
    assert [lesson.id for lesson in made.items] == ["L1", "L2"]
    told = made.apply([Operation("change", "L1", "in doubt", "say which label wins", ("c2",))], GAINS)
    assert told == ["changed L1"] and made.items[0].text == "When in doubt: say which label wins"
    assert made.items[0].evidence == ("c1", "c2")
    assert made.apply([Operation("delete", "L2")], GAINS) == ["deleted L2"]
    assert made.apply([add("never guess")], GAINS) == ["added L3"], "no id is used again"


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (add("x", "c9"), "not among what was shown: c9"),
        (Operation("add", do="x"), "names no evidence"),
        (add("x", "c1", "lost"), "the case lost speaks against it"),
        (add("x", "tied"), "none of its evidence was won"),
        (add("  "), "nothing to do"),
        (Operation("change", "L7", do="x", evidence=("c1",)), "no lesson L7"),
        (Operation("delete"), "no lesson"),
    ],
)
def test_what_does_not_hold_is_refused(operation: Operation, said: str) -> None:
    made = library("name the labels")
    (told,) = made.apply([operation], GAINS)
    assert told.startswith("refused") and said in told
    assert texts(made) == ["name the labels"]


def test_the_same_lesson_again_is_a_change_of_it() -> None:
    made = library("always name all of the allowed labels in the prompt")
    assert made.apply([add("always name all of the allowed labels in the text", "c2")], GAINS) == [
        "changed L1"
    ]
    assert len(made) == 1


def used(made: Library, times: int, better: float, lesson: str = "L1") -> list[str]:
    told: list[str] = []
    for _ in range(times):
        told += made.record({"with": [lesson], "without": []}, {"with": better, "without": 0.0})
    return told


def test_credit_is_what_users_gain_over_the_others_of_their_group_shrunken() -> None:
    made = library("a lesson")
    made.record({"a": ["L1"], "b": ["L1"], "c": [], "d": []}, {"a": 0.2, "b": 0.1, "c": 0.0, "d": -0.1})
    (lesson,) = made.items
    assert lesson.uses == 2 and lesson.credit == pytest.approx((0.25 + 0.15) / 4)


def test_a_lesson_whose_users_do_worse_is_deleted_after_three_uses() -> None:
    made = library("a lesson", "another thing entirely")
    assert used(made, 2, -0.1) == []
    assert used(made, 1, -0.1)[0].startswith("deleted L1")
    assert texts(made) == ["another thing entirely"]


def test_nobody_is_credited_where_all_or_none_applied_it() -> None:
    made = library("a lesson")
    made.record({"a": ["L1"], "b": ["L1"]}, {"a": 0.2, "b": -0.9})
    made.record({"a": [], "b": []}, {"a": 0.2, "b": -0.9})
    assert made.items[0].uses == 0


def test_a_proven_lesson_is_not_deleted_by_opinion() -> None:
    made = library("a lesson")
    used(made, 3, 0.2)
    (told,) = made.apply([Operation("delete", "L1")], GAINS)
    assert told.startswith("refused") and len(made) == 1


def test_the_least_useful_has_to_go_when_it_is_full() -> None:
    made = Library(most=2)
    made.apply([add("first of them"), add("second and better one")], GAINS)
    used(made, 1, 0.3, "L2")
    assert made.apply([add("third thing altogether")], GAINS) == ["added L3, for which L1 had to go"]
    assert Library(most=0).apply([add()], GAINS) == ["refused: no lessons are kept"]


def test_text_is_data_on_one_line() -> None:
    made = Library()
    made.apply([add("say\n\x1b]52;c;x\x07 this\ud800", when="x" * 900)], GAINS)
    (lesson,) = made.items
    assert "\n" not in lesson.text and "\x1b" not in lesson.text and "\ud800" not in lesson.text
    assert len(lesson.when) <= 300


words = st.text("abcdefgh ", min_size=1, max_size=400)
operations = st.lists(
    st.builds(
        Operation,
        st.sampled_from(["add", "change", "delete"]),
        st.sampled_from(["", "L1", "L2", "L5"]),
        words,
        words,
        st.lists(st.sampled_from([*GAINS, "c9"]), max_size=3).map(tuple),
    ),
    max_size=30,
)


@CALM
@given(operations, st.integers(1, 5))
def test_the_library_stays_small_and_survives_a_checkpoint(asked: Sequence[Operation], most: int) -> None:
    made = Library(most, most_chars=700)
    told = made.apply(asked, GAINS)
    assert len(told) == len(asked) and len(made) <= most
    assert sum(len(text) for text in texts(made)) <= 700
    assert all(lesson.do and set(lesson.evidence) <= {"c1", "c2", "tied"} for lesson in made.items)
    again = Library(most, most_chars=700)
    again.load(made.dump())
    assert again.dump() == made.dump() and texts(again) == texts(made)
