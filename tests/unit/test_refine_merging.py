"""Prompts that come from one are put together: nothing is lost, what contradicts is not guessed at."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.evaluation.sentences import tokens
from promptopt.optimizers.refine.memory import Change, Memory
from promptopt.optimizers.refine.merging import merge_demonstrations, merge_prompts, merge_texts
from promptopt.optimizers.refine.shortening import passages

words = st.sampled_from(
    ["Say it.", "Do not guess.", "Be brief:", "one", "two, three.", "  ", "{input}", "- a: b"]
)
texts = st.lists(st.lists(words, max_size=4).map(" ".join), max_size=6).map("\n".join)


@settings(deadline=None)
@given(texts)
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text


@settings(deadline=None)
@given(texts, texts)
def test_a_side_that_changes_nothing_leaves_the_other_as_it_is(base: str, other: str) -> None:
    assert merge_texts(base, base, other) == other
    assert merge_texts(base, other, base) == other
    assert merge_texts(base, other, other) == other


@settings(deadline=None)
@given(texts, st.lists(words, min_size=1, max_size=3), st.lists(words, min_size=1, max_size=3))
def test_what_both_add_at_the_end_stands_there(base: str, first: list[str], second: list[str]) -> None:
    one, other = f"{base}\nOurs: {' '.join(first)}", f"{base}\nTheirs: {' '.join(second)}"
    merged = merge_texts(base, one, other)
    assert merged is not None and merged.startswith(base)
    assert "Ours: " in merged and "Theirs: " in merged


def test_changes_of_different_passages_are_both_taken() -> None:
    base = "Sort it.\nBe brief.\nUse English."
    merged = merge_texts(
        base, "Sort it well.\nBe brief.\nUse English.", "Sort it.\nBe brief.\nUse Dutch. Always."
    )
    assert merged == "Sort it well.\nBe brief.\nUse Dutch. Always."


def test_different_changes_of_one_passage_are_not_put_together() -> None:
    assert merge_texts("Be brief.", "Be very brief.", "Be long.") is None
    assert merge_texts("A.\nB.\nC.", "A.\nC.", "A.\nBee.\nC.") is None


def test_a_sentence_that_both_add_stands_there_once() -> None:
    merged = merge_texts("A.", "A.\nNo prose.\nMind dates.", "A.\nNo prose.\nMind names.")
    assert merged == "A.\nNo prose.\nMind dates.\nMind names."


def demo(name: str) -> Example:
    return Example(id=name, inputs={"input": name}, expected="x")


def test_demonstrations_come_from_whoever_changed_them() -> None:
    a, b, c = demo("a"), demo("b"), demo("c")
    assert merge_demonstrations([a], [a], [b], 8) == (b,)
    assert merge_demonstrations([a], [c], [a], 8) == (c,)
    assert merge_demonstrations([], [a, b], [b, c], 8) == (a, b, c)
    assert merge_demonstrations([], [a, b], [b, c], 2) == (a, b)


def test_a_text_and_demonstrations_are_one_prompt() -> None:
    base = Prompt(text="Sort.")
    shown = Prompt(text="Sort.", demonstrations=(demo("a"),))
    merged = merge_prompts(base, Prompt(text="Sort.\nBe brief."), shown, 8)
    assert merged == Prompt(text="Sort.\nBe brief.", demonstrations=(demo("a"),))


@settings(deadline=None)
@given(texts, texts)
def test_a_change_is_known_again_whatever_stands_around_it(base: str, other: str) -> None:
    rule = "Whoever is locked out goes to account."
    change = Change.between(Prompt(text=base), Prompt(text=f"{base}\n{rule}"))
    assert change.added == (rule,) and not change.removed
    again = Change.between(Prompt(text=other), Prompt(text=f"{other}\n{rule}"))
    memory = Memory(5)
    memory.keep(1, change)
    assert memory.objection(2, again)
    assert not memory.objection(7, again), "it is forgotten after a while"
    kept = Memory(5)
    kept.load(memory.dump())
    assert kept.objection(2, again)


def test_another_change_is_no_repetition() -> None:
    base = Prompt(text="Sort.")
    memory = Memory(5)
    memory.keep(1, Change.between(base, Prompt(text="Sort.\nName the queue and nothing else.")))
    more = Prompt(text="Sort.\nName the queue and nothing else.\nMind the tone of the message.")
    for prompt in (more, Prompt(text="Sort.\nSay why."), Prompt(text="Sort.", demonstrations=(demo("a"),))):
        assert not memory.objection(2, Change.between(base, prompt))
    memory.keep(2, Change())
    assert len(memory.dump()) == 1, "no change is nothing to remember"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Sort.\nBe brief and clear.\nUse Dutch.", "Sort.\nUse Dutch."),
        ("Sort. Be brief and clear. Use Dutch.", "Sort. Use Dutch."),
        ("Sort.\n\nBe brief and clear.", "Sort."),
        ("Be brief and clear.\nSort.", "Sort."),
    ],
)
def test_a_passage_is_left_out_without_a_trace(text: str, left: str) -> None:
    prompt = Prompt(text=text)
    found = {passage.key: passage for passage in passages(Prompt(text="Sort."), prompt)}
    assert found["Be brief and clear."].without(prompt).text == left


def test_only_what_was_added_is_left_out_and_never_where_the_case_goes() -> None:
    first = Prompt(text="Sort this ticket, please.", demonstrations=(demo("mine"),))
    prompt = Prompt(
        text="Sort this ticket, please.\nThe ticket is this: {input}\nBe brief and clear.",
        demonstrations=(demo("mine"), demo("a"), demo("b")),
    )
    both, sentence, *single = passages(first, prompt, ["{input}"])
    assert both.without(prompt).demonstrations == (demo("mine"),)
    assert sentence.key == "Be brief and clear."
    assert [one.without(prompt).demonstrations[1:] for one in single] == [(demo("b"),), (demo("a"),)]
