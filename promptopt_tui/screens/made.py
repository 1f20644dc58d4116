"""The result of a run that made cases up: how good they are, the grid, what was left out, what to do next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen

from promptopt.domain.text import one_line
from promptopt_tui.actions import Scope, bindings, shown
from promptopt_tui.desk import OnTop
from promptopt_tui.screens.keeping import save_file, save_project
from promptopt_tui.screens.queue import open_review
from promptopt_tui.views import header, making, outcome
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.keyline import KeyLine

if TYPE_CHECKING:
    from promptopt.synthetic.reviewing import Standing
    from promptopt_tui.screens.run import RunScreen

GRACE = 1.0
"""Seconds for which a result that came up by itself takes no key that leads away: it may mean the run."""

PANELS = ("quality", "grid", "gone")


class MadeScreen(OnTop, Screen[None]):
    """What came of making cases up.

    Args:
        run: the screen of the run, which follows it.
        uninvited: it came up because the run ended, while its reader may have been typing something else.
    """

    CSS_PATH = "../styles/queue.tcss"
    BINDINGS = bindings("made")
    AUTO_FOCUS = "#quality"

    def __init__(self, run: RunScreen, *, uninvited: bool = False) -> None:
        super().__init__()
        self.run_screen = run
        self.standing: Standing | None = None
        """How far the review of the cases is; None until that was looked up."""
        self._uninvited = uninvited
        self._came = 0.0

    @property
    def scopes(self) -> list[Scope]:
        """Whose keys work now, beside those that work everywhere."""
        return ["made"]

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
        self._came = self.desk.ticks()
        self.add_class("-on-quality")
        for name in ("header", "too-small"):
            self.query_one(f"#{name}").can_focus = False
        self.set_interval(1.0, self._look)
        self.call_after_refresh(self.draw)

    def on_screen_resume(self) -> None:
        run_id = self.run_screen.run_id

        def counted(standing: Standing) -> None:
            self.standing = standing
            self.draw()

        self.desk.background(
            lambda: self.desk.client.review(run_id).queue.standing(), counted, lambda _: None
        )

    def on_screen_suspend(self) -> None:
        self._uninvited = False  # who opens something from here has seen it

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 60 or event.size.height < 16, "-tiny")
        self.call_after_refresh(self.draw)

    def _look(self) -> None:
        """Leave if somebody has taken the run up again."""
        if not self.run_screen.follower.state.over and self.on_top:
            self.dismiss()
            self.desk.notify("The run goes on.", markup=False)

    def draw(self) -> None:
        """Draw everything."""
        if not self.is_attached:
            return
        top, quality, grid, gone = (self.query_one(f"#{name}", Canvas) for name in ("header", *PANELS))
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
        labels = {} if self.desk.direct else {"made.leave": "back"}
        offered = [action for action in shown([*self.scopes, "anywhere"]) if self.may(action.id)]
        self.query_one(KeyLine).show_actions(offered, labels)

    # Panels

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget.id in PANELS:
            self._show_panel(event.widget.id)

    def _show_panel(self, name: str) -> None:
        """Where there is no room for all, the one that has the focus is shown."""
        for each in PANELS:
            self.set_class(each == name, f"-on-{each}")
        self.call_after_refresh(self.draw)

    def _panel(self, step: int) -> None:
        focused = self.focused.id if self.focused is not None and self.focused.id in PANELS else PANELS[0]
        name = PANELS[(PANELS.index(focused or PANELS[0]) + step) % len(PANELS)]
        self._show_panel(name)
        self.query_one(f"#{name}").focus()

    def action_next(self) -> None:
        self._panel(1)

    def action_previous(self) -> None:
        self._panel(-1)

    # Actions

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        made = self.run_screen.follower.state.generation
        there = bool(made and made.done)
        needs = {"made.resume": self.run_screen.may("run.resume")}
        needs |= dict.fromkeys(("made.review", "made.save", "made.start", "made.export"), there)
        return needs.get(action_id, True)

    def _refuse(self, action_id: str, why: str = "No case was made.") -> bool:
        """Say so if an action makes no sense now."""
        if self.may(action_id):
            return False
        self.desk.notify(why, severity="warning", markup=False)
        return True

    @property
    def _too_soon(self) -> bool:
        """Whether a key that comes now may not be meant for this screen."""
        return self._uninvited and self.desk.ticks() - self._came < GRACE

    def _then(self, work: Callable[[], Any], done: Callable[[Any], object]) -> None:
        self.desk.background(work, done)

    def action_review(self) -> None:
        if not self._refuse("made.review"):
            open_review(self.desk, self.run_screen.run_id)

    def action_save(self) -> None:
        self._save()

    def action_start(self) -> None:
        if not self._too_soon:
            self._save(start=True)

    def _save(self, *, start: bool = False) -> None:
        if self._refuse("made.save"):
            return
        run_id, name = self.run_screen.run_id, self.run_screen.follower.state.project
        save_project(self.desk, run_id, name, self.standing, self._then, start=start)

    def action_export(self) -> None:
        if not self._refuse("made.export"):
            save_file(self.desk, self.run_screen.run_id, self.standing, self._then)

    def action_resume(self) -> None:
        why = "All that was asked for is made: there is nothing to resume."
        if not self._too_soon and not self._refuse("made.resume", why):
            self.dismiss()
            self.run_screen.action_resume()

    def action_copy(self) -> None:
        if isinstance(self.focused, Canvas):
            self.desk.copy(self.focused.text_to_copy(), self.focused.id or "")

    def action_back(self) -> None:
        self.dismiss()

    def action_leave(self) -> None:
        if not self._too_soon:
            self.dismiss()
            self.run_screen.action_leave()
