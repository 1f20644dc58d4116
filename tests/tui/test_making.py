"""Cases that a model makes up: asked for at home, watched in the cockpit, reviewed, saved."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, TextArea

from promptopt.domain.drafted import LeftOut
from promptopt.domain.errors import ModelError
from promptopt.runs.draftlog import read_drafts, review_of
from promptopt.store.commands import Pause, Stop
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from promptopt_tui.client import Client
from promptopt_tui.makings import Makings, Wish
from promptopt_tui.screens.making import ScenarioScreen
from promptopt_tui.screens.queue import QueueScreen
from promptopt_tui.screens.run import RunScreen
from tests.tui.look import asked, cockpit, text

from .made import DIFFICULTIES, PERSONAS, SITUATIONS

Make = Callable[..., Any]
SIZE = (120, 40)

SCENARIO = {
    "name": "support",
    "title": "Customer support",
    "description": "Write the reply to a [b]message[/b] of a customer.",
    "personas": [{"name": name} for name in PERSONAS],
    "difficulties": [{"name": name} for name in DIFFICULTIES],
    "situations": [{"name": name} for name in SITUATIONS],
    "labels": [{"name": "urgency", "values": ["low", "high"]}],
}
SPREAD = {"low": 8.0, "likely": 9.0, "high": 87.0}
QUOTE = {
    "scenario": "support",
    "calls": SPREAD,
    "tokens": SPREAD,
    "cost_usd": {"low": 0.01, "likely": 0.02, "high": 0.75},
    "seconds": SPREAD,
    "notes": ["retries are not counted"],
}


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command line would answer, and what it was asked."""
    told: dict[str, Any] = {"quote": QUOTE, "started": [], "saved": [], "run": ""}

    def quote(self: Makings, wish: Wish) -> Any:
        if isinstance(told["quote"], Exception):
            raise told["quote"]
        return told["quote"]

    def start(self: Makings, wish: Wish) -> str:
        told["started"].append(wish)
        return str(told["run"])

    def save_project(self: Makings, run_id: str, name: str) -> Any:
        told["saved"].append((run_id, name))
        return {"project": f"/projects/{name}/project.toml", "cases": 36}

    def save_file(self: Makings, run_id: str, path: Path, *, overwrite: bool = False) -> Any:
        told["saved"].append((run_id, str(path), overwrite))
        return {"out": str(path), "cases": 36}

    monkeypatch.setattr(
        Makings, "scenarios", lambda self: [SCENARIO, {**SCENARIO, "name": "mail", "title": ""}]
    )
    monkeypatch.setattr(Makings, "scenario", lambda self, path: SCENARIO)
    monkeypatch.setattr(Makings, "quote", quote)
    monkeypatch.setattr(Makings, "start", start)
    monkeypatch.setattr(Makings, "save_project", save_project)
    monkeypatch.setattr(Makings, "save_file", save_file)
    found = {"private": [], "alike": {"c0002": ["c0009"], "c0009": ["c0002"]}}
    monkeypatch.setattr(Client, "look_over", lambda self, run_id: found)
    return told


async def fill(pilot: Any, **values: str) -> None:
    """Put values into the fields of the form that is shown."""
    fields = list(pilot.app.screen.query(Input))
    for place, value in values.items():
        fields[int(place[1:])].value = value
    await pilot.pause()


# Asked for


async def test_a_generation_is_asked_for_quoted_and_started(
    make_app: Make, making: Make, settle: Make, press: Make, engine: dict[str, Any], tmp_path: Path
) -> None:
    engine["run"] = making().live().run_id
    company = tmp_path / "acme.yaml"
    company.write_text("name: Acme", "utf-8")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "m")
        assert isinstance(pilot.app.screen, ScenarioScreen)
        assert "new customer, angry customer" in text(pilot, "about")
        await press(pilot, "enter")
        await fill(pilot, _0=str(company), _1="40", _3="openai/gpt-4o", _4="0.50")
        await press(pilot, "enter")
        body = text(pilot, "body")
        assert "$0.75" in body and "87" in body and "It ends at $0.50" in body
        assert engine["started"] == []
        await press(pilot, "y")
        wish = Wish("support", str(company), 40, "openai/gpt-4o-mini", "openai/gpt-4o", "0.50")
        assert engine["started"] == [wish]
        assert isinstance(pilot.app.screen, RunScreen)


async def test_without_a_key_nothing_is_sent_and_the_simulator_is_offered(
    make_app: Make, making: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    engine["run"] = making().live().run_id
    engine["quote"] = ModelError("no key for openai/gpt-4o-mini", fix="simulate=True")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "m", "enter", "enter")
        assert "no key for" in text(pilot, "body") and "Make them" not in text(pilot, "menu")
        await press(pilot, "n")
        assert engine["started"] == []
        await press(pilot, "m", "enter", "enter", "s")
        assert [wish.simulate for wish in engine["started"]] == [True]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [(0, "/no/such/file", "no file"), (1, "0", "no number"), (2, "", "empty"), (4, "-1", "above 0")],
)
async def test_what_can_not_be_is_refused_in_the_form(
    make_app: Make, settle: Make, press: Make, field: int, value: str, said: str
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "m", "enter")
        await fill(pilot, **{f"_{field}": value})
        await press(pilot, "enter")
        assert said in text(pilot, "hints")


async def test_a_path_of_the_form_is_completed(
    make_app: Make, settle: Make, press: Make, tmp_path: Path
) -> None:
    (tmp_path / "acme.yaml").write_text("name: Acme", "utf-8")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "m", "enter")
        await fill(pilot, _0=f"{tmp_path}/ac")
        pilot.app.screen.query(Input).first().cursor_position = 1000
        await pilot.pause(0.1)
        await press(pilot, "tab")
        assert pilot.app.screen.query(Input).first().value == f"{tmp_path}/acme.yaml"
        await press(pilot, "tab")
        assert pilot.app.screen.focused is list(pilot.app.screen.query(Input))[1]


async def test_a_scenario_file_of_ones_own(
    make_app: Make, settle: Make, press: Make, engine: dict[str, Any], making: Make, tmp_path: Path
) -> None:
    engine["run"] = making().live().run_id
    (tmp_path / "mine.toml").write_text("", "utf-8")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "m", "o")
        await fill(pilot, _0=f"{tmp_path}/nothing.toml")
        await press(pilot, "enter")
        assert "scenario file" in text(pilot, "refused")
        await fill(pilot, _0=f"{tmp_path}/mine.toml")
        await press(pilot, "enter", "enter", "y")
        assert [wish.scenario for wish in engine["started"]] == [f"{tmp_path}/mine.toml"]


def test_a_wish_as_the_command_line_takes_it() -> None:
    wish = Wish("support", "-odd.yaml", 40, "m", "j", "0.5")
    said = ["data", "generate", "support", "--count", "40", "--company=-odd.yaml", "--usd=0.5"]
    assert wish.arguments == [*said, "--judge=j", "--model=m"]
    assert "--simulate" in Wish("support", simulate=True, model="m").arguments
    assert "--model=m" not in Wish("support", simulate=True, model="m").arguments


# Watched


async def test_the_cockpit_shows_the_making_and_no_panel_of_a_search(
    make_app: Make, making: Make, settle: Make, press: Make
) -> None:
    told = making().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "SIMULATED" in text(pilot, "header")
        assert "19/36" in text(pilot, "progress") and "asked again" in text(pilot, "progress")
        assert "17 empty" in str(pilot.app.screen.query_one("#coverage").border_title)
        assert "c0019" in text(pilot, "drafts")
        assert '"category" is' in text(pilot, "left-out")
        there = cockpit(pilot).deck.there
        assert there == {"progress", "coverage", "draft", "drafts", "left-out", "budget", "log", "calls"}
        keys = text(pilot, "keys")
        assert "c review" in keys and "edit" not in keys and "diff" not in keys
        await press(pilot, "4", "space")
        assert [type(command) for command in asked(told)] == [Pause]


async def test_new_cases_come_in_at_the_top_and_the_cursor_stays_on_a_chosen_one(
    make_app: Make, making: Make, settle: Make, press: Make
) -> None:
    told = making().live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = cockpit(pilot).query_one("#drafts")
        assert table.row.id == "c0019"
        await press(pilot, "4", "down", "down")
        told.draft(3)
        cockpit(pilot).drafts._at = float("-inf")
        await settle(pilot)
        await settle(pilot)
        assert table.row.id == "c0017" and table.rows[0].id == "c0022"


async def test_a_case_opens_with_its_cell_judge_and_what_is_like_it(
    make_app: Make, making: Make, settle: Make, press: Make
) -> None:
    told = making(texts=("I owe you. My card is 4111 1111 1111 1111, thanks.",)).live()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "4", "G", "enter")
        body = text(pilot, "body")
        assert "new customer · easy · wrong charge" in body and "specific details" in body
        assert "payment card" in body and "4111 1111 1111 1111" in body
        await press(pilot, "left", "left")
        assert "nearly the same" in text(pilot, "body") and "left out" in text(pilot, "body")


async def test_cases_are_filtered_and_sorted(make_app: Make, making: Make, settle: Make, press: Make) -> None:
    async with make_app(making().live().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = cockpit(pilot).query_one("#drafts")
        await press(pilot, "4", "slash", *"parcel")
        await pilot.pause(0.3)
        await press(pilot, "enter")
        assert {"parcel" in row.input_text for row in table.rows} == {True}
        await press(pilot, "escape", "greater_than_sign", "greater_than_sign", "greater_than_sign")
        ratings = [table.ratings[row.id] for row in table.rows]
        assert len(ratings) == 19 and ratings == sorted(ratings)


async def test_stopping_says_what_is_kept(make_app: Make, making: Make, settle: Make, press: Make) -> None:
    told = making().live()
    async with make_app(told.run_id).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "s")
        assert "19 of 36 cases are made" in text(pilot, "body")
        await press(pilot, "s")
        assert [type(command) for command in asked(told)] == [Stop]


async def test_lists_tell_a_run_that_makes_cases_up(make_app: Make, making: Make, settle: Make) -> None:
    making().live()
    async with make_app().run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        assert "makes cases" in text(pilot, "runs") and "19/36" in text(pilot, "runs")
        assert "▤ customer support" in text(pilot, "runs")


# Reviewed


def decisions(database: Database, run_id: str) -> dict[str, str]:
    """What the store has of a review, as another process would read it."""
    queue = review_of(database, run_id, read_drafts(RunLog(database, run_id)))
    return {case.id: found.verdict for case in queue.cases if (found := queue.decision(case))}


async def test_a_review_keeps_edits_drops_skips_and_takes_back(
    make_app: Make, making: Make, settle: Make, press: Make, database: Database
) -> None:
    told = making().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "c")
        screen = pilot.app.screen
        assert isinstance(screen, QueueScreen)
        order = [case.id for case in screen.book.rows]
        assert order[0] == min(order, key=lambda name: (told.ratings[name], name))
        await press(pilot, "space", "d", *"dull", "enter", "s", "e")
        area = pilot.app.screen.query_one(TextArea)
        area.load_text(area.text.replace("Category: billing", "Category: product"))
        await press(pilot, "ctrl+s")
        verdicts = {order[0]: "keep", order[1]: "drop", order[3]: "edit"}
        assert decisions(database, told.run_id) == verdicts
        assert "✓ 1 kept  ~ 1 edited  ✗ 1 dropped  33 open" in text(pilot, "header")
        await press(pilot, "u")
        assert screen.book.case.id == order[3]
        assert decisions(database, told.run_id) == {order[0]: "keep", order[1]: "drop"}
        await press(pilot, "left", "left")
        assert "dull" in text(pilot, "case")
        await press(pilot, "space", "u")  # a second word on it, taken back: the first one holds again
        assert decisions(database, told.run_id) == {order[0]: "keep", order[1]: "drop"}
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, RunScreen)


async def test_an_edit_that_loses_its_input_changes_nothing(
    make_app: Make, making: Make, settle: Make, press: Make, database: Database
) -> None:
    told = making().finish()
    async with make_app(told.run_id).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "c", "e")
        pilot.app.screen.query_one(TextArea).load_text("no line at all")
        await press(pilot, "ctrl+s")
        assert decisions(database, told.run_id) == {}
        assert any("nothing was changed" in note.message for note in pilot.app._notifications)


async def test_the_rest_is_kept_at_once_and_can_be_taken_back(
    make_app: Make, making: Make, settle: Make, press: Make, database: Database
) -> None:
    told = making().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "c", "space", "a", "y")
        assert set(decisions(database, told.run_id).values()) == {"keep"}
        assert len(decisions(database, told.run_id)) == 36
        assert "0 open" in text(pilot, "header")
        assert "every case is decided on" in text(pilot, "case")
        await press(pilot, "u")
        assert len(decisions(database, told.run_id)) == 1


async def test_filters_show_low_realism_findings_and_what_is_decided(
    make_app: Make, making: Make, settle: Make, press: Make
) -> None:
    told = making().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "c", "space", "f")
        book = pilot.app.screen.book
        seen = {book.filter: {case.id for case in book.rows}}
        while len(seen) < 5:
            await press(pilot, "f")
            seen[book.filter] = {case.id for case in book.rows}
        low = {name for name, score in told.ratings.items() if score is not None and score < 6}
        assert seen["all"] == set(told.ratings) and seen["low realism"] == low
        assert seen["findings"] == {"c0002", "c0009"}
        assert len(seen["decided"]) == 1 and seen["open"] == seen["all"] - seen["decided"]
        while book.filter != "findings":
            await press(pilot, "f")
        assert "c0009" in text(pilot, "case") and "nearly the same" in text(pilot, "case")


async def test_what_others_decide_is_taken_up(
    make_app: Make, making: Make, settle: Make, press: Make, database: Database
) -> None:
    told = making().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "c")
        queue = review_of(database, told.run_id, read_drafts(RunLog(database, told.run_id)))
        queue.drop(queue.cases[7], "from elsewhere")
        pilot.app.screen.book.reload()
        await settle(pilot)
        assert "✗ 1 dropped" in text(pilot, "header")


async def test_reviewed_cases_become_a_project_and_a_file(
    make_app: Make, making: Make, settle: Make, press: Make, engine: dict[str, Any], tmp_path: Path
) -> None:
    told = making().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "c", "space", "w")
        assert "35 of them" in text(pilot, "about")
        await press(pilot, "enter")
        assert engine["saved"] == [(told.run_id, "customer support")]
        assert "/projects/customer support/project.toml" in text(pilot, "body")
        await press(pilot, "n", "X")
        await fill(pilot, _0="cases.txt")
        await press(pilot, "enter")
        assert ".jsonl" in text(pilot, "refused")
        there = tmp_path / "there.csv"
        there.write_text("x", "utf-8")
        await fill(pilot, _0=str(there))
        await press(pilot, "enter", "n", "X")
        assert len(engine["saved"]) == 1
        await fill(pilot, _0=str(there))
        await press(pilot, "enter", "y")
        assert engine["saved"][1] == (told.run_id, str(there), True)


async def test_a_run_without_cases_has_no_review(
    make_app: Make, making: Make, settle: Make, press: Make
) -> None:
    async with make_app(making().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "c")
        assert isinstance(pilot.app.screen, RunScreen)
        assert any("No case is made yet" in note.message for note in pilot.app._notifications)


# Over


async def test_the_result_has_quality_with_its_formula_and_ways_on(
    make_app: Make, making: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    told = making().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "o")
        quality = text(pilot, "quality")
        assert "36 of 36 cases made" in quality and "each counted by its weight" in quality
        assert "unique" in quality and "leaks" in quality and "nobody has looked at them" in quality
        assert "malformed" in text(pilot, "gone")
        await press(pilot, "w", "enter")
        assert engine["saved"] == [(told.run_id, "customer support")]
        await press(pilot, "n", "tab", "c")
        assert isinstance(pilot.app.screen, QueueScreen)
        await press(pilot, "space", "q")
        assert "1 of 36 looked at: 1 kept" in text(pilot, "quality")
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, RunScreen)


async def test_a_search_is_started_on_the_cases(
    make_app: Make,
    making: Make,
    settle: Make,
    press: Make,
    engine: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(
        "promptopt_tui.app.PromptoptApp.start_project", lambda self, path, name: begun.append(str(path))
    )
    told = making().finish()
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "o", "r", "enter")
        assert begun == ["/projects/customer support/project.toml"]


async def test_a_stopped_one_is_resumed_from_its_result(
    make_app: Make, making: Make, settle: Make, press: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed: list[str] = []
    monkeypatch.setattr(
        "promptopt_tui.app.PromptoptApp.resume_run", lambda self, run_id, *rest: resumed.append(run_id)
    )
    told = making().finish("stopped")
    async with make_app(told.run_id).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "o")
        assert "19 of 36 cases made" in text(pilot, "quality")
        await press(pilot, "R")
        assert resumed == [told.run_id]


# Text of others


BAD = "\x1b]52;c;Y3VybA==\x07 \x1b[2J [/x] [red] \u202egnp.exe 漢字かな 😀 $(rm) <script>alert(1)</script>"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_hostile_texts_are_shown_and_do_nothing_else(
    make_app: Make, making: Make, settle: Make, press: Make, size: tuple[int, int]
) -> None:
    told = making(texts=(BAD, BAD + "w" * 30_000, "\u202b" + BAD))
    told.draft(3, LeftOut(fault="malformed", reason=BAD, text=BAD, cell=1), note=BAD)
    told.rate("c0001")
    told.finish()
    async with make_app(told.run_id).run_test(size=size) as pilot:
        await settle(pilot)
        for keys in ("4 G enter escape", "3 5 2", "o tab tab escape", "c f e escape d"):
            await press(pilot, *keys.split())
            strips = pilot.app.screen._compositor.render_strips()
            shown = "".join(segment.text for strip in strips for segment in strip)
            assert not any(ord(char) < 32 or char in "\u202e\u202b\x9b" for char in shown)


async def test_ten_thousand_cases_build_no_more_rows_than_are_seen(
    make_app: Make, making: Make, settle: Make, press: Make
) -> None:
    told = making(realism=False, count=36 * 300)
    told.draft(10_000)
    told.finish("stopped")
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = cockpit(pilot).query_one("#drafts")
        assert len(table.rows) == 10_000 and table.built < 200
        await press(pilot, "4", "G", "c")
        listed = pilot.app.screen.query_one("#list")
        await press(pilot, "space", "G", "space")
        assert len(listed.rows) == 10_000 and listed.built < 400
        assert Runs(told.database).find(told.run_id).made == 10_000
