"""Dialogs in which something is typed: a few fields with labels, checked as they are typed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from promptopt_tui import paint
from promptopt_tui.desk import OnTop
from promptopt_tui.screens.asking import Paths, typed_path
from promptopt_tui.screens.dialogs import Build
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.textline import TextLine

LONGEST = 2000
"""Characters that a field takes."""


@dataclass(frozen=True)
class Field:
    """One line to fill in.

    Attributes:
        name: of its value in the answer.
        label: what stands before it.
        value: what it says at first.
        hint: shown while it is empty.
        check: what is wrong with a value, in words; empty if nothing is.
        files: it is a path: tab and the right arrow complete it.
    """

    name: str
    label: str
    value: str = ""
    hint: str = ""
    check: Callable[[str], str] = lambda _: ""
    files: bool = False


REASON = Field("reason", "why", hint="optional; kept with the run")


def needed(text: str) -> str:
    """The check of a field that must not stay empty."""
    return "" if text.strip() else "is empty"


def file_fault(text: str) -> str:
    """The check of a field for a file that is there, or for none."""
    return "" if not text or typed_path(text).is_file() else "is no file that is there"


class FillScreen(OnTop, ModalScreen[dict[str, str] | None]):
    """Asks for a few texts; answers them by name, or None.

    Args:
        title: plain text, made safe here.
        fields: at least one.
        build: makes the lines above them for a width.
        send: what enter does, in a word or two.
    """

    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        Binding("tab", "complete", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        build: Build = lambda _: [],
        send: str = "send",
    ) -> None:
        super().__init__(classes="-filling")
        self._title = title
        self._fields = list(fields)
        self._build = build
        self._send = send

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = Content(paint.one_line(self._title, 120))
            body = Canvas(id="body")
            body.can_focus = False
            yield body
            for place, field in enumerate(self._fields):
                with Horizontal(classes="row"):
                    yield Canvas([[(f"{field.label}  ", "muted")]], classes="label")
                    yield TextLine(
                        field.value,
                        placeholder=field.hint,
                        max_length=LONGEST,
                        suggester=Paths() if field.files else None,
                        id=f"field-{place}",
                        classes="answer",
                    )
            yield Canvas(id="hints")

    def on_mount(self) -> None:
        for canvas in self.query(Canvas):
            canvas.can_focus = False
        size = max(len(field.label) for field in self._fields) + 3
        for label in self.query(".label"):
            label.styles.width = size
        self.query_one("#field-0").focus()
        self.call_after_refresh(self.rebuild)

    def on_resize(self) -> None:
        self.call_after_refresh(self.rebuild)

    def rebuild(self) -> None:
        """Make the lines again, for the width that there is now."""
        body = self.query_one("#body", Canvas)
        if not self.is_attached or not body.width:
            return
        lines = self._build(body.width)
        body.styles.height = min(len(lines), max(0, self.size.height - len(self._fields) - 6))
        body.set_lines(lines)
        self._hint()

    @property
    def values(self) -> dict[str, str]:
        """What stands in the fields, by name."""
        inputs = self.query(TextLine).results(TextLine)
        return {field.name: line.value.strip() for field, line in zip(self._fields, inputs, strict=True)}

    def _fault(self) -> tuple[int, str] | None:
        """The first field that is wrong, and why."""
        values = self.values
        for place, field in enumerate(self._fields):
            if fault := field.check(values[field.name]):
                return place, f"{field.label} {fault}"
        return None

    @on(Input.Changed)
    def _hint(self) -> None:
        hints = self.query_one("#hints", Canvas)
        line: paint.Line = [("enter", "key"), (f" {self._send}   ", "muted")]
        if len(self._fields) > 1:
            line += [("tab", "key"), (" next   ", "muted")]
        line += [("esc", "key"), (" leave   ", "muted")]
        fault = self._fault()
        if fault:
            line += [(fault[1], "warn")]
        hints.set_lines([paint.cut(line, hints.width) if hints.width else line])

    @on(Input.Submitted)
    def _submitted(self) -> None:
        fault = self._fault()
        if fault is None:
            self.dismiss(self.values)
        else:
            self.query_one(f"#field-{fault[0]}").focus()

    def action_complete(self) -> None:
        """Complete a path that is typed; else go to the next field."""
        focused = self.focused
        if isinstance(focused, TextLine) and focused.suggested and focused.suggested != focused.value:
            focused.complete()
        else:
            self.focus_next()

    def action_leave(self) -> None:
        self.dismiss(None)
