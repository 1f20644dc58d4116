"""Trimming: added sections go if the prompt does as well without, on training and on validation cases."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.prompt import Prompt
from promptopt.evaluation.gates import no_worse
from promptopt.optimizers.grpo.trimming import GROWN, MOST, sections, without
from tests.benchmarks.door import Door, searched
from tests.benchmarks.landscape import SEED_PROMPT, Landscape

CALM = settings(derandomize=True, deadline=None, max_examples=60)
SEED = "Sort the ticket.\n\nTicket: {text}"
GROWN_TEXT = "Sort the ticket.\n\nA rule that is new.\nAnd more of it.\n\nAnother one.\n\nTicket: {text}"


def named(text: str, keep: str = SEED, fixed: Sequence[str] = ("{text}",)) -> list[str]:
    return [text[start:end] for start, end in sections(text, keep, fixed)]


def test_added_paragraphs_may_go_and_what_the_seed_has_stays() -> None:
    assert named(GROWN_TEXT) == ["A rule that is new.\nAnd more of it.", "Another one."]
    assert named(GROWN_TEXT, fixed=["{text}", "more of it"]) == ["Another one."]


def test_lines_may_go_where_there_is_one_paragraph_but_never_all() -> None:
    text = "First line.\nSecond, longer line.\nThird."
    assert named(text, keep="First line.") == ["Second, longer line.", "Third."]
    assert named(text, keep="", fixed=[]) == ["Second, longer line.", "Third."]
    assert len(named("\n".join(f"line {n}" for n in range(20)), keep="", fixed=[])) == MOST


def test_a_text_without_sections_has_no_gaps() -> None:
    first, second = sections(GROWN_TEXT, SEED, ["{text}"])
    assert without(GROWN_TEXT, [first]) == "Sort the ticket.\n\nAnother one.\n\nTicket: {text}"
    assert without(GROWN_TEXT, [second, first]) == SEED
    assert without(GROWN_TEXT, []) == GROWN_TEXT


@CALM
@given(st.lists(st.sampled_from(["one line", "\n", "\n\n", " ", "{text}", "more"]), max_size=12).map("".join))
def test_any_text_can_be_cut_and_keeps_what_is_fixed(text: str) -> None:
    parts = sections(text, "", ["{text}"])
    shorter = without(text, parts)
    assert shorter.count("{text}") == text.count("{text}")
    assert len(shorter) <= len(text) and bool(shorter) == bool(text.strip())


@pytest.mark.parametrize(
    ("mean", "error", "worse"),
    [(0.0, 0.0, False), (-0.005, 0.0, False), (-0.02, 0.0, True), (0.0, 0.05, True)],
)
def test_no_loss_is_a_matter_of_the_lower_bound(mean: float, error: float, worse: bool) -> None:
    assert no_worse(mean, error) is not worse


IDLE = "This sentence says nothing at all about what to do with any of it, at some length. " * 5
USEFUL = "Mind that every answer has to be one of them, and nothing else. " * 5


class Plain(Door):
    """A target that is right on two thirds of the cases, and on all with the useful rule."""

    def _answer(self, messages: Sequence[Any], sample: int) -> str:
        super()._answer(messages, sample)
        name = messages[-1].content.split()[1]
        good = USEFUL.strip() in messages[0].content or int(name[1:]) % 3
        return self.landscape.label(name) if good else "wrong"

    def reply(self, request: str, path: str) -> str:
        return "no more ideas"


async def ended(text: str, **options: Any) -> Plain:
    made = Plain(Landscape(0), {"name": "grpo", "plateau": 1, **options})
    made.edits = [(1, Prompt(text=text))]  # a person's text is the one to go on from; the seed is its anchor
    await searched(made)
    return made


async def trimmed(text: str, **options: Any) -> Plain:
    """A search that finds ``text`` and then nothing more."""

    class Once(Plain):
        def reply(self, request: str, path: str) -> str:
            if path.startswith("propose/1"):
                made = {"slot": 1, "prompt": text, "reasoning": "r"}
                return json.dumps({"variants": [made]})
            return "no more ideas"

    made = Once(Landscape(0), {"name": "grpo", "plateau": 1, "distance_max": 1.0, **options})
    await searched(made)
    return made


async def test_what_does_nothing_goes_and_what_helps_stays() -> None:
    text = f"{SEED_PROMPT}\n\n{USEFUL.strip()}\n\n{IDLE.strip()}"
    made = await trimmed(text)
    shorter = made.entered[-1][0]
    assert shorter.text == f"{SEED_PROMPT}\n\n{USEFUL.strip()}"
    assert made.verdicts[-1][:2] == (shorter, True) and "it is shorter" in made.verdicts[-1][2]


async def test_nothing_is_trimmed_if_all_of_it_helps_or_nobody_wants_it() -> None:
    whole = f"{SEED_PROMPT}\n\n{USEFUL.strip()}"
    assert len((await trimmed(whole)).entered) == 1
    idle = f"{SEED_PROMPT}\n\n{USEFUL.strip()}\n\n{IDLE.strip()}"
    assert len((await trimmed(idle, trim=False)).entered) == 1


async def test_a_prompt_that_hardly_grew_is_left_alone() -> None:
    assert len(IDLE) > GROWN
    made = await trimmed(f"{SEED_PROMPT}\n\nShort.")
    assert len(made.entered) == 1


async def test_a_persons_text_is_not_cut() -> None:
    assert not (await ended(f"{SEED_PROMPT}\n\n{IDLE}")).entered
