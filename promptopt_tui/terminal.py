"""What a terminal can do beside showing cells: a title, a bell, a notification of the desktop."""

from collections.abc import Callable

from promptopt.domain.text import one_line

LONGEST = 200

SAVE_TITLE, RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"


class Terminal:
    """The terminal that the app is in.

    Args:
        write: sends to it as it is; None where there is no terminal to be told anything (a browser, a test).
    """

    def __init__(self, write: Callable[[str], None] | None) -> None:
        self._write = write
        self._title = ""

    def title(self, text: str) -> None:
        """Show ``text`` as the window's title, until :meth:`close`."""
        text = one_line(text, LONGEST)
        if self._write is None or text == self._title:
            return
        self._write(f"{'' if self._title else SAVE_TITLE}\x1b]2;{text}\x1b\\")
        self._title = text

    def call(self, text: str) -> None:
        """Call for attention: the bell, and a notification where the terminal knows how (OSC 9)."""
        if self._write is not None:
            self._write(f"\x07\x1b]9;{one_line(text, LONGEST)}\x1b\\")

    def close(self) -> None:
        """Give the window its own title back."""
        if self._write is not None and self._title:
            self._write(RESTORE_TITLE)
            self._title = ""
