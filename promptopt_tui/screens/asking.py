"""Asking for a line of text: a name, a path."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input

from promptopt.domain.text import one_line, sanitize
from promptopt_tui import paint
from promptopt_tui.desk import OnTop
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.textline import TextLine


def anything(text: str) -> str:
    """Accepts every text."""
    return ""


def typed_path(text: str) -> Path:
    """A path as it was typed, absolute; a home that is nobody's stays as it is."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        return Path(text).absolute()


class AskScreen(OnTop, ModalScreen[str | None]):
    """Asks for one line; answers it without space at its ends, or None.

    Args:
        title: what is asked for.
        about: said above the field.
        value: what stands in the field at first.
        refuse: says of a text why it can't be taken; empty if it can.
        files: it is a path: tab and the right arrow complete it, and enter does if what was typed can't be
            taken as it is.
    """

    CSS_PATH = "../styles/asking.tcss"
    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        Binding("tab", "complete", show=False),
    ]

    def __init__(
        self,
        title: str,
        about: Sequence[paint.Line] = (),
        value: str = "",
        *,
        refuse: Callable[[str], str] = anything,
        files: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._about = list(about)
        self._value = sanitize(value)
        self._refuse = refuse
        self._files = files

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = Content(paint.one_line(self._title, 120))
            keys = "enter takes it   esc leaves"
            box.border_subtitle = Content(f"tab completes   {keys}" if self._files else keys)
            yield Canvas(id="about")
            yield TextLine(
                self._value, id="answer", classes="line", suggester=Paths() if self._files else None
            )
            yield Canvas(id="refused")

    def on_mount(self) -> None:
        for name in ("about", "refused"):
            self.query_one(f"#{name}").can_focus = False
        self.query_one("#answer").focus()
        self.call_after_refresh(self.rebuild)

    def on_resize(self) -> None:
        self.call_after_refresh(self.rebuild)

    def rebuild(self) -> None:
        """Draw what stands above the field, for the width that there is now."""
        about = self.query_one("#about", Canvas)
        if not self.is_attached or not about.width:
            return
        lines = [wrapped for line in self._about for wrapped in paint.wrap(line, about.width)]
        about.styles.height = len(lines)
        about.display = bool(lines)
        about.set_lines(lines)

    @on(Input.Changed)
    def _typed(self) -> None:
        self.query_one("#refused", Canvas).set_lines([[]])

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        text = message.value.strip()
        why_not = self._refuse(text)
        offered = self.query_one(TextLine).suggested if why_not else ""
        if offered and not self._refuse(offered):
            text, why_not = offered, ""
        if not why_not:
            self.dismiss(text)
            return
        refused = self.query_one("#refused", Canvas)
        refused.set_lines(paint.wrap([("✗ ", "bad"), (one_line(why_not, 300), "")], refused.width)[:2])

    def action_complete(self) -> None:
        self.query_one(TextLine).complete()

    def action_leave(self) -> None:
        self.dismiss(None)


class Paths(Suggester):
    """Completes a path by the first name in its folder that begins so, folders with a slash."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        folder, _, begun = value.rpartition("/")
        if "/" not in value and not begun:
            return None
        safe = [
            name for name in _names(folder + "/" if "/" in value else ".", begun) if sanitize(name) == name
        ]
        return value[: len(value) - len(begun)] + safe[0] if safe else None


def _names(folder: str, begun: str) -> list[str]:
    """Names in a folder that begin so, sorted; hidden ones only if a dot was typed."""
    try:
        with os.scandir(Path(folder).expanduser()) as entries:
            return sorted(
                entry.name + ("/" if entry.is_dir() else "")
                for entry in entries
                if entry.name.startswith(begun) and (begun or not entry.name.startswith("."))
            )
    except (OSError, RuntimeError):
        return []
