"""The cockpit's cases: those of a split, and how the shown candidate did on each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual.message import Message

from promptopt.domain.dataset import Example
from promptopt.domain.events import CaseMark
from promptopt.domain.marks import Marks
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings
from promptopt_tui.casebook import Casebook, CaseRow, as_json
from promptopt_tui.views.view import View
from promptopt_tui.widgets.panels import set_title
from promptopt_tui.widgets.table import Column, SortableTable

_NUMBER = re.compile(r"([0-9]+)")

MANY, AGAIN = 5000, 1.0
"""Cases from which they are put in order again only after so many seconds, while marks come in."""


class CasesPanel(SortableTable):
    """The cases of a split under the shown candidate.

    Args:
        book: has the cases and the marks, as far as they are loaded.
    """

    BINDINGS = bindings("cases")
    scopes: ClassVar[tuple[Scope, ...]] = ("cases", "sorting")

    class MendWanted(Message):
        """The case at the cursor is wrong."""

    def __init__(self, book: Casebook) -> None:
        columns = [
            Column("", 1, self._glyph),
            Column("case", 12, lambda case: (case.id, "")),
            Column("score", 7, self._score, "right"),
            Column("category", 15, self._category),
            Column("input", 0, lambda case: (paint.one_line(case.input_text[:600], 200), "muted")),
        ]
        super().__init__(columns, lambda case: case.id, id="cases", classes="panel")
        self._book = book
        self.cases: Sequence[CaseRow] = ()
        self.marks = Marks()
        self.filter = ""
        self.failed_only = False
        self.category = ""
        """Only cases that failed so are shown; empty: all."""
        self._seen: tuple[int, int] = (0, 0)
        self._note = ""
        self._reordered_at = float("-inf")

    def show(self, view: View) -> None:
        """Draw ``view``."""
        cases = self._book.cases(view.split)
        marks = self._book.marks(view.state, view.shown_id, view.split)
        if (cases or ()) is not self.cases:
            self.cases = cases or ()
            self.reorder()
        if cases is None:
            self.set_empty([[("loading cases…", "muted")]])
        elif not cases:
            self.set_empty([[(f"there is no case in {view.split}", "muted")]])
        else:
            self.set_empty([[("no case fits; ", "muted"), ("esc", "key"), (" shows all", "muted")]])
        failed = sum(marks.failed.values())
        seen = (id(marks), len(marks) * 1_000_000 + failed)
        if seen != self._seen:
            self.marks = marks
            if not self._depends_on_marks:
                self._seen = seen
                self.redraw()
            elif len(self.cases) < MANY or time.monotonic() - self._reordered_at > AGAIN:
                self._seen, self._reordered_at = seen, time.monotonic()
                self.reorder()
        set_title(self, self._title(view, failed))

    @property
    def _depends_on_marks(self) -> bool:
        """Which rows there are, or their order, changes with the marks."""
        by_marks = self.order and self.columns[self.order[0]].name in ("", "score", "category")
        return bool(self.failed_only or self.category or by_marks)

    def reorder(self) -> None:
        """Filter and sort anew."""
        rows: Sequence[CaseRow] = self.cases
        if self.category:
            rows = [case for case in rows if self.marks.failure(case.id) == self.category]
        elif self.failed_only:
            rows = [case for case in rows if self.marks.passes(case.id) is False]
        if self.filter:
            wanted = self.filter.casefold()
            rows = [case for case in rows if wanted in case.id.casefold() or self._holds(case, wanted)]
        if self.order:
            column, falling = self.order
            rows = sorted(rows, key=self._sort_key(self.columns[column].name, falling), reverse=falling)
        self.set_rows(rows)

    def filter_by(self, text: str) -> None:
        """Show only cases that contain a text."""
        if self.filter != text:
            self.filter = text
            self.reorder()

    def action_filter(self) -> None:
        self.post_message(self.FilterWanted(self))

    def only(self, category: str) -> None:
        """Show only the cases that failed in one way."""
        self.category = category
        self.reorder()

    def action_mend(self) -> None:
        self.post_message(self.MendWanted())

    def action_failed(self) -> None:
        self.failed_only, self.category = not (self.failed_only or self.category), ""
        self.reorder()

    def clear_filter(self) -> bool:
        """Show all cases again; False if all are shown."""
        if not self.filter and not self.failed_only and not self.category:
            return False
        self.filter, self.failed_only, self.category = "", False, ""
        self.reorder()
        return True

    def on_sortable_table_sorted(self) -> None:
        self.reorder()

    # A walk through the cases; see screens/case.py

    @property
    def case(self) -> Example | None:
        """The case under the cursor."""
        return self.row.whole if self.row else None

    def step(self, rows: int) -> None:
        """Go some cases on."""
        self.move_to(self.cursor + rows)

    def _title(self, view: View, failed: int) -> str:
        parts = [view.split, view.name(view.shown_id)] if view.shown else [view.split]
        done = len(self.marks)
        parts.append(f"{done:,}/{len(self.cases):,}" if done < len(self.cases) else f"{len(self.cases):,}")
        if failed:
            parts.append(f"✗ {failed:,}")
        if self.category or self.failed_only:
            parts.append(f"only {self.category}" if self.category else "failed only")
        if self.filter:
            parts.append(f"“{self.filter}” {len(self.rows):,}")
        return " · ".join(parts)

    def _holds(self, case: CaseRow, wanted: str) -> bool:
        mark = self.marks.get(case.id)
        if mark and wanted in mark.category:
            return True
        return case.may_hold(as_json(wanted)) and wanted in case.input_text.casefold()

    def _sort_key(self, name: str, falling: bool) -> Callable[[CaseRow], Any]:
        """What to sort by; cases that are not scored come last, whichever the order."""
        if name == "case":
            return lambda case: [int(part) if part.isdigit() else part for part in _NUMBER.split(case.id)]
        if name == "input":
            return lambda case: case.input_text[:200].casefold()
        if name == "category":
            return lambda case: self._by(case, falling, lambda mark: mark.category)
        return lambda case: self._by(case, falling, lambda mark: mark.score)

    def _by(self, case: CaseRow, falling: bool, what: Callable[[CaseMark], Any]) -> tuple[Any, ...]:
        mark = self.marks.get(case.id)
        return (falling, what(mark)) if mark else (not falling,)

    def _glyph(self, case: CaseRow) -> paint.Span:
        mark = self.marks.get(case.id)
        if mark is None:
            return "·", "muted"
        return ("✓", "good") if mark.passed else ("✗", "bad")

    def _score(self, case: CaseRow) -> paint.Span:
        mark = self.marks.get(case.id)
        return (fm.percent(mark.score), "") if mark else ("", "")

    def _category(self, case: CaseRow) -> paint.Span:
        mark = self.marks.get(case.id)
        return (mark.category, "warn") if mark and not mark.passed else ("", "")
