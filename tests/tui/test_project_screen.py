"""The editor of a project: what it shows, what it takes, what it writes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from promptopt.domain.describing import Setting
from promptopt_tui.client import Client
from promptopt_tui.projects import Projects
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.home import HomeScreen
from promptopt_tui.screens.project.screen import ProjectScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.widgets.form import Form
from tests.tui.look import text

from .skins import in_every_theme

Make = Callable[..., Any]
SIZE = (120, 40)

BY_HAND = """\
# Written by hand.
name = "tickets"     # short

prompt = '''
Sort {input} or {imput}.
'''

[models.target]
model = "sim/target"   # no cost
temperature = 0.5

[budget]
calls = 500

[[checks]]
type = "exact"

[data]
cases = [
  { input = "a", expected = "b" },
]
"""

FORECAST = {
    "calls": {"low": 12, "likely": 499, "high": 717},
    "tokens": {"low": 144, "likely": 142_400, "high": 17e6},
    "cost_usd": None,
    "seconds": {"low": 1, "likely": 138, "high": 1376},
    "iterations": {"low": 0, "likely": 10, "high": None},
    "cap": {"name": "calls", "limit": 500, "needed": 717, "certain": False, "expected": True},
    "notes": ["retries are not counted"],
    "simulated": True,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "projects" / "tickets"
    folder.mkdir(parents=True)
    path = folder / "project.toml"
    path.write_text(BY_HAND, "utf-8")
    return path


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the engine's command line, answered here."""
    asked: list[str] = []
    abouts = {"refine": "Rewrites what failed.", "grpo": "Groups of variants."}
    settings = [
        Setting("max_iterations", "whole number, from 1", False, 20, "most rounds.", "whole", (), {"ge": 1})
    ]

    def doctor(self: Projects, path: Path, text: str) -> Any:
        asked.append(text)
        return [{"check": "target model sim/target", "status": "note", "detail": "simulated", "fix": "none"}]

    def estimate(self: Projects, path: Path, text: str) -> Any:
        asked.append(text)
        return FORECAST

    monkeypatch.setattr(Projects, "optimizers", lambda self: abouts)
    monkeypatch.setattr(Projects, "optimizer", lambda self, name: settings if name == "refine" else [])
    monkeypatch.setattr(Projects, "splits", lambda self, path, text: {"1": "train", "2": "test"})
    monkeypatch.setattr(Projects, "doctor", doctor)
    monkeypatch.setattr(Projects, "estimate", estimate)
    return asked


@pytest.fixture
def opened(file: Path, press: Make, settle: Make) -> Make:
    """Opens the editor, presses keys, and gives all back."""

    async def go(pilot: Pilot[int], *keys: str) -> ProjectScreen:
        await settle(pilot)
        await pilot.press("tab", "enter")
        await settle(pilot)
        await press(pilot, *keys)
        assert isinstance(pilot.app.screen_stack[-1], ProjectScreen | Dialog) or keys
        return next(screen for screen in pilot.app.screen_stack if isinstance(screen, ProjectScreen))

    return go


def read(path: Path) -> str:
    return path.read_text("utf-8")


def write(path: Path, content: str) -> None:
    path.write_text(content, "utf-8")


def go_to(screen: ProjectScreen, name: str) -> None:
    """Put the cursor of the form on a setting."""
    form = screen.query_one(Form)
    form.move_to(next(i for i, row in enumerate(form.rows) if ".".join(map(str, row.keys)) == name))


async def test_enter_on_a_project_opens_it_and_q_goes_back(
    opened: Make, press: Make, make_app: Make, settle: Make
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        assert "tickets" in text(pilot, "header") and "✓ saved" in text(pilot, "header")
        assert "{imput}" in text(pilot, "aside")
        await press(pilot, "q")
        assert isinstance(pilot.app.screen, HomeScreen)


async def test_a_value_is_changed_and_nothing_else_in_the_file(
    opened: Make, press: Make, make_app: Make, file: Path
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "6")
        go_to(screen, "budget.calls")
        await press(pilot, "enter")
        field = pilot.app.screen.query_one(Input)
        assert field.value == "500"
        field.value = "-3"
        await press(pilot, "enter")
        assert "expected a number above 0" in text(pilot, "refused")
        field.value = "40"
        await press(pilot, "enter")
        assert "● not saved" in text(pilot, "header")
        assert read(file) == BY_HAND
        await press(pilot, "ctrl+s")
        assert "✓ saved" in text(pilot, "header")
    assert read(file) == BY_HAND.replace("calls = 500", "calls = 40")


async def test_what_only_the_whole_model_can_tell_is_refused_as_it_is_typed(
    opened: Make, press: Make, make_app: Make
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "4")
        go_to(screen, "models.target.api_key_env")
        await press(pilot, "enter")
        pilot.app.screen.query_one(Input).value = "sk-abcdefghijklmnop1234"
        await press(pilot, "enter")
        assert "it looks like a\nkey" in text(pilot, "refused")


async def test_flags_turn_choices_are_chosen_and_defaults_come_back(
    opened: Make, press: Make, make_app: Make
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "3")
        go_to(screen, "checks.0.ignore_case")
        await press(pilot, "enter")
        assert screen.document.get(("checks", 0, "ignore_case")) is True
        await press(pilot, "backspace")
        assert screen.document.get(("checks", 0)) == {"type": "exact"}
        await press(pilot, "5", "enter", "2")
        assert screen.document.get(("optimizer",)) == {"name": "grpo"}
        await press(pilot, "u", "u", "u")
        assert screen.document.text == BY_HAND
        await press(pilot, "U", "U")
        assert screen.document.get(("checks", 0)) == {"type": "exact"}


async def test_a_long_text_is_written_in_an_editor(opened: Make, press: Make, make_app: Make) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        go_to(screen, "prompt")
        await press(pilot, "enter")
        area = pilot.app.screen.query_one(TextArea)
        assert area.text == "Sort {input} or {imput}.\n"
        area.load_text("Two\nlines {input}")
        await press(pilot, "ctrl+s")
        assert screen.document.get(("prompt",)) == "Two\nlines {input}"
        assert "Two" in text(pilot, "aside")
        await press(pilot, "enter")
        pilot.app.screen.query_one(TextArea).load_text("x")
        await press(pilot, "escape", "y")
        assert screen.document.get(("prompt",)) == "Two\nlines {input}"


async def test_what_checks_do_is_told_in_full_where_there_is_room(
    opened: Make, press: Make, make_app: Make
) -> None:
    async with make_app().run_test(size=(200, 60)) as pilot:
        await opened(pilot, "3", "n")
        told = text(pilot, "menu")
        assert "members after a perfect one are not asked." in told and "or a score and a reason." in told


async def test_checks_are_added_with_what_they_need_and_removed(
    opened: Make, press: Make, make_app: Make
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "3", "n")
        assert "expected output" in text(pilot, "menu") and "``" not in text(pilot, "menu")
        await press(pilot, "d")  # latency, which needs a limit
        await press(pilot, "enter")
        assert "has to be given" in text(pilot, "refused")
        pilot.app.screen.query_one(Input).value = "2.5"
        await press(pilot, "enter")
        assert screen.document.get(("checks", 1)) == {"type": "latency", "max": 2.5}
        go_to(screen, "checks.0.weight")
        await press(pilot, "x")
        assert screen.document.get(("checks",)) == [{"type": "latency", "max": 2.5}]
        await press(pilot, "u", "n", "+")
        assert screen.document.get(("task", "constraints", 0, "max_words")) == 50
        assert not screen.flaws


async def test_an_option_that_a_check_does_not_take_is_refused_and_told(
    opened: Make, press: Make, make_app: Make, file: Path
) -> None:
    write(file, BY_HAND.replace('type = "exact"', 'type = "regex"\npattern = "b"\nful = true'))
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "3")
        assert "no option 'ful'" in text(pilot, "aside").replace("\n  ", " ")
        assert "v judges an output" in text(pilot, "aside")
        screen.put(("checks", 0, "ful"), None)
        assert not screen.flaws
        go_to(screen, "checks.0.pattern")
        await press(pilot, "enter")
        pilot.app.screen.query_one(Input).value = "(b"
        await press(pilot, "enter")
        assert "(b" in text(pilot, "refused")


@pytest.mark.parametrize("asks", [False, True])
async def test_the_checks_are_tried_on_an_output(
    opened: Make, press: Make, make_app: Make, file: Path, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    calls: list[Any] = []

    def check(self: Projects, path: Path, text: str, output: str, case_id: str, *, ask: bool) -> Any:
        calls.append((output, case_id, ask))
        checks = [
            {"name": "exact", "passed": False, "score": 0.0, "weight": 1, "hard": True, "reason": "no [b]"}
        ]
        return {"case_id": "1", "score": 0.0, "passed": False, "checks": checks, "left_out": ["tone"]}

    monkeypatch.setattr(Projects, "check", check)
    if asks:
        write(file, BY_HAND + '[[checks]]\ntype = "judge"\nrubric = "polite"\nname = "tone"\n')
    async with make_app().run_test(size=SIZE) as pilot:
        await opened(pilot, "3", "v")
        assert pilot.app.screen.query_one(TextArea).text == "b"  # what is expected
        pilot.app.screen.query_one(TextArea).load_text("a\nb")
        await press(pilot, "ctrl+s", *(["y"] if asks else []))
        assert calls == [("a\nb", "1", asks)]
        shown = text(pilot, "aside")
        assert "✗ fails" in shown and "no [b]" in shown and "hard" in shown and "tone" in shown


async def test_a_model_is_set_up_tried_and_removed(
    opened: Make, press: Make, make_app: Make, engine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-shown-anywhere-0123456789")
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "4", "n", "3", "1")
        assert "OPENAI_API_KEY is set" in text(pilot, "body") and "sk-not" not in text(pilot, "body")
        model, variable = pilot.app.screen.query(Input)
        assert model.value == "openai/gpt-4o-mini"
        variable.value = "sk-1234567890 abc"
        await press(pilot, "enter")
        assert "never the key" in text(pilot, "hints")
        variable.value = "TEAM_KEY"
        await press(pilot, "enter")
        judge = {"model": "openai/gpt-4o-mini", "api_key_env": "TEAM_KEY"}
        assert screen.document.get(("models", "judge")) == judge
        assert engine == [screen.document.text]  # it is tried at once
        assert "note: simulated" in text(pilot, "aside")
        go_to(screen, "models.judge.model")
        await press(pilot, "x")
        assert screen.document.get(("models", "judge")) is None
        assert "before your last change" in text(pilot, "aside")
        go_to(screen, "models.target.model")
        await press(pilot, "x")
        assert screen.document.get(("models", "target", "model")) == "sim/target"


async def test_a_model_that_is_there_gets_another_and_keeps_its_settings(
    opened: Make, press: Make, make_app: Make
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "4", "n", "1", "7")
        assert [field.value for field in pilot.app.screen.query(Input)][1] == "http://localhost:11434"
        await press(pilot, "enter")
        assert screen.document.get(("models", "target")) == {
            "model": "ollama_chat/llama3.1", "temperature": 0.5, "base_url": "http://localhost:11434",
            "free": True,
        }  # fmt: skip
        assert "# no cost" in screen.document.text
        await press(pilot, "n", "p", "9", "enter")
        assert screen.document.get(("judges",)) == [{"model": "sim/judge"}]


async def test_the_budget_is_foretold_as_it_changes(
    opened: Make, press: Make, make_app: Make, engine: list[str]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "6")
        assert "12 – 499 – 717" in text(pilot, "aside")
        assert "unknown" in text(pilot, "aside")
        assert "likely ends it first" in text(pilot, "aside").replace("\n  ", " ")
        go_to(screen, "budget.calls")
        await press(pilot, "backspace")
        assert engine == [BY_HAND, screen.document.text]


async def test_what_somebody_else_writes_is_read_again_if_nothing_is_lost(
    opened: Make, make_app: Make, settle: Make, file: Path
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        write(file, BY_HAND.replace("500", "501"))
        screen._look()
        await settle(pilot)
        assert screen.document.get(("budget", "calls")) == 501
        assert not screen.document.changed


@pytest.mark.parametrize(("key", "calls", "name"), [("r", 501, "tickets"), ("w", 500, "mine")])
async def test_what_somebody_else_writes_is_shown_before_anything_is_lost(
    opened: Make, press: Make, make_app: Make, settle: Make, file: Path, key: str, calls: int, name: str
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        screen.put(("name",), "mine")
        write(file, BY_HAND.replace("500", "501"))
        screen._look()
        await settle(pilot)
        assert "changed by somebody else" in text(pilot, "header")
        await press(pilot, "ctrl+s")
        assert "501" in text(pilot, "body") and "mine" in text(pilot, "body")
        await press(pilot, key)
        assert screen.document.get(("budget", "calls")) == calls
        assert screen.document.get(("name",)) == name
        assert "✓ saved" in text(pilot, "header")


@pytest.mark.parametrize(("key", "kept"), [("s", True), ("y", False)])
async def test_leaving_asks_if_something_is_not_saved(
    opened: Make, press: Make, make_app: Make, file: Path, key: str, kept: bool
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        screen.put(("name",), "queue")
        await press(pilot, "q", "escape")
        assert pilot.app.screen is screen
        await press(pilot, "d", "escape", "q", key)
        assert isinstance(pilot.app.screen, HomeScreen)
    assert ("queue" in read(file)) == kept


async def test_a_file_with_flaws_is_shown_with_them_and_can_be_saved(
    opened: Make, make_app: Make, settle: Make, file: Path
) -> None:
    write(file, BY_HAND.replace("temperature = 0.5", 'temperature = "warm"'))
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "4")
        assert "1 key can't be used" in text(pilot, "header")
        assert "✗" in text(pilot, "tabs")
        go_to(screen, "models.target.temperature")
        await settle(pilot)
        assert "found 'warm', expected a number" in text(pilot, "doc")


async def test_r_saves_and_starts_a_run(
    opened: Make, press: Make, make_app: Make, file: Path, started: list[str]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        screen.put(("name",), "queue")
        for role in ("target", "optimizer"):
            screen.put(("models", role, "model"), f"sim/{role}")
        await press(pilot, "r")
        assert isinstance(pilot.app.screen, RunScreen)
        assert Client.find(pilot.app.client, started[0]).project == "queue"  # type: ignore[attr-defined]
    assert 'name = "queue"     # short' in read(file)


async def test_a_hostile_file_is_text(opened: Make, make_app: Make, settle: Make, file: Path) -> None:
    bad = 'name = "[red]\\u001b]52;c;YQ==\\u0007[/x]"\nprompt = "\\u202e[/b] {input} \\u001b[2J"\n'
    write(file, bad + '[models.target]\nmodel = "[/]"\n')
    async with make_app().run_test(size=(80, 24)) as pilot:
        await opened(pilot, *"12345678", "1", "enter", "escape")
        shown = text(pilot, "header") + text(pilot, "aside") + text(pilot, "form")
        assert "[red]␛]52" in shown and "\x1b" not in shown and "\u202e" not in shown


async def test_yaml_is_told_the_way(make_app: Make, settle: Make, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    write(config, "task_description: x\n")
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.open_project(config)
        await settle(pilot)
        assert "promptopt new NAME --from config.yaml" in text(pilot, "body")


@pytest.mark.parametrize("keys", ["1", "3", "4v", "5", "6", "8"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"])
def test_looks(
    opened: Make,
    make_app: Make,
    snap_compare: Make,
    snapshot: Any,
    settle: Make,
    size: tuple[int, int],
    keys: str,
) -> None:
    async def before(pilot: Pilot[int]) -> None:
        screen = await opened(pilot, *keys)
        screen.query_one("#header").styles.visibility = "hidden"  # it has a path of this machine
        await settle(pilot)

    assert in_every_theme(snap_compare, snapshot, make_app(), size, before)
