"""The cases of a project in its editor."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from promptopt_tui.projects import Projects
from promptopt_tui.screens.project.caseform import CaseScreen
from promptopt_tui.screens.project.screen import ProjectScreen
from promptopt_tui.widgets.form import Form
from promptopt_tui.widgets.table import Table
from tests.tui.look import text

from .skins import in_every_theme

Make = Callable[..., Any]
SIZE = (120, 40)

HEAD = """\
name = "tickets"
prompt = "Sort {input}."
[models.target]
model = "sim/target"
[[checks]]
type = "exact"
"""
INLINE = (
    HEAD
    + """
[data]
cases = [
  { input = "a", expected = "x" },  # first
  { input = "b", expected = "y", tags = ["t"] },
]
"""
)
LINES = """\
{"input": "refund please",  "expected": "billing", "tags": ["angry"]}
{"input": "it [b]crashed[/b] \\u001b[2J", "expected": "bug", "must_pass": true}
{"input": "hello", "expected": "other"}
"""


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    dealt = {"1": "train", "2": "validation", "3": "test"}
    monkeypatch.setattr(Projects, "optimizers", lambda self: {})
    monkeypatch.setattr(Projects, "splits", lambda self, path, text: dealt)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "home" / "projects" / "tickets"
    place.mkdir(parents=True)
    return place


@pytest.fixture
def with_lines(folder: Path) -> Path:
    (folder / "project.toml").write_text(HEAD + '[data]\nfile = "cases.jsonl"\n', "utf-8")
    (folder / "cases.jsonl").write_text(LINES, "utf-8")
    return folder / "cases.jsonl"


@pytest.fixture
def inline(folder: Path) -> Path:
    (folder / "project.toml").write_text(INLINE, "utf-8")
    return folder / "project.toml"


@pytest.fixture
def opened(make_app: Make, settle: Make, press: Make) -> Make:
    async def go(pilot: Pilot[int]) -> ProjectScreen:
        await settle(pilot)
        await press(pilot, "tab", "enter", "2")
        assert isinstance(pilot.app.screen, ProjectScreen)
        return pilot.app.screen

    return go


def read(path: Path) -> str:
    return path.read_text("utf-8")


def write(path: Path, content: str) -> None:
    path.write_text(content, "utf-8")


def shown(screen: ProjectScreen) -> list[str]:
    return [entry.id for entry in screen.query_one("#cases", Table).rows]


def go_to(pilot: Pilot[int], name: str) -> None:
    form = pilot.app.screen.query_one(Form)
    form.move_to(next(i for i, row in enumerate(form.rows) if row.label == name))


async def enter(pilot: Pilot[int], press: Make, name: str, value: str) -> None:
    """Type a value into the case's form."""
    go_to(pilot, name)
    await press(pilot, "enter")
    pilot.app.screen.query_one(Input).value = value
    await press(pilot, "enter")


@pytest.mark.usefixtures("with_lines")
async def test_cases_are_shown_searched_and_filtered(make_app: Make, opened: Make, press: Make) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert shown(screen) == ["1", "2", "3"]
        assert "validation" in text(pilot, "cases") and "refund please" in text(pilot, "aside")
        await press(pilot, "down")
        assert "crashed[/b] ␛[2J" in text(pilot, "aside") and "must pass" in text(pilot, "aside")
        await press(pilot, "slash", *"BUG")
        assert shown(screen) == ["2"]
        await press(pilot, "enter")
        assert "1 with BUG" in str(screen.query_one("#cases").border_title)
        await press(pilot, "slash", "escape", "s")
        assert shown(screen) == ["1"]
        await press(pilot, "s", "s")
        assert shown(screen) == ["3"]
        await press(pilot, "s", "slash", *"tag:angry", "enter")
        assert shown(screen) == ["1"]
        await press(pilot, "slash", *" zzz", "enter")
        assert "no case fits" in text(pilot, "cases")


@pytest.mark.usefixtures("with_lines")
async def test_esc_shows_all_cases_before_it_leaves(make_app: Make, opened: Make, press: Make) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await press(pilot, "s", "slash", *" refund", "enter")
        assert shown(screen) == ["1"]
        await press(pilot, "escape")
        assert pilot.app.screen is screen and shown(screen) == ["1", "2", "3"]
        await press(pilot, "slash", "enter")
        assert shown(screen) == ["1", "2", "3"]
        await press(pilot, "escape")
        assert pilot.app.screen is not screen


async def test_a_case_is_edited_saved_and_taken_back(
    make_app: Make, opened: Make, press: Make, with_lines: Path
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await press(pilot, "enter")
        await enter(pilot, press, "expected", "money")
        await enter(pilot, press, "tags", "angry, vip")
        go_to(pilot, "must_pass")
        await press(pilot, "enter", "ctrl+s")
        assert "● not saved" in text(pilot, "header") and "! 1" in text(pilot, "cases")
        await press(pilot, "ctrl+s")
        first, *rest = read(with_lines).splitlines()
        assert json.loads(first) == {
            "input": "refund please", "expected": "money", "tags": ["angry", "vip"], "must_pass": True,
        }  # fmt: skip
        assert rest == LINES.splitlines()[1:]
        await press(pilot, "u", "ctrl+s")
        assert json.loads(read(with_lines).splitlines()[0]) == json.loads(LINES.splitlines()[0])
        assert not screen.unsaved


async def test_changes_that_are_not_saved_outlive_other_settings_of_the_data(
    make_app: Make, opened: Make, press: Make, with_lines: Path
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await press(pilot, "x")
        screen.put(("data", "seed"), 7)
        await press(pilot, "1", "2")
        assert [entry.input for entry in screen.query_one("#cases", Table).rows][-1] == "hello"
        assert len(shown(screen)) == 2
        await press(pilot, "ctrl+s")
        assert not screen.unsaved and shown(screen) == ["1", "2"]
        assert len(read(with_lines).splitlines()) == 2


async def test_cases_are_added_removed_and_one_undo_goes_through_all(
    make_app: Make, opened: Make, press: Make, with_lines: Path
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await press(pilot, "down", "x", "n")
        await enter(pilot, press, "input", "new one")
        await press(pilot, "ctrl+s")
        screen.put(("name",), "other")
        assert [entry.input for entry in screen.query_one("#cases", Table).rows][1:] == ["hello", "new one"]
        await press(pilot, "u")
        assert screen.document.get(("name",)) == "tickets"
        await press(pilot, "u", "u")
        assert shown(screen) == ["1", "2", "3"] and not screen.unsaved
        await press(pilot, "U", "ctrl+s")
        assert len(read(with_lines).splitlines()) == 2


async def test_cases_of_the_project_file_are_edited_in_it(
    make_app: Make, opened: Make, press: Make, inline: Path
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await press(pilot, "enter")
        await enter(pilot, press, "expected", "z")
        await press(pilot, "ctrl+s", "n")
        await enter(pilot, press, "input", "c")
        await press(pilot, "ctrl+s")
        assert shown(screen) == ["1", "2", "3"]
        await press(pilot, "ctrl+s")
        assert '{ input = "a", expected = "z" },  # first' in read(inline)
        await press(pilot, "home", "x", "u", "u", "u", "ctrl+s")
        assert read(inline) == INLINE


async def test_a_long_input_is_written_in_the_editor(
    make_app: Make, opened: Make, press: Make, with_lines: Path
) -> None:
    write(with_lines, json.dumps({"input": "two\nlines", "expected": "x"}) + "\n")
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, CaseScreen) and "lines" in text(pilot, "whole")
        await press(pilot, "enter")
        pilot.app.screen.query_one(TextArea).load_text("three\nmore\nlines")
        await press(pilot, "ctrl+s", "escape", "s")
        assert screen.query_one("#cases", Table).row.input == "three\nmore\nlines"


async def test_a_file_that_is_only_read_is_told_and_made_into_one_that_can_be_edited(
    make_app: Make, opened: Make, press: Make, folder: Path
) -> None:
    write(folder / "project.toml", HEAD + '[data]\nfile = "cases.yaml"\n')
    write(folder / "cases.yaml", "- input: a\n  expected: b\n")
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert "only read" in str(screen.query_one("#cases").border_title)
        await press(pilot, "x")
        assert "can't be changed here" in str(pilot.app.screen.query_one("#dialog").border_title)
        await press(pilot, "y")
        assert screen.document.get(("data", "file")) == "cases.jsonl"
        assert json.loads(read(folder / "cases.jsonl")) == {"input": "a", "expected": "b"}
        assert "cases.jsonl" in str(screen.query_one("#cases").border_title)


@pytest.mark.usefixtures("with_lines")
async def test_what_is_searched_for_is_no_markup(make_app: Make, opened: Make, press: Make) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await press(pilot, "slash", "left_square_bracket", "slash", "b", "right_square_bracket", "enter")
        assert "1 with [/b]" in screen.query_one("#cases")._border_title.plain


@pytest.mark.usefixtures("with_lines")
async def test_cases_of_another_file_are_imported_at_once(
    make_app: Make, opened: Make, press: Make, tmp_path: Path
) -> None:
    write(tmp_path / "more.csv", "question,answer\nq1,a1\nq2,a2\n")
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await press(pilot, "i")
        pilot.app.screen.query_one(Input).value = str(tmp_path / "more.csv")
        await press(pilot, "enter")
        assert [entry.input for entry in screen.query_one("#cases", Table).rows][3:] == ["q1", "q2"]
        await press(pilot, "u")
        assert len(shown(screen)) == 3


async def test_a_project_without_cases_gets_its_first_ones(
    make_app: Make, opened: Make, press: Make, folder: Path, tmp_path: Path
) -> None:
    write(folder / "project.toml", HEAD)
    write(tmp_path / "more.csv", "question,answer\nq1,a1\nq2,a2\n")
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert "there are no cases" in text(pilot, "cases")
        await press(pilot, "n")
        pilot.app.screen.query_one(Input).value = "the first"
        await press(pilot, "enter")
        assert screen.document.get(("data", "cases")) == [{"input": "the first"}]
        await press(pilot, "u", "i")
        pilot.app.screen.query_one(Input).value = str(tmp_path / "more.csv")
        await press(pilot, "enter")
        assert screen.document.get(("data", "expected")) == "answer"
        assert [entry.expected for entry in screen.query_one("#cases", Table).rows] == ["a1", "a2"]


@pytest.mark.parametrize(("key", "first"), [("r", "theirs"), ("w", "refund please")])
async def test_cases_that_somebody_else_changed_are_not_lost(
    make_app: Make, opened: Make, press: Make, with_lines: Path, key: str, first: str
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await press(pilot, "end", "x")
        write(with_lines, '{"input": "theirs", "expected": "x"}\n')
        await press(pilot, "ctrl+s", key)
        assert screen.query_one("#cases", Table).rows[0].input == first
        assert json.loads(read(with_lines).splitlines()[0])["input"] == first
        assert not screen.unsaved


async def test_a_hundred_thousand_cases(make_app: Make, opened: Make, press: Make, with_lines: Path) -> None:
    line = '{{"input": "ticket {} is about money", "expected": "billing"}}\n'
    write(with_lines, "".join(line.format(n) for n in range(100_000)))
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        table = screen.query_one("#cases", Table)
        assert len(table.rows) == 100_000
        before = table.built
        await press(pilot, "end", "home", "pagedown")
        assert table.built - before < 400  # rows that are not seen are not built
        await press(pilot, "slash", *"77777", "enter")
        assert shown(screen) == ["77777", "77778"]  # one by its number, one by its text
        await press(pilot, "x", "slash", "escape")
        assert len(table.rows) == 99_999
        await press(pilot, "u")
        assert len(table.rows) == 100_000


@pytest.mark.usefixtures("with_lines")
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"])
@pytest.mark.parametrize("keys", ["", "enter"], ids=["table", "case"])
def test_looks(
    make_app: Make,
    opened: Make,
    press: Make,
    snap_compare: Make,
    snapshot: Any,
    settle: Make,
    size: tuple[int, int],
    keys: str,
) -> None:
    async def before(pilot: Pilot[int]) -> None:
        screen = await opened(pilot)
        screen.query_one("#header").styles.visibility = "hidden"  # it has a path of this machine
        await settle(pilot)
        await press(pilot, *filter(None, [keys]))

    assert in_every_theme(snap_compare, snapshot, make_app(), size, before)
