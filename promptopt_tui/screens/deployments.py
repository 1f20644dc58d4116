"""Prompts in use: their test figures, what the last look at each has found, and the next look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings, shown
from promptopt_tui.desk import OnTop
from promptopt_tui.views import deploying as views
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.keyline import KeyLine
from promptopt_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp
    from promptopt_tui.deploybook import InUse

FRESHEN = 1.0
"""Seconds between looks at the store."""

COURSE = 8
"""Cells of the course of the scores."""


def show_deployments(desk: PromptoptApp, wanted: str = "") -> None:
    """Show the prompts in use.

    Args:
        wanted: id of the one that the cursor begins at.
    """
    desk.push_screen(DeploymentsScreen(wanted))


class DeploymentsScreen(OnTop, Screen[None]):
    """The prompts in use, looked up again every second.

    Args:
        wanted: id of the one that the cursor begins at.
    """

    CSS_PATH = "../styles/deployments.tcss"
    BINDINGS = bindings("deployments")
    AUTO_FOCUS = "#deployments"

    def __init__(self, wanted: str = "") -> None:
        super().__init__()
        self.listed: Sequence[InUse] | None = None
        self._wanted = wanted
        self._busy = False
        self._problem = ""

    @property
    def scopes(self) -> list[Scope]:
        """Whose keys work now, beside those that work everywhere."""
        return ["deployments"]

    def compose(self) -> ComposeResult:
        columns = [
            Column("prompt", 0, lambda one: (one_line(one.row.name, 120), "")),
            Column("test", 6, lambda one: (fm.percent(one.figure.mean if one.figure else None), ""), "right"),
            Column("95 %", 12, views.bounds, least=92),
            Column(
                "n", 5, lambda one: (str(one.figure.n if one.figure else "–"), "muted"), "right", least=70
            ),
            Column("last", 6, views.fresh, "right"),
            Column("verdict", 13, views.verdict),
            Column("looked", 6, self._looked, "right"),
            Column("course", COURSE, lambda one: views.course(one, COURSE), least=64),
            Column("", 3, lambda one: ("sim", "warn") if one.row.simulated else ("", "")),
        ]
        yield Canvas(id="header")
        with Container(id="body"):
            yield Table(columns, lambda one: one.row.id, id="deployments", classes="panel")
            yield Canvas(id="about", classes="panel")
        yield Canvas([[("Too small: 60×16 is needed.", "warn")]], id="too-small")
        yield KeyLine()

    def on_mount(self) -> None:
        for name in ("header", "too-small"):
            self.query_one(f"#{name}").can_focus = False
        table = self.query_one("#deployments", Table)
        table.set_empty([[("loading…", "muted")]])
        table.border_title = Content("Prompts in use")
        table.cursor_key = self._wanted
        self.freshen()
        self.set_interval(FRESHEN, self.freshen)

    def on_screen_resume(self) -> None:
        self.freshen()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 60 or event.size.height < 16, "-tiny")
        self.call_after_refresh(self.draw)

    def freshen(self) -> None:
        """Look everything up again, in a thread."""
        if self._busy or not self.is_current:
            return
        self._busy = True
        self.desk.background(self.desk.client.business.deployments, self._arrived, self._failed)

    def _arrived(self, listed: Sequence[InUse]) -> None:
        self._busy, self._problem = False, ""
        self.listed = listed
        self.draw()

    def _failed(self, error: BaseException) -> None:
        self._busy, self._problem = False, one_line(str(error), 300)
        self.draw()

    # Drawing

    def draw(self) -> None:
        """Draw everything."""
        if not self.is_attached:
            return
        self._draw_header()
        table = self.query_one("#deployments", Table)
        if self.listed is not None:
            table.set_empty(views.NONE)
            table.set_rows(self.listed)
            table.redraw()  # ages change without the rows changing
        elif self._problem:
            table.set_empty([[("The store can't be read:", "bad")], [(self._problem, "")]])
        self._draw_about()
        offered = [action for action in shown([*self.scopes, "anywhere"]) if self.may(action.id)]
        self.query_one(KeyLine).show_actions(offered)

    def _draw_header(self) -> None:
        top = self.query_one("#header", Canvas)
        left: paint.Line = [("promptopt", "heading"), ("  prompts in use", "muted")]
        fallen = sum(one.last is not None and one.last.verdict == "has fallen" for one in self.listed or ())
        right: paint.Line = [(f"▼ {fallen} fallen", "bad")] if fallen else []
        if self._problem:
            right = [("the store can't be read, trying again", "bad")]
        top.set_lines([paint.columns(left, right, top.width)])

    def _draw_about(self) -> None:
        about, one = self.query_one("#about", Canvas), self.chosen
        about.border_title = Content(one_line(one.row.name, 60) if one else "")
        about.set_lines(views.about(one, about.width or 60) if one else [])

    def _looked(self, one: InUse) -> paint.Span:
        if one.last is None:
            return "–", "muted"
        return fm.age(max(0.0, self.desk.now() - one.last.told["at"])), "muted"

    @property
    def chosen(self) -> InUse | None:
        """The prompt under the cursor."""
        return self.query_one("#deployments", Table).row

    @on(Table.Moved, "#deployments")
    def _moved(self) -> None:
        self.query_one("#about", Canvas).scroll_home(animate=False)
        self.draw()

    # Actions

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        one = self.chosen
        needs = {
            "deployments.monitor": one is not None and one.figure is not None,
            "deployments.open": one is not None,
            "deployments.source": one is not None,
            "deployments.page": one is not None and bool(one.looks),
            "deployments.copy": one is not None,
        }
        return needs.get(action_id, True)

    def action_monitor(self) -> None:
        from promptopt_tui.screens.watching import ask_for_look

        if self.chosen is not None and self.may("deployments.monitor"):
            ask_for_look(self.desk, self.chosen)
        elif self.chosen is None:
            self.desk.notify("No prompt is in use yet.", severity="warning", markup=False)

    @on(Table.Opened, "#deployments")
    def action_open(self) -> None:
        """The run of the look that goes on, else of the last one, else that of the test."""
        one = self.chosen
        if one is None:
            return
        if one.under_way is not None:
            self.desk.open_run(one.under_way.eval_run)
        else:
            self.desk.open_run(str(one.last.told["run_id"]) if one.last else one.row.source_run)

    def action_source(self) -> None:
        if self.chosen is not None:
            self.desk.open_run(self.chosen.row.source_run)

    def action_page(self) -> None:
        from promptopt_tui.screens.watching import ask_for_page

        if self.chosen is not None and self.may("deployments.page"):
            ask_for_page(self.desk, self.chosen)
        else:
            self.desk.notify("Nobody has looked yet.", severity="warning", markup=False)

    def action_copy(self) -> None:
        about = self.query_one("#about", Canvas)
        if about.has_focus:
            self.desk.copy(about.text_to_copy(), "what is told of it")
        else:
            self.desk.copy(self.chosen.row.id if self.chosen else "", "id of the deployment")

    def action_switch(self) -> None:
        here = self.query_one("#deployments").has_focus
        self.query_one("#about" if here else "#deployments").focus()

    def action_leave(self) -> None:
        self.dismiss()
