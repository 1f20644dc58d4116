"""The review of cases that a run made up: one at a time, each kept, edited, dropped, or left for later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen

from promptopt_tui import formatting as fm
from promptopt_tui.actions import Scope, bindings, shown
from promptopt_tui.desk import OnTop
from promptopt_tui.paint import one_line, wrap
from promptopt_tui.queuebook import QueueBook, Source
from promptopt_tui.screens.dialogs import confirm
from promptopt_tui.screens.filling import Field, FillScreen
from promptopt_tui.screens.keeping import save_file, save_project
from promptopt_tui.screens.writing import WriteScreen
from promptopt_tui.views import queue as view
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.keyline import KeyLine
from promptopt_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp
    from promptopt_tui.screens.editor import Written

AGAIN = 2.0
"""Seconds between looks at what others have decided."""


def open_review(desk: PromptoptApp, run_id: str) -> None:
    """Show the review of what a run has made."""
    desk.background(lambda: desk.client.review(run_id), lambda source: desk.push_screen(QueueScreen(source)))


class QueueScreen(OnTop, Screen[None]):
    """Cases under review.

    Args:
        source: the cases, and what was decided on them.
    """

    CSS_PATH = "../styles/queue.tcss"
    BINDINGS = bindings("queue")
    AUTO_FOCUS = "#case"

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    @property
    def scopes(self) -> list[Scope]:
        """Whose keys work now, beside those that work everywhere."""
        return ["queue"]

    def compose(self) -> ComposeResult:
        self.book = QueueBook(self.desk, self._source, self.draw)
        columns = [
            Column("", 1, lambda case: view.sign(self.book, case)),
            Column("case", 8, lambda case: (case.id, "")),
            Column("real", 4, self._realism, "right"),
            Column("", 2, lambda case: view.marks(self.book, case)),
            Column("input", 0, lambda case: (one_line(case.input_text[:300], 120), "muted")),
        ]
        yield Canvas(id="header")
        yield Canvas(id="bar")
        with Horizontal(id="body"):
            yield Table(columns, lambda case: case.id, id="list", classes="panel")
            yield Canvas(id="case", classes="panel")
        yield Canvas([[("Too small: 60×16 is needed.", "warn")]], id="too-small")
        yield KeyLine()

    def on_mount(self) -> None:
        for name in ("header", "bar", "list", "too-small"):
            self.query_one(f"#{name}").can_focus = False
        self.book.look_over()
        self.set_interval(AGAIN, self.book.reload)
        self.call_after_refresh(self.draw)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 60 or event.size.height < 16, "-tiny")
        self.call_after_refresh(self.draw)

    def _realism(self, case: object) -> tuple[str, str]:
        from promptopt_tui.views.making import real_style

        score = self.book.queue.rating(case)  # type: ignore[arg-type]
        return ("" if score is None else f"{score:g}"), real_style(score)

    # Drawing

    def draw(self) -> None:
        """Draw everything."""
        if not self.is_attached or not self.query("#case"):
            return
        book, row = self.book, self._source.row
        standing = book.standing()
        top, line = self.query_one("#header", Canvas), self.query_one("#bar", Canvas)
        top.set_lines([view.header(row.project, row.id, standing, row.simulated, top.width)])
        line.set_lines([view.bar(book, standing, line.width)])
        self._draw_list()
        shown_case = self.query_one("#case", Canvas)
        width = max(20, shown_case.width)
        case = book.case
        lines = view.case_lines(book, case, width) if case else view.nothing(book, standing, width)
        shown_case.set_lines(lines)
        looked = "" if book.private is not None else " · looking for findings…"
        shown_case.border_title = Content(f"{case.id if case else 'Review'}{looked}")
        offered = [action for action in shown([*self.scopes, "anywhere"]) if self.may(action.id)]
        self.query_one(KeyLine).show_actions(offered)

    def _draw_list(self) -> None:
        table, book = self.query_one("#list", Table), self.book
        table.border_title = Content(f"{len(book.rows):,} {view.word_of(book.filter)}")
        table.set_empty([[("none", "muted")]])
        if table.rows is not book.rows:
            table.set_rows(book.rows)
        else:
            table.redraw()
        if book.rows:
            table.move_to(book.at)

    @on(Table.Moved, "#list")
    def _row_moved(self, message: Table.Moved) -> None:
        if message.table.cursor != self.book.at:  # a click: else it is where the book is
            self.book.at = message.table.cursor
            self._shown_anew()

    def _shown_anew(self) -> None:
        self.query_one("#case", Canvas).scroll_home(animate=False)
        self.draw()

    # Actions

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        case = self.book.case
        needs = {
            "queue.keep": case is not None,
            "queue.edit": case is not None,
            "queue.drop": case is not None,
            "queue.undo": self.book.may_undo,
            "queue.rest": self.book.standing().open > 0,
        }
        return needs.get(action_id, True)

    def action_keep(self) -> None:
        self.book.decide("keep")
        self._shown_anew()

    def action_drop(self) -> None:
        if self.book.case is None:
            return

        def answered(given: dict[str, str] | None) -> None:
            if given is not None:
                self.book.decide("drop", given["reason"])
                self._shown_anew()

        field = Field("reason", "why", hint="optional; kept with the decision")
        title = f"Drop {self.book.case.id}?"
        self.app.push_screen(FillScreen(title, [field], send="drop it"), answered)

    def action_edit(self) -> None:
        from promptopt.synthetic.reviewing import MARK, as_text, from_text

        case = self.book.case
        if case is None:
            return
        text = as_text(self.book.as_decided(case))

        def written(answer: Written | None) -> None:
            if answer is None:
                return
            changed = from_text(case, answer.text)
            if changed is None:
                why = f"Its input, or the line “{MARK}”, is gone: nothing was changed."
                self.app.notify(why, severity="warning", markup=False)
                return
            self.book.decide("edit", answer.reason, changed)
            self._shown_anew()

        self.app.push_screen(WriteScreen(text, f"Case {case.id}: input, the line, expected output"), written)

    def action_skip(self) -> None:
        if not self.book.skip():
            self.app.notify("No other case here is open.", timeout=2, markup=False)
        self._shown_anew()

    def action_undo(self) -> None:
        count = self.book.undo()
        if not count:
            self.app.notify("There is nothing to take back.", markup=False)
        elif count > 1:
            self.app.notify(f"Taken back: {count:,} cases are open again.", markup=False)
        self._shown_anew()

    def action_next(self) -> None:
        self.book.step(1)
        self._shown_anew()

    def action_previous(self) -> None:
        self.book.step(-1)
        self._shown_anew()

    def action_first(self) -> None:
        self.book.step(-len(self.book.rows))
        self._shown_anew()

    def action_last(self) -> None:
        self.book.step(len(self.book.rows))
        self._shown_anew()

    def action_filter(self) -> None:
        self.book.next_filter()
        self._shown_anew()

    def action_rest(self) -> None:
        still = self.book.standing().open
        if not still:
            self.app.notify("Every case is decided on.", markup=False)
            return

        def go() -> None:
            self.book.keep_rest()
            self._shown_anew()

        confirm(
            self.app,
            f"Keep the {fm.plural(still, 'case')} that nobody has decided on?",
            ("Go on looking", ""),
            ("Keep the rest", "unseen; u takes it back"),
            go,
            lambda width: wrap([("They count as looked at from then on.", "muted")], width),
        )

    def action_copy(self) -> None:
        self.desk.copy(self.query_one("#case", Canvas).text_to_copy(), "case")

    def action_save(self) -> None:
        row = self._source.row
        save_project(self.desk, row.id, row.project, self.book.standing(), self.book.then)

    def action_export(self) -> None:
        save_file(self.desk, self._source.row.id, self.book.standing(), self.book.then)

    def action_leave(self) -> None:
        self.dismiss()
