"""What can be asked of a run in the cockpit, beside pausing, editing and stopping it."""

from collections.abc import Callable
from typing import Any

from textual.events import Paste
from textual.pilot import Pilot

from promptopt.domain import events as ev
from promptopt.store.commands import Inject, SetConcurrency, SetLimits, Step, Stop
from promptopt_tui.screens.editor import EditScreen
from promptopt_tui.screens.filling import FillScreen, Line
from promptopt_tui.screens.run import RunScreen
from tests.tui.test_run_screen import asked, text

Make = Callable[..., Any]
SIZE = (120, 40)


async def typed(pilot: Pilot[int], words: str) -> None:
    await pilot.press(*("space" if letter == " " else letter for letter in words))


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
        lines = list(screen.query(Line))
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


async def test_what_is_pasted_into_a_field_can_do_nothing(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        field = list(pilot.app.screen.query(Line))[-1]
        field.post_message(Paste("a\x1b]52;c;eA==\x07\nb[/x]"))
        await settle(pilot)
        assert field.value == "a␛]52;c;eA==␇ b[/x]"
        await pilot.press("escape")
        assert asked(told) == []
