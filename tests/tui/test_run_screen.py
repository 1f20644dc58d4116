"""The cockpit, key by key."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from textual.command import CommandPalette

from promptopt.domain import events as ev
from promptopt.domain.errors import ModelError, RunError
from promptopt.store.commands import Decide, Edit, Pause, Resume, Stop
from promptopt_tui import paint
from promptopt_tui.actions import PANELS
from promptopt_tui.app import PromptoptApp, run
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.editor import EditScreen
from promptopt_tui.screens.result import ResultScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.cases import CasesPanel
from promptopt_tui.widgets.keyline import KeyLine
from promptopt_tui.widgets.panels import LogPanel, PromptPanel
from promptopt_tui.widgets.standings import StandingsPanel
from tests.tui.look import asked, cockpit, text

from .story import rated

Make = Callable[..., Any]
FIRST = "Classify the support ticket into billing, bug, account or other.\nAnswer with one lower-case word."
"""The prompt that the search stands on in the recorded runs."""

SIZE = (120, 40)


async def test_space_pauses_and_space_again_resumes(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("space")
        await settle(pilot)
        assert asked(told) == [Pause()]
        assert "pausing" in text(pilot, "banners")

        told.tell(ev.Paused(by="ada"))
        await settle(pilot)
        assert "‖ paused" in text(pilot, "header")
        assert "resume" in text(pilot, "keys")
        await pilot.press("space")
        await settle(pilot)
        assert asked(told)[-1] == Resume()


async def test_an_edit_is_written_confirmed_and_sent(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        editor = pilot.app.screen
        assert isinstance(editor, EditScreen)
        assert editor.text == FIRST
        await pilot.press("N", "o", "w", ":", "space")
        await pilot.press("ctrl+s")
        await settle(pilot)
        body = text(pilot, "body")
        assert "+1 line  -1 line" in body
        assert "+ Now: Classify" in body
        assert asked(told) == []

        await pilot.press("y")
        await settle(pilot)
        sent = asked(told)[0]
        assert isinstance(sent, Edit)
        assert sent.adopt == "ask"
        assert sent.text.startswith("Now: Classify the support ticket into")
        assert isinstance(pilot.app.screen, RunScreen)
        assert "on its way" in text(pilot, "banners")


async def test_an_edit_can_be_looked_at_again_before_it_is_sent(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("e", "x", "ctrl+s")
        await settle(pilot)
        await pilot.press("n")
        assert isinstance(pilot.app.screen, EditScreen)
        assert asked(told) == []


async def test_a_change_is_not_thrown_away_unasked(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("e", "escape")
        assert isinstance(pilot.app.screen, RunScreen)

        await pilot.press("e", "x", "escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Dialog)
        await pilot.press("enter")  # the first answer is the safe one
        assert isinstance(pilot.app.screen, EditScreen)
        await pilot.press("escape", "y")
        await settle(pilot)
        assert isinstance(pilot.app.screen, RunScreen)
        assert asked(told) == []


async def test_an_edit_without_a_change_or_without_a_text_is_not_sent(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("e", "ctrl+s")
        assert isinstance(pilot.app.screen, EditScreen)
        pilot.app.screen.query_one("#area").load_text("  \n")  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        assert isinstance(pilot.app.screen, EditScreen)


async def test_an_editor_of_ones_own(
    story: Make, make_app: Make, settle: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    script = tmp_path / "editor.sh"
    script.write_text('#!/bin/sh\nprintf "written elsewhere\\033[31m\\n" > "$1"\n')
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(script))
    told = story().live()
    app = make_app(told.run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        monkeypatch.setattr(app._driver.__class__, "can_suspend", True, raising=False)
        monkeypatch.setattr(app._driver, "suspend_application_mode", lambda: None)
        monkeypatch.setattr(app._driver, "resume_application_mode", lambda: None)
        await pilot.press("e", "ctrl+e")
        await pilot.pause()

        assert pilot.app.screen.text == "written elsewhere␛[31m"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("key", "adopt"), [("y", True), ("n", False)])
async def test_a_scored_edit_asks_and_sends_the_answer(
    story: Make, make_app: Make, settle: Make, key: str, adopt: bool
) -> None:
    told = story().edited()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert isinstance(pilot.app.screen, Dialog)
        body = text(pilot, "body")
        assert "▲ better" in body
        assert "+16.7 points [+4.7, +28.7]" in body
        assert "✓ 5 fixed   ✗ 1 broken" in body

        await pilot.press(key)
        await settle(pilot)
        assert asked(told) == [Decide(candidate_id=told.ids["edit"], adopt=adopt)]


async def test_a_worse_edit_offers_to_put_it_aside_first(story: Make, make_app: Make, settle: Make) -> None:
    told = story().edited("worse")
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)

        assert asked(told) == [Decide(candidate_id=told.ids["edit"], adopt=False)]


async def test_the_question_can_wait_and_be_answered_later(story: Make, make_app: Make, settle: Make) -> None:
    told = story().edited()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, RunScreen)
        assert "the edit is better" in text(pilot, "banners")
        assert asked(told) == []

        await pilot.press("a")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Dialog)


async def test_the_question_goes_away_when_it_was_answered_elsewhere(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().edited()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert isinstance(pilot.app.screen, Dialog)
        told.tell(ev.EditDecided(candidate_id=told.ids["edit"], adopted=True, by="grace"))
        await settle(pilot)
        cockpit(pilot).attend()
        await settle(pilot)

        assert isinstance(pilot.app.screen, RunScreen)
        assert asked(told) == []


@pytest.mark.parametrize(
    ("keys", "sent"), [(("s",), [Stop()]), (("x",), [Stop(now=True)]), (("n",), []), (("enter",), [])]
)
async def test_stop_asks_first_and_tells_what_it_costs(
    story: Make, make_app: Make, settle: Make, keys: tuple[str, ...], sent: list[object]
) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("s")
        await settle(pilot)
        body = text(pilot, "body")
        assert "4 calls in flight" in body
        assert "24 cases × 2, at most $0.0500 held back" in body
        await pilot.press(*keys)
        await settle(pilot)

        assert asked(told) == sent


async def test_leaving_a_run_leaves_it_running(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    app = make_app(told.run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("q")
        await pilot.pause()
    assert app.return_value == 0
    assert app.farewell == f"Run {told.run_id} goes on. Watch it again: promptopt attach {told.run_id}"
    assert asked(told) == []


async def test_a_dead_worker_is_told_and_can_be_replaced(
    story: Make, make_app: Make, settle: Make, started: list[str]
) -> None:
    told = story().live()
    told.summarize(heartbeat_at=1.0)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "! interrupted" in text(pilot, "header")
        assert "worker died; press R to resume" in text(pilot, "banners")
        await pilot.press("space")
        await settle(pilot)
        assert asked(told) == []

        await pilot.press("R")
        await settle(pilot)
        assert started == [told.run_id]


@pytest.mark.parametrize("number", range(1, 8))
async def test_number_keys_go_to_panels(story: Make, make_app: Make, settle: Make, number: int) -> None:
    for size in (SIZE, (80, 24)):
        async with make_app(story().live().run_id).run_test(size=size) as pilot:
            await settle(pilot)
            await pilot.press(str(number))
            await settle(pilot)
            panel = PANELS[number - 1]
            focused = pilot.app.screen.focused
            assert focused is not None
            assert focused.id == panel
            assert focused.region.height > 5


async def test_tab_goes_round_the_panels(story: Make, make_app: Make, settle: Make) -> None:
    async with make_app(story().live().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        seen = []
        for _ in PANELS:
            await pilot.press("tab")
            seen.append(pilot.app.screen.focused.id)  # type: ignore[union-attr]
        assert sorted(seen) == sorted(PANELS)
        await pilot.press("shift+tab")
        assert pilot.app.screen.focused.id == seen[-2]  # type: ignore[union-attr]


async def test_a_panel_at_full_size_and_back(story: Make, make_app: Make, settle: Make) -> None:
    async with make_app(story().live().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("4", "f")
        await settle(pilot)
        assert pilot.app.screen.query_one("#cases").region.width == SIZE[0]
        assert pilot.app.screen.query_one("#log").region.width == 0
        await pilot.press("escape")
        await settle(pilot)
        assert pilot.app.screen.query_one("#log").region.width > 0


async def test_the_tournament_is_a_panel_of_its_own_while_there_is_one(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().begin()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        screen = cockpit(pilot)
        assert not screen.query_one("#tournament").display and "matches" not in text(pilot, "keys")
        await pilot.press("m")
        await settle(pilot)
        assert screen.active == "standings"

        players = [told.ids["first"], told.ids["seed"]]
        told.tell(ev.StandingsUpdated(format="duels", ratings=rated([*players, "x", "y"], 3)[:2], played=3))
        await settle(pilot)
        assert screen.query_one("#tournament").display and "matches" in text(pilot, "keys")
        await pilot.press("m")
        await settle(pilot)
        assert screen.active == "tournament" and screen.has_class("-solo")
        assert "duels, 3 matches" in text(pilot, "tournament") and "m Tournament" in text(pilot, "tabs")
        await pilot.press("m")
        await settle(pilot)
        assert screen.active == "standings" and not screen.has_class("-solo")
        await pilot.press("shift+tab", "shift+tab")
        await settle(pilot)
        assert screen.active == "tournament"


async def test_a_run_that_only_plays_offers_no_edit_and_no_test(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story()
    told.tell(
        ev.RunStarted(run_id=told.run_id, project="p", optimizer="tournament", models={}, sizes={"test": 4}),
        ev.PhaseStarted(phase="tournament"),
    )
    told.propose(FIRST, "human")
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "edit" not in text(pilot, "keys") and FIRST[:30] in text(pilot, "prompt")
        await pilot.press("s")
        await settle(pilot)
        assert "sealed" not in text(pilot, "body") + text(pilot, "menu")
        await pilot.press("s")
        await settle(pilot)
        assert asked(told) == [Stop(now=True)]


async def test_a_small_window_says_so_and_comes_back(story: Make, make_app: Make, settle: Make) -> None:
    async with make_app(story().live().run_id).run_test(size=(59, 20)) as pilot:
        await settle(pilot)
        assert pilot.app.screen.query_one("#too-small").region.width > 0
        assert pilot.app.screen.query_one("#standings").region.width == 0
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert pilot.app.screen.query_one("#standings").region.width == 80


async def test_a_chosen_candidate_is_shown_everywhere(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "home", "down", "enter")
        await settle(pilot)
        chosen = cockpit(pilot).pinned_id
        assert chosen == told.ids["seed"]
        assert "Answer with one word" in text(pilot, "prompt")
        assert "seed" in str(pilot.app.screen.query_one("#cases").border_title)
        table = pilot.app.screen.query_one(CasesPanel)
        assert sum(mark.passed for mark in table.marks.values()) == 12

        await pilot.press("enter")
        await settle(pilot)
        assert cockpit(pilot).pinned_id == ""


async def test_marks_that_the_state_forgot_come_from_the_store(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        follower = cockpit(pilot).follower
        lost = next(c.id for c in follower.state.candidates.values() if c.text == "Say billing.")
        assert (lost, "validation") not in follower.state.marks
        cockpit(pilot).pinned_id = lost
        await settle(pilot)
        await settle(pilot)

        assert sum(mark.passed for mark in pilot.app.screen.query_one(CasesPanel).marks.values()) == 7


async def test_the_diff_goes_through_its_bases(story: Make, make_app: Make, settle: Make) -> None:
    async with make_app(story().live().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        titles = []
        for _ in range(4):
            titles.append(str(pilot.app.screen.query_one("#prompt").border_title))
            await pilot.press("d")
            await settle(pilot)
        assert ["against parent" in titles[0], "against seed" in titles[1], "against best" in titles[2]] == [
            True
        ] * 3
        assert "against" not in titles[3]
        await pilot.press("v")
        await settle(pilot)
        assert "│" in text(pilot, "prompt")
        assert pilot.app.screen.query_one(PromptPanel).side


async def test_demonstrations_are_shown_with_the_prompt_that_they_are_sent_with(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    shown = [ev.Demonstration(inputs={"text": "where is\n my order"}, output="shipping")]
    found = told.propose("Label it, as shown.", iteration=3, shown=shown)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        cockpit(pilot).pinned_id = found
        await settle(pilot)
        assert "1 demonstration, sent before each case" in text(pilot, "prompt")
        assert "where is my order → shipping" in text(pilot, "prompt")


@pytest.mark.parametrize("keys", [(), ("v",)])
async def test_a_comparison_shows_the_demonstrations_that_only_one_of_the_two_has(
    story: Make, make_app: Make, settle: Make, press: Make, keys: tuple[str, ...]
) -> None:
    told = story().live()
    shown = [ev.Demonstration(inputs={"text": f"ticket {n}"}, output="shipping") for n in range(4)]
    told.propose("Label it, as shown.", iteration=3, parent=told.ids["first"], shown=shown)
    found = told.propose("Label it, without.", iteration=4, parent=told.ids["first"])
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        cockpit(pilot).pinned_id = found
        panel = pilot.app.screen.query_one(PromptPanel)
        with cockpit(pilot).follower.lock:
            candidates = cockpit(pilot).follower.state.candidates.values()
        panel.compare_with(next(each.id for each in candidates if each.demonstrations))
        await press(pilot, *keys)
        await settle(pilot)
        assert "- [demonstration 4]" in text(pilot, "prompt") and "- → shipping" in text(pilot, "prompt")


async def test_cases_are_filtered_by_text_and_by_failure(story: Make, make_app: Make, settle: Make) -> None:
    async with make_app(story().live().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = pilot.app.screen.query_one(CasesPanel)
        assert len(table.rows) == 24
        await pilot.press("4", "n")
        assert [case.id for case in table.rows] == ["val-013", "val-014"]
        await pilot.press("escape")
        assert len(table.rows) == 24
        await pilot.press("slash", *"invoice", "enter")
        await settle(pilot)
        assert {case.input_text for case in table.rows} == {"The invoice shows the wrong VAT number."}
        assert pilot.app.screen.focused is table
        await pilot.press("slash", "escape")
        await settle(pilot)
        assert len(table.rows) == 24


async def test_keys_typed_into_the_filter_are_text(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("4", "slash", *"space", "q", "s", "e", "1")
        await settle(pilot)

        assert pilot.app.screen.query_one("#search").value == "spaceqse1"  # type: ignore[attr-defined]
        assert asked(told) == []


async def test_a_case_opens_with_output_reasons_and_difference(
    story: Make, make_app: Make, settle: Make
) -> None:
    async with make_app(story().live().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("4", "n", "enter")
        await settle(pilot)
        body = text(pilot, "body")
        assert "✗ fails" in body
        assert "The ticket is about account, I think." in body
        assert "expected 'bug', found" in body
        await pilot.press("right")
        await settle(pilot)
        assert "val-014" in str(pilot.app.screen.query_one("#dialog").border_title)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, RunScreen)


async def test_the_sealed_test_can_not_be_looked_at_before_the_end(
    story: Make, make_app: Make, settle: Make
) -> None:
    for told, splits in (
        (story().live(), {"train", "validation"}),
        (story().finish(), {"train", "validation", "test"}),
    ):
        async with make_app(told.run_id).run_test(size=SIZE) as pilot:
            await settle(pilot)
            seen = set()
            for _ in range(4):
                await pilot.press("x")
                seen.add(cockpit(pilot).wanted_split)
            assert seen == splits


async def test_copy_takes_the_prompt_as_it_is(story: Make, make_app: Make, settle: Make) -> None:
    told = story().begin()
    told.ids["odd"] = told.propose("tab\there, escape \x1b[31m", iteration=3)
    app = make_app(told.run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        cockpit(pilot).pinned_id = told.ids["odd"]
        await settle(pilot)
        await pilot.press("3", "y")
        assert app.clipboard == "tab\there, escape \x1b[31m"
        await pilot.press("4", "y")
        assert "val-000" in app.clipboard


async def test_the_result_comes_up_when_a_watched_run_ends(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        cockpit(pilot).attend()
        told.finish_from_live()
        await settle(pilot)
        cockpit(pilot).attend()
        await settle(pilot)
        assert isinstance(pilot.app.screen, ResultScreen)
        assert "▲ better" in text(pilot, "verdict")
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, RunScreen)
        assert "better than the seed on the sealed test" in text(pilot, "banners")


async def test_a_run_that_ended_before_shows_its_result_when_asked(
    story: Make, make_app: Make, settle: Make
) -> None:
    app = make_app(story().finish().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        cockpit(pilot).attend()
        assert isinstance(pilot.app.screen, RunScreen)
        await pilot.press("o")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ResultScreen)


async def test_a_failed_run_offers_to_go_on(
    story: Make, make_app: Make, settle: Make, started: list[str]
) -> None:
    told = story().fail()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        assert "no key in OPENAI_API_KEY" in text(pilot, "verdict")
        await pilot.press("R")
        await settle(pilot)
        assert started == [told.run_id]


async def test_a_question_that_comes_up_while_somebody_types_takes_no_key_at_once(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().edited()
    clock = [100.0]
    async with make_app(told.run_id, ticks=lambda: clock[0]).run_test(size=SIZE) as pilot:
        await settle(pilot)
        cockpit(pilot).attend()
        for key in ("y", "enter", "n"):
            clock[0] += 0.4
            await pilot.press(key)
            await settle(pilot)
            assert isinstance(pilot.app.screen, Dialog)
        assert asked(told) == []

        clock[0] += 0.6
        await pilot.press("y")
        await settle(pilot)
        assert asked(told) == [Decide(candidate_id=told.ids["edit"], adopt=True)]


async def test_a_question_that_was_asked_for_takes_a_key_at_once(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().edited()
    async with make_app(told.run_id, ticks=lambda: 0.0).run_test(size=SIZE) as pilot:
        await settle(pilot)
        cockpit(pilot).attend()
        await pilot.press("escape", "a", "n")
        await settle(pilot)
        assert asked(told) == [Decide(candidate_id=told.ids["edit"], adopt=False)]


@pytest.mark.parametrize("tested", [False, True])
async def test_only_a_run_whose_test_was_not_scored_can_be_resumed(
    story: Make, make_app: Make, settle: Make, started: list[str], tested: bool
) -> None:
    told = story().stop(tested=tested)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert ("resume" in text(pilot, "keys")) is not tested
        await pilot.press("o")
        await settle(pilot)
        assert ("resume" in text(pilot, "keys")) is not tested
        await pilot.press("escape", "R")
        await settle(pilot)
        assert started == ([] if tested else [told.run_id])
        assert isinstance(pilot.app.screen, RunScreen)


async def test_what_makes_no_sense_is_refused_and_not_offered(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        keys = text(pilot, "keys")
        assert not {"pause", "edit", "stop", "resume"} & set(keys.split())
        await pilot.press("space", "e", "s", "a")
        await settle(pilot)
        assert asked(told) == []
        assert isinstance(pilot.app.screen, RunScreen)


async def test_the_standings_can_be_sorted(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = pilot.app.screen.query_one(StandingsPanel)

        def order() -> str:
            names = {told.ids["seed"]: "seed", told.ids["first"]: "#1", told.ids["second"]: "#3"}
            return " ".join(names.get(row.id, "#2") for row in table.rows)

        assert order() == "#1 seed #2 #3"
        await pilot.press("2", *">>")
        assert order() == "seed #1 #2 #3"
        assert "candidate ▲" in table.render_line(0).text
        await pilot.press("r")
        assert order() == "#3 #2 #1 seed"
        await pilot.press(">")
        assert order() == "#2 seed #1 #3"  # what was not scored comes last
        await pilot.press("r")
        assert order() == "#1 seed #2 #3"
        await pilot.press(">")
        assert "Δseed▲" in table.render_line(0).text
        await pilot.press(*"<<<<")
        assert table.order is None
        assert order() == "#1 seed #2 #3"


async def test_lines_of_the_log_are_shown_whole(
    story: Make, make_app: Make, settle: Make, press: Make
) -> None:
    told = story().live()
    why = "the model answers nobody, " * 12 + "start the server"
    told.tell(ev.Paused(by="promptopt", reason=why, itself=True))
    async with make_app(told.run_id).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "7")
        assert "enter whole" in text(pilot, "keys")
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, Dialog)
        assert f"paused itself: {why}" in " ".join(text(pilot, "body").split())


async def test_what_changes_under_a_dialog_is_painted_with_the_dialog(
    story: Make, make_app: Make, settle: Make, press: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "w")
        painted: list[tuple[Any, ...]] = []
        whole = pilot.app.screen.refresh
        monkeypatch.setattr(
            pilot.app.screen,
            "refresh",
            lambda *regions, **how: (painted.append(regions), whole(*regions, **how)),
        )
        told.spend(0.31, 300)
        await settle(pilot)
        cockpit(pilot).tick()
        assert "$0.31" in paint.plain(cockpit(pilot).query_one("#header", Canvas).lines)
        assert () in painted


async def test_the_log_has_the_time_of_the_clock_and_the_header_the_time_that_was_worked(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    told.tell(ev.Paused(by="ada"))
    told.clock[0] += 86_400
    told.tell(ev.Resumed(by="ada"))
    told.summarize(active_seconds=75.0, heartbeat_at=told.clock[0] + 5.0)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "run time 01:15" in text(pilot, "header")
        lines = [paint.plain([line]).strip() for line in pilot.app.screen.query_one(LogPanel).lines]
        assert lines[0].startswith("08:54:20 · 2025-10-09  run started")
        assert re.fullmatch(r"08:54:\d\d · paused by ada", lines[-2])
        assert re.fullmatch(r"08:54:\d\d · 2025-10-10  resumed by ada", lines[-1])


async def test_help_palette_and_theme(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for key in ("question_mark", "f1"):
            await pilot.press(key)
            await settle(pilot)
            assert "Pause: no new call starts." in text(pilot, "body")
            await pilot.press("escape")
        for key in ("ctrl+p", "colon"):
            await pilot.press(key)
            assert isinstance(app.screen, CommandPalette)
            await pilot.press("escape")
            await pilot.pause()
        before = app.theme
        await pilot.press("t")
        assert app.theme != before
        assert PromptoptApp(app.client).theme == app.theme


async def test_the_palette_carries_an_action_out(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", *"no new call")
        deadline = asyncio.get_running_loop().time() + 20
        while not pilot.app.screen.query_one("CommandList").option_count:  # type: ignore[attr-defined]
            assert asyncio.get_running_loop().time() < deadline
            await pilot.pause(0.02)
        await pilot.press("enter")
        if isinstance(pilot.app.screen, CommandPalette):
            await pilot.press("enter")
        await settle(pilot)

        assert asked(told) == [Pause()]


@pytest.mark.parametrize("size", [(80, 24), SIZE, (200, 60)])
async def test_what_is_typed_in_the_palette_is_seen(
    story: Make, make_app: Make, settle: Make, size: tuple[int, int]
) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        for theme in app.our_themes:
            app.theme = theme
            await pilot.press("ctrl+p", *"qxz")
            await pilot.pause()
            assert "qxz" in app.export_screenshot()  # a text that no command contains
            await pilot.press("escape")
            await pilot.pause()


async def test_a_click_in_the_key_line_is_the_key(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.click(KeyLine, offset=(3, 0))
        await settle(pilot)

        assert asked(told) == [Pause()]


async def test_ctrl_c_twice_quits_and_ctrl_q_does_not(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+q", "ctrl+c")
        await pilot.pause()
        assert app.is_running
        assert app._exit is False
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert app.return_value == 0


async def test_a_store_that_can_not_take_a_command_is_told(
    story: Make, make_app: Make, settle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story().live()
    app = make_app(told.run_id)

    def refuse(*_: object) -> int:
        raise ModelError("the disk is full [/x]", where="store.db", fix="make room")

    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        monkeypatch.setattr(app.client, "send", refuse)
        await pilot.press("space")
        await settle(pilot)
        assert isinstance(app.screen, Dialog)
        assert "the disk is full [/x]" in text(pilot, "body")
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)


async def test_an_unknown_run_ends_with_the_reason(database: Any, make_app: Make) -> None:
    app = make_app("nosuch")
    async with app.run_test(size=SIZE) as pilot:
        while app.is_running and app.fatal is None:
            await pilot.pause()
    assert isinstance(app.fatal, RunError)
    assert app.return_value == 2


def test_run_raises_what_kept_it_from_its_work(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: PromptoptApp) -> int:
        self.fatal = RunError("there is no run 'nosuch'")
        return 2

    monkeypatch.setattr(PromptoptApp, "run", fail)
    with pytest.raises(RunError, match="nosuch"):
        run(database, "nosuch")


async def test_a_blurred_terminal_is_drawn_seldom(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app._frames = 0
        assert all(app.due_for_a_frame() for _ in range(10))
        app.app_focus = False
        app._frames = 0
        assert sum(app.due_for_a_frame() for _ in range(10)) == 2


async def test_a_panel_that_is_not_seen_is_not_drawn(
    story: Make, make_app: Make, settle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_app(story().live().run_id).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        screen, drawn = pilot.app.screen, list[str]()
        for panel in screen.query(".panel"):
            monkeypatch.setattr(panel, "show", lambda view, name=panel.id: drawn.append(name))
        screen.draw()
        assert drawn and "log" not in drawn
        monkeypatch.undo()
        await pilot.press("7")
        await settle(pilot)
        assert "run started" in text(pilot, "log")


async def test_enter_on_the_errors_shows_failures_that_are_alike(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().stop(tested=False)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("5")
        await settle(pilot)
        assert "look closer" in text(pilot, "keys")
        await pilot.press("enter")
        await settle(pilot)
        body = text(pilot, "body")
        assert "2 cases fail like this: too verbose: exact" in body
        assert "✗ val-017  a typical one" in body and "✓ val-000  of those that pass" in body
        assert "The ticket is about account, I think." in body, "the output is loaded from the store"
        await pilot.press("right")
        await settle(pilot)
        assert "2 cases fail like this: wrong reasoning: exact" in text(pilot, "body")
        await pilot.press("right")
        assert "1 of 2" in str(pilot.app.screen.query_one("#dialog").border_title)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, RunScreen)


async def test_errors_without_anything_alike_offer_nothing(story: Make, make_app: Make, settle: Make) -> None:
    told = story()
    told.score(told.propose("Sort.", "seed"), 24)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("5")
        await settle(pilot)
        assert "look closer" not in text(pilot, "keys")
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, RunScreen)
