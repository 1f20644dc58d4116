"""Projects that are made, duplicated, archived, deleted and restored; the commands for it."""

from pathlib import Path

import pytest

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import RunError, SettingsError
from promptopt.store import shelf
from promptopt.store.database import Database
from promptopt.store.newprojects import duplicate, free_name, from_example, from_template
from promptopt.store.projects import find_project, list_projects, load_project
from promptopt.store.runs import Runs
from tests.unit.command_line import CommandLine


def slugs(*, archived: bool = False) -> list[str]:
    return [entry.slug for entry in list_projects() if entry.archived == archived]


def test_a_duplicate_is_the_whole_folder_with_its_comments(home: Path) -> None:
    source = from_example("sentiment", "moods")
    copied = duplicate(source, "moods again")
    assert load_project(copied).settings.name == "moods again"
    before, after = source.read_text(), copied.read_text()
    assert after == before.replace('name = "moods"', 'name = "moods again"')
    assert sorted(p.name for p in copied.parent.iterdir()) == sorted(p.name for p in source.parent.iterdir())
    assert free_name("moods again") == "moods again 2"
    assert free_name("new") == "new"
    with pytest.raises(SettingsError, match="already"):
        duplicate(source, "moods again")


def test_a_duplicate_that_fails_leaves_nothing_behind(home: Path) -> None:
    source = from_template("one")
    source.write_text("name = ")
    with pytest.raises(SettingsError):
        duplicate(source, "two")
    assert sorted(path.name for path in source.parent.parent.iterdir()) == ["one"]


def test_an_archived_project_is_marked_and_still_found(home: Path) -> None:
    path = from_template("one")
    shelf.archive(path)
    assert (slugs(), slugs(archived=True)) == ([], ["one"])
    assert find_project("one") == path
    shelf.archive(path, False)
    assert slugs() == ["one"]


def test_a_deleted_project_comes_back_as_it_was(home: Path) -> None:
    path = from_template("one")
    text = path.read_text()
    gone = shelf.delete(path, Database.open())
    assert slugs() == [] and not path.exists() and shelf.trashed() == [gone]
    shelf.restore(gone)
    assert path.read_text() == text and shelf.trashed() == []


def test_a_name_that_was_taken_meanwhile_is_not_overwritten(home: Path) -> None:
    gone = shelf.delete(from_template("one"), Database.open())
    from_template("one")
    with pytest.raises(SettingsError, match="another project"):
        shelf.restore(gone)
    assert shelf.trashed() == [gone]


def test_a_project_with_a_live_run_is_not_deleted(home: Path) -> None:
    path, database = from_template("one"), Database.open()
    case = Example(id="1", inputs={"input": "a"})
    runs = Runs(database)
    run_id = runs.create(
        load_project(path).settings, Dataset(train=(case,), validation=(case,)), path.parent.resolve()
    )
    with pytest.raises(RunError, match=f"run {run_id} of the project is under way"):
        shelf.delete(path, database)
    runs.release(run_id, "", status="stopped")
    runs.summarize(run_id, status="stopped")
    database.transact(lambda _: None).result()
    shelf.delete(path, database)
    assert runs.find(run_id).project == "one"


def test_a_folder_elsewhere_is_not_deleted(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mine"
    elsewhere.mkdir()
    from_template("one").rename(elsewhere / "project.toml")
    with pytest.raises(SettingsError, match="data directory"):
        shelf.delete(elsewhere / "project.toml", Database.open())
    assert (elsewhere / "project.toml").exists()


def test_what_is_old_is_destroyed_and_only_that(home: Path) -> None:
    database = Database.open()
    gone = shelf.delete(from_template("one"), database)
    shelf.tidy(database)
    assert shelf.trashed() == [gone]
    assert shelf.empty(database, gone.at + 1) == 1
    assert shelf.trashed() == [] and not gone.place.exists()


def test_the_commands(cli: CommandLine) -> None:
    cli("new", "one")
    assert "archived" in cli("archive", "project", "one").out
    assert cli("projects").out == ""
    assert "one" in cli("projects", "--all").out
    cli("archive", "project", "one", "--undo")
    assert "one" in cli("projects").out
    refused = cli("delete", "project", "one")
    assert refused.status == 2 and "--yes" in refused.err
    assert "promptopt restore" in cli("delete", "project", "one", "--yes").out
    assert "there are: one" in cli("restore", "project", "two").err
    cli("restore", "project", "one")
    assert "one" in cli("projects").out
    assert "there is no run" in cli("delete", "run", "latest", "--yes").err
