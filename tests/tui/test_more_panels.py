"""Lineage, calls, heat map, and how panels are arranged."""

from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from promptopt.domain import events as ev
from promptopt_tui import callbook
from promptopt_tui.screens.call import CallScreen
from promptopt_tui.screens.case import CaseScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.widgets.calls import CallsPanel
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.cases import CasesPanel
from promptopt_tui.widgets.deck import Deck
from promptopt_tui.widgets.heat import HeatPanel
from promptopt_tui.widgets.panels import ErrorsPanel
from promptopt_tui.widgets.table import Table
from tests.tui.look import text

from .story import cases

Make = Callable[..., Any]
SIZE = (120, 40)


def seen(pilot: Pilot[int], table_id: str) -> list[str]:
    """The lines of a table that are on the screen."""
    table = pilot.app.screen.query_one(f"#{table_id}", Table)
    return [table.render_line(y).text.rstrip() for y in range(table.height)]


def title(pilot: Pilot[int], panel: str) -> str:
    return "".join(text for text, _ in pilot.app.screen.query_one(f"#{panel}", Canvas).titled)


async def shown(pilot: Pilot[int], settle: Make) -> None:
    """Wait until what the screen asked the store for is there, and is drawn."""
    for _ in range(3):
        await settle(pilot)


# Lineage


async def test_the_lineage_shows_who_made_what_and_opens_it(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    told.propose("Mine.", "human", iteration=3, parent=told.ids["first"])
    async with make_app(told.run_id).run_test(size=(160, 40)) as pilot:
        await settle(pilot)
        await pilot.press("8")
        await settle(pilot)
        rows = seen(pilot, "lineage")
        assert [row.split()[:2] for row in rows[1:4]] == [["○", "seed"], ["●", "#1"], ["├─●", "#2"]]
        assert "├─● #3" in rows[4] and "└─◆ edit" in rows[5] and "a person" in rows[5]
        assert "+20.8" in rows[2] and "★ best" in rows[2] and "✗ rejected" in rows[3]
        await pilot.press("down", "down", "enter")
        await settle(pilot)
        assert "Say billing." in text(pilot, "prompt")


# Calls


async def test_calls_of_every_kind_are_told(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live().calls()
    async with make_app(told.run_id).run_test(size=(160, 40)) as pilot:
        await shown(pilot, settle)
        await pilot.press("9", "f")
        await shown(pilot, settle)
        rows = "\n".join(seen(pilot, "calls"))
        for outcome in ("✓ answered", "! refused", "? lost", "✗ failed", "… waiting"):
            assert outcome in rows
        assert "propose/3/1" in rows and "val-013" in rows and "429: slow down" in rows
        assert "following" in title(pilot, "calls")


async def test_the_calls_follow_until_somebody_moves_up(
    story: Make, make_app: Make, settle: Make, monkeypatch: Any
) -> None:
    monkeypatch.setattr(callbook, "AGAIN", 0.0)
    told = story().live().calls()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await shown(pilot, settle)
        await pilot.press("9")
        await shown(pilot, settle)
        table = pilot.app.screen.query_one(CallsPanel)
        assert table.cursor == len(table.rows) - 1

        told.ask("One more.", "yes", case="val-020")
        told.spend(0.08, 313)
        await shown(pilot, settle)
        assert table.following and [row.case_id for row in table.rows[-2:]] == ["val-013", "val-020"]

        await pilot.press("up", "up")
        told.ask("And one.", "yes", case="val-021")
        told.spend(0.08, 314)
        await shown(pilot, settle)
        assert "held; end follows again" in title(pilot, "calls")
        assert table.rows[-1].case_id == "val-020"

        await pilot.press("end")
        await shown(pilot, settle)
        assert table.following and table.rows[-1].case_id == "val-021"


async def test_older_calls_are_read_as_one_goes_up_and_few_are_held(
    story: Make, make_app: Make, settle: Make, monkeypatch: Any
) -> None:
    monkeypatch.setattr(callbook, "PAGE", 10)
    monkeypatch.setattr(callbook, "HELD", 25)
    told = story().live()
    for number in range(60):
        told.ask(f"Call {number}.", "yes", case=f"c{number:02}")
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await shown(pilot, settle)
        await pilot.press("9")
        await shown(pilot, settle)
        table = pilot.app.screen.query_one(CallsPanel)
        assert [row.case_id for row in table.rows] == [f"c{n}" for n in range(50, 60)]
        for _ in range(4):
            await pilot.press("home", "up")
            await shown(pilot, settle)
        cases = [row.case_id for row in table.rows]
        assert len(cases) == 25 and cases == [f"c{n:02}" for n in range(int(cases[0][1:]), 60)][:25]
        assert table.rows[0].case_id <= "c20"
        for _ in range(6):
            table.move_to(len(table.rows) - 1)
            await shown(pilot, settle)
        assert table.rows[-1].case_id == "c59" and table.following


async def test_calls_can_be_filtered(story: Make, make_app: Make, settle: Make, monkeypatch: Any) -> None:
    monkeypatch.setattr(callbook, "AGAIN", 0.0)
    told = story().live().calls()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await shown(pilot, settle)
        table = pilot.app.screen.query_one(CallsPanel)
        await pilot.press("9", "w", "w")
        await shown(pilot, settle)
        assert [row.path for row in table.rows] == ["propose/3/1"]
        assert "· optimizer ·" in title(pilot, "calls")
        await pilot.press("escape", "n", "n")
        await shown(pilot, settle)
        assert {row.status for row in table.rows} == {"failed"}
        await pilot.press("escape", "slash", *"lisbon", "enter")
        await shown(pilot, settle)
        assert {row.case_id for row in table.rows} == {"val-003", "val-009"}
        await pilot.press("escape")
        await shown(pilot, settle)
        assert len(table.rows) == 17
        assert pilot.app.screen.focused is table


async def test_a_call_is_shown_in_full_and_copied(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live().calls()
    app = make_app(told.run_id)
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, settle)
        await pilot.press("9")
        await shown(pilot, settle)
        await pilot.press("up", "enter")
        await shown(pilot, settle)
        assert isinstance(app.screen, CallScreen)
        body = text(pilot, "body")
        assert "Improve the prompt." in body and '  "diagnosis": "too wordy",' in body
        assert "61 + 9 tokens   cost <$0.0001" in body
        await pilot.press("y")
        assert app.clipboard.startswith("[user]\nImprove the prompt.\n\n[answer]\n{")
        await pilot.press("left")
        await shown(pilot, settle)
        assert "the model answers no call" in text(pilot, "body")
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)


async def test_keys_are_left_out_of_calls(
    story: Make, make_app: Make, settle: Make, monkeypatch: Any
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "exact-value-of-a-key")
    told = story().live()
    told.ask("Use exact-value-of-a-key now.", "exact-value-of-a-key? No.")
    app = make_app(told.run_id)
    async with app.run_test(size=(200, 40)) as pilot:
        await shown(pilot, settle)
        await pilot.press("9", "f")
        await shown(pilot, settle)
        assert "exact-value" not in "\n".join(seen(pilot, "calls"))
        await pilot.press("enter")
        await shown(pilot, settle)
        assert "Use [redacted] now." in text(pilot, "body")
        await pilot.press("y")
        assert "exact-value" not in app.clipboard


# Heat map


async def test_the_heat_map_has_the_cases_that_fail_most_often_first(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    wrong = told.cells.result(told.ids["second"], "validation", "val-000")
    told.cells.keep(told.ids["second"], "validation", [wrong.model_copy(update={"passed": False})])
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await shown(pilot, settle)
        await pilot.press("0")
        for _ in range(6):  # one candidate after the other is loaded
            await shown(pilot, settle)
        panel = pilot.app.screen.query_one(HeatPanel)
        rows = seen(pilot, "heat")
        assert rows[0].split() == ["case", "failed", "0", "1", "2", "3"]
        assert [row.split()[:2] for row in rows[1:4]] == [
            ["val-013", "3/4"],
            ["val-014", "3/4"],
            ["val-017", "3/3"],
        ]
        await pilot.press("right", "right", "right")
        assert "val-013 × #3" in title(pilot, "heat") and ": fails ·" in title(pilot, "heat")

        await pilot.press("n")
        for _ in range(2):
            await shown(pilot, settle)
        rows = seen(pilot, "heat")
        assert rows[1].split() == ["val-000", "1/4", "✓", "✓", "✓", "[~]"]
        assert "fails in part" in title(pilot, "heat")
        await pilot.press("enter")
        await shown(pilot, settle)
        assert isinstance(pilot.app.screen, CaseScreen)
        assert "val-000" in str(pilot.app.screen.query_one("#dialog").border_title)
        assert "✗ fails" in text(pilot, "body")
        await pilot.press("right", "escape")
        assert panel.case and panel.case.id == "val-001"


async def test_the_heat_map_scrolls_both_ways(story: Make, make_app: Make, settle: Make) -> None:
    told = story().begin()
    for number in range(30):
        told.score(
            told.propose(f"Prompt {number}.", iteration=number + 3, parent=told.ids["first"]), number % 24
        )
    async with make_app(told.run_id).run_test(size=(80, 24)) as pilot:
        await shown(pilot, settle)
        await pilot.press("0")
        for _ in range(36):
            await shown(pilot, settle)
        assert seen(pilot, "heat")[0].split()[2] == "0"
        await pilot.press(*["right"] * 32)
        assert seen(pilot, "heat")[0].split()[-1] == "32"
        await pilot.press("end")
        assert len(seen(pilot, "heat")) == pilot.app.screen.query_one(HeatPanel).height


# Arranging


async def test_tabs_layouts_and_hidden_panels(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    app = make_app(told.run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        deck = app.screen.query_one(Deck)
        assert title(pilot, "standings") == "2 Standings ─ 8 Lineage · 4 candidates"
        await pilot.press("right_square_bracket")
        await settle(pilot)
        assert app.screen.focused.id == "lineage"
        assert not app.screen.query_one("#standings").display
        await pilot.press("left_square_bracket")
        assert app.screen.focused.id == "standings"

        await pilot.press("l")
        await settle(pilot)
        assert deck.layout_name == "prompt" and app.screen.query_one("#prompt").region.width > 70
        await pilot.press("6", "minus")
        await settle(pilot)
        assert "budget" not in deck.there and app.screen.focused.id == "prompt"
    again = make_app(told.run_id)
    async with again.run_test(size=SIZE) as pilot:
        await settle(pilot)
        deck = again.screen.query_one(Deck)
        assert deck.layout_name == "prompt" and "budget" not in deck.there
        await pilot.press("6")
        await settle(pilot)
        assert again.screen.focused.id == "budget"
        assert again.preferences.get("hidden", ["x"]) == []


async def test_a_click_on_a_tab_shows_it(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        at = app.screen.query_one("#standings").region
        place = title(pilot, "standings").index("8 Lineage")
        await pilot.click(offset=(at.x + 3 + place, at.y))
        await settle(pilot)
        assert app.screen.focused.id == "lineage"
        await pilot.click(offset=(at.x + 4, at.y))
        await settle(pilot)
        assert app.screen.focused.id == "standings"


async def test_the_dialog_arranges_until_it_is_left(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        deck = app.screen.query_one(Deck)
        await pilot.press("L")
        await settle(pilot)
        assert "● Overview" in text(pilot, "menu") and "✓ Budget" in text(pilot, "menu")
        await pilot.press("c")
        await settle(pilot)
        assert deck.layout_name == "cases" and "● Cases" in text(pilot, "menu")
        await pilot.press("6")
        await settle(pilot)
        assert "budget" in deck.hidden and "✗ Budget" in text(pilot, "menu")
        await pilot.press("6")
        await settle(pilot)
        assert "budget" not in deck.hidden
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)


async def test_a_panel_has_the_whole_screen_in_every_layout(
    story: Make, make_app: Make, settle: Make
) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for number in "1234567890":
            await pilot.press(number, "f")
            await settle(pilot)
            focused = app.screen.focused
            assert focused.region.width == SIZE[0] and focused.region.height > 30
            await pilot.press("f")
            await pilot.press("l")
            await settle(pilot)
            assert focused.region.width < SIZE[0]


async def test_a_run_that_plays_begins_with_its_tournament(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().plays().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert app.screen.query_one(Deck).layout_name == "tournament"
        assert app.screen.query_one("#tournament").region.height > 20


async def test_heat_and_lineage_of_nothing(story: Make, make_app: Make, settle: Make) -> None:
    async with make_app(story().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        for key, panel, said in (
            ("8", "lineage", "no candidate yet"),
            ("9", "calls", "no call was made yet"),
            ("0", "heat", "nothing was scored yet"),
        ):
            await pilot.press(key)
            for _ in range(3):
                await settle(pilot)
            assert said in seen(pilot, panel)[0]


async def test_marks_of_an_evaluation_under_way_reach_the_heat_map(
    story: Make, make_app: Make, settle: Make, monkeypatch: Any
) -> None:
    monkeypatch.setattr("promptopt_tui.heatbook.AGAIN", 0.0)
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("0", "n", "f")
        for _ in range(8):
            await settle(pilot)
        before = seen(pilot, "heat")[1 + 15].split()
        done = told._result(cases("validation", 24)[15], True)
        told.cells.keep(told.ids["second"], "validation", [done])
        mark = ev.CaseMark(case_id="val-015", score=1.0, passed=True)
        told.tell(ev.CasesFinished(candidate_id=told.ids["second"], split="validation", cases=[mark]))
        for _ in range(4):
            await settle(pilot)
        after = seen(pilot, "heat")[1 + 15].split()
        assert before[-1] == "·" and after[-1] == "✓"


# What was there already


async def test_a_category_shows_its_cases(story: Make, make_app: Make, settle: Make) -> None:
    told = story().stop(tested=False)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("5", "down")
        await settle(pilot)
        category = pilot.app.screen.query_one(ErrorsPanel).category
        assert category and "their cases" in text(pilot, "keys")
        await pilot.press("c")
        await settle(pilot)
        cases = pilot.app.screen.query_one(CasesPanel)
        assert pilot.app.screen.focused is cases
        assert cases.rows and {cases.marks.failure(row.id) for row in cases.rows} == {category}
        assert f"only {category}" in title(pilot, "cases")
        await pilot.press("escape")
        await settle(pilot)
        assert len(cases.rows) == 24


async def test_the_prompt_is_compared_with_any_candidate(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2", "down", "down", "D")
        await settle(pilot)
        assert "against #2" in title(pilot, "prompt")
        assert "Say billing." in text(pilot, "prompt")
        await pilot.press("d")
        await settle(pilot)
        assert "against parent" in title(pilot, "prompt")


async def test_side_by_side_is_remembered(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    app = make_app(told.run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("v")
    again = make_app(told.run_id)
    async with again.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "│" in text(pilot, "prompt")


async def test_progress_tells_how_long_it_may_take_and_standings_tell_ratings(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().tournament()
    async with make_app(told.run_id).run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await pilot.press("2", "f")
        await settle(pilot)
        rows = "\n".join(seen(pilot, "standings"))
        assert "won–lost–tied" in rows and "+162 [+52, +272]" in rows and "15–0–22" in rows
        await pilot.press("1")
        await settle(pilot)
        assert " left" in text(pilot, "progress") and "until " in text(pilot, "progress")
