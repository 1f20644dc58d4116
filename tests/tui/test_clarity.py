"""What a demanding user found: text that was clipped, false or lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events

from promptopt.domain import events as ev
from promptopt.domain.dataset import Example
from promptopt.store.commands import Edit
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.editor import EditScreen
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.cases import CasesPanel
from promptopt_tui.widgets.table import Table
from tests.tui.look import asked, text

Make = Callable[..., Any]
SIZE = (120, 40)


async def test_no_cell_of_the_standings_is_cut(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    edit = told.propose("Mine.", "human", iteration=3, parent=told.ids["first"])
    told.score(edit, 20)
    told.tell(ev.EditDecided(candidate_id=edit, adopted=True, by="ada"))
    told.score(edit, 24)
    told.score(told.ids["seed"], 24, "test")
    many = told.propose("Next.", iteration=12, parent=edit)
    told.tell(ev.EvaluationStarted(candidate_id=many, split="validation", total=999))
    marks = [ev.CaseMark(case_id=str(n), score=1.0, passed=True) for n in range(998)]
    told.tell(ev.CasesFinished(candidate_id=many, split="validation", cases=marks))
    wanted = ("✗ dropped", "replaced by edit", "✗ rejected", "✓ accepted", "★ best", "100% [", "… 998/999")
    async with make_app(told.run_id).run_test(size=(60, 40)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        for width in (60, 74, 80, 99, 100, 107, 120, 159, 160, 161, 170, 179, 200, 240):
            await pilot.resize_terminal(width, 40)
            await settle(pilot)
            table = pilot.app.screen.query_one("#standings", Table)
            rows = "\n".join(table.render_line(y).text for y in range(7))
            assert all(said in rows for said in wanted), width
            cut = [cell for cell in rows.split() if cell.endswith("…") and cell != "…"]
            assert not cut, width
            assert ("test" in rows.splitlines()[0]) == (table.width >= 62)


async def test_lines_that_an_edit_leaves_alone_keep_their_hidden_characters(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story()
    told.propose("first 👩\u200d🔬\nsecond\nthird \u200eend", "seed")
    told.tell(ev.PhaseStarted(phase="search"))
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        await pilot.press("down", "end", "!")
        await pilot.press("ctrl+s")
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)

    assert [command.text for command in asked(told) if isinstance(command, Edit)] == [
        "first 👩\u200d🔬\nsecond!\nthird \u200eend"
    ]


async def test_a_dialog_says_how_to_scroll_if_it_must(story: Make, make_app: Make, settle: Make) -> None:
    told = story().finish()
    for size, scrolls in (((80, 24), True), ((120, 60), False)):
        async with make_app(told.run_id).run_test(size=size) as pilot:
            await settle(pilot)
            pilot.app.push_screen(Dialog("long", lambda _: [[(str(n), "")] for n in range(40)]))
            await settle(pilot)
            said = str(pilot.app.screen.query_one("#dialog").border_subtitle)
            assert ("pgup pgdn scroll" in said) == scrolls


async def test_the_result_of_an_evaluation_opens(story: Make, make_app: Make, settle: Make) -> None:
    told = story()
    seed = told.propose("Sort.", "seed")
    told.score(seed, 12)
    told.tell(
        ev.RunFinished(status="finished", stop_reason="scored", seed_id=seed, best_id=seed, iterations=0)
    )
    told.summarize(status="finished", kind="eval", heartbeat_at=None)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        assert "✓ scored" in text(pilot, "verdict")


async def test_leaving_a_failed_run_promises_no_prompt(story: Make, make_app: Make, settle: Make) -> None:
    told = story().fail()
    app = make_app(told.run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("q")
    assert app.farewell == f"Run {told.run_id} is failed. Take it up again: promptopt resume {told.run_id}"


async def test_cases_sort_by_number_and_the_unscored_come_last(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        panel = pilot.app.screen.query_one(CasesPanel)
        key = panel._sort_key("case", False)
        names = [Example(id=name, inputs={"input": "x"}) for name in ("c10", "c9", "7", "70", "8")]
        assert [case.id for case in sorted(names, key=key)] == ["7", "8", "70", "c9", "c10"]
        for falling in (False, True):
            panel.order = (2, falling)
            panel.reorder()
            scored = [case.id in panel.marks for case in panel.rows]
            assert scored == [True] * 15 + [False] * 9


@pytest.mark.parametrize("size", [(59, 16), (30, 10)])
@pytest.mark.parametrize("over", [False, True])
async def test_too_small_a_window_says_so_unclipped(
    story: Make, make_app: Make, settle: Make, size: tuple[int, int], over: bool
) -> None:
    told = story().finish() if over else story().live()
    async with make_app(told.run_id).run_test(size=size) as pilot:
        await settle(pilot)
        note = pilot.app.screen.query_one("#too-small", Canvas)
        assert [note.render_line(y).text.strip() for y in range(note.size.height)] == [
            "Too small: 60×16 is needed.",
            "The run is finished." if over else "The run goes on.",
        ]


@pytest.mark.parametrize("severity", ["information", "warning"])
async def test_a_note_covers_no_keys(story: Make, make_app: Make, settle: Make, severity: Any) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        hints = app.screen.query_one("#hints").region
        app.notify("The disk of the data directory is full: " * 3, severity=severity)
        await pilot.pause()
        await pilot.pause()
        note = app.screen.query_one("Toast").region
        assert note.height and not note.intersection(hints)
        assert note.y > 0, "the header stays visible"


async def test_pasted_lines_stay_lines(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        editor = pilot.app.screen
        assert isinstance(editor, EditScreen)
        before = editor.text
        pilot.app.post_message(events.Paste("one\rtwo\r\nthree\x1b[0m\n"))
        await settle(pilot)

        assert editor.text == f"one\ntwo\nthree␛[0m\n{before}"


async def test_the_open_question_tells_that_the_search_went_on(
    story: Make, make_app: Make, settle: Make
) -> None:
    told = story().edited()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "Meanwhile" not in text(pilot, "body")
        better = told.propose("Better.", iteration=3, parent=told.ids["first"])
        told.score(better, 23)
        told.tell(
            ev.CandidateJudged(
                candidate_id=better, against_id=told.ids["first"], accepted=True, reason="", comparison=None
            )
        )
        await settle(pilot)
        pilot.app.screen_stack[-2].attend()
        await settle(pilot)

        assert "Meanwhile the search went on to #3 " in text(pilot, "body")


async def test_a_line_that_an_editor_appends_is_a_line(
    story: Make, make_app: Make, settle: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "editor.sh"
    script.write_text('#!/bin/sh\necho appended >> "$1"\n')
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(script))
    app = make_app(story().live().run_id)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        monkeypatch.setattr(app._driver.__class__, "can_suspend", True, raising=False)
        monkeypatch.setattr(app._driver, "suspend_application_mode", lambda: None)
        monkeypatch.setattr(app._driver, "resume_application_mode", lambda: None)
        await pilot.press("e")
        await settle(pilot)
        before = pilot.app.screen.text  # type: ignore[attr-defined]
        await pilot.press("ctrl+e")
        await pilot.pause()

        assert pilot.app.screen.text == f"{before}\nappended"  # type: ignore[attr-defined]
