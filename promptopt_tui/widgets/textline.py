"""One line that is typed into, and one that searches."""

from textual import events, on
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Input

from promptopt.domain.text import sanitize


class TextLine(Input):
    """One line of text without control characters, whose cursor doesn't blink."""

    cursor_blink = reactive(False, init=False)

    def validate_value(self, value: str) -> str:
        """Make what is typed, pasted or set safe to show."""
        return sanitize(value.replace("\n", " ").replace("\t", " "))

    @property
    def suggested(self) -> str:
        """What the text would be if it were completed; empty if nothing is offered for it."""
        return self._suggestion if self._suggestion.startswith(self.value) else ""

    def complete(self) -> None:
        """Take what is offered."""
        if self.suggested:
            self.value = self.suggested
            self.cursor_position = len(self.value)

    def _on_paste(self, event: events.Paste) -> None:
        event.text = " ".join(event.text.split())  # Input's own handler takes the first line only


class SearchLine(TextLine):
    """A line that comes when something is searched for; enter keeps what was typed, escape takes it back.

    Args:
        placeholder: says what is searched.
        pause: seconds after the last letter after which the search begins.
    """

    class Wanted(Message):
        """Something else is searched for; no text shows all."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The line is gone; the focus wants another place."""

    def __init__(self, placeholder: str, pause: float = 0.0) -> None:
        super().__init__(placeholder=placeholder, id="search", classes="field")
        self._pause = pause
        self._soon: Timer | None = None

    def open(self) -> None:
        """Show the line, and type into it."""
        self.display = True
        self.focus()

    def show(self, text: str) -> None:
        """Say what is searched for, when that is known already."""
        with self.prevent(Input.Changed):
            self.value = text

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        self._cancel()
        if self._pause:
            self._soon = self.set_timer(self._pause, self._search)
        else:
            self._search()

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()
        self._leave()

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self.show("")
            self._leave()

    def _leave(self) -> None:
        self._cancel()
        self._search()
        self.display = False
        self.post_message(self.Left())

    def _cancel(self) -> None:
        if self._soon:
            self._soon.stop()

    def _search(self) -> None:
        self.post_message(self.Wanted(self.value))
