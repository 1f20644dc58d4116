"""A proof of concept: its stages live, their runs, what they found, and the files that were written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.actions import Scope, bindings, shown
from promptopt_tui.screens.proofwork import Proofwork
from promptopt_tui.views import home, proof
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.keyline import KeyLine
from promptopt_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from promptopt.enterprise.poc.state import StageState
    from promptopt_tui.proofs import Look

FRESHEN = 1.0
"""Seconds between looks at the store."""

PANELS = ("stages", "runs", "found", "files")

LOWER = PANELS[1:]
"""Panels of which a narrow screen shows one, below the stages."""


class ProofScreen(Proofwork):
    """Where a proof of concept stands, looked up again every second.

    Args:
        look: where it stood when this was opened.
    """

    CSS_PATH = "../styles/proof.tcss"
    BINDINGS = bindings("proof")
    AUTO_FOCUS = "#stages"

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._problem = ""
        self._busy = self._stale = self._counting = False
        self._counted: object = None
        self._followed = look.state.stages[0].name
        """The stage that the cursor was put on as it is under way."""

    @property
    def scopes(self) -> list[Scope]:
        """Whose keys work now, beside those that work everywhere."""
        return ["proof"]

    def compose(self) -> ComposeResult:
        stages = [
            Column("", 1, proof.stage_glyph),
            Column("stage", 25, lambda stage: (stage.title, "")),
            Column("status", 13, proof.stage_word, least=130),
            Column("done", 10, proof.stage_bar, least=84),
            Column("found so far", 0, proof.stage_found),
            Column("cost", 9, lambda stage: proof.stage_cost(self.look, stage), "right"),
        ]
        runs = [
            Column("", 1, proof.run_glyph),
            Column("does", 0, lambda run: proof.run_work(self._stage, run)),
            Column("status", 11, lambda run: (fm.status_look(run.status)[1], ""), least=66),
            Column("run", 13, lambda run: (run.id, "muted")),
            Column("best", 6, home.best, "right"),
            Column("calls", 6, lambda run: (fm.count(run.calls), "muted"), "right", least=58),
            Column("cost", 9, home.cost, "right"),
        ]
        files = [
            Column("file", 24, proof.file_name),
            Column("what", 0, proof.file_what, least=52),
            Column("size", 8, proof.file_size, "right"),
        ]
        yield Canvas(id="header")
        yield Canvas(id="news")
        yield Table(stages, lambda stage: stage.name, id="stages", classes="panel")
        with Horizontal(id="lower"):
            with Vertical(id="left"):
                yield Table(runs, lambda run: run.id, id="runs", classes="panel")
                yield Table(files, lambda file: file.name, id="files", classes="panel")
            yield Canvas(id="found", classes="panel")
        yield Canvas([[("Too small: 60×16 is needed.", "warn")]], id="too-small")
        yield KeyLine()

    def on_mount(self) -> None:
        for name in ("header", "news", "too-small"):
            self.query_one(f"#{name}").can_focus = False
        self.add_class("-on-found" if self.look.row.status == "finished" else "-on-runs")
        self.query_one("#stages").border_title = Content("Stages")
        self.query_one("#found").border_title = Content("What it found")
        self.set_interval(FRESHEN, self.freshen)
        self._count()
        self.call_after_refresh(self.draw)

    def _follow(self) -> None:
        """Put the cursor on the stage that is under way, until somebody moves it."""
        table, stage = self.query_one("#stages", Table), self.look.state.stage
        if stage is not None and table.cursor_key == self._followed:
            self._followed = stage.name
            table.move_to(self.look.state.stages.index(stage))

    def on_screen_resume(self) -> None:
        self.freshen()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 60 or event.size.height < 16, "-tiny")
        self.call_after_refresh(self.draw)

    # What is looked up

    def freshen(self) -> None:
        """Look it up again, in a thread."""
        if self._busy:
            self._stale = True  # what is being read may be from before
            return
        if not self.on_top:
            return
        self._busy, self._stale = True, False
        self.desk.background(lambda: self.desk.client.proofs.look(self.poc_id), self._arrived, self._failed)

    def _arrived(self, look: Look) -> None:
        self._busy = False
        before, self.look = self.look, look
        if before.row.live and not look.row.live:
            _, word, _ = proof.status_of(look.row)
            self.desk.call(f"{one_line(look.row.name, 60)}: {word}")
            if look.row.status == "finished" and (self.focused is None or self.focused.id not in LOWER):
                self._show_panel("found")
        self._count()
        self.draw()
        if self._stale:
            self.freshen()

    def _failed(self, error: BaseException) -> None:
        self._busy = False
        said = f"The store can't be read: {one_line(str(error), 300)}"
        self._show_news([[(said, "bad")]])

    def _count(self) -> None:
        """Have the figures computed again if a stage is over: that takes a process some seconds."""
        over = proof.over(self.look)
        stands = (self.look.row.status == "finished", over)
        if self._counting or not over or stands == self._counted:
            return
        self._counting, self._counted = True, stands
        self.desk.background(
            lambda: self.desk.client.proofs.record(self.poc_id), self._counted_up, self._not_counted
        )

    def _counted_up(self, record: Mapping[str, Any]) -> None:
        self._counting = False
        self.record, self._problem = record, ""
        self.draw()

    def _not_counted(self, error: BaseException) -> None:
        self._counting = False
        self._problem = one_line(getattr(error, "what", "") or str(error), 300)
        self.draw()

    # Drawing

    def draw(self) -> None:
        """Draw everything."""
        if not self.is_attached:
            return
        look = self.look
        top, found = self.query_one("#header", Canvas), self.query_one("#found", Canvas)
        stages, files = self.query_one("#stages", Table), self.query_one("#files", Table)
        top.set_lines(proof.header(look, top.width))
        self._show_news(proof.news(look, max(20, self.size.width - 2)))
        stages.set_rows(look.state.stages)
        stages.redraw()  # what stages cost is read elsewhere
        self._follow()
        self._draw_runs()
        width = found.width or max(20, self.size.width - 4)
        found.set_lines(proof.found(look, self.record, self._problem, width))
        files.set_empty([[("what it writes appears here", "muted")]])
        files.set_rows(look.files)
        folder = one_line(look.state.output_dir, 200)
        files.border_title = Content(f"Files in {folder}" if look.files else "Files")
        offered = [action for action in shown([*self.scopes, "anywhere"]) if self.may(action.id)]
        self.query_one(KeyLine).show_actions(offered)

    def _show_news(self, lines: list[list[tuple[str, str]]]) -> None:
        news = self.query_one("#news", Canvas)
        news.styles.height = len(lines)
        news.set_lines(lines)

    def _draw_runs(self) -> None:
        stage, table = self._stage, self.query_one("#runs", Table)
        table.set_empty(proof.no_runs(stage, table.width or 60))
        table.set_rows(self.rows(stage) if stage else [])
        figures = f" · {one_line(stage.figures, 100)}" if stage and stage.figures else ""
        table.border_title = Content(f"Runs: {stage.title}{figures}" if stage else "Runs")

    @property
    def _stage(self) -> StageState | None:
        return self.query_one("#stages", Table).row

    @on(Table.Moved, "#stages")
    def _moved(self) -> None:
        self.query_one("#runs", Table).cursor = 0
        self._draw_runs()

    # Panels

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget.id in LOWER:
            self._show_panel(event.widget.id)

    def _show_panel(self, name: str) -> None:
        """Where there is no room for all, the one that had the focus last is shown."""
        for each in LOWER:
            self.set_class(each == name, f"-on-{each}")
        self.call_after_refresh(self.draw)

    def _panel(self, step: int) -> None:
        focused = self.focused.id if self.focused is not None and self.focused.id in PANELS else PANELS[0]
        name = PANELS[(PANELS.index(focused or PANELS[0]) + step) % len(PANELS)]
        if name in LOWER:
            self._show_panel(name)
        self.query_one(f"#{name}").focus()

    def action_next(self) -> None:
        self._panel(1)

    def action_previous(self) -> None:
        self._panel(-1)

    # Its stages and runs

    @on(Table.Opened, "#stages")
    def _stage_opened(self) -> None:
        """Open the run of a stage; of several, go to them."""
        stage = self._stage
        if stage is not None and len(stage.runs) == 1:
            self.desk.open_run(stage.runs[0])
        elif stage is not None and stage.runs:
            self._show_panel("runs")
            self.query_one("#runs").focus()
        else:
            self.desk.notify("This stage has no run.", markup=False)

    @on(Table.Opened, "#runs")
    def _run_opened(self, message: Table.Opened) -> None:
        self.desk.open_run(message.row.id)
