"""The command palette."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot

import promptopt_themes
from promptopt_tui.screens.run import RunScreen

Make = Callable[..., Any]

PATIENCE = 20.0
FINE = 'name = "fine one"\nprompt = "x"\n[models.target]\nmodel = "sim/target"\n'


async def find(pilot: Pilot[int], query: str, wanted: str) -> None:
    """Open the palette, type, and go down to the line that begins with ``wanted``."""
    await pilot.press("ctrl+p", *query)
    lines = pilot.app.screen.query_one("CommandList")
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        names = [str(line.hit.text) for line in lines.options]  # type: ignore[attr-defined]
        place = next((at for at, name in enumerate(names) if name.startswith(wanted)), None)
        if place is not None:
            break
        assert asyncio.get_running_loop().time() < deadline, names
        await pilot.pause(0.02)
    lines.highlighted = place  # type: ignore[attr-defined]
    await pilot.pause()


async def test_a_theme_is_shown_while_it_is_looked_at(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await find(pilot, "theme", "theme: Light")
        assert app.theme == "promptopt-light"
        assert make_app().theme == promptopt_themes.DEFAULT, "it was not chosen yet"
        await pilot.press("escape")
        await pilot.pause()
        assert app.theme == promptopt_themes.DEFAULT

        await find(pilot, "theme", "theme: Light")
        await pilot.press("enter")
        if isinstance(app.screen, CommandPalette):
            await pilot.press("enter")
        await settle(pilot)
        assert app.theme == "promptopt-light" == make_app().theme


@pytest.mark.parametrize("name", ["plain", "h\x1b[2Jo[/x]stile"])
async def test_runs_are_found_by_project(story: Make, make_app: Make, settle: Make, name: str) -> None:
    other = story(project=name).finish()
    app = make_app(story().live().run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await find(pilot, other.run_id, f"run: open {other.run_id}")
        assert "\x1b" not in str(app.screen.query_one("CommandList").options[0].hit.text)
        await pilot.press("enter")
        if isinstance(app.screen, CommandPalette):
            await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, RunScreen) and app.screen.run_id == other.run_id


async def test_projects_are_found_and_broken_ones_are_not_offered(
    make_app: Make, settle: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug, text in (("good", FINE), ("bad", "name = ")):
        (tmp_path / "home" / "projects" / slug).mkdir(parents=True)
        (tmp_path / "home" / "projects" / slug / "project.toml").write_text(text, "utf-8")
    app, started = make_app(), []
    monkeypatch.setattr(app, "start_project", lambda path, name: started.append(name))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await find(pilot, "project: run", "project: run fine one")
        names = [str(line.hit.text) for line in app.screen.query_one("CommandList").options]
        assert not [name for name in names if "bad" in name]
        await pilot.press("enter")
        if isinstance(app.screen, CommandPalette):
            await pilot.press("enter")
        await settle(pilot)
        assert started == ["fine one"]
