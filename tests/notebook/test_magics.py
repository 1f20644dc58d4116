"""``%promptopt`` and ``%%prompt``: what they do, and what they say to what they can't."""

from typing import Any

import pytest

from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.notebook import magics


def test_a_cell_is_a_prompt() -> None:
    names: dict[str, Any] = {}
    text = "Sort {input}.\n\n  Keep the space.\n"
    made = magics.on_cell("mine", text, names)
    assert made == Prompt(text=text.rstrip("\n")) and names == {"mine": made}
    magics.on_cell("", "Sort.", names)
    assert names["prompt"].text == "Sort."


def test_a_prompt_is_scored(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def evaluate(prompt: Prompt, cases: object, **how: object) -> str:
        asked.append((prompt.text, cases, how))
        return "scored"

    monkeypatch.setattr("promptopt.runs.library.evaluate", evaluate)
    names: dict[str, Any] = {"cases": [1], "how": {"models": "sim/target"}}
    assert magics.on_cell("p --on cases --how how --simulate", "Sort.", names) == "scored"
    magics.on_cell("p --on 'my cases.csv' --project tickets --trust", "Sort.", names)
    assert asked == [
        ("Sort.", [1], {"models": "sim/target", "simulate": True}),
        ("Sort.", "my cases.csv", {"project": "tickets", "trust": True}),
    ]
    assert names["how"] == {"models": "sim/target"}


def test_runs_are_started_attached_opened_and_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    where = "promptopt.notebook.starting."
    monkeypatch.setattr(where + "start", lambda project, **how: ("start", project, how))
    monkeypatch.setattr(where + "attach", lambda run: ("attach", run))
    monkeypatch.setattr(where + "list_runs", lambda project, limit: ("runs", project, limit))
    monkeypatch.setattr("promptopt.notebook.embedded.opening.tui", lambda run, way: ("tui", run, way))
    how = {"fresh": True, "simulate": False, "trust": False}
    assert magics.on_line("run 'my tickets' --fresh") == ("start", "my tickets", how)
    assert magics.on_line("attach") == ("attach", "latest")
    assert magics.on_line("attach abc") == ("attach", "abc")
    assert magics.on_line("tui") == ("tui", None, None)
    assert magics.on_line("tui latest --way frame") == ("tui", "latest", "frame")
    assert magics.on_line("runs tickets --limit 3") == ("runs", "tickets", 3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "required"),
        ("walk", "walk"),
        ("run", "project"),
        ("run 'a", "quote"),
        ("runs --limit x", "limit"),
    ],
)
def test_a_line_that_is_not_understood(line: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        magics.on_line(line)


def test_a_cell_that_is_not_understood() -> None:
    with pytest.raises(SettingsError, match="no name"):
        magics.on_cell("a-b", "Sort.", {})
    with pytest.raises(SettingsError, match="no dict"):
        magics.on_cell("p --on c --how h", "Sort.", {"c": [], "h": 3})


def test_help_is_printed_and_what_can_be_mended_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = pytest.importorskip("IPython.core.error")
    shell = Shell()
    magics.load(shell)
    assert shell.functions["promptopt"]("run --help") is None
    assert "--fresh" in capsys.readouterr().out
    with pytest.raises(error.UsageError, match="walk"):
        shell.functions["promptopt"]("walk")
    shell.functions["prompt"]("mine", "Sort.")
    assert shell.user_ns["mine"].text == "Sort." and "--on" in (shell.functions["prompt"].__doc__ or "")


class Shell:
    """What of IPython's shell is needed."""

    def __init__(self) -> None:
        self.functions: dict[str, Any] = {}
        self.user_ns: dict[str, Any] = {}

    def register_magic_function(self, function: Any, kind: str, name: str) -> None:
        self.functions[name] = function
