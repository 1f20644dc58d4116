"""A log that follows its end. It never scrolls, so a new line costs one repaint of its own area."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip

from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings
from promptopt_tui.widgets.canvas import Canvas


class Tail(Canvas):
    """Shows the newest of :attr:`lines`. Any move up stops following; new lines are then counted."""

    DEFAULT_CSS = """
    Tail { overflow-y: hidden; scrollbar-gutter: auto; }
    """
    scopes: ClassVar[tuple[Scope, ...]] = ("log",)
    BINDINGS: ClassVar = [
        *bindings("log"),
        Binding("up,k", "back(1)", show=False),
        Binding("down,j", "on(1)", show=False),
        Binding("pageup", "back(10)", show=False),
        Binding("pagedown", "on(10)", show=False),
        Binding("home,g", "back(100000)", show=False),
    ]

    class Opened(Message):
        """What is in view is to be shown at its full length."""

        def __init__(self, lines: Sequence[paint.Line]) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self, *, id: str | None = None, classes: str = "") -> None:
        super().__init__(id=id, classes=classes)
        self.end: int | None = None
        """Number of the line after the last one shown (counting all that ever came); None follows."""
        self.total = 0

    def show_tail(self, lines: Sequence[paint.Line], total: int) -> None:
        """Show ``lines``, the last of ``total`` that ever came."""
        if total == self.total and lines == self.lines:
            return
        self.lines, self.total = lines, total
        if self.end is not None:
            self.end = min(max(self.end, self._first() + self.height), total)
        self.refresh()

    @property
    def missed(self) -> int:
        """Lines that came since the log stopped following."""
        return 0 if self.end is None else max(0, self.total - self.end)

    def render_line(self, y: int) -> Strip:
        bottom = self.total if self.end is None else self.end
        shift = max(0, self.height - (bottom - self._first()))
        place = bottom - self.height + y + shift - self._first()
        width = self.width
        line: paint.Line = []
        if 0 <= place < len(self.lines) and place < bottom - self._first():
            line = self.lines[place]
        if self.missed and y == self.height - 1:
            note = f" +{self.missed} new, end to follow "
            line = paint.columns(line, [(note, "pill-accent")], width)
        return paint.strip(paint.cut(line, width), width, self.styles_by_name, self.rich_style)

    def action_back(self, lines: int) -> None:
        bottom = self.total if self.end is None else self.end
        self.end = max(min(self._first() + self.height, self.total), bottom - lines)
        if self.total <= self.height:
            self.end = None
        self.refresh()

    def action_on(self, lines: int) -> None:
        if self.end is not None:
            self.end = self.end + lines
            if self.end >= self.total:
                self.end = None
            self.refresh()

    def action_open(self) -> None:
        bottom = (self.total if self.end is None else self.end) - self._first()
        if bottom > 0:
            self.post_message(self.Opened(self.lines[max(0, bottom - self.height) : bottom]))

    def action_follow(self) -> None:
        self.end = None
        self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_back(2)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_on(2)

    def _first(self) -> int:
        return self.total - len(self.lines)
