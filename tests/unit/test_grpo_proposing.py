"""Writing groups: one request, corrections for what can't be used, guards, and lessons from contrasts."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example
from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Interval
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.optimizers.grpo import distilling, wording
from promptopt.optimizers.grpo.lessons import Lesson
from promptopt.optimizers.grpo.proposing import Limits, Variant, propose, read_variants, replies
from promptopt.optimizers.grpo.state import Tried
from promptopt.optimizers.grpo.wording import Brief, Slot
from promptopt.optimizers.proposals import Rules

CALM = settings(derandomize=True, deadline=None, max_examples=60)
WORDS = " ".join(f"word{n}" for n in range(80))
PARENT = Prompt(
    text=f"Sort {{text}}. {WORDS}",
    demonstrations=(Example(id="d", inputs={"text": "hi"}, expected="bug"),),
)


class Writer:
    """A door at which only the optimizer model answers, from a list."""

    def __init__(self, *replies: str | Exception, max_tokens: int = 8000) -> None:
        table = {"name": "p", "prompt": "x", "models": {"target": {"model": "t"}}}
        models = {"target": {"model": "t"}, "optimizer": {"model": "o", "max_tokens": max_tokens}}
        self.settings = ProjectSettings.model_validate({**table, "models": models})
        self.asked: list[tuple[str, str]] = []
        self.refusals: list[str] = []
        self.longest = 0
        self.forbidden = ""
        """A text that people do not want in any prompt."""
        self._replies = list(replies)

    async def complete(self, role: str, messages: Sequence[Message], *, path: str) -> LLMResponse:
        self.asked.append((path, messages[-1].content))
        self.longest = max(self.longest, sum(len(message.content) for message in messages))
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return LLMResponse(text=reply)

    async def admit(self, prompt: Prompt, **_: Any) -> str:
        return "it must not say no" if self.forbidden and self.forbidden in prompt.text else ""

    def refused(self, iteration: int, attempt: int, reason: str) -> None:
        self.refusals.append(reason)


def brief(**more: Any) -> Brief:
    given_: dict[str, Any] = {
        "task": TaskSpec(description="Sort tickets"),
        "placeholders": ["text"],
        "parent": PARENT,
        "score": Interval(mean=0.5, low=0.4, high=0.6, n=20),
        "feedback": "FEEDBACK",
        "partner": None,
        "lessons": [Lesson("L1", "in doubt", "name the labels")],
        "history": [],
        "recent": 3,
        "target": 0.35,
        "max_chars": 3000,
    }
    return Brief(**{**given_, **more})


def limits(tries: int = 3, **more: Any) -> Limits:
    rules = Rules(columns=["text"], placeholders=["text"], max_chars=3000, near_duplicate=0.97, **more)
    return Limits(rules, furthest=0.6, tries=tries)


SLOTS = [Slot(1, "patch", aim="bugs (9 of 20)"), Slot(2, "explore"), Slot(3, "lessons", lessons=("L1",))]


def variant(slot: int, text: str, **more: Any) -> dict[str, Any]:
    return {"slot": slot, "prompt": f"Sort {{text}}. {WORDS} {text}", "reasoning": text, **more}


def group(*variants: dict[str, Any]) -> str:
    return json.dumps({"variants": variants})


WHOLE = group(
    variant(1, "first rule of seven words, a new one"),
    variant(2, "second thing altogether, that nobody ever said"),
    variant(3, "third and last, by the lesson that is known", lessons=["L1", "L9", "L1"], confidence=0.8),
)


async def asked(writer: Writer, slots: Sequence[Slot] = SLOTS, **more: Any) -> list[Variant]:
    limit = more.pop("limit", limits())
    return await propose(writer, 4, brief(**more), slots, [PARENT], limit)  # type: ignore[arg-type]


async def test_one_request_gives_the_whole_group() -> None:
    writer = Writer(WHOLE)
    found = await asked(writer)
    assert [v.slot.number for v in found] == [1, 2, 3] and len(writer.asked) == 1
    assert writer.asked[0][0] == "propose/4/1" and not writer.refusals
    assert all(v.prompt.demonstrations == PARENT.demonstrations for v in found)
    assert found[2].lessons == ("L1",) and found[2].confidence == 0.8


async def test_only_what_can_not_be_used_is_asked_for_again() -> None:
    bad = group(
        variant(1, "first rule of seven words, a new one"),
        {"slot": 2, "prompt": f"Sort it. {WORDS}", "reasoning": "lost its mark"},
    )
    again = group(
        variant(2, "second thing altogether, that nobody ever said"),
        variant(3, "third and last, by the lesson that is known"),
    )
    writer = Writer(bad, again)
    found = await asked(writer)
    assert [v.slot.number for v in found] == [1, 2, 3]
    path, correction = writer.asked[1]
    assert path == "propose/4/2" and "for the slots 2, 3" in correction and "lost {text}" in correction
    assert "slot 3: it is missing" in correction
    (told,) = writer.refusals
    assert told.startswith("2 of 3 variants") and "2 (explore)" in told


async def test_what_people_do_not_let_be_scored_is_asked_for_again_with_the_reason() -> None:
    again = group(variant(2, "something else that nobody minds at all"))
    writer = Writer(WHOLE, again)
    writer.forbidden = "nobody ever said"
    found = await asked(writer)
    assert [v.slot.number for v in found] == [1, 2, 3] and found[1].reasoning.startswith("something else")
    _, correction = writer.asked[1]
    assert "it must not say no" in correction and "slot 2" in writer.refusals[0].replace("slot 2 (", "slot 2")


async def test_a_runaway_reply_is_shown_again_in_part_only() -> None:
    writer = Writer("x" * 1_000_000, WHOLE)
    assert len(await asked(writer)) == 3
    assert writer.longest < 40_000


async def test_what_can_not_be_had_is_left_out_after_all_tries() -> None:
    one = group(variant(1, "first rule of seven words, a new one"))
    writer = Writer(one, CallFailed("down"), "I'd rather not.")
    found = await asked(writer)
    assert [v.slot.number for v in found] == [1] and len(writer.asked) == 3
    assert "no reply: down" in writer.refusals[1]


@pytest.mark.parametrize(
    ("text", "operator", "said"),
    [
        (PARENT.text, "patch", "tried before"),
        (f"Sort {{text}} {' '.join(f'other{n}' for n in range(90))}", "patch", "changes more"),
        (f"Sort {{text}}. {WORDS} the depot in Lyon sends it back", "explore", "copies a case"),
        (f"Sort {{text}}. {WORDS} {wording.SYSTEM[:200]}", "explore", "repeats these instructions"),
        (f"Sort {{text}}. {'x' * 4000}", "explore", "at most 3000"),
        ("  ", "explore", "not empty"),
    ],
)
async def test_guards(text: str, operator: Any, said: str) -> None:
    writer = Writer(group({"slot": 1, "prompt": text, "reasoning": "r"}))
    limit = limits(1, answers=("the depot in Lyon sends it back",), secret=(wording.SYSTEM,))
    assert await asked(writer, [Slot(1, operator)], limit=limit) == []
    assert said in writer.refusals[0]


async def test_exploring_may_go_further() -> None:
    far = f"Sort {{text}} {' '.join(f'other{n}' for n in range(90))}"
    (found,) = await asked(Writer(group({"slot": 1, "prompt": far, "reasoning": "r"})), [Slot(1, "explore")])
    assert found.prompt.text == far


async def test_two_variants_that_are_the_same_are_one() -> None:
    same = [variant(n, "one and the same rule, said two times") for n in (1, 2)]
    writer = Writer(group(*same), group(same[1]), "{}")
    found = await asked(writer, SLOTS[:2])
    assert [v.slot.number for v in found] == [1]


async def test_long_prompts_are_asked_for_in_as_few_replies_as_can_be() -> None:
    assert replies(5, 600, 4096) == 1
    assert replies(5, 6000, 4096) == 5
    assert replies(5, 60_000, 4096) == 5
    parts = [
        group(variant(1, "first rule of seven words, a new one")),
        group(variant(2, "second thing altogether, that nobody ever said")),
        group(variant(3, "third and last, by the lesson that is known")),
    ]
    writer = Writer(*parts, max_tokens=500)
    found = await asked(writer)
    assert [v.slot.number for v in found] == [1, 2, 3]
    assert [path for path, _ in writer.asked] == ["propose/4/1", "propose/4/1/1", "propose/4/2/1"]
    twice = [group(variant(n, f"rule number {n}, of so many new words")) for n in (1, 2, 3)]
    writer = Writer(*twice, max_tokens=500)
    assert [v.slot.number for v in await asked(writer)] == [1], "each reply knows nothing of the others"
    assert len(writer.refusals) == 2


def test_a_reply_that_was_cut_off_gives_the_variants_that_are_whole() -> None:
    found = read_variants(WHOLE[: WHOLE.rindex('"slot"') + 80], [1, 2, 3])
    assert set(found) == {1, 2}


def test_variants_without_a_slot_take_those_that_are_left() -> None:
    listed = [{"prompt": "a"}, {"slot": 2, "prompt": "b"}, {"prompt": "c"}, {"slot": 9, "prompt": "d"}]
    found = read_variants(f"Here:\n```json\n{json.dumps({'variants': listed})}\n```", [1, 2, 3])
    assert {slot: item["prompt"] for slot, item in found.items()} == {1: "a", 2: "b", 3: "c"}
    bare = read_variants(json.dumps(listed[0]) + json.dumps(listed[2]), [1, 2])
    assert {slot: item["prompt"] for slot, item in bare.items()} == {1: "a", 2: "c"}


@CALM
@given(st.text(max_size=300) | st.binary(max_size=90).map(lambda b: '{"variants": [' + repr(b) + "{"))
def test_any_reply_can_be_read(reply: str) -> None:
    assert set(read_variants(reply, [1, 2])) <= {1, 2}
    assert isinstance(distilling.read_operations(reply), list)


def test_the_request_tells_what_was_tried_learned_and_wanted() -> None:
    rows = [
        Tried(f"#{n}", "patch", f"idea {n}", n / 100, 0.03, n, 1, "it fell behind", accepted=n == 4)
        for n in range(1, 12)
    ]
    messages = wording.request(brief(history=rows, recent=2, target=0.16), SLOTS)
    text = messages[-1].content
    assert [m.role for m in messages] == ["system", "user"]
    for part in ("Sort tickets", "{text}", "L1: When in doubt: name the labels", "FEEDBACK", "3000"):
        assert part in text
    assert f"<current_prompt>\n{PARENT.text}\n</current_prompt>" in text
    shown = [n for n in range(1, 12) if f"#{n} patch" in text]
    assert shown == [1, 4, 10, 11]  # the worst, what was accepted, the best and the last
    assert "7 others left out" in text and "small, precise changes" in text
    assert "slot 1: mend this kind of failure, at its cause: bugs" in text
    assert "exactly 3 variants" in text and "<other_prompt>" not in text
    merged = wording.request(brief(partner=Prompt(text="OTHER")), [Slot(1, "merge")])[-1].content
    assert "<other_prompt>\nOTHER\n</other_prompt>" in merged


# --- contrasts ---


def results(**scores: str) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, CaseResult]]]:
    """Rewards by prompt id, and results, from digits."""
    table = {Prompt(text=k).id: {f"c{n}": float(d) for n, d in enumerate(v)} for k, v in scores.items()}
    found = {
        name: {
            case: CaseResult(case_id=case, output=f"out {case}", score=reward, passed=reward == 1)
            for case, reward in rewards.items()
        }
        for name, rewards in table.items()
    }
    return table, found


def contrast(**scores: str) -> distilling.Contrast | None:
    table, _ = results(**scores)
    cases = {f"c{n}": Example(id=f"c{n}", inputs={"input": f"in {n}"}, expected="x") for n in range(12)}
    better, worse, parent = (Prompt(text=name) for name in ("better", "worse", "parent"))
    return distilling.contrast(better, worse, parent, table, cases)


def test_a_contrast_shows_what_was_won_lost_and_failed_by_all() -> None:
    found = contrast(better="11111000", worse="00000100", parent="00000110")
    assert found
    assert [case.id for case in found.cases.values()] == ["c0", "c1", "c2", "c3", "c5", "c7"]
    assert list(found.gains.values()) == [1, 1, 1, 1, -1, 0]
    assert "lost against its parent" in found.kinds["C5"] and "all variants fail" in found.kinds["C6"]


def test_nothing_is_learned_from_a_better_one_that_won_nothing() -> None:
    assert contrast(better="0011", worse="1111", parent="1111") is None


def test_lessons_are_asked_for_between_seals_and_come_back_with_the_ids_of_cases() -> None:
    found = contrast(better="1100", worse="0000", parent="0010")
    assert found
    _, by_prompt = results(better="1100", worse="0000", parent="0010")
    text = distilling.request(found, by_prompt, [Lesson("L3", "", "be brief")], "Sort")[-1].content
    assert "L3: be brief" in text and "{+better+}" in text and "Case C1 (the better one won)" in text
    assert text.count("[input ") == len(found.cases)
    reply = json.dumps(
        {
            "operations": [
                {"op": "add", "when": "w", "do": "d", "evidence_cases": ["C1", "C9"]},
                {"op": "UPDATE", "target": "L3", "do": "e", "evidence_cases": ["C2"]},
                {"op": "DELETE", "target": "L3"},
            ]
        }
    )
    operations, gains = distilling.by_id(distilling.read_operations(f"So: {reply}"), found)
    assert len(operations) == 2, "at most two"
    assert operations[0].evidence == ("c0", "C9, which was not shown")
    assert (operations[1].action, operations[1].target, operations[1].evidence) == ("change", "L3", ("c1",))
    assert gains["c0"] == 1 and gains["c2"] == -1
