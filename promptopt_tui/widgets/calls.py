"""The cockpit's model calls, newest last; it follows them until somebody moves up."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast, get_args

from promptopt.domain.words import ROLES, Role
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings
from promptopt_tui.views.calls import look
from promptopt_tui.views.view import View
from promptopt_tui.widgets.panels import set_title
from promptopt_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from promptopt.store.trace import Outcome, TracedCall, Wanted
    from promptopt.store.tracepages import Page
    from promptopt_tui.callbook import CallBook


class CallsPanel(Table):
    """A row for each call, and for each attempt that brought no answer.

    Args:
        book: reads the calls.
    """

    BINDINGS = bindings("calls")
    scopes: ClassVar[tuple[Scope, ...]] = ("calls",)

    def __init__(self, book: CallBook) -> None:
        columns = [
            Column("time", 8, lambda call: (fm.time_of_day(call.at), "muted")),
            Column("outcome", 10, self._outcome),
            Column("role", 9, lambda call: (call.role, "accent")),
            Column("model", 0, lambda call: (call.model, "muted"), least=64),
            Column("seconds", 7, self._seconds, "right", least=46),
            Column("tokens", 7, lambda call: (fm.count(call.tokens), ""), "right", least=54),
            Column("cost", 8, self._cost, "right", least=78),
            Column("case or path", 14, lambda call: (call.case_id or call.path, ""), least=94),
            Column("said", 0, self._said, least=110),
        ]
        super().__init__(columns, lambda call: f"{call.id}/{call.status}", id="calls", classes="panel")
        self._book = book
        self.following = True
        self.role: Role | None = None
        self.status: Outcome | None = None
        self.filter = ""
        self._page: Page | None = None

    @property
    def wanted(self) -> Wanted:
        """Which calls are shown."""
        from promptopt.store.trace import Wanted

        return Wanted(role=self.role, status=self.status, text=self.filter)

    def show(self, view: View) -> None:
        """Draw ``view``."""
        self._book.want(self.wanted)
        if self.following or self._book.page is None:
            meters = view.state.meters
            moved = tuple(meter.spent for name, meter in meters.items() if name.endswith("calls"))
            about = (moved, view.state.in_flight, view.state.replayed, view.status)
            self._book.follow(about, live=view.live)
        page = self._book.page
        set_title(self, self._note())
        if page is not self._page:
            self._page = page
            none = "no such call" if self.role or self.status or self.filter else "no call was made yet"
            self.set_empty([[(none if page else "loading calls…", "muted")]])
            self.set_rows(page.calls if page else ())
            if self.following:
                self.move_to(len(self.rows) - 1)

    def move_to(self, place: int) -> None:
        before = self.cursor
        super().move_to(place)
        last = len(self.rows) - 1
        held = self._page
        if place <= 0 and before == 0 and held and held.older:
            self._book.older()
        elif place >= last and held and held.newer:
            self._book.newer()
        self.following = self.cursor >= last and not (held and held.newer)

    def _note(self) -> str:
        parts = [self.role or "", self.status or "", f"“{self.filter}”" if self.filter else ""]
        parts.append("following" if self.following else "held; end follows again")
        return " · ".join(part for part in parts if part)

    # Which ones

    def filter_by(self, text: str) -> None:
        """Show only calls that contain a text."""
        self.filter = text
        self._from_the_end()

    def clear_filter(self) -> bool:
        """Show all calls again; False if all are shown."""
        if not (self.role or self.status or self.filter):
            return False
        self.role = self.status = None
        self.filter_by("")
        return True

    def action_filter(self) -> None:
        self.post_message(self.FilterWanted(self))

    def action_whose(self) -> None:
        roles: list[Role | None] = [None, *ROLES]
        self.role = roles[(roles.index(self.role) + 1) % len(roles)]
        self._from_the_end()

    def action_outcome(self) -> None:
        from promptopt.store.trace import Outcome

        outcomes = cast("list[Outcome | None]", [None, *get_args(Outcome)])
        self.status = outcomes[(outcomes.index(self.status) + 1) % len(outcomes)]
        self._from_the_end()

    def _from_the_end(self) -> None:
        self.following = True
        self.post_message(self.OthersWanted())

    def action_last(self) -> None:
        """To the newest call: what is held may end before it."""
        self._from_the_end()
        if not (self._page and self._page.newer):
            self.move_to(len(self.rows) - 1)

    # Cells

    def _outcome(self, call: TracedCall) -> paint.Span:
        glyph, word, style = look(call)
        return f"{glyph} {word}", style

    def _seconds(self, call: TracedCall) -> paint.Span:
        return ("" if call.seconds is None else f"{call.seconds:.2f}"), ""

    def _cost(self, call: TracedCall) -> paint.Span:
        return fm.usd(call.usd), "warn" if call.usd is None else ""

    def _said(self, call: TracedCall) -> paint.Span:
        return paint.one_line((call.error or call.answer or "")[:400], 200), "bad" if call.error else "muted"
