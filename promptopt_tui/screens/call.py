"""One model call in a dialog; left and right go on to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from promptopt.domain.text import one_line
from promptopt_tui.desk import OnTop
from promptopt_tui.views.calls import call_lines, plain_text
from promptopt_tui.widgets.canvas import Canvas

if TYPE_CHECKING:
    from promptopt.store.trace import TracedCall
    from promptopt_tui.callbook import CallBook
    from promptopt_tui.widgets.calls import CallsPanel


class CallScreen(OnTop, ModalScreen[None]):
    """The call under the cursor of ``table``: what was sent, what came back.

    Args:
        book: reads what was sent.
    """

    BINDINGS: ClassVar = [
        Binding("escape,q,enter", "leave", show=False),
        Binding("left,p", "step(-1)", show=False),
        Binding("right,n", "step(1)", show=False),
        Binding("y", "copy", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
    ]

    def __init__(self, table: CallsPanel, book: CallBook) -> None:
        super().__init__(classes="-tall")
        self._table, self._book = table, book
        self._call: TracedCall = cast("TracedCall", table.row)
        self._whole: TracedCall | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_subtitle = Content("← → other calls   y copy   esc closes")
            yield Canvas(id="body")

    def on_mount(self) -> None:
        self.query_one("#body").focus()
        self._turn()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _turn(self) -> None:
        self._whole = None
        call = self._call

        def arrived(whole: TracedCall) -> None:
            if call is self._call:
                self._whole = whole
                self._show()

        self._book.whole(call, arrived)
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        body = self.query_one("#body", Canvas) if self.is_attached else None
        if body is None or not body.width:
            return
        call = self._whole or self._call
        about = call.case_id or call.path
        title = f"Call  ·  {call.role}  ·  {about}" if about else f"Call  ·  {call.role}"
        self.query_one("#dialog").border_title = Content(one_line(title, 100))
        lines = call_lines(call, body.width, loading=self._whole is None)
        body.styles.height = max(1, min(len(lines), self.size.height - 6))
        body.set_lines(lines)

    def action_step(self, step: int) -> None:
        self._table.move_to(self._table.cursor + step)
        if self._table.row is not None and self._table.row is not self._call:
            self._call = self._table.row
            self.query_one("#body", Canvas).scroll_home(animate=False)
            self._turn()

    def action_scroll(self, step: int) -> None:
        self.query_one("#body", Canvas).scroll_relative(y=step, animate=False)

    def action_copy(self) -> None:
        self.desk.copy(plain_text(self._whole or self._call), "call")

    def action_leave(self) -> None:
        self.dismiss(None)
