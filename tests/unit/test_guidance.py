"""What people ask of proposals: what it means for a prompt, what the optimizer is told, whom it lets pass."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain import events as ev
from promptopt.domain.chat import ChatRequest
from promptopt.domain.guidance import Form, Guidance, addendum, objection
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import Interval
from promptopt.models.gateway import with_addendum
from promptopt.runs.admission import Admission
from promptopt.runs.state import RunState
from tests.unit.voices import voice

KEEP = Guidance(number=1, form="keep", text="Answer in\n English.")
AVOID = Guidance(number=2, form="avoid", text="As an AI")
NOTE = Guidance(number=3, form="note", text="Short, please.")


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("Sort. Answer in English.", ""),
        ("Sort. answer in English.", "must contain"),
        ("Sort.", "must contain this text, word for word: Answer in\n English."),
        ("Answer in  English. as an\nai, sort.", "must not contain this text: As an AI"),
    ],
)
def test_what_speaks_against_a_prompt(prompt: str, said: str) -> None:
    found = objection([NOTE, KEEP, AVOID], prompt)
    assert said in found and bool(said) is bool(found)


def test_the_optimizer_is_told_all_of_it_demands_first() -> None:
    assert addendum([]) == ""
    told = addendum([NOTE, KEEP, AVOID]).splitlines()
    assert told[0] == "<guidance>" and told[-1] == "</guidance>"
    assert [line[:20] for line in told if line.startswith("- ")] == [
        "- The prompt must no",
        "- The prompt must co",
        "- Short, please.",
    ]


def test_an_addendum_stands_at_the_end_of_the_last_user_message() -> None:
    said = [("system", "s"), ("user", "a"), ("user", "b"), ("assistant", "c")]
    messages = tuple(Message(role=role, content=content) for role, content in said)  # type: ignore[arg-type]
    request = ChatRequest(model="m", messages=messages)
    assert with_addendum(request, "") is request
    asked = with_addendum(request, "more")
    assert [m.content for m in asked.messages] == ["s", "a", "b\n\nmore", "c"]
    alone = with_addendum(ChatRequest(model="m", messages=messages[:1]), "more")
    assert [(m.role, m.content) for m in alone.messages] == [("system", "s"), ("user", "more")]


Step = tuple[str, int]


@given(
    st.lists(
        st.tuples(st.sampled_from(["note", "keep", "avoid", "withdraw"]), st.integers(1, 4)), max_size=12
    )
)
def test_what_is_in_force_is_what_was_given_and_not_withdrawn(steps: list[tuple[str, int]]) -> None:
    state, twice, wanted = RunState(), RunState(), dict[int, str]()
    for form, number in steps:
        event: ev.Event
        if form == "withdraw":
            event = ev.GuidanceWithdrawn(by="a", number=number)
            wanted.pop(number, None)
        elif number in state.wishes.given:
            continue  # a number names one wish
        else:
            event = ev.GuidanceGiven(by="a", number=number, form=form, text=f"{number}")  # type: ignore[arg-type]
            wanted[number] = form
        state.apply(event, 1.0)
        twice.apply(event, 1.0)
        twice.apply(event, 1.0)
    assert {wish.number: wish.form for wish in state.wishes.in_force} == wanted
    assert twice.wishes == state.wishes
    assert state.wishes.addenda[0] == "" and state.wishes.addenda[-1] == addendum(state.wishes.in_force)


HALF = Interval(mean=0.5, low=0.3, high=0.7, n=10)
MORE = Interval(mean=0.8, low=0.6, high=0.9, n=10)


def test_a_candidate_that_is_not_as_people_ask_wins_only_if_none_is() -> None:
    state = RunState()
    for name, text, score in (("s", "seed", HALF), ("a", "As an AI, sort.", MORE)):
        source = "seed" if name == "s" else "optimizer"
        state.apply(ev.CandidateProposed(candidate_id=name, text=text, source=source), 0.0)  # type: ignore[arg-type]
        state.apply(ev.CandidateScored(candidate_id=name, split="validation", score=score, passed=5), 0.0)
    state.apply(ev.CandidateJudged(candidate_id="a", against_id="s", accepted=True, reason=""), 0.0)
    assert state.best_id == "a"
    state.apply(ev.GuidanceGiven(by="anna", number=1, form="avoid", text="as an ai"), 0.0)
    assert state.best_id == "s" and "must not contain" in state.candidates["a"].barred
    state.apply(ev.GuidanceGiven(by="anna", number=2, form="keep", text="please"), 0.0)
    assert state.best_id == "a"  # nobody is as asked
    for number in (1, 2):
        state.apply(ev.GuidanceWithdrawn(by="anna", number=number), 0.0)
    assert state.best_id == "a" and not state.candidates["a"].barred


class Door:
    """An admission, with what it has told."""

    def __init__(self, *before: ev.Event) -> None:
        self.told: list[ev.Event] = []
        engine = voice(self.told.append)
        self.state: RunState = engine.state
        for event in before:
            engine.emit(event)
        self.told.clear()
        self.admission = Admission(engine.state, engine.emit)
        self.emit = engine.emit

    async def admit(self, text: str) -> str:
        prompt = Prompt(text=text)
        known = self.admission.at_once(prompt)
        if known is not None:
            return known
        about: dict[str, Any] = {"iteration": 1, "parent_id": None, "reasoning": "", "made_by": ""}
        return await self.admission.ask(prompt, **about)


def given_(form: Form, text: str, number: int = 1) -> ev.GuidanceGiven:
    return ev.GuidanceGiven(by="anna", number=number, form=form, text=text)


async def test_where_nobody_asks_for_anything_all_is_admitted_and_nothing_told() -> None:
    door = Door(given_("note", "short"))
    assert await door.admit("a") == "" and door.told == []


async def test_a_decision_holds_whatever_is_asked_later_and_in_the_next_worker() -> None:
    door = Door()
    assert await door.admit("says no") == ""
    door.emit(given_("avoid", "no"))
    assert await door.admit("says no") == ""
    why_not = await door.admit("no, too")
    assert "must not contain this text: no" in why_not and not door.state.deeds[1:]
    door.emit(ev.GuidanceWithdrawn(by="anna", number=1))
    again = Door(*door.told)
    assert await again.admit("no, too") == why_not == await door.admit("no, too")
    assert await again.admit("says no") == ""


async def test_what_was_paid_for_before_is_admitted_without_a_word() -> None:
    door = Door(given_("avoid", "no"), ev.ApprovalSet(by="anna", on=True))
    door.admission.paid = lambda prompt: prompt.text == "says no"
    assert await door.admit("says no") == "" and door.told == []


async def test_a_proposal_waits_for_a_person_once_for_all_who_want_to_score_it() -> None:
    door = Door(ev.ApprovalSet(by="anna", on=True))
    waiting = [asyncio.create_task(door.admit("a")) for _ in range(3)]
    await asyncio.sleep(0)
    (told,) = door.told
    assert isinstance(told, ev.ProposalWaiting) and door.admission.waits
    assert not door.admission.decide("another", True, "ben")
    assert door.admission.decide(told.candidate_id, False, "ben", "too long")
    assert await asyncio.gather(*waiting) == ["a person rejected it: too long"] * 3
    assert not door.admission.waits and not door.state.wishes.waiting
    assert door.state.deeds[-1].text == f"proposal {told.candidate_id[:6]} rejected by ben: too long"
    assert await door.admit("a") == "a person rejected it: too long"
    assert await Door(*door.told, ev.ApprovalSet(by="anna", on=True)).admit("a")


async def test_a_proposal_that_nobody_wants_to_score_any_more_waits_no_more_and_may_come_again() -> None:
    door = Door(ev.ApprovalSet(by="anna", on=True))
    for _ in range(2):
        waiting = asyncio.create_task(door.admit("a"))
        await asyncio.sleep(0)
        assert door.state.wishes.waiting
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not door.admission.waits and not door.state.wishes.waiting


async def test_once_nobody_wants_to_be_asked_what_waits_is_admitted() -> None:
    door = Door(ev.ApprovalSet(by="anna", on=True))
    waiting = asyncio.create_task(door.admit("a"))
    await asyncio.sleep(0)
    door.admission.let_all_go("ben", "")
    assert await waiting == ""


async def test_what_people_bring_needs_no_consent() -> None:
    door = Door(given_("keep", "x"), ev.ApprovalSet(by="anna", on=True))
    door.admission.waive(Prompt(text="mine").id)
    assert await door.admit("mine") == ""
