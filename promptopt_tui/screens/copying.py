"""Choosing what to copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line
from promptopt_tui.screens.dialogs import Dialog, Option

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp

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


def _size(text: str) -> str:
    return text if len(text) < 40 and "\n" not in text else fm.plural(len(text), "character")
