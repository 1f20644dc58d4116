"""The cockpit's heat map: rows are cases, columns are candidates, each cell is how one did on the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.strip import Strip

from promptopt.runs.standings import Candidate
from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings
from promptopt_tui.views.grid import LOOKS, Grid
from promptopt_tui.views.view import View
from promptopt_tui.widgets.panels import set_title
from promptopt_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from promptopt.domain.dataset import Example
    from promptopt_tui.casebook import Casebook, CaseRow
    from promptopt_tui.heatbook import HeatBook

CELL = 4
"""Cells across of one candidate."""

NAMED = 12
"""Cells of a case's id."""


class HeatPanel(Table):
    """The cases that fail most often first; enter opens a case under a candidate.

    Args:
        book: has the cases, as far as they are loaded.
        outcomes: has how candidates did on them.
    """

    BINDINGS = bindings("heat")
    scopes: ClassVar[tuple[Scope, ...]] = ("heat",)

    def __init__(self, book: Casebook, outcomes: HeatBook) -> None:
        columns = [Column("case", NAMED, self._case), Column("failed", 7, self._failed, "right")]
        super().__init__(columns, self._key, id="heat", classes="panel")
        self._book, self._outcomes = book, outcomes
        self.grid: Grid | None = None
        """The outcomes that are loaded; None while the cases are."""
        self.candidates: Sequence[Candidate] = ()
        self.by_failures = True
        """Rows are in the order of how often they fail, else in that of the data."""
        self.cases: Sequence[CaseRow] = ()
        self.at = 0
        """Which candidate the cursor is on."""
        self._left = 0
        self._rows: Any = None
        self._painted: Any = None
        self._view: View | None = None

    def show(self, view: View) -> None:
        """Draw ``view``."""
        cases = self._book.cases(view.split)
        grid, order = self._outcomes.grid(view.state, view.split, cases, by_failures=self.by_failures)
        self._view, self.grid, self.cases = view, grid, cases or ()
        candidates = [c for c in view.state.everyone if grid and c.id in grid.columns]
        rows = (view.split, order, [c.id for c in candidates])
        painted = (view.shown_id, grid and grid.version)
        if rows != self._rows:
            self._rows = rows
            here = self.candidate
            self.candidates = candidates
            if here and here in candidates:
                self.at = candidates.index(here)
            self.at = max(0, min(self.at, len(candidates) - 1))
            self.set_empty([[("loading cases…" if grid is None else "nothing was scored yet", "muted")]])
            if not self.cursor:  # who has not moved stays at the top
                self.cursor_key = ""
            self.set_rows(order if candidates else ())
        elif painted != self._painted:
            self.redraw()
        self._painted = painted
        set_title(self, self._note(view))

    @property
    def candidate(self) -> Candidate | None:
        """The candidate that the cursor is on."""
        return self.candidates[self.at] if self.at < len(self.candidates) else None

    # A walk through the cases; see screens/case.py

    @property
    def case(self) -> Example | None:
        """The case under the cursor."""
        place = self.row
        return self.cases[place].whole if place is not None and place < len(self.cases) else None

    def step(self, rows: int) -> None:
        """Go some cases on."""
        self.move_to(self.cursor + rows)

    # What is painted

    def _note(self, view: View) -> str:
        candidate, place = self.candidate, self.row
        if candidate is None or place is None or self.grid is None:
            return view.split
        _, word, _ = LOOKS[self.grid.at(place, candidate.id)]
        order = "most failed first" if self.by_failures else "in order"
        return f"{self._key(place)} × {candidate.name}: {word} · {view.split}, {order}"

    def _key(self, place: int) -> str:
        return self.grid.case_ids[place] if self.grid and place < len(self.grid.case_ids) else ""

    def _case(self, place: int) -> paint.Span:
        return self._key(place), ""

    def _failed(self, place: int) -> paint.Span:
        assert self.grid
        failed, scored = self.grid.failed[place], self.grid.scored[place]
        return f"{failed}/{scored}", "bad" if failed and failed == scored else "" if failed else "muted"

    def _header(self, width: int) -> Strip:
        line = self._fixed([(column.name, "muted") for column in self.columns])
        for number in self._seen(width):
            candidate = self.candidates[number]
            here = number == self.at
            shown = bool(self._view and candidate.id == self._view.shown_id)
            style = "bold" if here else "accent" if shown else "muted"
            line.append((paint.fit(_short(candidate), CELL - 1, "right"), style))
            line.append((" ", ""))
        return paint.strip(line, width, self.styles_by_name, self.rich_style)

    def _row_strip(self, place: int, width: int, here: bool) -> Strip:
        self.built += 1
        case = self.rows[place]
        base = self.rich_style
        if here:
            base += self.styles_by_name["cursor-idle"]
        line = self._fixed([column.cell(case) for column in self.columns])
        grid = self.grid
        for number in self._seen(width):
            glyph, _, style = LOOKS[grid.at(case, self.candidates[number].id) if grid else 0]
            on = here and number == self.at
            left, right = ("[", "]") if on else (" ", " ")
            line += [(f" {left}", "bold"), (glyph, style), (right, "bold")]
        return paint.strip(line, width, self.styles_by_name, base)

    def _fixed(self, cells: Sequence[paint.Span]) -> paint.Line:
        line: paint.Line = [(" ", "")]
        for column, (text, style) in zip(self.columns, cells, strict=True):
            line += [(paint.fit(text, column.width, column.align), style), (" ", "")]
        return line

    def _seen(self, width: int) -> range:
        """Numbers of the candidates that fit; the one under the cursor is among them."""
        room = max(1, (width - paint.width_of(self._fixed([("", ""), ("", "")]))) // CELL)
        self._left = max(0, min(self._left, len(self.candidates) - room))
        if self.at < self._left:
            self._left = self.at
        elif self.at >= self._left + room:
            self._left = self.at - room + 1
        return range(self._left, min(len(self.candidates), self._left + room))

    # Moving about

    def move_to(self, place: int) -> None:
        super().move_to(place)
        if self._view:
            set_title(self, self._note(self._view))

    def action_left(self) -> None:
        self._go(self.at - 1)

    def action_right(self) -> None:
        self._go(self.at + 1)

    def action_order(self) -> None:
        self.by_failures = not self.by_failures
        self.post_message(self.OthersWanted())

    def _go(self, number: int) -> None:
        number = max(0, min(number, len(self.candidates) - 1))
        if number != self.at:
            self.at = number
            self.redraw()
            if self._view:
                set_title(self, self._note(self._view))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        start = paint.width_of(self._fixed([("", ""), ("", "")]))
        if offset is not None and offset.x >= start:
            self._go(self._left + (offset.x - start) // CELL)
        super().on_click(event)


def _short(candidate: Candidate) -> str:
    """``0`` for the seed, ``3`` or ``3b`` for a proposal, ``e3`` for a person's."""
    if candidate.source == "seed":
        return "0"
    name = candidate.name.split()[0].removeprefix("#")
    return f"e{candidate.iteration}" if candidate.source == "human" else name
