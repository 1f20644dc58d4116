"""A sheet as a form of widgets in the cell that waits for it."""

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from promptopt.domain.errors import PromptoptError
from promptopt.domain.text import sanitize
from promptopt.notebook.drawing import html_of
from promptopt.notebook.pumping import pumping
from promptopt.notebook.wizards.asking import Sheet
from promptopt.notebook.wizards.fields import Field, Unread, Values, complaints

EVERY = 0.05
"""Seconds between looks at what was done in the form."""

INVISIBLE = 'if no form shows here: interrupt this cell, and give way="questions"'


class Form:
    """The widgets of one sheet.

    Args:
        values: what the fields begin with, one for each.
    """

    def __init__(self, sheet: Sheet, values: Values) -> None:
        self._widgets: Any = import_module("ipywidgets")
        self._sheet = sheet
        self._filling = False
        self.done = False
        self.controls: dict[str, Any] = {}
        self.notes: dict[str, Any] = {}
        self.preview: Any = self._widgets.HTML()
        self.said: Any = self._widgets.HTML()
        self.use: Any = self._button(sheet.done, "check", self._finish, "primary")
        self.box: Any = self._whole(values)
        self._changed()

    def wait(self) -> Values:
        """Show it in this cell, and wait until the button is pressed; an interrupt goes through."""
        _show(self.bundle())
        try:
            with pumping() as turn:
                while not self.done:
                    turn()
                    time.sleep(EVERY)
        finally:
            self.box.layout.display = "none"
        values, _ = self.read()
        told = (self._sheet.brief or self._sheet.preview)(values)
        html = html_of("wizard/used", title=self._sheet.title, text=sanitize(told))
        _show({"text/html": html, "text/plain": sanitize(f"{self._sheet.title}\n{told}")})
        return values

    def bundle(self) -> dict[str, Any]:
        """What is displayed."""
        return {**self.box._repr_mimebundle_(), "text/plain": f"{self._sheet.title}: {INVISIBLE}"}

    def read(self) -> tuple[Values, dict[str, str]]:
        """The values as they stand, and what is wrong with them by the key of the field."""
        values: Values = {}
        unread: dict[str, str] = {}
        for field in self._sheet.fields:
            try:
                values[field.key] = _value(field, self.controls[field.key])
            except Unread as error:
                unread[field.key] = str(error)
                values[field.key] = None
        return values, unread or complaints(self._sheet.fields, values, self._sheet.check)

    def fill(self, values: Values) -> None:
        """Put other values into the fields."""
        self._filling = True
        for field in self._sheet.fields:
            if field.key in values:
                _put(field, self.controls[field.key], values[field.key])
        self._filling = False
        self._changed()

    # What it is made of

    def _whole(self, values: Values) -> Any:
        w, sheet = self._widgets, self._sheet
        rows: list[Any] = []
        group = ""
        for field in sheet.fields:
            if field.group != group:
                group = field.group
                rows.append(w.HTML(html_of("wizard/group", text=group), layout=w.Layout(flex="1 1 100%")))
            rows.append(self._field(field, values[field.key]))
        left = w.HBox(rows, layout=w.Layout(flex="3 1 26rem", min_width="0", flex_flow="row wrap"))
        right = w.VBox([self.preview], layout=w.Layout(flex="2 1 18rem", min_width="0"))
        right.add_class("po-side")
        columns = w.HBox([left, right], layout=w.Layout(flex_flow="row wrap", width="100%"))
        head = w.HTML(html_of("wizard/head", title=sheet.title, about=sheet.about))
        foot = [self.use, *self._files(), self.said]
        row = w.HBox(foot, layout=w.Layout(flex_flow="row wrap", align_items="center", width="100%"))
        return w.VBox([head, columns, row], layout=w.Layout(max_width="72rem"))

    def _field(self, field: Field, value: Any) -> Any:
        w = self._widgets
        control = self.controls[field.key] = _MAKERS[field.kind](w, field)
        _put(field, control, value)
        for each in getattr(control, "children", None) or [control]:
            each.observe(self._changed, "value")
        note = self.notes[field.key] = w.HTML()
        told = {"text": field.label, "required": field.required, "help": _help(field)}
        label = w.HTML(html_of("wizard/label", **told))
        parts = [control, note] if field.kind == "yes" else [label, control, note]
        share = "1 1 14rem" if field.half else "1 1 100%"
        return w.VBox(parts, layout=w.Layout(flex=share, min_width="0", margin="0 .6rem .2rem 0"))

    def _files(self) -> list[Any]:
        files = self._sheet.files
        if files is None:
            return []
        w = self._widgets
        self.path: Any = w.Text(
            files.path, placeholder="a file, as company.yaml", layout=w.Layout(width="16rem")
        )
        self.load: Any = self._button("Load", "folder-open", self._load)
        self.save: Any = self._button("Save", "save", self._save)
        return [self.path, self.load, self.save]

    def _button(self, word: str, icon: str, does: Callable[[], None], style: str = "") -> Any:
        layout = self._widgets.Layout(width="auto")
        button = self._widgets.Button(description=word, icon=icon, button_style=style, layout=layout)

        def clicked(_button: object) -> None:
            does()

        button.on_click(clicked)
        return button

    # What it does

    def _changed(self, _change: object = None) -> None:
        """Say what is wrong with what, and what comes of it if nothing is."""
        if self._filling:
            return
        values, wrong = self.read()
        for field in self._sheet.fields:
            said = wrong.get(field.key, "")
            self.notes[field.key].value = html_of("wizard/note", wrong=said) if said else ""
            self.notes[field.key].layout.display = "" if said else "none"
        count = len(wrong)
        self.use.disabled = bool(wrong)
        self.use.tooltip = f"{count} to mend" if wrong else ""
        self.preview.value = html_of(
            "wizard/preview",
            title=self._sheet.previewed,
            text="" if wrong else sanitize(self._sheet.preview(values)),
            wrong=wrong.get("", "") or (f"{count} to mend: see the fields" if wrong else ""),
        )

    def _finish(self) -> None:
        _, wrong = self.read()
        self.done = not wrong

    def _load(self) -> None:
        self._with_file(lambda path: self.fill(self._files_of().load(path)), "loaded")

    def _save(self) -> None:
        values, wrong = self.read()
        if wrong:
            self._say("not saved: mend the fields first", "bad")
            return
        self._with_file(lambda path: self._files_of().save(values, path), "saved")

    def _with_file(self, does: Callable[[str], object], word: str) -> None:
        path = self.path.value.strip()
        if not path:
            self._say("name a file first", "bad")
            return
        try:
            does(path)
        except PromptoptError as error:
            self._say(str(error), "bad")
        else:
            self._say(f"{word}: {path}")

    def _files_of(self) -> Any:
        return self._sheet.files

    def _say(self, text: str, level: str = "muted") -> None:
        self.said.value = html_of("said", text=sanitize(text), level=level)


def _help(field: Field) -> str:
    listed = "one a line" if field.kind == "list" else ""
    return "; ".join(part for part in (field.help, listed) if part)


def _show(bundle: dict[str, Any]) -> None:
    display: Any = import_module("IPython.display").display
    display(bundle, raw=True)


# Controls by kind


def _text(w: Any, field: Field) -> Any:
    if field.options:
        return w.Combobox(options=field.options, ensure_option=False, layout=_wide(w), tooltip=field.label)
    return w.Text(layout=_wide(w), tooltip=field.label)


def _area(w: Any, field: Field) -> Any:
    return w.Textarea(rows=field.rows, layout=_wide(w), tooltip=field.label)


def _number(w: Any, field: Field) -> Any:
    return w.Text(layout=w.Layout(width="8rem"), tooltip=field.label)


def _choice(w: Any, field: Field) -> Any:
    return w.Dropdown(options=field.options, layout=_wide(w), tooltip=field.label)


def _choices(w: Any, field: Field) -> Any:
    boxes = [
        w.Checkbox(description=option, indent=False, layout=w.Layout(width="auto", margin="0 1rem 0 0"))
        for option in field.options
    ]
    return w.HBox(boxes, layout=w.Layout(flex_flow="row wrap", width="100%"))


def _yes(w: Any, field: Field) -> Any:
    return w.Checkbox(description=field.label, indent=False, layout=_wide(w))


def _wide(w: Any) -> Any:
    return w.Layout(width="auto")


_MAKERS: dict[str, Callable[[Any, Field], Any]] = {
    "text": _text,
    "paragraph": _area,
    "list": _area,
    "whole": _number,
    "number": _number,
    "choice": _choice,
    "choices": _choices,
    "yes": _yes,
}


def _put(field: Field, control: Any, value: Any) -> None:
    if field.kind == "choices":
        for box in control.children:
            box.value = box.description in value
    elif field.kind == "list":
        control.value = "\n".join(value)
    elif field.kind == "yes":
        control.value = bool(value)
    elif field.kind == "choice":
        control.value = value if value in field.options else (field.options or (None,))[0]
    else:
        control.value = field.typed(value) if field.kind in ("whole", "number") else value or ""


def _value(field: Field, control: Any) -> Any:
    if field.kind == "choices":
        return tuple(box.description for box in control.children if box.value)
    if field.kind == "list":
        return tuple(line.strip() for line in control.value.splitlines() if line.strip())
    if field.kind in ("yes", "choice"):
        return control.value
    return field.read(control.value)
