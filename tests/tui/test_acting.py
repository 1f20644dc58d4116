"""What can be asked of a run in the cockpit, beside pausing, editing and stopping it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from textual.events import Key, Paste
from textual.pilot import Pilot

from promptopt.domain import events as ev
from promptopt.domain.demonstrations import Demonstration
from promptopt.runs.state import RunState
from promptopt.store.commands import (
    Decide,
    Guide,
    Inject,
    Mend,
    Pause,
    SetApproval,
    SetConcurrency,
    SetLimits,
    SetModel,
    Step,
    Stop,
    Withdraw,
)
from promptopt_tui.screens.editor import EditScreen
from promptopt_tui.screens.filling import FillScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.views import wishes
from promptopt_tui.views.view import View
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.cases import CasesPanel
from promptopt_tui.widgets.textline import TextLine
from tests.tui.look import asked, cockpit, text

Make = Callable[..., Any]
SIZE = (120, 40)


async def typed(pilot: Pilot[int], words: str) -> None:
    await pilot.press(*("space" if letter == " " else letter for letter in words))


def banners(pilot: Pilot[int]) -> str:
    """The banners of the cockpit, whatever is in front of it."""
    screen = next(screen for screen in pilot.app.screen_stack if isinstance(screen, RunScreen))
    return screen.query_one("#banners", Canvas).text_to_copy()


async def until(pilot: Pilot[int], settle: Make, condition: Callable[[], object]) -> None:
    """Wait for what a thread has to load."""
    async with asyncio.timeout(20):
        while not condition():
            await settle(pilot)


async def test_a_step_is_asked_for_and_shown(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("full_stop")
        await settle(pilot)
        assert asked(told) == [Step()]
        told.tell(ev.StepAsked(by="ada", reason="slowly"))
        await settle(pilot)
        assert "pauses at the next iteration" in text(pilot, "header")
        assert "asked by ada: slowly" in text(pilot, "log")


async def test_a_reason_goes_with_what_is_asked_next(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("W")
        await settle(pilot)
        await typed(pilot, "too dear")
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("space")
        await settle(pilot)
        assert "(too dear)" in banners(pilot)
        await pilot.press("s", "x")
        await settle(pilot)
        assert asked(told) == [Pause(reason="too dear"), Stop(now=True)]


async def test_a_prompt_is_put_in_the_running_with_a_reason(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("i")
        await settle(pilot)
        assert isinstance(pilot.app.screen, EditScreen)
        await pilot.press("H", "i", "ctrl+s")
        await settle(pilot)
        assert "it goes on as before" in text(pilot, "body")
        await pilot.press("w")
        await settle(pilot)
        await typed(pilot, "an idea")
        await pilot.press("enter")
        await settle(pilot)
        (sent,) = asked(told)
        assert isinstance(sent, Inject) and sent.text.startswith("Hi") and sent.reason == "an idea"
        assert isinstance(pilot.app.screen, RunScreen)


async def test_a_run_can_be_let_end_with_its_iteration(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("s", "i")
        await settle(pilot)
        assert asked(told) == [Stop(after_iteration=True)]
        told.tell(ev.StopRequested(by="ada", after_iteration=True))
        await settle(pilot)
        assert "ends after this iteration" in text(pilot, "header")


async def test_caps_that_were_changed_are_sent_and_no_others(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    told.tell(ev.LimitsSet(by="ada", limits={"usd": 2.0, "target_calls": 900.0}))
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, FillScreen)
        names = list(screen.values)
        assert screen.values["usd"] == "2" and screen.values["target_calls"] == "900"
        lines = list(screen.query(TextLine))
        lines[names.index("usd")].value = "a lot"
        await pilot.press("enter")
        await settle(pilot)
        assert pilot.app.screen is screen and "USD must be a number above 0" in text(pilot, "hints")
        for name, value in {
            "usd": "3,500",
            "target_calls": "",
            "at once target": "4",
            "reason": "go",
        }.items():
            lines[names.index(name)].value = value
        await pilot.press("enter")
        await settle(pilot)
        assert asked(told) == [
            SetLimits(limits={"usd": 3500.0, "target_calls": None}, reason="go"),
            SetConcurrency(role="target", most=4, reason="go"),
        ]


async def test_a_wish_is_given_shown_and_taken_back(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("w", "k")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert "is empty" in text(pilot, "hints") and asked(told) == []
        await typed(pilot, "Be kind.")
        await pilot.press("tab")
        await typed(pilot, "tone")
        await pilot.press("enter")
        await settle(pilot)
        assert asked(told) == [Guide(form="keep", text="Be kind.", reason="tone")]
        told.tell(ev.GuidanceGiven(by="ada", number=7, form="keep", text="Be kind.", reason="tone"))
        told.tell(ev.GuidanceGiven(by="ada", number=9, form="note", text="[b]Short[/b]\x1b[2J"))
        await settle(pilot)
        await pilot.press("w")
        await settle(pilot)
        shown = text(pilot, "body")
        assert "7 must contain  Be kind.  ada" in shown and "9 note  [b]Short[/b]␛[2J" in shown
        assert "Take back number 9" in text(pilot, "menu")
        await pilot.press("b")
        await settle(pilot)
        assert asked(told)[-1] == Withdraw(number=9)


async def test_the_editor_says_whether_a_text_is_as_asked_and_how_long_it_is(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    told.tell(ev.GuidanceGiven(by="ada", number=7, form="keep", text="Be kind."))
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        assert "✗ must contain “Be kind.”" in text(pilot, "state")
        await typed(pilot, "Be kind. ")
        await settle(pilot)
        state = text(pilot, "state")
        assert "✓ must contain" in state and "about 26 tokens" in state


WAITS = ev.ProposalWaiting(
    candidate_id="abcdef", text="Sort it.\nBe [brief].", iteration=3, reasoning="It was too long."
)


async def test_a_proposal_that_waits_comes_as_a_card_and_is_answered(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        assert asked(told) == [SetApproval(on=True)]
        told.tell(ev.ApprovalSet(by="ada", on=True), WAITS)
        told.tell(WAITS.model_copy(update={"candidate_id": "fedcba", "text": "Sort."}))
        await settle(pilot)
        shown = text(pilot, "body")
        assert "why: It was too long." in shown and "+ Be [brief]." in shown
        assert "2 proposals wait for your consent" in banners(pilot)
        await pilot.press("w")
        await settle(pilot)
        await typed(pilot, "no")
        await pilot.press("enter")
        await settle(pilot)
        assert asked(told)[-1] == Decide(candidate_id="abcdef", adopt=False, reason="no")
        told.tell(ev.ProposalDecided(candidate_id="abcdef", accepted=False, by="ada", reason="no"))
        await settle(pilot)
        assert "+ Sort." in text(pilot, "body")  # the next one
        told.tell(ev.ProposalDecided(candidate_id="fedcba", accepted=True, by="ben"))
        await settle(pilot)
        assert isinstance(pilot.app.screen, RunScreen)  # decided elsewhere


def test_a_card_shows_the_demonstrations_of_a_proposal() -> None:
    state = RunState()
    told = WAITS.model_copy(
        update={"demonstrations": [Demonstration(inputs={"input": "a[b]\x1b[2J"}, output="bug")]}
    )
    view = View(state=state, row=None, status="running", now=0.0)
    shown = ["".join(part for part, _ in line) for line in wishes.proposal(view, told, 60)]
    assert "  a[b]␛[2J → bug" in shown and "Be [brief]." in shown


async def test_a_card_that_is_put_off_comes_when_it_is_asked_for(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    told.tell(ev.ApprovalSet(by="ada", on=True), WAITS)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, RunScreen)
        await pilot.press("a", "a")
        await settle(pilot)
        assert asked(told) == [Decide(candidate_id="abcdef", adopt=True)]
        await pilot.press("p", "y")
        await settle(pilot)
        assert asked(told)[-1] == SetApproval(on=False)


async def test_another_model_is_asked_for(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("M")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, FillScreen)
        name, _, _, most, _ = screen.query(TextLine)
        name.value, most.value = "openai/gpt-4o", "2000"
        await pilot.press("enter")
        await settle(pilot)
        changes = {"model": "openai/gpt-4o", "max_tokens": "2000"}
        assert asked(told) == [SetModel(role="optimizer", changes=changes)]


async def test_a_case_is_put_right_or_dropped(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("4", "c")
        await settle(pilot)
        shown = text(pilot, "body")
        assert "expects: " in shown and "begins anew from the current prompt" in shown
        await pilot.press("e")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert "is what it expects already" in text(pilot, "hints")
        await pilot.press("end", "x", "tab", "w", "enter")
        await settle(pilot)
        (sent,) = asked(told)
        assert isinstance(sent, Mend) and sent.expected and sent.expected.endswith("x") and sent.reason == "w"
        mended = {"case_id": sent.case_id, "expected": sent.expected, "splits": ["validation"]}
        about = {"turn": 2, "start_id": told.ids["first"], "iteration": 2, "command_id": 1}
        told.tell(ev.CaseMended(by="ada", sizes={}, **mended, **about))
        panel = cockpit(pilot).query_one(CasesPanel)
        await until(pilot, settle, lambda: panel.case and panel.case.expected == sent.expected)
        await pilot.press("enter")
        await settle(pilot)
        assert sent.expected in text(pilot, "body")
        await pilot.press("c", "d", "enter")
        await settle(pilot)
        assert asked(told)[-1] == Mend(case_id=sent.case_id)
        told.tell(
            ev.CaseMended(
                by="ada", sizes={}, **{**mended, "expected": None}, **{**about, "turn": 3, "command_id": 2}
            )
        )
        await until(pilot, settle, lambda: sent.case_id not in [row.id for row in panel.cases])


async def test_what_is_pasted_into_a_field_can_do_nothing(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        field = list(pilot.app.screen.query(TextLine))[-1]
        field.post_message(Paste("a\x1b]52;c;eA==\x07\nb[/x]"))
        await settle(pilot)
        assert field.value == "a␛]52;c;eA==␇ b[/x]"
        await pilot.press("escape")
        assert asked(told) == []


@pytest.mark.parametrize("key", ["escape", "n"])
async def test_keys_of_one_moment_close_one_screen(
    story: Make, make_app: Make, settle: Make, key: str
) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("s")
        await settle(pilot)
        dialog = pilot.app.screen
        for _ in range(3):  # as a terminal sends them that has collected them
            pilot.app.post_message(Key(key, key if len(key) == 1 else None))
        await settle(pilot)
        assert dialog not in pilot.app.screen_stack
        assert isinstance(pilot.app.screen, RunScreen) and len(pilot.app.screen_stack) == 2
        assert asked(told) == []


@pytest.mark.parametrize("keys", ["e", "wn", "p"], ids=["edit", "wish", "approval"])
async def test_what_waits_does_not_come_over_what_is_typed(
    story: Make, make_app: Make, settle: Make, keys: str
) -> None:
    told = story().live()
    told.tell(ev.ApprovalSet(by="ada", on=True))
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        typing = pilot.app.screen
        assert not isinstance(typing, RunScreen)
        told.tell(WAITS)
        await settle(pilot)
        pilot.app.screen_stack[1].tick()  # type: ignore[attr-defined]
        await settle(pilot)
        assert pilot.app.screen is typing
        await pilot.press("escape")
        await settle(pilot)
        pilot.app.screen_stack[1].tick()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "A proposal waits for you" in str(pilot.app.screen.query_one("#dialog").border_title)
