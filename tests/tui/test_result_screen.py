"""The result of a run: what it says, where its sentences come from, and the ways out of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from promptopt.domain import events as ev
from promptopt.domain.errors import RunError, SettingsError
from promptopt.store.runs import Runs
from promptopt_tui.client import Client
from promptopt_tui.screens.comparing import CompareScreen, PickScreen
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.exporting import ExportScreen
from promptopt_tui.screens.result import ResultScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.screens.stepcase import StepCaseScreen
from promptopt_tui.widgets.table import Table
from tests.tui.look import text

from .story import FIRST, SECOND, SEED

Make = Callable[..., Any]
SIZE = (120, 40)


async def opened(pilot: Pilot[int], settle: Make) -> ResultScreen:
    await settle(pilot)
    await pilot.press("o")
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, ResultScreen)
    return screen


async def test_each_sentence_is_told_with_the_step_that_brought_it(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        screen = await opened(pilot, settle)
        assert screen.found is not None
        kinds = {each.text: each.kind for each in screen.found.trace.sentences}
        assert kinds["You route support tickets."] == "added"
        assert "▲ better" in text(pilot, "verdict") and "course of the validation score" in text(
            pilot, "verdict"
        )
        await pilot.press("tab", "home")
        await settle(pilot)
        assert screen.sentence is not None
        shown = text(pilot, "step")
        assert "by #3 " in shown and "70.8%" in shown and "names the classes" in shown


async def test_a_sentence_leads_to_the_cases_that_its_step_changed(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        screen = await opened(pilot, settle)
        await pilot.press("tab", "enter")
        await settle(pilot)
        assert screen.focused is not None and screen.focused.id == "moved"
        assert "✓ fixed" in text(pilot, "moved") and "val-017" in text(pilot, "moved")
        await pilot.press("enter")
        await settle(pilot)
        case = pilot.app.screen
        assert isinstance(case, StepCaseScreen)
        assert "✓ passes" in text(pilot, "body") and "after: #3" in str(
            case.query_one("#dialog").border_title
        )
        await pilot.press("b")
        await settle(pilot)
        assert "✗ fails" in text(pilot, "body") and "before: #1" in str(
            case.query_one("#dialog").border_title
        )
        await pilot.press("right")
        await settle(pilot)
        assert "val-018" in str(case.query_one("#dialog").border_title)
        await pilot.press("escape")
        assert pilot.app.screen is screen


async def test_unchanged_sentences_can_be_hidden(story: Make, make_app: Make, settle: Make) -> None:
    told = story().finish()
    # Nothing of the seed is left in the winner: a run whose winner keeps a sentence.
    kept = told.propose(SEED + "\nNever explain.", iteration=4, parent=told.ids["seed"])
    told.score(kept, 23)
    told.tell(
        ev.RunFinished(
            status="finished", stop_reason="plateau", seed_id=told.ids["seed"], best_id=kept, iterations=4
        )
    )
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        screen = await opened(pilot, settle)
        assert "Classify the support ticket." in text(pilot, "changes")
        on = screen.sentence
        await pilot.press("u")
        await settle(pilot)
        assert "Classify the support ticket." not in text(pilot, "changes")
        assert screen.sentence is on and on is not None and on.text == "Never explain."


async def test_why_nothing_improved_is_told_with_what_to_do(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().stop(tested=True)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        shown = text(pilot, "verdict")
        assert "why there is no proven gain" in shown and "→" in shown
        assert "did not carry over" in shown


async def test_what_people_did_is_listed(story: Make, make_app: Make, settle: Make) -> None:
    told = story().begin()
    told.tell(ev.Paused(by="ada\x1b[2J"), ev.Resumed(by="ben"))
    told.stop(tested=False)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        shown = text(pilot, "verdict")
        assert "what people did" in shown and "paused by ada␛" in shown and "resumed by ben" in shown


async def test_the_result_comes_up_by_itself_and_takes_no_key_at_once(
    story: Make, make_app: Make, settle: Make
) -> None:
    told, clock = story().live(), [100.0]
    app = make_app(told.run_id, ticks=lambda: clock[0])
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        told.finish_from_live()
        await settle(pilot)
        run = pilot.app.screen_stack[1]
        assert isinstance(run, RunScreen)
        run.attend()
        await settle(pilot)
        assert isinstance(pilot.app.screen, ResultScreen)
        await pilot.press("q")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ResultScreen), "the key was meant for the run"
        clock[0] += 2.0
        await pilot.press("q")
        await pilot.pause()
    assert "promptopt export" in app.farewell


async def test_a_run_that_goes_on_takes_its_result_away(story: Make, make_app: Make, settle: Make) -> None:
    told = story().stop(tested=False)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        screen = await opened(pilot, settle)
        told.tell(ev.RunResumed(journaled=3, lost=0))
        await settle(pilot)
        screen._look()
        await settle(pilot)
        assert isinstance(pilot.app.screen, RunScreen)


async def test_a_run_that_failed_before_it_had_a_prompt(story: Make, make_app: Make, settle: Make) -> None:
    told = story()
    told.tell(
        ev.RunFinished(
            status="failed", stop_reason="error", detail="no key", seed_id="", best_id="", iterations=0
        )
    )
    told.summarize(status="failed", heartbeat_at=None)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        assert "no key" in text(pilot, "verdict")
        await pilot.press("x", "S", "tab", "u", "y")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ResultScreen)
        await pilot.press("Y")
        await settle(pilot)
        assert "best prompt" not in text(pilot, "menu") and "command to resume" in text(pilot, "menu")


# Copying


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("a", SECOND),
        ("b", "+You route support tickets."),
        ("d", "## What changed"),
        ("f", "promptopt attach "),
    ],
)
async def test_whatever_is_wanted_is_copied(
    story: Make, make_app: Make, settle: Make, key: str, what: str
) -> None:
    app = make_app(story().finish().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        await pilot.press("Y", key)
        await settle(pilot)
        assert what in app.clipboard
        assert isinstance(pilot.app.screen, ResultScreen)


async def test_a_candidate_of_a_live_run_is_copied(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    app = make_app(told.run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("Y", "a")
        await settle(pilot)
        assert app.clipboard == SECOND
        await pilot.press("Y", "c")
        await settle(pilot)
        assert app.clipboard.startswith("--- before") and "+You route support tickets." in app.clipboard
        await pilot.press("Y", "d")
        await settle(pilot)
        assert "The run is not over." in app.clipboard


async def test_the_id_of_a_run_is_copied_from_the_list(story: Make, make_app: Make, settle: Make) -> None:
    told = story().finish()
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("y")
        assert app.clipboard == told.run_id


async def test_what_a_dialog_says_is_copied(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.show_error(SettingsError("no such column", where="cases.csv", fix="name another"))
        await settle(pilot)
        await pilot.press("y")
        assert app.clipboard.split("\n")[:2] == ["cases.csv", "no such column"]
        assert isinstance(app.screen, Dialog)


async def test_y_copies_what_has_the_focus(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().finish().run_id)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, settle)
        await pilot.press("y")
        assert "▲ better" in app.clipboard
        await pilot.press("tab", "y")
        assert screen.sentence is not None and app.clipboard == screen.sentence.text
        await pilot.press("tab", "y")
        assert "validation" in app.clipboard


# Exporting


async def test_every_format_is_previewed_and_written(
    story: Make, make_app: Make, settle: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = make_app(story().finish().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        await pilot.press("x")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, ExportScreen)
        assert json.loads(screen.text) == [{"role": "user", "content": SECOND}]
        seen: set[str] = set()
        for _ in screen.query_one("#formats", Table).rows:
            seen.add(text(pilot, "preview"))
            await pilot.press("down")
            await settle(pilot)
        assert len(seen) == 9, "the two requests are the same for a prompt without a system message"
        await pilot.press("home", "down", "y")
        await settle(pilot)
        assert app.clipboard == SECOND
        await pilot.press("enter")
        await settle(pilot)
    assert (tmp_path / "prompt.txt").read_text("utf-8") == SECOND


async def test_a_file_is_replaced_only_after_asking(
    story: Make, make_app: Make, settle: Make, tmp_path: Path
) -> None:
    file = tmp_path / "own"
    file.write_text("mine", "utf-8")
    async with make_app(story().finish().run_id).run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        await pilot.press("x")
        await settle(pilot)
        screen = pilot.app.screen
        screen.query_one("#path", Input).value = str(file)
        await pilot.press("tab", "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Dialog)
        await pilot.press("n")
        await settle(pilot)
        assert file.read_text("utf-8") == "mine" and pilot.app.screen is screen
        await pilot.press("escape", "down")
        await settle(pilot)
        assert screen.query_one("#path", Input).value == str(file), "a name of one's own stays"
        await pilot.press("ctrl+s")
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
    assert file.read_text("utf-8") == SECOND


async def test_a_file_that_can_not_be_written_is_told(
    story: Make, make_app: Make, settle: Make, tmp_path: Path
) -> None:
    async with make_app(story().finish().run_id).run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        await pilot.press("x")
        await settle(pilot)
        screen = pilot.app.screen
        screen.query_one("#path", Input).value = str(tmp_path / "no" / "such" / "folder")
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert "can't be written" in text(pilot, "body")
        await pilot.press("enter", "escape")
        await settle(pilot)


async def test_a_candidate_is_exported_from_the_cockpit(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "end", "enter", "X")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, ExportScreen)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, RunScreen)


@pytest.mark.parametrize("keys", [(), ("tab",), ("shift+tab", "shift+tab"), ("tab", "tab")])
async def test_enter_writes_the_file_from_anywhere(
    story: Make,
    make_app: Make,
    settle: Make,
    press: Make,
    keys: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "X", *keys)
        where = {(): "formats", ("tab",): "path", ("tab", "tab"): "formats"}.get(keys, "preview")
        assert pilot.app.screen.focused is not None and pilot.app.screen.focused.id == where
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, RunScreen)
    assert (tmp_path / "messages.json").exists()


# Scoring again


async def test_scoring_again_starts_a_run_of_its_own(
    story: Make, make_app: Make, settle: Make, started: list[str]
) -> None:
    told = story().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        await pilot.press("S", "n")
        await settle(pilot)
        assert started == []
        await pilot.press("S")
        await settle(pilot)
        assert "24 cases" in text(pilot, "body") and "test" in text(pilot, "body")
        await pilot.press("y")
        await settle(pilot)
        assert len(started) == 1 and isinstance(pilot.app.screen, RunScreen)
    frozen = Runs(told.database).settings(started[0])
    assert frozen.prompt == SECOND and Runs(told.database).find(started[0]).kind == "eval"


async def test_an_evaluation_says_whether_the_figure_holds(story: Make, make_app: Make, settle: Make) -> None:
    story().finish()
    again = story()
    seed = again.propose(SECOND, "seed")
    again.score(seed, 20, "test")
    again.tell(
        ev.RunFinished(status="finished", stop_reason="scored", seed_id=seed, best_id=seed, iterations=0)
    )
    again.summarize(status="finished", kind="eval", heartbeat_at=None)
    async with make_app(again.run_id).run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        shown = text(pilot, "verdict")
        assert "✓ holds" in shown and "then" in shown and "83.3%" in shown


# Comparing


async def test_runs_are_chosen_and_put_side_by_side(story: Make, make_app: Make, settle: Make) -> None:
    first, second, third = story().finish(), story().stop(tested=True), story().finish()
    async with make_app(first.run_id).run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        await pilot.press("c")
        await settle(pilot)
        assert isinstance(pilot.app.screen, PickScreen)
        await pilot.press("space", "space", "enter")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, CompareScreen)
        assert set(screen.run_ids) == {first.run_id, second.run_id, third.run_id}
        shown = text(pilot, "runs")
        assert "base" in shown and "83.3% [68.4, 98.2]" in shown
        place = screen.run_ids.index(second.run_id)
        screen.query_one("#runs", Table).move_to(place)
        await settle(pilot)
        assert "▼ worse" in text(pilot, "pair") and "only the base passes" in text(pilot, "pair")
        assert "Answer with one lower-case word." in text(pilot, "prompts")
        await pilot.press("b")
        await settle(pilot)
        assert screen.run_ids[0] == second.run_id and "▲" in text(pilot, "runs")
        await pilot.press("x")
        await settle(pilot)
        assert screen.split == "validation" and "validation" in text(pilot, "header")
        await pilot.press("y")
        assert pilot.app.clipboard.startswith("run\tproject\t")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ResultScreen)


async def test_runs_without_a_case_in_common_say_so(story: Make, make_app: Make, settle: Make) -> None:
    first, second = story().finish(), story().begin()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        pilot.app.push_screen(CompareScreen([first.run_id, second.run_id]))
        await settle(pilot)
        shown = " ".join(text(pilot, "pair").split())
        assert "not comparable" in shown and "no scored test case in common" in shown
        assert FIRST.split("\n")[0][:30] in text(pilot, "prompts")


async def test_the_only_run_has_nothing_to_be_compared_with(
    story: Make, make_app: Make, settle: Make
) -> None:
    async with make_app(story().finish().run_id).run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        await pilot.press("c")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ResultScreen)


async def test_runs_are_compared_from_the_list(story: Make, make_app: Make, settle: Make) -> None:
    story().finish()
    story().finish()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("C")
        await settle(pilot)
        assert isinstance(pilot.app.screen, PickScreen)
        await pilot.press("enter")
        await settle(pilot)
        assert "≈ not distinguishable" in text(pilot, "pair")
        assert "byte for byte" in text(pilot, "prompts")
        await pilot.press("escape")
        await settle(pilot)


async def test_a_run_that_is_gone_takes_the_comparison_away(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        pilot.app.push_screen(CompareScreen([told.run_id, "999999-zzzzzz"]))
        await settle(pilot)
        assert isinstance(pilot.app.screen, Dialog) and "there is no run" in text(pilot, "body")
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ResultScreen)


async def test_what_can_not_be_read_is_told(
    story: Make, make_app: Make, settle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RunError("the store is away")

    monkeypatch.setattr(Client, "aftermath", fail)
    async with make_app(story().finish().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Dialog) and "the store is away" in text(pilot, "body")
        await pilot.press("enter")
        await settle(pilot)
        assert "You route support tickets." in text(pilot, "changes"), "what needs no reading is there"
        assert "not measured yet" in text(pilot, "step")


async def test_a_small_terminal_shows_one_panel_at_a_time(story: Make, make_app: Make, settle: Make) -> None:
    async with make_app(story().finish().run_id).run_test(size=(60, 16)) as pilot:
        screen = await opened(pilot, settle)
        for name in ("verdict", "changes", "step", "moved", "verdict"):
            seen = [
                each
                for each in ("verdict", "changes", "step", "moved")
                if screen.query_one(f"#{each}").size.area
            ]
            assert seen == [name]
            await pilot.press("tab")
            await settle(pilot)
