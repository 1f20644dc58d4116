"""Choosing what to copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.views import diff

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp
    from promptopt_tui.screens.run import RunScreen

Text = str | Callable[[], str]
"""What is copied, or what makes it, in a thread."""

KEYS = "abcdefghijklmnopqrstuvwxyz"


def copy_menu(app: PromptoptApp, texts: Mapping[str, Text]) -> None:
    """Ask which of these to copy, and copy it. What is empty is not offered.

    Args:
        texts: what each is called, and the text.
    """
    there = {name: text for name, text in texts.items() if text}
    if not there:
        app.copy("", "")
        return
    options = [
        Option(key, name, "" if callable(text) else _size(text), name)
        for key, (name, text) in zip(KEYS, there.items(), strict=False)
    ]

    def build(width: int) -> list[Line]:
        return [[("What goes to the clipboard?", "muted")]]

    def answered(name: str | None) -> None:
        if name is None:
            return
        text = there[name]
        if callable(text):
            app.background(text, lambda made: app.copy(made, name))
        else:
            app.copy(text, name)

    app.push_screen(Dialog("Copy", build, options), answered)


def run_texts(run: RunScreen, shown_id: str) -> dict[str, Text]:
    """What can be copied of a run and a candidate of it."""
    state, run_id = run.follower.state, run.run_id
    with run.follower.lock:
        shown, seed = state.candidates.get(shown_id), state.candidates.get(state.seed_id)
        parent = state.candidates.get(shown.parent_id or "") if shown else None
        name = "best prompt" if shown_id == state.best_id else f"prompt of {state.name(shown_id)}"
    attach, resume = f"promptopt attach {run_id}", f"promptopt resume {run_id}"
    texts: dict[str, Text] = {name: shown.text if shown else ""}
    if shown and seed and seed is not shown:
        texts["diff against the seed"] = diff.as_text(seed.in_words, shown.in_words)
    if shown and parent and parent is not seed:
        texts["diff against its parent"] = diff.as_text(parent.in_words, shown.in_words)
    return {
        **texts,
        "report as Markdown": lambda: _report(run),
        "run id": run_id,
        "command to resume" if run.may("run.resume") else "command to attach": (
            resume if run.may("run.resume") else attach
        ),
        "command to export": f"promptopt export {run_id}",
    }


def _report(run: RunScreen) -> str:
    """The run as a report; waits for the disk."""
    row, state, client = run.follower.row, run.follower.state, run.desk.client
    if row is None:
        return ""
    found = client.aftermath(row, state)
    with run.follower.lock:
        return client.report(row, state, found)


def _size(text: str) -> str:
    return text if len(text) < 40 and "\n" not in text else fm.plural(len(text), "character")
