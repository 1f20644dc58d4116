"""Runs side by side: choosing them, their figures, and their winners against the first one's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen

from promptopt.domain.dataset import Split
from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.actions import Scope, bindings, shown
from promptopt_tui.desk import OnTop
from promptopt_tui.paint import Line, Span
from promptopt_tui.views import comparing as views
from promptopt_tui.views import diff
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.keyline import KeyLine
from promptopt_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from promptopt.store.runs import RunRow
    from promptopt_tui.app import PromptoptApp

MOST = 12
"""Runs that are compared at once at most."""

SPLITS: tuple[Split, ...] = ("test", "validation")


def choose_runs(desk: PromptoptApp, run_id: str) -> None:
    """Ask which runs a run is to be compared with, and compare them."""

    def listed(rows: Sequence[RunRow]) -> None:
        base = next((row for row in rows if row.id == run_id), None)
        others = [row for row in rows if row.id != run_id]
        if base is None or not others:
            desk.notify("There is no other run to compare with.", severity="warning", markup=False)
            return
        # Runs of the same project are what it is mostly compared with.
        others.sort(key=lambda row: row.project != base.project)
        desk.push_screen(PickScreen(base, others), chosen)

    def chosen(ids: Sequence[str] | None) -> None:
        if ids:
            desk.push_screen(CompareScreen([run_id, *ids]))

    desk.background(lambda: desk.client.lists().runs, listed)


class PickScreen(OnTop, ModalScreen[Sequence[str] | None]):
    """Other runs to compare ``base`` with: space marks; enter takes those marked, or that at the cursor."""

    CSS_PATH = "../styles/compare.tcss"
    BINDINGS: ClassVar = [
        Binding("escape,q", "leave", show=False),
        Binding("space", "mark", show=False),
    ]
    AUTO_FOCUS = "#others"

    def __init__(self, base: RunRow, others: Sequence[RunRow]) -> None:
        super().__init__(classes="-tall")
        self._base, self._others = base, others
        self._marked: dict[str, None] = {}

    def compose(self) -> ComposeResult:
        columns = [
            Column("", 1, lambda row: ("●", "accent") if row.id in self._marked else ("○", "muted")),
            Column("run", 13, lambda row: (row.id, "")),
            Column("project", 0, lambda row: (one_line(row.project, 80), "")),
            Column("optimizer", 12, views.optimizer, least=70),
            Column("best", 6, lambda row: (fm.percent(row.best_score), ""), "right"),
            Column("status", 11, self._status),
        ]
        with Vertical(id="dialog") as box:
            box.border_title = Content(one_line(f"Compare {self._base.id} with …", 90))
            box.border_subtitle = Content("space marks   enter compares   esc closes")
            table = Table(columns, lambda row: row.id, id="others")
            table.set_rows(self._others)
            yield table

    def on_mount(self) -> None:
        self.query_one("#others").styles.height = min(len(self._others) + 1, max(4, self.size.height - 6))

    @staticmethod
    def _status(row: RunRow) -> Span:
        glyph, word, style = fm.status_look(row.status)
        return f"{glyph} {word}", style

    def action_mark(self) -> None:
        table = self.query_one("#others", Table)
        if table.row is None:
            return
        if table.row.id in self._marked:
            del self._marked[table.row.id]
        elif len(self._marked) < MOST - 1:
            self._marked[table.row.id] = None
        table.redraw()
        table.action_down()

    @on(Table.Opened, "#others")
    def _chosen(self, message: Table.Opened) -> None:
        self.dismiss(list(self._marked) or [message.row.id])

    def action_leave(self) -> None:
        self.dismiss(None)


class CompareScreen(OnTop, Screen[None]):
    """Runs side by side, the first as the base; the one under the cursor is compared with it in full.

    Args:
        run_ids: at least two.
    """

    CSS_PATH = "../styles/compare.tcss"
    BINDINGS = bindings("compare")
    AUTO_FOCUS = "#runs"

    def __init__(self, run_ids: Sequence[str]) -> None:
        super().__init__()
        self.run_ids = list(run_ids)
        self.split: Split = SPLITS[0]
        self.told: Mapping[str, Any] | None = None
        self._asked: tuple[object, ...] = ()

    @property
    def scopes(self) -> list[Scope]:
        """Whose keys work now, beside those that work everywhere."""
        return ["compare"]

    def compose(self) -> ComposeResult:
        columns = [
            Column("", 4, lambda run: ("base", "accent") if run["run_id"] == self.run_ids[0] else ("", "")),
            Column("run", 13, lambda run: (run["run_id"], "")),
            Column("optimizer", 12, lambda run: (one_line(run["optimizer"], 40), "muted"), least=96),
            Column(
                "target", 0, lambda run: (one_line(run["models"].get("target", ""), 60), "muted"), least=120
            ),
            Column("validation", 18, lambda run: views.score(run, "validation"), least=78),
            Column("sealed test", 18, lambda run: views.score(run, "test")),
            Column("Δ base", 7, self._gap, "right"),
            Column("cost", 8, lambda run: (fm.usd(run["cost_usd"]), ""), "right"),
            Column("calls", 7, lambda run: (fm.count(run["calls"]), ""), "right", least=66),
            Column("time", 8, lambda run: (fm.clock(run["seconds"]), ""), "right", least=104),
        ]
        yield Canvas(id="header")
        yield Table(columns, lambda run: run["run_id"], id="runs", classes="panel")
        with Horizontal(id="body"):
            yield Canvas(id="pair", classes="panel")
            yield Canvas(id="prompts", classes="panel")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#header").can_focus = False
        self.query_one("#runs").styles.height = len(self.run_ids) + 3
        self._ask()
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def _ask(self) -> None:
        """Have the runs compared, in a process of its own."""
        asked = (tuple(self.run_ids), self.split)
        self._asked, self.told = asked, None
        ids, split = list(self.run_ids), self.split

        def told(found: Mapping[str, Any]) -> None:
            if self._asked == asked and self.is_attached:
                self.told = found
                self.draw()
                table = self.query_one("#runs", Table)
                if table.cursor == 0:
                    table.move_to(1)

        def failed(error: BaseException) -> None:
            if self._asked == asked and self.is_attached:
                self.dismiss()
                self.desk.show_error(error)

        self.desk.background(lambda: self.desk.client.side_by_side(ids, split), told, failed)
        self.draw()

    # What is shown

    @property
    def chosen(self) -> int:
        """Place of the run that is compared with the base."""
        return max(1, self.query_one("#runs", Table).cursor)

    def draw(self) -> None:
        """Draw everything."""
        if not self.is_attached:
            return
        top, table = self.query_one("#header", Canvas), self.query_one("#runs", Table)
        top.set_lines([views.heading(self.run_ids, self.split, self.told, top.width)])
        table.border_title = Content(f"Runs side by side · {fm.plural(len(self.run_ids), 'run')}")
        table.set_empty([[("comparing…", "muted")]])
        table.set_rows(list(self.told["runs"]) if self.told else ())
        self._draw_pair()
        offered = [action for action in shown([*self.scopes, "anywhere"]) if self.may(action.id)]
        self.query_one(KeyLine).show_actions(offered)

    def _draw_pair(self) -> None:
        pair, prompts = self.query_one("#pair", Canvas), self.query_one("#prompts", Canvas)
        pair.border_title = prompts.border_title = Content("")
        if self.told is None:
            pair.set_lines([])
            prompts.set_lines([])
            return
        base, other = self.told["runs"][0], self.told["runs"][self.chosen]
        pair.border_title = Content(f"{other['run_id']} against {base['run_id']}")
        pair.set_lines(views.pair(self.told, self.chosen, pair.width or 40))
        prompts.border_title = Content("Its best prompt against the base's")
        prompts.set_lines(self._diff(base, other, prompts.width or 40))

    @staticmethod
    def _diff(base: Mapping[str, Any], other: Mapping[str, Any], width: int) -> list[Line]:
        if not base["prompt"] or not other["prompt"]:
            return [[("a run has no prompt to compare", "muted")]]
        if base["prompt"] == other["prompt"]:
            return [
                [("the two are the same, byte for byte", "good")],
                [],
                *diff.prompt_text(base["prompt"], width),
            ]
        return diff.unified(base["prompt"], other["prompt"], width)

    def _gap(self, run: Mapping[str, Any]) -> Span:
        if self.told is None:
            return "", ""
        place = next(at for at, each in enumerate(self.told["runs"]) if each is run)
        return views.gap(self.told["pairs"][place - 1]) if place else ("", "")

    @on(Table.Moved, "#runs")
    def _moved(self) -> None:
        self._draw_pair()

    # Actions

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        needs = {"compare.base": self.told is not None, "compare.open": self.told is not None}
        return needs.get(action_id, True)

    def action_base(self) -> None:
        """Compare all with the run under the cursor."""
        place = self.query_one("#runs", Table).cursor
        if self.told is not None and place:
            self.run_ids.insert(0, self.run_ids.pop(place))
            self.query_one("#runs", Table).move_to(0)
            self._ask()

    def action_split(self) -> None:
        self.split = SPLITS[(SPLITS.index(self.split) + 1) % len(SPLITS)]
        self._ask()

    @on(Table.Opened, "#runs")
    def action_open(self) -> None:
        run = self.query_one("#runs", Table).row
        if run is not None:
            self.desk.open_run(run["run_id"])

    def action_copy(self) -> None:
        focused = self.focused
        if isinstance(focused, Table):
            self.desk.copy("\n".join(views.as_text(self.told)) if self.told else "", "figures of the runs")
        elif isinstance(focused, Canvas):
            self.desk.copy(focused.text_to_copy(), "comparison" if focused.id == "pair" else "diff")

    def action_leave(self) -> None:
        self.dismiss()
