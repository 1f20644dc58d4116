"""Projects and runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from promptopt.domain.errors import SettingsError
from promptopt_tui.screens.asking import Paths
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.home import HomeScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.views import home
from promptopt_tui.widgets.table import Table
from tests.tui.look import text

Make = Callable[..., Any]
SIZE = (120, 40)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "projects" / "tickets"
    folder.mkdir(parents=True)
    file = folder / "project.toml"
    file.write_text(
        'name = "support tickets"\nprompt = "Say hello."\n[models.target]\nmodel = "sim/target"\n'
        '[models.optimizer]\nmodel = "sim/optimizer"\n'
        '[data]\ncases = [{ input = "a", expected = "b" }]\n',
        "utf-8",
    )
    return file


async def test_an_empty_store_teaches_the_first_step(make_app: Make, settle: Make) -> None:
    for size in (SIZE, (80, 24)):
        async with make_app().run_test(size=size) as pilot:
            await settle(pilot)
            assert "promptopt demo" in text(pilot, "projects")
            assert "promptopt new" in text(pilot, "projects")
            assert "promptopt run PROJECT" in text(pilot, "runs")
            told = " ".join(f"{text(pilot, 'projects')} {text(pilot, 'runs')}".split())
            assert size != SIZE or "your cases and what counts as a good answer." in told
            assert "goes on when you close the terminal." in told


@pytest.mark.usefixtures("project")
async def test_lists_whose_things_are_all_archived_say_so(
    story: Make, make_app: Make, settle: Make, press: Make
) -> None:
    story().finish()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "a", "tab", "a")
        assert "all are archived; A shows them" in " ".join(text(pilot, "projects").split())
        assert "all are archived; A shows them" in text(pilot, "runs")
        await press(pilot, "A")
        assert len(projects_shown(pilot)) == len(runs_shown(pilot)) == 1


@pytest.mark.parametrize("key", ["tab", "enter"])
async def test_a_path_is_completed(
    make_app: Make, settle: Make, press: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tickets.csv").write_text("input,expected\na,b\nc,d\n", "utf-8")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "n", "f")
        field = pilot.app.screen.query_one("#answer", Input)
        field.value = "nothing"
        await press(pilot, key, "enter")
        assert field.value == "nothing" and "there is no such file" in text(pilot, "refused")
        field.value = ""
        await press(pilot, *"tick", key)
        if key == "tab":
            assert field.value == "tickets.csv" and pilot.app.screen.focused is field
            await press(pilot, "enter")
        assert pilot.app.screen.query_one("#answer", Input).value == "tickets"


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
        assert home.optimizer(row)[0] == "evaluation"


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


def add(project: Path, said: str) -> None:
    """Let a project file say more."""
    project.write_text(project.read_text("utf-8") + said, "utf-8")


async def test_a_project_that_can_not_be_run_says_why_and_makes_no_run(
    make_app: Make, settle: Make, project: Path, started: list[str]
) -> None:
    add(project, '[optimizer]\nname = "tickets2"\n')
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert "there is no optimizer 'tickets2'" in text(pilot, "body")
        await pilot.press("escape")
        await settle(pilot)
        assert runs_shown(pilot) == [] and started == []


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


def projects_shown(pilot: Pilot[int]) -> list[str]:
    return [project.name for project in pilot.app.screen.query_one("#projects", Table).rows]


def runs_shown(pilot: Pilot[int]) -> list[str]:
    return [run.id for run in pilot.app.screen.query_one("#runs", Table).rows]


async def test_a_project_is_made_of_an_example(make_app: Make, settle: Make, tmp_path: Path) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("n", "e")
        await settle(pilot)
        assert "word problems" in text(pilot, "menu")
        await pilot.press("1")
        await settle(pilot)
        assert pilot.app.screen.query_one("#answer", Input).value == "arithmetic"
        await pilot.press("home", *"my ", "enter")
        await settle(pilot)
        assert projects_shown(pilot) == ["my arithmetic"]
        assert pilot.app.screen.focused.id == "projects"  # type: ignore[union-attr]
    assert (tmp_path / "home" / "projects" / "my-arithmetic" / "cases.jsonl").exists()


@pytest.mark.usefixtures("project")
async def test_a_name_that_is_taken_or_empty_is_refused(make_app: Make, settle: Make) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("n", "t")
        await settle(pilot)
        field = pilot.app.screen.query_one("#answer", Input)
        field.value = "Tickets"
        await pilot.press("enter")
        assert "there is such a project already" in text(pilot, "refused")
        field.value = "  "
        await pilot.press("enter")
        assert "no name" in text(pilot, "refused")
        await pilot.press("escape")
        await settle(pilot)
        assert projects_shown(pilot) == ["support tickets"]


async def test_a_project_is_made_of_a_file_and_what_is_unclear_is_asked(
    make_app: Make, settle: Make, tmp_path: Path
) -> None:
    (tmp_path / "calls.csv").write_text("a,b,c\nx,1,p\ny,2,q\n", "utf-8")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("n", "f")
        field = pilot.app.screen.query_one("#answer", Input)
        field.value = str(tmp_path / "nothing.csv")
        await pilot.press("enter")
        assert "no such file" in text(pilot, "refused")
        field.value = str(tmp_path / "calls.csv")
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("enter")  # called as the file is
        while not isinstance(pilot.app.screen, Dialog):
            await pilot.pause()
        await pilot.press("3")  # c is expected
        while not isinstance(pilot.app.screen, Dialog):
            await pilot.pause()
        await pilot.press("1")
        await settle(pilot)
        assert projects_shown(pilot) == ["calls"]
    written = (tmp_path / "home" / "projects" / "calls" / "project.toml").read_text("utf-8")
    assert 'expected = "c"' in written and 'input = "a"' in written


async def test_paths_are_completed(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").touch()
    (tmp_path / "folder").mkdir()
    paths = Paths()
    assert await paths.get_suggestion(f"{tmp_path}/ca") == f"{tmp_path}/cases.csv"
    assert await paths.get_suggestion(f"{tmp_path}/fo") == f"{tmp_path}/folder/"
    assert await paths.get_suggestion(f"{tmp_path}/x") is None
    assert await paths.get_suggestion("") is None


async def test_a_project_is_copied_deleted_and_taken_back(
    make_app: Make, settle: Make, project: Path
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("c")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert projects_shown(pilot) == ["support tickets", "support tickets 2"]
        await pilot.press("x", "n")
        await settle(pilot)
        assert projects_shown(pilot) == ["support tickets", "support tickets 2"]
        await pilot.press("x")
        await settle(pilot)
        assert "Delete the project support tickets 2?" in str(
            pilot.app.screen.query_one("#dialog").border_title
        )
        await pilot.press("y")
        await settle(pilot)
        assert projects_shown(pilot) == ["support tickets"]
        await pilot.press("u")
        await settle(pilot)
        assert projects_shown(pilot) == ["support tickets", "support tickets 2"]


async def test_runs_are_deleted_archived_and_taken_back(story: Make, make_app: Make, settle: Make) -> None:
    told = story().finish()
    live = story().live()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("x", "y")
        await settle(pilot)
        assert "under way" in text(pilot, "body")  # a live run is not deleted
        await pilot.press("enter", "down", "x")
        await settle(pilot)
        assert "u takes it back" in text(pilot, "body")
        await pilot.press("y")
        await settle(pilot)
        assert runs_shown(pilot) == [live.run_id]
        await pilot.press("u")
        await settle(pilot)
        await pilot.press("end", "a")
        await settle(pilot)
        assert runs_shown(pilot) == [live.run_id]
        assert "1 archived" in str(pilot.app.screen.query_one("#projects").border_title)
        await pilot.press("A", "end")
        assert runs_shown(pilot) == [live.run_id, told.run_id]
        assert "▫ support" in text(pilot, "runs")
        await pilot.press("a")
        await settle(pilot)
        await pilot.press("A")
        assert runs_shown(pilot) == [live.run_id, told.run_id]
        for _ in range(3):
            await pilot.press("u")
            await settle(pilot)
        assert "nothing to take back" in " ".join(note.message for note in pilot.app._notifications)


async def test_the_course_of_the_score_is_drawn(story: Make, make_app: Make, settle: Make) -> None:
    story().live().summarize(course="[0.5, 0.5, 0.6, 0.75, 0.75, 1.0]")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "▁▁▂▅▅█" in text(pilot, "runs").splitlines()[1]


@pytest.mark.usefixtures("project")
async def test_p_shows_only_the_runs_of_the_project(story: Make, make_app: Make, settle: Make) -> None:
    story(project="invoices").live()
    mine = story().finish()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("p")
        assert runs_shown(pilot) == [mine.run_id]
        await pilot.press("p")
        assert len(runs_shown(pilot)) == 2
        await pilot.press("p", "escape")
        assert len(runs_shown(pilot)) == 2
