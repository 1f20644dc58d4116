"""The result of a run that made cases up: how good they are, the grid, what was left out, what to do next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from promptopt.domain.text import one_line
from promptopt_tui.actions import bindings
from promptopt_tui.screens.keeping import save_file, save_project
from promptopt_tui.screens.queue import open_review
from promptopt_tui.screens.resulting import Resulting
from promptopt_tui.views import header, making, outcome
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.keyline import KeyLine

if TYPE_CHECKING:
    from promptopt.synthetic.reviewing import Standing
    from promptopt_tui.screens.run import RunScreen

NONE_MADE = "No case was made."


class MadeScreen(Resulting):
    """What came of making cases up."""

    SCOPE = "made"
    PLACES = ("quality", "grid", "gone")
    DONE = "All that was asked for is made: there is nothing to resume."

    CSS_PATH = "../styles/queue.tcss"
    BINDINGS = bindings("made")
    AUTO_FOCUS = "#quality"

    def __init__(self, run: RunScreen, *, uninvited: bool = False) -> None:
        super().__init__(run, uninvited=uninvited)
        self.standing: Standing | None = None
        """How far the review of the cases is; None until that was looked up."""

    def compose(self) -> ComposeResult:
        yield Canvas(id="header")
        with Horizontal(id="body"):
            yield Canvas(id="quality", classes="panel")
            with Vertical(id="way"):
                yield Canvas(id="grid", classes="panel")
                yield Canvas(id="gone", classes="panel")
        yield Canvas([[("Too small: 60×16 is needed.", "warn")]], id="too-small")
        yield KeyLine()

    def on_mount(self) -> None:
        self.add_class("-on-quality")
        self.query_one("#too-small").can_focus = False

    def on_screen_resume(self) -> None:
        run_id = self.run_screen.run_id

        def counted(standing: Standing) -> None:
            self.standing = standing
            self.draw()

        self.desk.background(
            lambda: self.desk.client.review(run_id).queue.standing(), counted, lambda _: None
        )

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 60 or event.size.height < 16, "-tiny")
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        if not self.is_attached:
            return
        top, quality, grid, gone = (self.query_one(f"#{name}", Canvas) for name in ("header", *self.PLACES))
        fallback = self.size.width - 4
        with self.run_screen.follower.lock:
            view = self.run_screen.view()
            made = view.state.generation
            top.set_lines(header.header(view, top.width))
            width = quality.width or fallback
            quality.set_lines(outcome.outcome(view, width, making.reviewed(self.standing, width)))
            grid.set_lines(making.coverage(view, grid.width or fallback))
            gone.set_lines(making.left_out(view, self.run_screen.drafts.left_out, gone.width or fallback))
        lost = sum(made.left_out.values()) if made else 0
        quality.border_title = Content(f"Result: {one_line(view.state.project, 60)}")
        grid.border_title = Content(f"Coverage · {making.coverage_note(made)}" if made else "Coverage")
        gone.border_title = Content(f"Left out · {lost:,}")
        self.draw_keys()

    # Actions

    def may(self, action_id: str) -> bool:
        made = self.run_screen.follower.state.generation
        there = bool(made and made.done)
        needs = {"made.resume": self.run_screen.may("run.resume")}
        needs |= dict.fromkeys(("made.review", "made.save", "made.start", "made.export"), there)
        return needs.get(action_id, True)

    def _then(self, work: Callable[[], Any], done: Callable[[Any], object]) -> None:
        self.desk.background(work, done)

    def action_review(self) -> None:
        if not self.refuse("made.review", NONE_MADE):
            open_review(self.desk, self.run_screen.run_id)

    def action_save(self) -> None:
        self._save()

    def action_start(self) -> None:
        if not self.too_soon:
            self._save(start=True)

    def _save(self, *, start: bool = False) -> None:
        if self.refuse("made.save", NONE_MADE):
            return
        run_id, name = self.run_screen.run_id, self.run_screen.follower.state.project
        save_project(self.desk, run_id, name, self.standing, self._then, start=start)

    def action_export(self) -> None:
        if not self.refuse("made.export", NONE_MADE):
            save_file(self.desk, self.run_screen.run_id, self.standing, self._then)

    def action_copy(self) -> None:
        if isinstance(self.focused, Canvas):
            self.desk.copy(self.focused.text_to_copy(), self.focused.id or "")
