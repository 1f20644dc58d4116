"""One case in a form."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from promptopt.domain.describing import Setting
from promptopt.domain.words import SPLITS
from promptopt.store.caseedit import with_value
from promptopt.store.casefiles import Columns, text_of
from promptopt_tui import paint
from promptopt_tui.desk import OnTop
from promptopt_tui.screens.project.values import change_value
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.form import Form, FormRow, form_row
from promptopt_tui.widgets.table import Table

Row = dict[str, Any]


def case_rows(row: Row, columns: Columns, every: list[str], flat: bool) -> list[FormRow]:
    """The form of a case: what goes in, what is expected, and what else is said of it.

    Args:
        every: all columns of its file.
        flat: cells are text.
    """
    rows = [FormRow(("input",), "what goes in")]
    rows += [_text(row, name, "a part of the input") for name in columns.inputs]
    rows.append(FormRow(("expected",), "what should come out"))
    expected = columns.expected or "expected"
    rows.append(_text(row, expected, "the reference output; empty: there is none"))
    rows.append(FormRow(("more",), "more"))
    rows.append(_text(row, columns.id, "its name; empty: its number"))
    if columns.split:
        split = Setting("split", "a split", True, None, "the split that it is in", "choice", SPLITS)
        rows.append(form_row(("split",), split, row.get("split")))
    tags = Setting(columns.tags, "texts, with commas between", False, None, "free labels", "list")
    rows.append(form_row((columns.tags,), tags, _listed(row.get(columns.tags))))
    must = Setting(columns.must_pass, "true or false", False, False, "no candidate may break it", "flag")
    value = str(row.get(columns.must_pass, "")).strip().casefold()
    rows.append(form_row((columns.must_pass,), must, value in ("true", "yes", "1") or None))
    weight = Setting(
        columns.weight, "number, above 0", False, 1.0, "its share in a mean", "number", (), {"gt": 0}
    )
    rows.append(form_row((columns.weight,), weight, _number(row.get(columns.weight))))
    rows.append(_text(row, columns.group, "cases of a group are never parted by a split"))
    known = {name for one in rows for name in one.keys}
    rows += [_text(row, name, "not used") for name in every if name not in known and not _nested(row, name)]
    return rows


def with_entered(row: Row, columns: Columns, name: str, value: Any, flat: bool) -> Row:
    """The case with another value in a column, as its file can hold it; None takes it out."""
    new = dict(row)
    if value is None or value is False:
        if flat and name in row:
            new[name] = ""
        else:
            new.pop(name, None)
    elif name == columns.tags:
        new[name] = ", ".join(value) if flat else value
    elif isinstance(value, str):
        return with_value(row, name, value)
    else:
        new[name] = text_of(value) if flat else value
    return new


class CaseScreen(OnTop, ModalScreen["Row | None"]):
    """A case in a form; answers its columns if they were changed, else None.

    Args:
        row: its columns.
        columns: which column is what.
        every: all columns of its file.
        flat: cells are text.
        title: what it is called.
    """

    CSS_PATH = "../../styles/project.tcss"
    BINDINGS: ClassVar = [Binding("escape,q", "leave", show=False), Binding("ctrl+s", "take", show=False)]

    def __init__(self, row: Row, columns: Columns, every: list[str], flat: bool, title: str) -> None:
        super().__init__(classes="-tall")
        self._row, self._before = dict(row), dict(row)
        self._columns, self._every, self._flat, self._title = columns, every, flat, title

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = Content(paint.one_line(self._title, 80))
            box.border_subtitle = Content("enter changes   ctrl+s takes it   esc leaves")
            yield Form(id="case")
            yield Canvas(id="whole")

    def on_mount(self) -> None:
        self.query_one("#whole").can_focus = False
        self.query_one(Form).focus()
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Draw the case as it stands."""
        form = self.query_one(Form)
        form.set_rows(case_rows(self._row, self._columns, self._every, self._flat))
        self._draw_value()

    @on(Table.Moved)
    def _draw_value(self) -> None:
        """The whole text of the selected value, below the form."""
        whole, row = self.query_one("#whole", Canvas), self.query_one(Form).row
        if row is None or not whole.width:
            return
        doc = row.setting.doc if row.setting else ""
        text = text_of(self._row.get(str(row.keys[0])))
        whole.set_lines([[(doc, "muted")], *paint.text_lines(text, whole.width)])

    @on(Form.Wanted)
    def _wanted(self, message: Form.Wanted) -> None:
        name = str(message.row.keys[0])

        def put(value: Any) -> None:
            self._row = with_entered(self._row, self._columns, name, value, self._flat)
            self.draw()

        if isinstance(message, Form.Reset):
            put(None)
        else:
            change_value(self.desk, message.row, put)

    def action_take(self) -> None:
        self.dismiss(self._row if self._row != self._before else None)

    def action_leave(self) -> None:
        if self._row == self._before:
            self.dismiss(None)
            return
        from promptopt_tui.screens.dialogs import Dialog, Option

        options = [
            Option("s", "Take the changes", "", True),
            Option("y", "Leave them", "they are lost", False),
        ]

        def answered(take: bool | None) -> None:
            if take is not None:
                self.dismiss(self._row if take else None)

        self.app.push_screen(Dialog("The case was changed", lambda _: [], options), answered)


def _text(row: Row, name: str, doc: str) -> FormRow:
    setting = Setting(name, "text", False, None, doc, "text")
    value = row.get(name)
    return form_row((name,), setting, None if value is None or value == "" else text_of(value))


def _nested(row: Row, name: str) -> bool:
    return isinstance(row.get(name), dict | list) or name == "checks"


def _listed(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [part.strip() for part in value.replace(";", ",").split(",") if part.strip()] or None
    return [text_of(item) for item in value] if isinstance(value, list) and value else None


def _number(value: Any) -> float | None:
    try:
        return None if value in (None, "") else float(value)
    except (TypeError, ValueError):
        return None
