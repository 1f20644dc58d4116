"""Buttons below the live view of a run: pause, resume, stop, edit, and the answer that it waits for."""

import threading
from collections.abc import Callable
from contextvars import copy_context
from importlib import import_module
from typing import TYPE_CHECKING, Any

from promptopt.domain.errors import PromptoptError
from promptopt.notebook.drawing import html_of
from promptopt.notebook.frame import Frame

if TYPE_CHECKING:
    from promptopt.notebook.live import Live
    from promptopt.notebook.run import Run

SHOWN, HIDDEN = "", "none"


class Controls:
    """The widgets of one view. What a click asks for is done in a thread, so that no click waits for another.

    Args:
        live: the view that they stand under; its run is what they act on.
    """

    def __init__(self, live: "Live") -> None:
        self._live = live
        self._widgets: Any = import_module("ipywidgets")
        widgets = self._widgets
        self.closed = False
        self.pause = self._button("Pause", "pause", self._pause_or_resume)
        self.stop = self._button("Stop", "stop", lambda: self._ask_stop(True))
        self.edit = self._button("Edit", "pencil", self._open_editor)
        self.said: Any = widgets.HTML()
        self.stopping = self._stop_question()
        self.editor = self._editor()
        self.answering = self._answers()
        row: Any = widgets.HBox([self.pause, self.stop, self.edit, self.said])
        row.layout.align_items = "center"
        row.layout.flex_flow = "row wrap"
        self.box: Any = widgets.VBox([self.answering, row, self.stopping, self.editor])

    @property
    def run(self) -> "Run":
        """What they act on."""
        return self._live.run

    def bundle(self) -> dict[str, Any]:
        """What is displayed."""
        return {**self.box._repr_mimebundle_(), "text/plain": "buttons: pause, stop, edit"}

    def follow(self, frame: Frame) -> None:
        """Offer what can be done now."""
        if self.closed:
            return
        word = frame.status[1]
        goes_on = word in ("paused", "interrupted")
        self.pause.description, self.pause.icon = ("Resume", "play") if goes_on else ("Pause", "pause")
        self.stop.disabled = self.edit.disabled = frame.over or word == "interrupted"
        self.pause.disabled = frame.over or word == "starting"
        self.answering.layout.display = SHOWN if frame.waiting else HIDDEN
        if frame.over:
            self.stopping.layout.display = self.editor.layout.display = HIDDEN

    def close(self) -> None:
        """The run is over: there is nothing to do any more."""
        self.closed = True
        self.box.layout.display = HIDDEN

    def say(self, text: str, level: str = "muted") -> None:
        """Say beside the buttons what came of a click."""
        self.said.value = html_of("said", text=text, level=level)

    def _button(self, word: str, icon: str, does: Callable[[], None], style: str = "", tip: str = "") -> Any:
        layout = self._widgets.Layout(width="auto")
        button = self._widgets.Button(
            description=word, icon=icon, button_style=style, tooltip=tip, layout=layout
        )

        def clicked(_button: object) -> None:
            does()

        button.on_click(clicked)
        return button

    def _hidden(self, *parts: Any, upright: bool = False) -> Any:
        kind = self._widgets.VBox if upright else self._widgets.HBox
        box = kind(list(parts))
        box.layout.display, box.layout.align_items = HIDDEN, "stretch" if upright else "center"
        return box

    # What the buttons do

    def _pause_or_resume(self) -> None:
        goes_on = self.pause.description == "Resume"
        self._do("…", self.run.resume if goes_on else self.run.pause)

    def _stop_question(self) -> Any:
        asked = self._widgets.HTML("Stop the search?")
        test = self._button("Stop, then the sealed test", "", lambda: self._stop(False), "warning")
        now = self._button("Stop now, without it", "", lambda: self._stop(True), "danger")
        back = self._button("Go on", "", lambda: self._ask_stop(False))
        return self._hidden(asked, test, now, back)

    def _ask_stop(self, on: bool) -> None:
        self.stopping.layout.display = SHOWN if on else HIDDEN

    def _stop(self, now: bool) -> None:
        self._ask_stop(False)
        self._do("stopping…", lambda: self.run.stop(now=now))

    def _editor(self) -> Any:
        full = self._widgets.Layout(width="auto", height="12rem")
        self.text: Any = self._widgets.Textarea(layout=full)
        self.reason: Any = self._widgets.Text(placeholder="why (optional)")
        self.adopt: Any = self._widgets.Dropdown(
            options=[
                ("ask me once it is scored", "ask"),
                ("go on from it", "always"),
                ("only if it is not worse", "if_not_worse"),
            ]
        )
        send = self._button("Send", "check", self._send, "primary", "scores it, then the run goes on from it")
        close = self._button("Close", "", self._close_editor)
        row = self._widgets.HBox([self.reason, self.adopt, send, close])
        return self._hidden(self.text, row, upright=True)

    def _open_editor(self) -> None:
        if self.editor.layout.display == SHOWN:
            self._close_editor()
            return
        with self.run.reading() as state:
            current = state.candidates.get(state.current_id)
            self.text.value = current.text if current else ""
        self.editor.layout.display = SHOWN

    def _close_editor(self) -> None:
        self.editor.layout.display = HIDDEN

    def _send(self) -> None:
        text, reason, adopt = self.text.value, self.reason.value, self.adopt.value
        self._close_editor()
        self._do("sent; it is scored…", lambda: self.run.edit(text, reason, adopt=adopt))

    def _answers(self) -> Any:
        yes = self._button("Accept", "check", lambda: self._answer(True), "success")
        no = self._button("Reject", "times", lambda: self._answer(False))
        return self._hidden(self._widgets.HTML("<b>◆ It waits for your answer:</b>"), yes, no)

    def _answer(self, accept: bool) -> None:
        self._do("…", lambda: self.run.answer(accept))

    def _do(self, meanwhile: str, ask: Callable[[], str]) -> None:
        """Ask something of the run in a thread, and say what came of it."""
        self.say(meanwhile)

        def done() -> None:
            try:
                said, level = ask(), "muted"
            except PromptoptError as error:
                said, level = str(error), "bad"
            if not self.closed:
                self.say(said, level)
            self._live.refresh()

        threading.Thread(target=copy_context().run, args=(done,), daemon=True, name="asked").start()
