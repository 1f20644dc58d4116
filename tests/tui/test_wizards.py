"""What a model proposes: its cost is told first, it is looked at item by item, and kept only if taken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from promptopt.store.projects import load_project
from promptopt_tui.projects import Projects
from promptopt_tui.screens.home import HomeScreen
from promptopt_tui.screens.project.screen import ProjectScreen
from promptopt_tui.screens.reviewing import ReviewScreen
from promptopt_tui.widgets.table import Table
from tests.tui.look import text

from .skins import in_every_theme

Make = Callable[..., Any]
SIZE = (120, 40)

DRAFT = {
    "name": "support labels",
    "description": "Label a message as low, normal or urgent.",
    "prompt": "Label this.\n\n{input}",
    "checks": [{"type": "exact", "ignore_case": True}],
    "cases": [
        {"input": "The site is down.", "expected": "urgent", "tags": ["easy"]},
        {"input": "A [b]typo[/b] \x1b[2J on the front page.", "expected": "low"},
    ],
    "notices": ["a check was left out"],
    "calls": 1,
    "usd": 0.0021,
}
QUOTE = {"model": "openai/gpt-4o-mini", "calls": 3, "usd": 0.046, "simulated": False, "problem": ""}


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command line would answer, and what it was asked."""
    told: dict[str, Any] = {"quote": dict(QUOTE), "asked": []}

    def draft(self: Projects, description: str, model: str, count: int) -> Any:
        told["asked"].append((description, model, count))
        return DRAFT

    def grow(
        self: Projects, path: Path, text: str, model: str, count: int, wish: str, *, quote: bool = False
    ) -> Any:
        if not quote:
            told["asked"].append((model, count, wish))
        return told["quote"] if quote else {"cases": DRAFT["cases"], "calls": 1, "usd": None}

    monkeypatch.setattr(Projects, "draft_quote", lambda self, description, model, count: told["quote"])
    monkeypatch.setattr(Projects, "draft", draft)
    monkeypatch.setattr(Projects, "grow", grow)
    monkeypatch.setattr(Projects, "optimizers", lambda self: {})
    monkeypatch.setattr(Projects, "splits", lambda self, path, text: {})
    return told


def read(path: Path) -> str:
    return path.read_text("utf-8")


async def describe(pilot: Pilot[int], settle: Make, press: Make) -> None:
    """Go as far as the question whether to send."""
    await settle(pilot)
    await press(pilot, "n", "w")
    first, *_ = pilot.app.screen.query(Input)
    first.value = "label messages"
    first.focus()
    await press(pilot, "enter")


async def test_a_task_is_drafted_looked_at_and_kept(
    make_app: Make, settle: Make, press: Make, engine: dict[str, Any], tmp_path: Path
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await describe(pilot, settle, press)
        assert "at most 3 calls, at most $0.0460" in text(pilot, "body")
        assert engine["asked"] == []
        await press(pilot, "y")
        assert engine["asked"] == [("label messages", "openai/gpt-4o-mini", 20)]
        assert isinstance(pilot.app.screen, ReviewScreen)
        assert "openai/gpt-4o-mini · 1 call · $0.0021" in text(pilot, "header")
        await press(pilot, "space", "enter")
        pilot.app.screen.query_one(TextArea).load_text("Mine: {input}")
        await press(pilot, "ctrl+s", "down", "space", "space", "x")
        assert "4 taken" in text(pilot, "header") and "0 open" in text(pilot, "header")
        await press(pilot, "ctrl+s", "enter")
        assert isinstance(pilot.app.screen, HomeScreen)
    folder = tmp_path / "home" / "projects" / "support-labels"
    made = load_project(folder / "project.toml").settings
    assert made.prompt == "Mine: {input}" and made.checks[0].options == {"ignore_case": True}
    assert [json.loads(line)["input"] for line in read(folder / "cases.jsonl").splitlines()] == [
        "The site is down."
    ]


async def test_esc_at_the_name_goes_back_to_what_was_taken(
    make_app: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await describe(pilot, settle, press)
        await press(pilot, "y", "space", "x", "a")
        assert "4 taken" in text(pilot, "header")
        assert {"a take all", "ctrl+s done", "q back", "? help"} <= set(text(pilot, "keys").split("  "))
        await press(pilot, "ctrl+s", "escape")
        assert isinstance(pilot.app.screen, ReviewScreen) and "4 taken" in text(pilot, "header")
        await press(pilot, "ctrl+s", "enter")
        assert isinstance(pilot.app.screen, HomeScreen)
        assert len(engine["asked"]) == 1


async def test_nothing_is_sent_without_a_yes_and_a_missing_key_offers_the_simulator(
    make_app: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    engine["quote"]["problem"] = "no key for openai/gpt-4o-mini: set OPENAI_API_KEY"
    async with make_app().run_test(size=SIZE) as pilot:
        await describe(pilot, settle, press)
        assert "set OPENAI_API_KEY" in text(pilot, "body")
        assert "Send it" not in text(pilot, "menu")
        await press(pilot, "escape")
        assert engine["asked"] == []
        await describe(pilot, settle, press)
        await press(pilot, "s")
        assert [asked[1] for asked in engine["asked"]] == ["sim/generator"]


async def test_what_is_not_decided_is_not_taken_unseen(make_app: Make, settle: Make, press: Make) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await describe(pilot, settle, press)
        await press(pilot, "y")
        review = pilot.app.screen
        assert isinstance(review, ReviewScreen)
        await press(pilot, "ctrl+s")
        assert "5 proposals not decided yet" in str(pilot.app.screen.query_one("#dialog").border_title)
        await press(pilot, "escape", "q", "n")
        assert pilot.app.screen is review
        await press(pilot, "end")
        assert "[b]typo[/b] ␛[2J" in text(pilot, "aside") and "\x1b" not in text(pilot, "items")
        await press(pilot, "q", "y")
        assert isinstance(pilot.app.screen, HomeScreen)


async def test_a_proposed_check_is_changed_only_into_one_that_there_is(
    make_app: Make, settle: Make, press: Make
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await describe(pilot, settle, press)
        await press(pilot, "y", "down", "down", "enter")
        field = pilot.app.screen.query_one(Input)
        assert field.value == '{ type = "exact", ignore_case = true }'
        field.value = '{ type = "exakt" }'
        await press(pilot, "enter")
        assert "no check type" in text(pilot, "refused")
        field.value = '{ type = "contains" }'
        await press(pilot, "enter")
        review = pilot.app.screen
        assert isinstance(review, ReviewScreen)
        assert review.items[2].value == {"type": "contains"} and review.items[2].taken


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "projects" / "tickets"
    folder.mkdir(parents=True)
    (folder / "project.toml").write_text(
        'name = "tickets"\nprompt = "Sort {text}."\n[models.target]\nmodel = "sim/target"\n'
        '[data]\nfile = "cases.csv"\ninput = "text"\nexpected = "label"\n',
        "utf-8",
    )
    (folder / "cases.csv").write_text("text,label,tags\nhello,low,a\n", "utf-8")
    return folder / "cases.csv"


async def test_more_cases_are_made_up_looked_at_and_added(
    make_app: Make, settle: Make, press: Make, engine: dict[str, Any], project: Path
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "tab", "enter", "2", "m")
        assert [field.value for field in pilot.app.screen.query(Input)] == ["10", "", "sim/generator"]
        await press(pilot, "tab", *"angry", "enter", "y")
        assert engine["asked"] == [("sim/generator", 10, "angry")]
        await press(pilot, "space", "x", "ctrl+s")
        screen = pilot.app.screen
        assert isinstance(screen, ProjectScreen)
        assert [entry.input for entry in screen.query_one("#cases", Table).rows] == [
            "hello",
            "The site is down.",
        ]
        await press(pilot, "ctrl+s")
        assert read(project) == "text,label,tags\nhello,low,a\nThe site is down.,urgent,easy\n"
        await press(pilot, "u")
        assert len(screen.query_one("#cases", Table).rows) == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"])
def test_looks(
    make_app: Make, settle: Make, press: Make, snap_compare: Make, snapshot: Any, size: tuple[int, int]
) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await describe(pilot, settle, press)
        await press(pilot, "y", "space", "down", "x")
        pilot.app.clear_notifications()
        await settle(pilot)

    assert in_every_theme(snap_compare, snapshot, make_app(), size, before)
