"""Writing a text of several lines: a prompt, a description, code of a check."""

from __future__ import annotations

from textual.content import Content

from promptopt_tui import paint
from promptopt_tui.actions import BY_ID
from promptopt_tui.screens.dialogs import confirm
from promptopt_tui.screens.editor import EditScreen, PromptArea, Purpose, Written, restored
from promptopt_tui.widgets.canvas import Canvas

FOR_THE_PROJECT = Purpose("Write", ("", ""))


class WriteScreen(EditScreen):
    """A text in an editor; answers the new text, or None.

    Args:
        text: as it is.
        title: what it is.
        as_it_is: a text that was not changed is an answer, too.
    """

    def __init__(self, text: str, title: str, *, as_it_is: bool = False) -> None:
        super().__init__(text, title, FOR_THE_PROJECT)
        self._as_it_is = as_it_is

    def on_mount(self) -> None:
        self.query_one("#dialog").border_title = Content(paint.one_line(self._title, 80))
        self.query_one(PromptArea).focus()
        self.call_after_refresh(self._hint)

    def _hint(self) -> None:
        line: paint.Line = []
        for action_id, label in (("save", "take it"), ("external", "$EDITOR"), ("discard", "leave")):
            if action_id == "external" and self.app.is_web:
                continue
            line += [(BY_ID[f"editor.{action_id}"].key_names, "key"), (f" {label}   ", "muted")]
        hints = self.query_one("#hints", Canvas)
        hints.set_lines([paint.cut(line, hints.width)])

    def action_save(self) -> None:
        after = self.text
        same = after == self._before and not self._as_it_is
        self.dismiss(None if same else Written(restored(self._original, after)))

    def action_discard(self) -> None:
        if self.text == self._before:
            self.dismiss(None)
            return
        confirm(
            self.app,
            "Discard what you wrote?",
            ("Go on writing", ""),
            ("Discard", "what you wrote is lost"),
            lambda: self.dismiss(None),
        )
