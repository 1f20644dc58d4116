"""Where the terminal UI can be shown, host by host, from facts that are given."""

import io
import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import promptopt
from promptopt.cli.cockpit import all_colors, open_cockpit
from promptopt.cli.output import in_page, of_cell, on_terminal
from promptopt.domain.errors import RunError, SettingsError
from promptopt.notebook import magics, starting
from promptopt.notebook.embedded import opening
from promptopt.notebook.embedded.places import Place, Way, base_url, here, ways
from promptopt.notebook.embedded.process import environment
from promptopt.store.database import Database
from tests.tui.story import Story

KERNEL = {"kernel": True, "widgets": True, "server": True}

HOSTS: dict[str, tuple[dict[str, Any], tuple[Way, ...]]] = {
    "JupyterLab": (KERNEL, ("widget", "frame", "view")),
    "JupyterLab without widgets": ({**KERNEL, "widgets": False}, ("frame", "view")),
    "behind a prefix": ({**KERNEL, "base_url": "/user/alice/", "proxy": True}, ("widget", "frame", "view")),
    "a hub": ({**KERNEL, "hub": True, "base_url": "/user/alice/"}, ("widget", "view")),
    "a hub without widgets": ({**KERNEL, "hub": True, "widgets": False}, ("view",)),
    "a hub with a proxy": ({**KERNEL, "hub": True, "widgets": False, "proxy": True}, ("frame", "view")),
    "VS Code": (KERNEL, ("widget", "frame", "view")),
    "Colab": ({**KERNEL, "colab": True}, ("view", "widget")),
    "Colab without widgets": ({**KERNEL, "colab": True, "widgets": False, "proxy": True}, ("view",)),
    "a kernel with nothing": ({"kernel": True}, ("view",)),
    "IPython": ({"terminal": True, "widgets": True, "server": True}, ("terminal",)),
    "a script": ({"terminal": True}, ("terminal",)),
    "a build server": ({"widgets": True, "server": True}, ()),
}


@pytest.mark.parametrize("host", HOSTS)
def test_each_host_has_its_ways(host: str) -> None:
    facts, expected = HOSTS[host]
    place = Place(**facts)
    assert ways(place) == expected
    if expected:
        assert opening.choose(place) == expected[0]
    for way in expected:
        assert opening.choose(place, way) == way


@pytest.mark.parametrize(
    ("facts", "way", "fix"),
    [
        ({}, None, "promptopt.attach"),
        ({"kernel": True}, "widget", "promptopt\\[notebook\\]"),
        ({"kernel": True, "hub": True, "server": True}, "frame", "jupyter-server-proxy"),
        ({"kernel": True, "colab": True, "server": True}, "frame", "there is: view"),
        ({"kernel": True}, "terminal", "there is: view"),
        ({"terminal": True}, "widget", "there is: terminal"),
        ({}, "widget", "open a terminal"),
        ({"kernel": True}, "hologram", "expected one of widget, frame"),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(facts: dict[str, Any], way: Any, fix: str) -> None:
    with pytest.raises(SettingsError, match=fix):
        opening.choose(Place(**facts), way)


def test_a_frame_is_reached_as_the_place_allows() -> None:
    assert Place().address(4321, "/s/x/") == "http://127.0.0.1:4321/s/x/"
    proxied = Place(proxy=True, base_url="/user/alice/")
    assert proxied.address(4321, "/s/x/") == "/user/alice/proxy/4321/s/x/"
    assert Place(proxy=True).address(4321, "/s/x/") == "/proxy/4321/s/x/"


def test_the_prefix_is_found_without_keeping_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    noted = tmp_path / "jpserver-77.json"
    noted.write_text(json.dumps({"token": "secret", "base_url": "/user/alice/", "port": 1}))
    assert base_url({"JPY_PARENT_PID": "77"}) == "/user/alice/"
    assert base_url({"JPY_PARENT_PID": "77", "JUPYTERHUB_SERVICE_PREFIX": "/hub/bob/"}) == "/hub/bob/"
    for text in ("[]", "{", '{"base_url": 3}', '{"base_url": "http://elsewhere/"}'):
        noted.write_text(text)
        assert base_url({"JPY_PARENT_PID": "77"}) == "/"
    assert base_url({"JPY_PARENT_PID": "78"}) == base_url({"JPY_PARENT_PID": "../77"}) == base_url({}) == "/"


def test_the_facts_about_a_test_are_those_of_no_notebook() -> None:
    place = here({"JUPYTERHUB_SERVICE_PREFIX": "/user/bob/"})
    assert not place.kernel and not place.colab and place.hub and place.base_url == "/user/bob/"


def test_a_run_that_is_not_there_is_said_before_anything_opens(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting._opened.cache_clear()
    monkeypatch.setattr(opening, "here", lambda: Place(kernel=True, widgets=True))
    with pytest.raises(RunError):
        promptopt.tui("nosuch")


def test_in_a_terminal_it_opens_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[list[str]] = []
    monkeypatch.setattr(opening, "here", lambda: Place(terminal=True))
    monkeypatch.setattr(opening.subprocess, "run", lambda command, **_: opened.append(command))
    assert promptopt.tui() is None
    assert opened[0][1:] == ["-P", "-m", "promptopt"]


def test_a_run_opens_it_on_itself(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(
        "promptopt.notebook.embedded.frame.Frame",
        lambda run_id, place, height: opened.append((run_id, place, height)),
    )
    monkeypatch.setattr(opening, "here", lambda: Place(terminal=True))
    monkeypatch.setattr(opening.subprocess, "run", lambda command, **_: opened.append(command[-2:]))
    starting._opened.cache_clear()
    with closing(Database.open()) as database:
        story = Story(database).live()
        run = promptopt.attach(story.run_id[-6:])
        run.tui()
        place = Place(kernel=True, server=True)
        monkeypatch.setattr(opening, "here", lambda: place)
        run.tui(rows=10)
        magics.on_line(f"tui {run.id[:9]} --way frame")
    assert opened == [
        ["attach", run.id],
        (run.id, place, 10 * opening.LINE),
        (run.id, place, opening.ROWS * opening.LINE),
    ]


# The terminal in a notebook's place

CHILD = {"TERM": "xterm-color", "GIT_PAGER": "cat", "PAGER": "cat", "FORCE_COLOR": "1"}


def test_a_command_in_a_cell_is_known_from_one_in_a_terminal() -> None:
    assert of_cell(CHILD)
    assert of_cell({"TERM": "xterm-color", "JPY_PARENT_PID": "77"})
    assert not of_cell({"TERM": "xterm-256color", "JUPYTER_SERVER_URL": "http://127.0.0.1:8888/"})
    assert not of_cell({"TERM": "xterm-color"}) and not of_cell({})


def test_a_command_in_a_cell_is_told_what_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Tty())
    monkeypatch.setattr("sys.stdout", Tty())
    monkeypatch.setattr(os, "environ", {**os.environ, "TERM": "xterm-256color"})
    assert on_terminal()
    monkeypatch.setattr(os, "environ", {**os.environ, **CHILD})
    assert not on_terminal()
    with pytest.raises(SettingsError, match=r"promptopt\.tui\(\)"):
        open_cockpit()


def test_a_terminal_of_jupyter_has_all_its_colours() -> None:
    for told, expected in (
        ({"JUPYTER_SERVER_URL": "http://x/"}, "truecolor"),
        ({"JUPYTER_SERVER_URL": "http://x/", "COLORTERM": "truecolor"}, None),
        ({"JUPYTER_SERVER_URL": "http://x/", "TEXTUAL_COLOR_SYSTEM": "256"}, "256"),
        ({}, None),
    ):
        environ = dict(told)
        all_colors(environ)
        assert environ.get("TEXTUAL_COLOR_SYSTEM") == expected


def test_the_process_is_told_of_the_page_not_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    told = environment(90, 20, {**CHILD, "CLICOLOR": "1", "HOME": "/h"})
    assert (told["COLUMNS"], told["ROWS"], told["TERM"]) == ("90", "20", "xterm-256color")
    assert told["HOME"] == "/h" and not {"FORCE_COLOR", "CLICOLOR"} & set(told) and not of_cell(told)
    assert not in_page()
    monkeypatch.setenv("TEXTUAL_DRIVER", told["TEXTUAL_DRIVER"])
    assert in_page()
