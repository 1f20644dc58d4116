"""The cockpit's panels. Each has a number, a title, and ``show(view)``, which draws it anew."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from promptopt.domain.dataset import Example
from promptopt.domain.events import CaseMark
from promptopt.domain.marks import Marks
from promptopt.runs.standings import Candidate
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings
from promptopt_tui.casebook import CaseRow, as_json
from promptopt_tui.views import diff
from promptopt_tui.views import panels as views
from promptopt_tui.views.clusters import analysed
from promptopt_tui.views.header import TITLES, key_of
from promptopt_tui.views.view import View
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.table import Column, SortableTable, Table
from promptopt_tui.widgets.tail import Tail

_NUMBER = re.compile(r"([0-9]+)")

BASES = ("parent", "seed", "best", "")
"""What the prompt panel compares with; nothing is the plain prompt."""

MANY, AGAIN = 5000, 1.0
"""Cases from which they are put in order again only after so many seconds, while marks come in."""

CHOSEN = "chosen"
"""The prompt panel compares with a candidate that was chosen in the standings."""


def is_visible(widget: Widget) -> bool:
    """Whether a widget has a place on the screen; others need no update."""
    return widget.is_attached and widget.size.width > 0 and widget.region.width > 0


def set_title(panel: Canvas, note: str = "") -> None:
    """Number, title and a note in the frame of a panel; beside it the tabs that share its place."""
    name = panel.id or ""
    said: list[tuple[str, str]] = []
    for each in panel.tabs or (name,):
        text = f"{key_of(each)} {TITLES[each]}"
        if said:
            said.append((" ─ ", "$po-border not bold"))
        said.append((text, "" if each == name else "$po-muted not bold"))
    if note:
        said.append((f" · {paint.one_line(note, 100)}", "$po-muted not bold"))
    if said != panel.titled:
        panel.titled = said
        panel.border_title = Content.assemble(*said)


class LinesPanel(Canvas):
    """A panel that is made anew from the view each time."""

    def __init__(self, panel: str, build: Callable[[View, int, int], list[paint.Line]]) -> None:
        super().__init__(id=panel, classes="panel")
        self._build = build

    def show(self, view: View) -> None:
        """Draw ``view``."""
        note = view.name(view.shown_id) if self.id == "errors" and view.shown else ""
        set_title(self, note)
        self.set_lines(self._build(view, self.width, self.height))


class ErrorsPanel(LinesPanel):
    """What fails under the shown candidate."""

    BINDINGS = bindings("errors")

    class LookWanted(Message):
        """The failures that are alike are to be shown in full."""

    class CasesWanted(Message):
        """The cases of a category are to be shown."""

        def __init__(self, category: str) -> None:
            super().__init__()
            self.category = category

    def __init__(self) -> None:
        super().__init__("errors", self._lines)
        self.has_more = False
        """There are failures that are alike to look at."""
        self.categories: list[str] = []
        self.cursor = 0
        """The category that is looked at."""

    def _lines(self, view: View, width: int, height: int) -> list[paint.Line]:
        return views.errors(view, width, self.cursor if self.has_focus else -1)

    def show(self, view: View) -> None:
        told = analysed(view)
        self.has_more = bool(told and told.clusters)
        here = self.category
        self.categories = [name for name, _ in views.categories(view)]
        place = self.categories.index(here) if here in self.categories else self.cursor
        self.cursor = max(0, min(place, len(self.categories) - 1))
        super().show(view)

    @property
    def category(self) -> str:
        """The category under the cursor."""
        return self.categories[self.cursor] if self.cursor < len(self.categories) else ""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Whose keys work while it has the focus."""
        return ("errors",)

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        return {"errors.open": self.has_more, "errors.cases": bool(self.categories)}.get(action_id, True)

    def action_open(self) -> None:
        if self.has_more:
            self.post_message(self.LookWanted())

    def action_cases(self) -> None:
        if self.category:
            self.post_message(self.CasesWanted(self.category))

    def action_up(self) -> None:
        """To the category before; of a panel that was scrolled, up."""
        if self.scroll_offset.y:
            self.scroll_up(animate=False)
        elif self.cursor:
            self._move(-1)

    def action_down(self) -> None:
        """To the next category; past the last one, down."""
        if self.cursor < len(self.categories) - 1:
            self._move(1)
        else:
            self.scroll_down(animate=False)

    def _move(self, step: int) -> None:
        self.cursor += step
        self.post_message(Table.OthersWanted())


class PromptPanel(Canvas):
    """The shown candidate's prompt, plain or against another one."""

    def __init__(self) -> None:
        super().__init__(id="prompt", classes="panel")
        self.base = BASES[0]
        self.chosen_id = ""
        self.side = False
        self.raw = ""
        self._drawn: tuple[Any, ...] = ()

    def next_base(self) -> None:
        """Compare with the next one."""
        place = BASES.index(self.base) if self.base in BASES else -1
        self.base = BASES[(place + 1) % len(BASES)]

    def compare_with(self, candidate_id: str) -> None:
        """Compare with a candidate that was chosen."""
        self.base, self.chosen_id = CHOSEN, candidate_id

    def show(self, view: View) -> None:
        """Draw ``view``."""
        shown = view.shown
        if shown is None:
            set_title(self)
            self.set_lines([[("waiting for the first prompt", "muted")]])
            return
        other = self._other(view, shown)
        set_title(self, self._note(view, shown, other))
        self.raw = shown.text
        drawn = (shown.id, other and other.id, self.base, self.side, self.width)
        if drawn == self._drawn:
            return
        if self._drawn[:1] != drawn[:1]:
            self.scroll_home(animate=False)
        self._drawn = drawn
        self.set_lines([*self._reason(shown), *self._text(shown, other), *self._demonstrations(shown)])

    def _other(self, view: View, shown: Candidate) -> Candidate | None:
        state = view.state
        bases = {"parent": shown.parent_id, "seed": state.seed_id, "best": state.best_id}
        wanted = self.chosen_id if self.base == CHOSEN else bases.get(self.base)
        return state.candidates.get(wanted) if wanted and wanted != shown.id else None

    def _note(self, view: View, shown: Candidate, other: Candidate | None) -> str:
        name = view.name(shown.id)
        if other is None:
            return f"{name} · is the {self.base}" if self.base in ("seed", "best") else name
        base = view.name(other.id)
        named = base if self.base in (base, CHOSEN) else f"{self.base} {base}"
        return f"{name} · against {named}"

    def _reason(self, shown: Candidate) -> list[paint.Line]:
        if not shown.reasoning or self.base:
            return []
        by = f"{shown.made_by}: " if shown.made_by else ""
        return [*paint.text_lines(f"{by}{shown.reasoning}", self.width, "muted"), []]

    def _demonstrations(self, shown: Candidate) -> list[paint.Line]:
        """What is sent between the prompt and the case, a line each."""
        number = len(shown.demonstrations)
        if not number:
            return []
        title = f"{number} demonstration{'' if number == 1 else 's'}, sent before each case"
        lines: list[paint.Line] = [[], [(title, "muted")]]
        for demo in shown.demonstrations:
            answer = f" → {paint.one_line(demo.output[:200], 60)}"
            asked = paint.one_line("; ".join(demo.inputs.values())[:600], 200)
            room = max(8, self.width - paint.width_of([(answer, "")]))
            lines.append([*paint.cut([(f"  {asked}", "")], room), (answer, "muted")])
        return lines

    def _text(self, shown: Candidate, other: Candidate | None) -> list[paint.Line]:
        if other is None:
            return diff.prompt_text(shown.text, self.width)
        compare = diff.side_by_side if self.side else diff.unified
        return compare(other.text, shown.text, self.width)


class CasesPanel(SortableTable):
    """The cases of a split under the shown candidate."""

    BINDINGS = bindings("cases")
    scopes: ClassVar[tuple[Scope, ...]] = ("cases", "sorting")

    class MendWanted(Message):
        """The case at the cursor is wrong."""

    def __init__(self) -> None:
        columns = [
            Column("", 1, self._glyph),
            Column("case", 12, lambda case: (case.id, "")),
            Column("score", 7, self._score, "right"),
            Column("category", 15, self._category),
            Column("input", 0, lambda case: (paint.one_line(case.input_text[:600], 200), "muted")),
        ]
        super().__init__(columns, lambda case: case.id, id="cases", classes="panel")
        self.cases: Sequence[CaseRow] = ()
        self.marks = Marks()
        self.filter = ""
        self.failed_only = False
        self.category = ""
        """Only cases that failed so are shown; empty: all."""
        self._seen: tuple[int, int] = (0, 0)
        self._note = ""
        self._reordered_at = float("-inf")

    def set_cases(self, cases: Sequence[CaseRow]) -> None:
        """The cases of the split that is shown."""
        if cases is not self.cases:
            self.cases = cases
            self.reorder()

    def show(self, view: View, marks: Marks, loading: bool) -> None:
        """Draw ``view``; ``marks`` is how its shown candidate did so far."""
        if loading:
            self.set_empty([[("loading cases…", "muted")]])
        elif not self.cases:
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


class LogPanel(Tail):
    """What happened, newest last, by the local clock; the first line of a day says which day it is."""

    GLYPHS: ClassVar = {"info": ("·", "muted"), "warning": ("!", "warn"), "error": ("✗", "bad")}

    def __init__(self) -> None:
        super().__init__(id="log", classes="panel")
        self._made: list[paint.Line] = []
        self._day = ""

    def show(self, view: View, logged: int) -> None:
        """Draw ``view``; ``logged`` counts all lines that ever came."""
        set_title(self, "following" if self.end is None else "held; end follows again")
        new = logged - self.total
        if new:
            kept = view.state.activity
            fresh = list(kept)[-new:] if new < len(kept) else list(kept)
            made = [*self._made, *(self._line(item) for item in fresh)][-len(kept) :]
            self._made = made
            self.show_tail(made, logged)

    def _line(self, item: Any) -> paint.Line:
        glyph, style = self.GLYPHS.get(item.level, ("·", "muted"))
        text_style = "" if item.level == "info" else style
        day = fm.date(item.at)
        new_day, self._day = day != self._day, day
        line: paint.Line = [(f"{fm.time_of_day(item.at)} ", "muted"), (f"{glyph} ", style)]
        line += [(f"{day}  ", "muted")] if new_day else []
        return [*line, (paint.one_line(item.text, 2000), text_style)]
