"""Files that were written: text is read here, others are opened by the desktop's program for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from promptopt.domain.errors import RunError
from promptopt.domain.text import one_line
from promptopt_tui import paint
from promptopt_tui.outside import open_outside
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.views.markdown import markdown_lines

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp

READ_HERE = (".md", ".txt", ".csv", ".json", ".jsonl", ".yaml", ".toml")
"""Files that are shown as they are."""

MOST = 60_000
"""Characters of a file that are shown."""


def show_file(desk: PromptoptApp, path: Path) -> None:
    """Show a text; open any other file outside."""
    if path.suffix.lower() not in READ_HERE:
        open_file(desk, path)
        return

    def show(text: str) -> None:
        def build(width: int) -> list[paint.Line]:
            return markdown_lines(text, width) if path.suffix == ".md" else paint.text_lines(text, width)

        options: list[Option[str]] = [
            Option("enter", "Close", "", ""),
            Option("o", "Open outside", "with the program for such files", "open"),
            Option("y", "Copy its path", str(path), "copy"),
        ]
        desk.push_screen(Dialog(one_line(path.name, 80), build, options, kind="-tall"), answered)

    def answered(wanted: str | None) -> None:
        if wanted == "open":
            open_file(desk, path)
        elif wanted == "copy":
            desk.copy(str(path), "path of the file")

    desk.background(lambda: _read(path), show)


def open_file(desk: PromptoptApp, path: Path) -> None:
    """Open a file with the desktop's program for it; where there is none, copy its path."""

    def opened(done: bool) -> None:
        if done:
            desk.notify(f"Opened {one_line(path.name, 80)}.", timeout=3, markup=False)
            return
        desk.copy(str(path), "path of the file")
        desk.notify("There is no desktop here to open it with.", timeout=4, markup=False)

    def work() -> bool:
        if not path.exists():
            raise RunError("the file is not there any more", where=str(path))
        return not desk.is_web and open_outside(path)

    desk.background(work, opened)


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(MOST + 1)
    except OSError as error:
        raise RunError(f"the file can't be read: {error.strerror or error}", where=str(path)) from error
    return text if len(text) <= MOST else f"{text[:MOST]}\n\n… the file goes on: {path}"
