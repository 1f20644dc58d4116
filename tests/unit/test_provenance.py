"""Which step of the lineage brought, changed or took away which sentence."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain.demonstrations import Demonstration
from promptopt.evaluation.sentences import aligned, sentences, tokens
from promptopt.runs.provenance import Sentence, effect, effects, lineage, trace
from promptopt.runs.standings import Candidate

WORDS = ["Sort it.", "Say one word.", "Be brief.", "No more.", "Name the queue!", "Why?", "Sort it well."]
texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)


def run(*prompts: str, parents: Sequence[int | None] = ()) -> dict[str, Candidate]:
    """Candidates named 0, 1, 2 …; each the child of the one before it, or of ``parents``."""
    found: dict[str, Candidate] = {}
    for number, text in enumerate(prompts):
        parent = parents[number] if parents else (number - 1 if number else None)
        found[str(number)] = Candidate(
            id=str(number),
            text=text,
            source="optimizer" if number else "seed",
            iteration=number,
            parent_id=None if parent is None else str(parent),
        )
    return found


def told(*prompts: str, parents: Sequence[int | None] = ()) -> list[tuple[str, str, int | None]]:
    candidates = run(*prompts, parents=parents)
    found = trace(candidates, "0", str(len(prompts) - 1))
    return [(each.kind, each.text, each.step) for each in found.sentences]


def only(*prompts: str, parents: Sequence[int | None] = (), text: str) -> Sentence:
    candidates = run(*prompts, parents=parents)
    found = trace(candidates, "0", str(len(prompts) - 1))
    (sentence,) = [each for each in found.sentences if each.text == text]
    return sentence


def test_each_sentence_has_the_step_that_brought_it() -> None:
    assert told("Sort it.", "Sort it. Be brief.", "Sort it. Be brief. Why?") == [
        ("kept", "Sort it.", None),
        ("added", "Be brief.", 0),
        ("added", "Why?", 1),
    ]


def test_a_sentence_that_was_rewritten_keeps_what_it_was() -> None:
    sentence = only(
        "Sort the ticket. Go.", "Sort the ticket well. Go.", "Sort the ticket very well. Go.",
        text="Sort the ticket very well.",
    )  # fmt: skip
    assert (sentence.kind, sentence.before, sentence.steps) == ("changed", "Sort the ticket.", (0, 1))


def test_a_removed_sentence_stands_where_it_stood() -> None:
    assert told("Sort it. Be brief. Why?", "Sort it. Why?") == [
        ("kept", "Sort it.", None),
        ("removed", "Be brief.", 0),
        ("kept", "Why?", None),
    ]


def test_a_sentence_that_comes_back_is_as_in_the_seed() -> None:
    sentence = only("Sort it. Be brief.", "Sort it.", "Sort it. Be brief.", text="Be brief.")
    assert (sentence.kind, sentence.returned, sentence.step) == ("kept", True, None)
    assert sentence.steps == (0, 1)


def test_a_new_sentence_that_comes_back_is_the_last_steps() -> None:
    sentence = only("A.", "A. Be brief.", "A.", "A. Be brief.", text="Be brief.")
    assert (sentence.kind, sentence.returned, sentence.steps) == ("added", True, (0, 1, 2))


def test_what_came_and_went_is_counted() -> None:
    found = trace(run("Sort it.", "Sort it. Be brief.", "Sort it."), "0", "2")
    assert found.passing == 1 and not found.changes


def test_a_moved_sentence_is_kept() -> None:
    sentence = only("One thing. Two things. Three.", "Three. One thing. Two things.", text="Three.")
    assert (sentence.kind, sentence.moved) == ("kept", True)


def test_a_mergers_other_parent_is_named() -> None:
    # 1 and 2 come from the seed; 3 is 1 with what 2 brought.
    prompts = [
        "Sort it.",
        "Sort it. Be brief.",
        "Sort it. Name the queue!",
        "Sort it. Be brief. Name the queue!",
    ]
    sentence = only(*prompts, parents=[None, 0, 0, 1], text="Name the queue!")
    assert (sentence.step, sentence.first_in) == (1, "2")
    assert only(*prompts, parents=[None, 0, 0, 1], text="Be brief.").first_in == ""


def test_a_winner_that_comes_from_nowhere_is_compared_with_the_seed() -> None:
    candidates = run("Sort it.", "Be brief.", parents=[None, None])
    assert [each.id for each in lineage(candidates, "0", "1")] == ["0", "1"]
    assert [each.kind for each in trace(candidates, "0", "1").sentences] == ["removed", "added"]


def test_a_circle_of_parents_ends() -> None:
    candidates = run("a", "b", "c", parents=[None, 2, 1])
    assert [each.id for each in lineage(candidates, "0", "2")] == ["0", "1", "2"]
    assert trace({}, "x", "y").steps == ()


def test_white_space_and_demonstrations_are_told_too() -> None:
    candidates = run("Sort it. Why?", "Sort it.\n\nWhy?", "Sort it.\n\nWhy?")
    candidates["2"].demonstrations = [Demonstration(inputs={"a": "b"}, output="c")]
    first, second = trace(candidates, "0", "2").steps
    assert first.spacing and not second.spacing
    assert second.demonstrations == (1, 0)


@given(st.lists(texts, min_size=1, max_size=6))
def test_the_sentences_are_the_winners_and_the_seeds(prompts: list[str]) -> None:
    found = trace(run(*prompts), "0", str(len(prompts) - 1))
    there = [each.text for each in found.sentences if each.kind != "removed"]
    assert there == sentences(prompts[-1])
    seed = [each.before for each in found.sentences if each.before]
    assert sorted(seed) == sorted(sentences(prompts[0]))
    assert all(each.step is not None for each in found.changes)
    assert all(step < len(prompts) - 1 for each in found.sentences for step in each.steps)
    if len(prompts) == 2:
        (step,) = found.steps
        kinds = [each.kind for each in found.sentences]
        assert (step.added, step.changed, step.removed) == tuple(
            kinds.count(kind) for kind in ("added", "changed", "removed")
        )


@given(texts, texts)
def test_no_sentence_is_used_twice(old: str, new: str) -> None:
    first, second = sentences(old), sentences(new)
    matches = aligned(first, second)
    assert [match.new for match in matches] == list(range(len(second)))
    used = [match.old for match in matches if match.old is not None]
    assert len(used) == len(set(used))


@given(st.text(st.sampled_from("ab.!? \t\n。！"), max_size=40))
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text


def test_sentences_of_scripts_without_spaces() -> None:
    assert sentences("分类。只答一个词！ Go on. Now") == ["分类。", "只答一个词！", "Go on.", "Now"]


def test_what_a_step_did_to_the_cases() -> None:
    before = {"a": (0.0, False), "b": (1.0, True), "c": (0.2, False)}
    after = {"a": (1.0, True), "b": (0.5, False), "c": (0.4, False), "d": (1.0, True)}
    found = effect(before, after)
    assert found is not None
    assert (found.fixed, found.broken, found.better, found.worse, found.n) == (("a",), ("b",), 1, 0, 3)
    assert round(found.gain, 6) == round(0.7 / 3, 6)
    assert effect({}, after) is None


def test_candidates_that_were_not_scored_share_what_the_next_one_did() -> None:
    steps = trace(run("A.", "A. B.", "A. B. C.", "A. B. C. D."), "0", "3").steps
    scored = {"0": {"a": (0.0, False)}, "2": {"a": (1.0, True)}}
    first, second, last = effects(steps, lambda each: scored.get(each, {}))
    assert first is second and first is not None
    assert (first.fixed, first.steps, last) == (("a",), range(2), None)
    assert effects((), lambda each: {}) == []
    assert effects(steps, lambda each: {}) == [None, None, None]


def test_demonstrations_have_their_steps_too() -> None:
    one, two, three = (Demonstration(inputs={"a": name}, output="x") for name in "abc")
    candidates = run("A.", "A.", "A.")
    for name, shown in (("0", [one, two]), ("1", [one, three]), ("2", [two, three])):
        candidates[name].demonstrations = shown
    found = trace(candidates, "0", "2")
    assert [(each.kind, each.text, each.steps) for each in found.demonstrations] == [
        ("kept", "demonstration: b → x", (0, 1)),
        ("added", "demonstration: c → x", (0,)),
        ("removed", "demonstration: a → x", (1,)),
    ]
    assert [each.text[-5:] for each in found.changes] == ["c → x", "a → x"]
