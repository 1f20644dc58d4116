"""The cockpit's panels for a run that makes cases up: the grid, the cases, one in full, what is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from promptopt.domain.drafted import GenerationStarted
from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings
from promptopt_tui.casebook import as_json
from promptopt_tui.draftbook import DraftBook, DraftRow
from promptopt_tui.views import making
from promptopt_tui.views.view import View
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.panels import set_title
from promptopt_tui.widgets.table import Column, SortableTable


class CoveragePanel(Canvas):
    """The grid of cases: what is full, thin and empty."""

    def __init__(self) -> None:
        super().__init__(id="coverage", classes="panel")

    def show(self, view: View) -> None:
        """Draw ``view``."""
        made = view.state.generation
        set_title(self, making.coverage_note(made) if made else "")
        self.set_lines(making.coverage(view, self.width))


class LeftOutPanel(Canvas):
    """Drafts that were not taken, and why."""

    def __init__(self, book: DraftBook) -> None:
        super().__init__(id="left-out", classes="panel")
        self._book = book

    def show(self, view: View) -> None:
        """Draw ``view``."""
        made = view.state.generation
        total = sum(made.left_out.values()) if made else 0
        set_title(self, f"{total:,}" if total else "")
        self.set_lines(making.left_out(view, self._book.left_out, self.width))


class DraftsPanel(SortableTable):
    """The cases that were made, the newest first unless sorted otherwise."""

    BINDINGS = bindings("drafts")
    scopes: ClassVar[tuple[Scope, ...]] = ("drafts", "sorting")

    def __init__(self, book: DraftBook) -> None:
        columns = [
            Column("", 1, lambda row: ("!", "warn") if row.note else ("·", "muted")),
            Column("case", 8, lambda row: (row.id, "")),
            Column("real", 4, self._realism, "right"),
            Column("persona", 18, lambda row: (self._cell(row)[0], ""), least=70),
            Column("difficulty", 10, lambda row: (self._cell(row)[1], "muted"), least=84),
            Column("situation", 18, lambda row: (self._cell(row)[2], ""), least=48),
            Column("input", 0, lambda row: (paint.one_line(row.input_text[:600], 200), "muted")),
        ]
        super().__init__(columns, lambda row: row.id, id="drafts", classes="panel")
        self.book = book
        self.plan: GenerationStarted | None = None
        self.ratings: dict[str, float | None] = {}
        self.filter = ""
        self._drawn: tuple[int, int] = (-1, 0)

    def show(self, view: View) -> None:
        """Draw ``view``."""
        made = view.state.generation
        if made is None:
            self.set_empty([[("waiting for the first cases", "muted")]])
            set_title(self)
            return
        self.plan = made.plan
        said = "no case fits; esc shows all" if self.filter else "waiting for the first cases"
        self.set_empty([[(said, "muted")]])
        drawn = (self.book.version, len(made.ratings))
        if drawn != self._drawn:
            self._drawn = drawn
            self.ratings = dict(made.ratings)
            self.reorder()
        note = f"{made.done:,}/{made.plan.count:,}"
        set_title(self, f"{note} · “{self.filter}” {len(self.rows):,}" if self.filter else note)

    def reorder(self) -> None:
        """Filter and sort anew."""
        rows: Sequence[DraftRow] = self.book.rows
        if self.filter:
            wanted = self.filter.casefold()
            rows = [row for row in rows if self._holds(row, wanted)]
        if self.order is None:
            newest = self.cursor == 0
            self.set_rows(list(reversed(rows)))
            if newest:
                self.move_to(0)  # who looks at the newest goes on looking at the newest
            return
        column, falling = self.order
        self.set_rows(sorted(rows, key=self._sort_key(self.columns[column].name, falling), reverse=falling))

    def on_sortable_table_sorted(self) -> None:
        self.reorder()

    def action_filter(self) -> None:
        self.post_message(self.FilterWanted(self))

    def filter_by(self, text: str) -> None:
        """Show only cases that contain a text."""
        if self.filter != text:
            self.filter = text
            self.reorder()

    def clear_filter(self) -> bool:
        """Show all cases again; False if all are shown."""
        if not self.filter:
            return False
        self.filter_by("")
        return True

    def step(self, rows: int) -> None:
        """Go some cases on."""
        self.move_to(self.cursor + rows)

    def _cell(self, row: DraftRow) -> tuple[str, str, str]:
        return making.cell_names(self.plan, row.cell) if self.plan else ("", "", "")

    def _realism(self, row: DraftRow) -> paint.Span:
        score = self.ratings.get(row.id)
        return ("" if score is None else f"{score:g}"), making.real_style(score)

    def _holds(self, row: DraftRow, wanted: str) -> bool:
        if wanted in row.id.casefold() or any(wanted in name.casefold() for name in self._cell(row)):
            return True
        return row.may_hold(as_json(wanted))

    def _sort_key(self, name: str, falling: bool) -> Callable[[DraftRow], Any]:
        """What to sort by; cases without a rating come last, whichever the order."""
        if name == "real":

            def rating(row: DraftRow) -> tuple[bool, float]:
                score = self.ratings.get(row.id)
                return (not falling, 0.0) if score is None else (falling, score)

            return rating
        places = {"persona": 0, "difficulty": 1, "situation": 2}
        if name in places:
            return lambda row: self._cell(row)[places[name]]
        if name == "input":
            return lambda row: row.input_text[:200].casefold()
        if name == "":
            return lambda row: bool(row.note)
        return lambda row: (len(row.id), row.id)


def draft_lines(panel: DraftsPanel, row: DraftRow, width: int) -> list[paint.Line]:
    """A case in full: its cell, how real it seems and why, its texts, private data, what is like it."""
    case, book = row.whole, panel.book
    rated = bool(panel.plan and panel.plan.realism)
    lines = making.about_case(
        panel.plan, row.cell, panel.ratings.get(row.id), book.reasons.get(row.id, ""), width, rated=rated
    )
    if row.note:
        lines += paint.wrap([("! ", "warn"), (paint.one_line(row.note, 300), "warn")], width, [("  ", "")])
    lines += [[], *making.case_text(case, width), *making.private_lines(case, width)]
    others = [("left out", left.text) for left in book.like(row.id)]
    lines += making.like_lines(others, width)
    said = f"tags {', '.join(case.tags)}; request {row.batch}"
    return [*lines, [], *paint.wrap([(paint.one_line(said, 600), "muted")], width)]


class DraftPanel(Canvas):
    """The case under the cursor, in full."""

    def __init__(self, panel: DraftsPanel) -> None:
        super().__init__(id="draft", classes="panel")
        self._panel = panel
        self._drawn: tuple[Any, ...] = ()

    def show(self, view: View) -> None:
        """Draw ``view``."""
        row: DraftRow | None = self._panel.row
        set_title(self, row.id if row else "")
        if row is None:
            self.set_lines([[("the case under the cursor appears here", "muted")]])
            return
        drawn = (row.id, self.width, self._panel.ratings.get(row.id), self._panel.book.version)
        if drawn == self._drawn:
            return
        if drawn[:1] != self._drawn[:1]:
            self.scroll_home(animate=False)
        self._drawn = drawn
        self.set_lines(draft_lines(self._panel, row, self.width))
