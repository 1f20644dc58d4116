"""A form: settings one under another, each with its value, what it means and what is wrong with it.

It knows nothing of where the values are kept: its owner gives the rows, and is told which one to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.message import Message

from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings
from promptopt_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from promptopt.domain.describing import Setting

Keys = tuple[str | int, ...]
"""The place of a value: ``("models", "target", "temperature")``."""

LABEL = 24


@dataclass(frozen=True)
class FormRow:
    """A line of a form: a setting, or a heading above some.

    Attributes:
        keys: where its value is kept; of a heading, what is below it.
        label: what it is called.
        setting: what it takes; None for a heading.
        value: what was given; None if the default holds.
        shown: that, or the default, as a person would type it.
        flaw: why the value can't be used; empty if it can.
        about: of a heading, what is said beside it.
    """

    keys: Keys
    label: str
    setting: Setting | None = None
    value: Any = None
    shown: str = ""
    flaw: str = ""
    about: str = ""

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return "/".join(map(str, self.keys)) + ("" if self.setting else "/")


def form_row(keys: Keys, setting: Setting, value: Any, flaw: str = "", label: str = "") -> FormRow:
    """The row of a setting with the value that was given, or None."""
    from promptopt.domain.entering import shown

    default = None if setting.required else setting.default
    return FormRow(
        keys, label or setting.name, setting, value, shown(setting, default if value is None else value), flaw
    )


class Form(Table):
    """Rows of settings; ``enter`` changes one, ``backspace`` takes its value back to the default."""

    BINDINGS = bindings("form")
    scopes: ClassVar[tuple[Scope, ...]] = ("form",)

    class Wanted(Message):
        """A value is to be changed."""

        def __init__(self, form: Form, row: FormRow) -> None:
            super().__init__()
            self.form = form
            self.row = row

        @property
        def control(self) -> Form:
            return self.form

    class Reset(Wanted):
        """A value is to go back to its default."""

    def __init__(self, *, id: str | None = None, classes: str = "") -> None:
        columns = [
            Column("", 1, lambda row: ("✗", "bad") if row.flaw else ("", "")),
            Column("setting", LABEL, _label),
            Column("value", 0, _value),
        ]
        super().__init__(columns, lambda row: row.key, id=id, classes=classes)

    def set_rows(self, rows: Sequence[FormRow]) -> None:
        if list(rows) != list(self.rows):
            super().set_rows(rows)
            if self.row is not None and self.row.setting is None:
                self.action_down()

    def move_to(self, place: int) -> None:
        """As in any table, but over headings."""
        step = 1 if place >= self.cursor else -1
        while 0 <= place < len(self.rows) and self.rows[place].setting is None:
            place += step
        if 0 <= place < len(self.rows):
            super().move_to(place)
        elif step < 0:
            self.scroll_to(y=0, animate=False)

    def action_first(self) -> None:
        self.move_to(next((i for i, row in enumerate(self.rows) if row.setting), 0))

    def action_select(self) -> None:
        if self.row is not None and self.row.setting is not None:
            self.post_message(self.Wanted(self, self.row))

    def action_reset(self) -> None:
        if self.row is not None and self.row.value is not None:
            self.post_message(self.Reset(self, self.row))


def _label(row: FormRow) -> paint.Span:
    return (row.label, "") if row.setting else (f"▾ {row.label}", "heading")


def _value(row: FormRow) -> paint.Span:
    if row.setting is None:
        return (row.flaw, "bad") if row.flaw else (row.about, "muted")
    if row.flaw:
        return row.shown or row.flaw, "bad"
    if row.value is None:
        return row.shown or "–", "muted"
    return row.shown, "bold"
