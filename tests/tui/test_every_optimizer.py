"""Every built-in optimizer in the cockpit: a real run on the simulator, steered by keys and looked at."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from promptopt.domain import events as ev
from promptopt.models.simulator import Simulator
from promptopt.runs.engine import Engine
from promptopt.runs.launch import create_run
from promptopt.store.database import Database
from promptopt.store.runs import Runs
from promptopt_tui.actions import PANELS
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.editor import EditScreen
from promptopt_tui.screens.result import ResultScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.widgets.panels import is_visible
from promptopt_tui.widgets.standings import StandingsPanel
from tests.everyone import MINE, NAMES, small
from tests.loopback import write_project
from tests.tui.look import text

Make = Callable[..., Any]

SIZES = (10, 8, 6)
WIDE, NARROW = (120, 40), (80, 24)


class Held(Engine):
    """An engine on the simulator, whose models answer nothing more once an event has come, until let go."""

    def __init__(self, database: Database, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        runs = Runs(database)
        runs.claim(run_id, "here")
        runs.summarize(run_id, heartbeat_at=4e9)
        super().__init__(database, runs.find(run_id))
        self.awaited: Callable[[ev.Event], object] = lambda event: False
        self.answering = asyncio.Event()
        self.answering.set()
        complete = Simulator.complete

        async def held(simulator: Simulator, *args: Any, **more: Any) -> Any:
            await self.answering.wait()
            return await complete(simulator, *args, **more)

        monkeypatch.setattr(Simulator, "complete", held)

    def emit(self, event: ev.Event) -> None:
        super().emit(event)
        if self.awaited(event):
            self.awaited = lambda event: False
            self.answering.clear()

    def takes_up(self, event: ev.Event) -> bool:
        """Whether this tells that the search goes on from the person's edit."""
        edit = self.state.edit
        if not edit or not edit.adopted:
            return False
        if isinstance(event, ev.StageStarted):
            return event.start_id == edit.candidate_id
        return isinstance(event, ev.CandidateProposed) and event.parent_id == edit.candidate_id


@pytest.fixture(params=NAMES)
def engine(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Held:
    models = {role: {"model": f"sim/{role}", "latency": 0.0} for role in ("target", "optimizer")}
    project = write_project(
        tmp_path, "http://127.0.0.1:9", SIZES, models=models, optimizer=small(request.param)
    )
    run_id, _ = create_run(database, project)
    return Held(database, run_id, monkeypatch)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(90):
        while not condition():  # noqa: ASYNC110 — the app and the engine go on meanwhile
            await asyncio.sleep(0.01)


async def test_it_is_paused_edited_resumed_and_stopped_by_keys(
    engine: Held, make_app: Make, settle: Make
) -> None:
    engine.awaited = lambda event: isinstance(event, ev.PhaseStarted) and event.phase == "search"
    running = asyncio.create_task(engine.run())
    async with make_app(engine.state.run_id or engine._row.id).run_test(size=NARROW) as pilot:
        await until(lambda: not engine.answering.is_set())
        await settle(pilot)
        await pilot.press("space")
        await until(lambda: engine.state.status == "paused")
        engine.answering.set()
        await settle(pilot)
        await pilot.press("e")
        await until(lambda: isinstance(pilot.app.screen, EditScreen))
        pilot.app.screen.query_one("#area").load_text(MINE)  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert said(engine.state.on_edit) in said(text(pilot, "body"))
        await pilot.press("y")
        await until(lambda: engine.state.edit and engine.state.edit.waiting)
        await until(lambda: isinstance(pilot.app.screen, Dialog))
        await settle(pilot)
        assert said(engine.state.on_edit) in said(text(pilot, "body"))
        engine.awaited = engine.takes_up
        await pilot.press("y")
        await until(lambda: engine.state.edit and engine.state.edit.adopted)
        await pilot.press("space")
        await until(lambda: not engine.answering.is_set())
        await settle(pilot)
        await pilot.press("s")
        await until(lambda: isinstance(pilot.app.screen, Dialog))
        await pilot.press("s")
        await until(lambda: engine.state.stop_requested)
        engine.answering.set()
        await running
        await until(lambda: isinstance(pilot.app.screen, ResultScreen))
        await settle(pilot)
        assert "stopped by" in text(pilot, "verdict")
    assert engine.state.status == "stopped"


def said(words: str) -> str:
    """Without the breaks of lines."""
    return " ".join(words.split())


async def test_a_run_of_it_is_shown(engine: Held, make_app: Make, settle: Make) -> None:
    await engine.run()
    state = engine.state
    assert state.status == "finished", [line.text for line in state.activity]
    async with make_app(state.run_id).run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("escape")
        look_at_candidates(pilot)
        await pilot.resize_terminal(*NARROW)
        for number, panel in enumerate(PANELS, 1):
            await pilot.press(str(number % 10))
            await settle(pilot)
            await until(partial(text, pilot, panel))  # some read in a thread
            if panel in ("standings", "prompt"):
                look_at_candidates(pilot)
        if state.tournament:
            await pilot.press("m")
            await settle(pilot)
            shown = text(pilot, "tournament")
            assert all(state.name(each.candidate_id) in shown for each in state.tournament.ratings)


def look_at_candidates(pilot: Pilot[int]) -> None:
    """Each one in the table, and its prompt against that of its parent, as far as they are on the screen."""
    screen = pilot.app.screen
    assert isinstance(screen, RunScreen)
    state = screen.follower.state
    for candidate in state.candidates.values():
        screen.pinned_id = candidate.id
        screen.draw()
        parent = state.candidates.get(candidate.parent_id or "")
        table = screen.query_one(StandingsPanel)
        if is_visible(table):
            table.move_to(list(table.rows).index(candidate))
            assert candidate.name in text(pilot, "standings")
        if is_visible(screen.query_one("#prompt")):
            shown = text(pilot, "prompt")
            changed = any(line.startswith(("+ ", "- ")) for line in shown.split("\n"))
            others = parent is not None and parent.demonstrations != candidate.demonstrations
            assert changed is (parent is not None and (others or parent.text != candidate.text))
            assert ("sent before each case" in shown) is (bool(candidate.demonstrations) and not others)
