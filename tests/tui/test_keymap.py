"""Keys of one's own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from promptopt_tui import actions, keymap
from promptopt_tui.actions import ACTIONS, BY_ID, help_table

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def _as_they_were() -> Iterator[None]:
    yield
    actions.OWN_KEYS.clear()


def load(folder: Path, text: str) -> keymap.Keymap:
    (folder / keymap.FILE).write_text(text, "utf-8")
    return keymap.load(folder)


def test_keys_are_read_as_people_write_them(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        '"run.pause" = "f8"\n"run.edit" = ["ctrl+e", "?"]\n"anywhere.help" = ["f1"]\n"run.stop" = []\n',
    )

    assert found.problems == []
    assert found.own == {
        "run.pause": ("f8",),
        "run.edit": ("ctrl+e", "question_mark"),
        "anywhere.help": ("f1",),
        "run.stop": (),
    }


def test_the_names_of_all_keys_in_use_are_known(tmp_path: Path) -> None:
    keys = {key for action in ACTIONS for key in action.keys}
    for key in [*keys, "F24", "é", "shift+f5", "super+x", "latin_small_letter_e_with_acute"]:
        found = load(tmp_path, f'"run.why" = "{key}"')
        assert found.own or "is the key of" in found.problems[0], key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "keys.toml: "),
        ('"run.dance" = "p"', "run.dance: there is no such action"),
        ('"run.panel" = "p"', "run.panel: its keys can't be changed"),
        ('"run.pause" = 3', "run.pause: expected keys"),
        ('"run.pause" = [3]', "run.pause: expected keys"),
        ('"run.pause" = "a b"', "run.pause: 'a b' is no key"),
        ('"run.pause" = "F99"', "run.pause: there is no key 'F99'"),
        ('"run.pause" = "ctl+e"', "run.pause: there is no key 'ctl+e'"),
        ('"run.pause" = "p,"', "run.pause: '' is no key"),
        ('"run.pause" = "e"', "run.pause: e is the key of run.edit already"),
        ('"run.pause" = "t"', "run.pause: t is the key of anywhere.theme already"),
        ('"anywhere.theme" = "e"', "anywhere.theme: e is the key of run.edit already"),
    ],
)
def test_what_can_not_be_used_is_left_out_and_told(tmp_path: Path, text: str, said: str) -> None:
    found = load(tmp_path, text)

    assert found.own == {}
    assert len(found.problems) == 1 and said in found.problems[0]


def test_two_actions_may_swap_their_keys(tmp_path: Path) -> None:
    found = load(tmp_path, '"run.pause" = "e"\n"run.edit" = "space"\n')

    assert found.problems == [] and found.own == {"run.pause": ("e",), "run.edit": ("space",)}


def test_without_a_file_nothing_changes(tmp_path: Path) -> None:
    assert keymap.load(tmp_path) == keymap.load(None) == keymap.Keymap()


def test_every_place_that_names_a_key_names_the_new_one(tmp_path: Path) -> None:
    load(tmp_path, '"run.pause" = "f8"\n"run.stop" = []\n').use()

    assert BY_ID["run.pause"].key_names == "f8" and BY_ID["run.stop"].key_names == ""
    rows = dict(help_table(["run"])[0][1])
    assert rows["f8"] == BY_ID["run.pause"].help
    assert all(action.key_names for action in ACTIONS if action.id != "run.stop")


async def test_a_new_key_works_and_the_old_one_does_not(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().live().run_id)
    (app.preferences.folder / keymap.FILE).write_text('"anywhere.help" = "f9"\n"run.full" = []\n', "utf-8")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app._look()
        cockpit = app.screen
        await pilot.press("question_mark", "f")
        await settle(pilot)
        assert app.screen is cockpit and not cockpit.has_class("-solo")
        await pilot.press("f9")
        await settle(pilot)
        assert app.screen is not cockpit

        (app.preferences.folder / keymap.FILE).unlink()
        await pilot.press("escape")
        app._look()
        await pilot.press("f")
        assert cockpit.has_class("-solo")
