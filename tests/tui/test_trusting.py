"""Starting a project that has code of its own: its owner is shown it, and asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from promptopt.domain.errors import PromptoptError
from promptopt.store.trust import Power, TrustError
from promptopt_tui import paint
from promptopt_tui.app import PromptoptApp
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.home import HomeScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.views.trust import trust_lines
from tests.tui.look import text

Make = Callable[..., Any]
SIZE = (120, 40)
HOSTILE = "assert output  # [red]x[/x] \x1b]52;c;YmFk\x07 \u202egnp.exe"


@pytest.fixture
def started(started: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("promptopt.evaluation.boxes.around_python", lambda: "Here stands a wall.")
    return started


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "projects" / "theirs"
    folder.mkdir(parents=True)
    (folder / "score.py").write_text("def judge(*a): return True  # first\n", "utf-8")
    (folder / "project.toml").write_text(
        'name = "theirs"\nprompt = "Say hello."\n[models.target]\nmodel = "sim/target"\n'
        '[models.optimizer]\nmodel = "sim/optimizer"\n'
        '[data]\ncases = [{ input = "a", expected = "b" }]\n'
        '[[checks]]\ntype = "callable"\nfunction = "score:judge"\n',
        "utf-8",
    )
    return folder


def trusted(project: Path) -> list[str]:
    file = project.parent.parent / "trusted"
    return file.read_text("utf-8").splitlines() if file.exists() else []


async def asked(app: PromptoptApp, pilot: Pilot[int], settle: Make) -> None:
    await settle(pilot)
    await pilot.press("r")
    await settle(pilot)
    assert isinstance(app.screen, Dialog)


async def test_the_code_is_shown_and_trusted_and_the_run_starts(
    make_app: Make, settle: Make, project: Path, started: list[str]
) -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await asked(app, pilot, settle)
        said = text(pilot, "body")
        for part in ("checks[0].function", "def judge(*a): return True  # first", "Here stands a wall."):
            assert part in said
        assert not started

        await pilot.press("y")
        await settle(pilot)
        assert isinstance(app.screen, RunScreen)
        assert started == [app.screen.run_id]
        (line,) = trusted(project)
        assert f"sha256 {line.split()[0]}" in said


@pytest.mark.parametrize("key", ["enter", "escape", "n"])
async def test_without_a_yes_nothing_is_made(
    make_app: Make, settle: Make, project: Path, started: list[str], key: str
) -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await asked(app, pilot, settle)
        await pilot.press(key)
        await settle(pilot)
        assert isinstance(app.screen, HomeScreen)
        assert app.screen.lists is not None and app.screen.lists.runs == []
    assert started == [] and trusted(project) == []


async def test_what_changes_under_the_dialog_is_asked_for_again(
    make_app: Make, settle: Make, project: Path, started: list[str]
) -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await asked(app, pilot, settle)
        (project / "score.py").write_text("def judge(*a): return True  # second\n", "utf-8")
        await pilot.press("y")
        await settle(pilot)
        assert isinstance(app.screen, Dialog) and not started
        assert "# second" in text(pilot, "body") and "# first" not in text(pilot, "body")
        await pilot.press("y")
        await settle(pilot)
        assert started == [app.screen.run_id]  # type: ignore[attr-defined]


async def test_a_run_is_not_resumed_with_changed_code_unasked(
    make_app: Make, settle: Make, project: Path, started: list[str], story: Make
) -> None:
    told = story().stop(tested=False)
    app = make_app(told.run_id)

    def resume(run_id: str) -> None:
        if not trusted(project):
            power = Power("python", "checks[0].code", HOSTILE, "5" * 64)
            raise TrustError([power], where=f"run {run_id}", fix="look at it")
        started.append(run_id)

    app.client.resume = resume
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("R")
        await settle(pilot)
        assert f"run {told.run_id}" in text(pilot, "body")
        await pilot.press("n")
        await settle(pilot)
        assert isinstance(app.screen, RunScreen) and app.screen.sent == ""
        await pilot.press("R")
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
    assert started == [told.run_id]


async def test_any_other_fault_is_told_as_before(
    make_app: Make, settle: Make, project: Path, started: list[str]
) -> None:
    app = make_app()

    def refuse(_: Path) -> Any:
        raise PromptoptError("there is too much code", where="here", fix="less")

    app.client.start = refuse
    async with app.run_test(size=SIZE) as pilot:
        await asked(app, pilot, settle)
        assert "there is too much code" in text(pilot, "body")


@pytest.mark.parametrize("width", [40, 90])
def test_code_is_data(width: int) -> None:
    power = Power("python", "checks[0].code", f"{HOSTILE}\n{'x' * 200}\n\nlast", "a" * 64)
    lines = trust_lines("here\x1b[2J", [power], "", width)
    shown = paint.plain(lines)
    assert "\x1b" not in shown and "\u202e" not in shown and "[red]x[/x]" in shown
    assert all(paint.width_of(line) <= width for line in lines)
    content = shown[shown.index("│") :].splitlines()
    assert all(line.startswith("  │") or line.strip().startswith("│") or not line for line in content)
    assert shown.count("x" * 20) > 1 and shown.endswith("last")
