"""Every action of the command palette, carried out from there on a screen where it makes sense."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from rich.style import Style
from sqlalchemy import func, select
from textual.pilot import Pilot

from promptopt.store.schema import commands
from promptopt_tui.actions import ACTIONS, Action
from promptopt_tui.app import PromptoptApp
from promptopt_tui.palette import ActionCommands
from promptopt_tui.screens.comparing import CompareScreen
from promptopt_tui.screens.reviewing import ReviewScreen, proposed

from .used import in_use, look

Make = Callable[..., Any]

PROJECT = """\
name = "support tickets"
prompt = "Sort the ticket."

[models.target]
model = "sim/target"

[[checks]]
type = "exact"

[data]
cases = [{input = "a", expected = "b"}, {input = "c", expected = "d"}]
"""

SCREEN = {
    "anywhere": "live",
    "home": "home",
    "run": "live",
    "sorting": "live, 2",
    "cases": "live, 4",
    "form": "project, 3",
    "errors": "live, 5",
    "log": "live, 7, g",
    "calls": "live, 9",
    "heat": "live, 0",
    "drafts": "making, 4",
    "queue": "made, c",
    "made": "made, o",
    "project": "project",
    "result": "finished, o",
    "deployments": "in use, D",
    "compare": "two runs",
    "review": "review",
    "proof": "proof",
}
"""Where the actions of a scope are tried: what is shown, and the keys that are pressed there first."""

ELSEWHERE = {
    "home.resume": "home with a dead run",
    "home.undo": "home, a",
    "home.archived": "home, a",
    "run.answer": "edit, escape",
    "run.resume": "dead",
    "result.resume": "stopped, o",
    "run.review": "making",
    "made.resume": "half made, o",
    "proof.resume": "held proof",
    "proof.open": "finished proof",
    "proof.deployment": "finished proof",
    "queue.undo": "made, c, space",
    "queue.previous": "made, c, right",
    "queue.first": "made, c, G",
    "run.outcome": "finished",
    "run.tournament": "tournament",
    "project.undo": "project, 3, enter",
    "project.redo": "project, 3, enter, u",
    "project.save": "project, 3, enter",
    "project.difference": "project, 3, enter",
    "project.add": "project, 3",
    "project.search": "project, 2",
    "project.split": "project, 2",
    "project.import": "project, 2",
    "project.generate": "project, 2",
    "project.remove": "project, 3",
    "project.test": "project, 4",
    "form.reset": "project, 3, enter",
    "project.outside": "project that somebody else changes, 3, enter",
}


UNSEEN = {"result.all": "the winner of the recorded run has no sentence of the seed"}
"""Actions that change nothing in the scene that they are tried in."""


class Scene:
    """Makes the app on what is wanted."""

    def __init__(self, story: Make, make_app: Make, home: Path, making: Make, proving: Make) -> None:
        self._story = story
        self._making = making
        self._proving = proving
        self._make_app = make_app
        self._home = home

    def app(self, name: str) -> PromptoptApp:
        make = {
            "live": lambda: self._run(self._story().live()),
            "finished": lambda: self._run(self._story().finish()),
            "stopped": lambda: self._run(self._story().stop(tested=False)),
            "two runs": lambda: self._run(self._story().finish()),
            "making": lambda: self._run(self._making().live()),
            "made": lambda: self._run(self._making().finish()),
            "half made": lambda: self._run(self._making().finish("stopped")),
            "dead": lambda: self._run(self._dead()),
            "edit": lambda: self._run(self._story().edited()),
            "tournament": lambda: self._run(self._story().tournament()),
            "home": self._home_screen,
            "home with a dead run": lambda: self._home_screen(dead=True),
            "in use": self._prompts_in_use,
            "review": self._home_screen,
            "proof": lambda: self._proof("live"),
            "held proof": lambda: self._proof("held"),
            "finished proof": lambda: self._proof("over"),
            "project": self._home_screen,
            "project that somebody else changes": self._home_screen,
        }
        return cast(PromptoptApp, make[name]())

    def _run(self, told: Any) -> Any:
        return self._make_app(told.run_id)

    def _proof(self, where: str) -> Any:
        getattr(self._proving(), where)()
        return self._make_app()

    def _prompts_in_use(self) -> Any:
        told = self._story().finish()
        in_use(told, looks=[look(1)])
        return self._make_app()

    def _dead(self) -> Any:
        told = self._story().live()
        told.summarize(heartbeat_at=1.0)
        return told

    def _home_screen(self, dead: bool = False) -> Any:
        folder = self._home / "projects" / "support"
        folder.mkdir(parents=True)
        (folder / "project.toml").write_text(PROJECT, "utf-8")
        if dead:
            self._dead()
        else:
            self._story().finish()
        return self._make_app()


def trace(app: PromptoptApp) -> list[object]:
    """All that an action can have changed: screens, what they show, notes, commands to the run, the end."""
    strips = app.screen._compositor.render_strips()
    shown = [(segment.text, _shade(segment.style)) for strip in strips for segment in strip]
    with app.client.database.read() as connection:
        asked = connection.execute(select(func.count()).select_from(commands)).scalar()
    notes = [note.message for note in app._notifications]
    return [[id(screen) for screen in app.screen_stack], shown, notes, asked, app.theme, app._exit]


def _shade(style: Style | None) -> tuple[object, ...]:
    return (style.color, style.bgcolor, style.reverse) if style else ()


async def offered(pilot: Pilot[int], action: Action) -> Callable[[], Any] | None:
    """What the palette would carry out for an action; None if it does not offer it."""
    provider = ActionCommands(pilot.app.screen)
    group = [c for c in provider.commands() if c.about == action.help and f": {action.label}" in c.name]
    return group[0].run if group else None


@pytest.mark.parametrize("action", [a for a in ACTIONS if a.palette], ids=lambda action: action.id)
async def test_it_is_offered_and_does_something(
    story: Make,
    make_app: Make,
    making: Make,
    proving: Make,
    settle: Make,
    home: Path,
    action: Action,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    name, *keys = (ELSEWHERE.get(action.id) or SCREEN[action.scope]).split(", ")
    app = Scene(story, make_app, home, making, proving).app(name)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        if name == "two runs":
            ids = [story().finish().run_id, app.screen.run_id]  # type: ignore[attr-defined]
            app.push_screen(CompareScreen(ids))
            await settle(pilot)
        if name == "review":
            app.push_screen(ReviewScreen("Made-up cases", proposed([("case", {"input": "a"})] * 3), "$0.01"))
            await settle(pilot)
        if name.endswith("proof"):
            app.open_proof("latest")
            await settle(pilot)
        if name.startswith("project"):
            await pilot.press("tab", "enter")
            await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        if "changes" in name:
            path = home / "projects" / "support" / "project.toml"
            path.write_text(PROJECT.replace("Sort", "Arrange"), "utf-8")
            app.screen._look()  # type: ignore[attr-defined]
            await settle(pilot)
        run = await offered(pilot, action)
        assert run is not None, "the palette does not offer it"
        before = trace(app)
        await run()
        await settle(pilot)
        assert action.id in UNSEEN or trace(app) != before
