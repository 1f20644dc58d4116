"""Projects and runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from promptopt.domain.errors import SettingsError
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.home import HomeScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.table import Table

Make = Callable[..., Any]
SIZE = (120, 40)


def text(pilot: Pilot[int], widget_id: str) -> str:
    widget = pilot.app.screen.query_one(f"#{widget_id}", Canvas)
    return "\n".join(widget.render_line(y).text.rstrip() for y in range(widget.size.height))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "projects" / "tickets"
    folder.mkdir(parents=True)
    file = folder / "project.toml"
    file.write_text(
        'name = "support tickets"\nprompt = "Say hello."\n[models.target]\nmodel = "sim/target"\n'
        '[data]\ncases = [{ input = "a", expected = "b" }]\n',
        "utf-8",
    )
    return file


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr("promptopt.runs.launch.start_worker", found.append)
    return found


async def test_an_empty_store_teaches_the_first_step(make_app: Make, settle: Make) -> None:
    for size in (SIZE, (80, 24)):
        async with make_app().run_test(size=size) as pilot:
            await settle(pilot)
            assert "promptopt demo" in text(pilot, "projects")
            assert "promptopt new" in text(pilot, "projects")
            assert "promptopt run PROJECT" in text(pilot, "runs")


async def test_every_column_of_the_runs_fits(story: Make, make_app: Make, settle: Make) -> None:
    told = story(project="invoices").finish()
    for size in ((80, 24), (100, 30), SIZE):
        async with make_app().run_test(size=size) as pilot:
            await settle(pilot)
            head, row = text(pilot, "runs").splitlines()[:2]
            assert "project" in head
            assert head.rstrip().endswith("age")
            assert "invoices" in row
            assert told.run_id in row


async def test_what_is_not_known_yet_is_not_unknown(story: Make, make_app: Make, settle: Make) -> None:
    told = story()
    told.summarize(status="created", heartbeat_at=None)
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "unknown" not in text(pilot, "runs")


async def test_a_list_that_is_cut_says_so(
    story: Make, make_app: Make, settle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptopt_tui.client.LISTED", 2)
    monkeypatch.setattr("promptopt_tui.screens.home.LISTED", 2)
    for _ in range(3):
        story()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "the newest 2" in str(pilot.app.screen.query_one("#runs").border_title)


async def test_an_evaluation_is_called_one(story: Make, make_app: Make, settle: Make) -> None:
    told = story()
    told.summarize(kind="eval")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        row = pilot.app.screen.query_one("#runs", Table).row
        screen = pilot.app.screen
        assert isinstance(screen, HomeScreen)
        assert screen._optimizer(row)[0] == "evaluation"


async def test_runs_are_listed_with_word_score_and_cost(story: Make, make_app: Make, settle: Make) -> None:
    story().finish()
    story(simulated=False, project="invoices").fail()
    story().live().summarize(heartbeat_at=1.0)
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        lines = text(pilot, "runs").splitlines()[1:4]

    interrupted, failed, finished = lines
    assert "! interrupted" in interrupted
    assert "✗ failed" in failed
    assert "unknown" in failed
    assert "sim" not in failed
    assert "✓ finished" in finished
    assert "50.0%  91.7%" in finished
    assert "$0.13 sim" in finished


async def test_enter_opens_a_run_and_q_comes_back(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, RunScreen)
        assert pilot.app.screen.run_id == told.run_id
        await pilot.press("q")
        await settle(pilot)
        assert isinstance(pilot.app.screen, HomeScreen)
        await pilot.press("q")
        await pilot.pause()
    assert pilot.app.return_value == 0


async def test_enter_on_a_project_shows_its_runs(
    story: Make, make_app: Make, settle: Make, project: Path
) -> None:
    mine = story().live()
    story(project="another").live()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = pilot.app.screen.query_one("#runs", Table)
        assert len(table.rows) == 2
        await pilot.press("tab", "enter")
        await settle(pilot)
        assert [run.id for run in table.rows] == [mine.run_id]
        assert pilot.app.screen.focused is table
        await pilot.press("escape")
        assert len(table.rows) == 2


async def test_r_starts_a_run_of_the_project(
    make_app: Make, settle: Make, project: Path, started: list[str]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(pilot.app.screen, RunScreen)
        assert started == [pilot.app.screen.run_id]
        assert pilot.app.screen.follower.row.project == "support tickets"  # type: ignore[union-attr]


async def test_d_starts_the_demo(make_app: Make, settle: Make, started: list[str]) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("d")
        await settle(pilot)
        assert isinstance(pilot.app.screen, RunScreen)
        assert pilot.app.screen.follower.row.simulated  # type: ignore[union-attr]
        assert started == [pilot.app.screen.run_id]


async def test_a_bad_project_is_told_with_the_way_out(
    make_app: Make, settle: Make, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()

    def refuse(path: Path) -> Any:
        raise SettingsError("models.target is missing", where=str(path), fix="give the model [red]")

    monkeypatch.setattr(app.client, "start", refuse)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(app.screen, Dialog)
        said = text(pilot, "body")
        assert "models.target is missing" in said
        assert "give the model [red]" in said
        await pilot.press("enter")
        assert isinstance(app.screen, HomeScreen)


@pytest.fixture
def broken_project(project: Path) -> None:
    project.write_text("name = ", "utf-8")


@pytest.mark.usefixtures("broken_project")
async def test_a_project_file_that_can_not_be_read_is_listed(make_app: Make, settle: Make) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "✗ tickets" in text(pilot, "projects")
        await pilot.press("tab")
        await settle(pilot)
        assert "can't be used" in text(pilot, "detail")


async def test_capital_r_resumes_only_what_can_be_resumed(
    story: Make, make_app: Make, settle: Make, started: list[str]
) -> None:
    told = story().fail()
    story().live()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("R")
        await settle(pilot)
        assert started == []
        await pilot.press("down", "R")
        await settle(pilot)
        assert started == [told.run_id]


async def test_a_run_whose_sealed_test_was_scored_is_not_offered_again(
    story: Make, make_app: Make, settle: Make, started: list[str]
) -> None:
    untested = story().stop(tested=False)
    story().stop(tested=True)
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "resume" not in text(pilot, "keys")
        await pilot.press("R")
        await settle(pilot)
        assert started == []
        await pilot.press("down")
        await settle(pilot)
        assert "resume" in text(pilot, "keys")
        await pilot.press("R")
        await settle(pilot)
        assert started == [untested.run_id]


async def test_search(story: Make, make_app: Make, settle: Make) -> None:
    story().finish()
    wanted = story(project="invoices").live()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = pilot.app.screen.query_one("#runs", Table)
        await pilot.press("slash", *"INVOI")
        assert [run.id for run in table.rows] == [wanted.run_id]
        await pilot.press("enter")
        assert pilot.app.screen.focused is table
        await pilot.press("slash", "x")
        assert "nothing fits" in text(pilot, "runs")
        await pilot.press("escape")
        assert len(table.rows) == 2


async def test_a_new_run_appears_and_the_cursor_stays(story: Make, make_app: Make, settle: Make) -> None:
    first = story().live()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        table = pilot.app.screen.query_one("#runs", Table)
        assert table.row.id == first.run_id
        story().live()
        pilot.app.screen.freshen()  # type: ignore[attr-defined]
        await settle(pilot)
        assert len(table.rows) == 2
        assert table.row.id == first.run_id


async def test_a_store_that_can_not_be_read_is_told(
    make_app: Make, settle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()

    def fail() -> Any:
        raise OSError("no such disk")

    monkeypatch.setattr(app.client, "lists", fail)
    async with app.run_test(size=SIZE) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "no such disk" in text(pilot, "runs")


async def test_bad_themes_are_left_out_with_a_word(make_app: Make, settle: Make, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "themes"
    folder.mkdir(parents=True)
    (folder / "odd.toml").write_text("name = [", "utf-8")
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "odd.toml" in " ".join(note.message for note in app._notifications)
