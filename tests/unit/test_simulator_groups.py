"""The simulated optimizer answers for several prompts at once, and for lessons, in the form asked for."""

import json
import re
from typing import Any

import pytest

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Interval
from promptopt.domain.task import TaskSpec
from promptopt.optimizers.grpo import distilling, wording
from promptopt.optimizers.grpo.lessons import Lesson
from promptopt.optimizers.grpo.proposing import read_variants
from promptopt.optimizers.grpo.wording import Brief, Slot
from tests.unit.simulated import VAGUE, ask, simulator
from tests.unit.test_simulator_optimizer import REPORT

SLOTS = [
    Slot(1, "patch", aim="too verbose (9 of 20)"),
    Slot(2, "explore"),
    Slot(3, "lessons", lessons=("L1", "L2")),
    Slot(4, "merge"),
    Slot(5, "shorten"),
]
PARENT = Prompt(text=f"{VAGUE}\nBe quick about it, please.\nTake the text as it is.")
OTHER = Prompt(text=f"{VAGUE}\nWhen in doubt, the main request decides.")
LESSONS = [
    Lesson("L1", "", "have a rule like «Never ask back for more.»"),
    Lesson("L2", "", "do without «Be quick about it, please.»"),
]


def replies(messages: list[Message], count: int = 40) -> list[str]:
    sim = simulator(None, "sim/optimizer")
    return [ask(sim, messages, sample=sample).text for sample in range(count)]


def request(slots: list[Slot] = SLOTS) -> list[Message]:
    return wording.request(
        Brief(
            task=TaskSpec(description="Sort tickets"),
            placeholders=[],
            parent=PARENT,
            score=Interval(mean=0.5, low=0.4, high=0.6, n=20),
            feedback=REPORT,
            partner=OTHER,
            lessons=LESSONS,
            history=[],
            recent=3,
            target=0.35,
            max_chars=3000,
        ),
        slots,
    )


def groups(messages: list[Message], slots: list[int]) -> list[dict[int, dict[str, Any]]]:
    return [read_variants(reply, slots) for reply in replies(messages)]


def test_each_slot_gets_a_prompt_mostly_and_a_cut_off_reply_has_some() -> None:
    sizes = [len(found) for found in groups(request(), [1, 2, 3, 4, 5])]
    assert sizes.count(5) > 30 and min(sizes) < 5


def test_slots_are_filled_as_they_ask() -> None:
    for found in groups(request(), [1, 2, 3, 4, 5]):
        if len(found) < 5:
            continue
        prompts = {slot: item["prompt"] for slot, item in found.items()}
        assert len({*prompts.values(), PARENT.text}) >= 5  # two may leave out the same line
        assert "Never ask back" in prompts[3] and "Be quick" not in prompts[3]
        assert found[3]["lessons"] == ["L1", "L2"]
        assert "the main request decides" in prompts[4]
        assert len(prompts[5]) < len(PARENT.text)


def test_a_correction_is_answered_for_the_slots_that_it_names() -> None:
    first = Message(role="assistant", content="{}")
    told = Message(role="user", content=wording.correction([(SLOTS[1], "no"), (SLOTS[4], "no")]))
    whole = [found for found in groups([*request(), first, told], [2, 5]) if found]
    assert whole and all(set(found) == {2, 5} for found in whole if len(found) == 2)


def test_a_request_for_one_prompt_is_answered_as_before() -> None:
    text = f"<current_prompt>\n{VAGUE}\n</current_prompt>\n<feedback>\n{REPORT}\n</feedback>"
    for reply in replies([Message(role="user", content=text)]):
        assert '"variants"' not in reply


@pytest.mark.parametrize(
    ("better", "worse", "said"),
    [
        (f"{VAGUE}\nAnswer with the bare word.", VAGUE, "have a rule like «Answer with the bare word.»"),
        (VAGUE, f"{VAGUE}\nExplain yourself at length.", "do without «Explain yourself at length.»"),
    ],
)
def test_lessons_tell_what_the_better_prompt_has_more_or_less(better: str, worse: str, said: str) -> None:
    prompts = [Prompt(text=better), Prompt(text=worse)]
    table = {prompts[0].id: {"c": 1.0, "d": 1.0}, prompts[1].id: {"c": 0.0, "d": 1.0}}
    cases = {name: Example(id=name, inputs={"input": name}, expected="x") for name in ("c", "d")}
    shown = distilling.contrast(*prompts, prompts[1], table, cases)
    assert shown
    results = {p.id: {"c": CaseResult(case_id="c", output="o", score=table[p.id]["c"])} for p in prompts}
    read = [
        operations
        for reply in replies(distilling.request(shown, results, [], "Sort"))
        if (operations := distilling.read_operations(reply))
    ]
    assert len(read) > 30
    for (operation,) in read:
        assert (operation.do, operation.evidence) == (said, ("C1",))
    assert re.search("C1", json.dumps(sorted(shown.cases)))
