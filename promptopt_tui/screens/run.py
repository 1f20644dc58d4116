"""The cockpit: one run, live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.reactive import Reactive
from textual.widget import Widget

from promptopt_tui.actions import PANELS, TOURNAMENT, Scope, bindings, shown
from promptopt_tui.callbook import CallBook
from promptopt_tui.casebook import Casebook
from promptopt_tui.draftbook import DraftBook
from promptopt_tui.heatbook import HeatBook
from promptopt_tui.paint import Line, wrap
from promptopt_tui.screens.arranging import arrange_panels
from promptopt_tui.screens.casework import Casework
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.views import header, news, panels
from promptopt_tui.views.arrangement import LAYOUTS, STAND_INS
from promptopt_tui.views.pace import Pace
from promptopt_tui.views.tournament import tournament
from promptopt_tui.views.view import View, choose_shown, choose_split
from promptopt_tui.widgets.calls import CallsPanel
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.cases import CasesPanel
from promptopt_tui.widgets.deck import Deck
from promptopt_tui.widgets.drafts import CoveragePanel, DraftPanel, DraftsPanel, LeftOutPanel
from promptopt_tui.widgets.heat import HeatPanel
from promptopt_tui.widgets.keyline import KeyLine
from promptopt_tui.widgets.lineage import LineagePanel
from promptopt_tui.widgets.panels import (
    ErrorsPanel,
    LinesPanel,
    LogPanel,
    Panel,
    PromptPanel,
    is_visible,
)
from promptopt_tui.widgets.standings import StandingsPanel
from promptopt_tui.widgets.table import Table
from promptopt_tui.widgets.tail import Tail

if TYPE_CHECKING:
    from promptopt.runs.following import Follower


class RunScreen(Casework):
    """Shows what a follower has, ten times a second, and steers the run.

    Args:
        follower: started already.
        run_id: the run.
    """

    CSS_PATH = "../styles/run.tcss"
    BINDINGS = bindings("run")
    AUTO_FOCUS = ""  # the deck knows which panel to begin with

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """What has the focus. Panels that get it or lose it are painted, not the whole screen."""

    def __init__(self, follower: Follower, run_id: str) -> None:
        super().__init__()
        self.follower = follower
        self.run_id = run_id
        self.pinned_id = ""
        self._drawn: tuple[object, ...] = ()
        self._is_drawn_soon = False
        self._news = news.News()
        self._told: object = None
        self._shown_seconds = 0.0
        self._pace = Pace()

    def compose(self) -> ComposeResult:
        # Here, as nothing is drawn before it.
        self.book = Casebook(self.desk, self.run_id, self._arrived)
        self._calls = CallBook(self.desk, self.run_id, self._arrived)
        self.drafts = DraftBook(self.desk, self.run_id, self._arrived)
        yield Canvas(id="header")
        yield Canvas(id="banners")
        yield Canvas(id="summary")
        yield Canvas(id="tabs")
        yield Deck(self._make_panels(), making=self.makes_cases)
        yield Canvas(id="too-small")
        yield KeyLine()

    def _make_panels(self) -> list[Canvas]:
        drafts = DraftsPanel(self.drafts)
        return [
            LinesPanel("progress", panels.progress),
            StandingsPanel(),
            PromptPanel(),
            CasesPanel(self.book),
            ErrorsPanel(),
            LinesPanel("budget", panels.budget),
            LogPanel(),
            LineagePanel(),
            CallsPanel(self._calls),
            HeatPanel(self.book, HeatBook(self.desk, self.run_id, self._arrived)),
            LinesPanel(TOURNAMENT, tournament),
            CoveragePanel(),
            drafts,
            DraftPanel(drafts),
            LeftOutPanel(self.drafts),
        ]

    def on_mount(self) -> None:
        for name in ("header", "banners", "summary", "tabs", "too-small"):
            self.query_one(f"#{name}").can_focus = False
        self.query_one(PromptPanel).side = self.desk.preferences.get("side", False)
        self.set_interval(0.1, self.tick)

    def _arrived(self) -> None:
        self._drawn = ()

    def soon(self) -> None:
        """Draw before the next tick: somebody has pressed a key and looks."""
        if not self._is_drawn_soon:
            self._is_drawn_soon = True
            self.call_later(self._draw_now)

    def _draw_now(self) -> None:
        self._is_drawn_soon = False
        self.draw()

    def on_unmount(self) -> None:
        self.follower.stop()
        self.desk.terminal.title("promptopt")

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 60 or event.size.height < 16, "-tiny")
        self._drawn = ()
        self.call_after_refresh(self.draw)

    # Drawing

    def tick(self) -> None:
        """Draw if there is something new; seldom, when nobody looks."""
        if not self.desk.due_for_a_frame():
            return
        self.attend()
        self._tell_news()
        if not self.is_current and not self._under_a_dialog:
            return
        fresh = (self.follower.version, int(self.desk.now()), self.sent, self.pinned_id, self.wanted_split)
        if fresh != self._drawn:
            self._drawn = fresh
            self.draw()
            if self.is_current and self.app.screen is not self:
                # Textual forgets widgets of a screen below that change while it paints others of them.
                self.app.screen.refresh()

    def _tell_news(self) -> None:
        """Also under a dialog: whoever looks elsewhere wants to know."""
        if not self.follower.caught_up.is_set() or self.follower.version == self._told:
            return
        self._told = self.follower.version
        with self.follower.lock:
            view = self.view()
            new, title = self._news.of(view), news.title(view)
        self.desk.terminal.title(title)
        for said in new:
            self.desk.call(said)

    @property
    def _under_a_dialog(self) -> bool:
        return self in self.app.screen_stack

    def view(self) -> View:
        """The run as it stands. Call it, and read what it gives, under the follower's lock."""
        state = self.follower.state
        shown_id = choose_shown(state, self.pinned_id)
        return View(
            state=state,
            row=self.follower.row,
            status=self.follower.status,
            now=self.desk.now(),
            shown_id=shown_id,
            split=choose_split(state, shown_id, self.wanted_split),
            pinned=bool(self.pinned_id),
            problem=self.follower.error,
            sent=self.sent,
            shown_seconds=self._shown_seconds,
            pace=self._pace,
            logged=self.follower.logged,
            input_of=self.book.input_of,
        )

    def draw(self) -> None:
        """Draw every panel that is visible."""
        if not self.is_attached:
            return
        if self.has_class("-tiny"):
            status = self.follower.status
            said = "The run goes on." if status in ("created", "running") else f"The run is {status}."
            lines: list[Line] = [[("Too small: 60×16 is needed.", "warn")], [(said, "muted")]]
            self.query_one("#too-small", Canvas).set_lines(lines)
            return
        with self.follower.lock:
            view = self.view()
            self._shown_seconds = view.active_seconds
            self._pace.see(view.active_seconds, view.state.meters)
            self.drawn_split = view.split
            self.book.follow(view.state.mends)
            deck = self.deck
            deck.tournament = view.state.tournament is not None
            deck.plays = deck.tournament and not view.state.has_search
            if self.makes_cases:
                deck.makes_cases()
            if view.state.generation is not None:
                self.drafts.follow(view.state.generation)
            deck.settle()
            self._draw_frame(view)
            for panel in self.query(".panel"):
                if isinstance(panel, Panel) and panel.display and is_visible(panel):
                    panel.show(view)
        self._draw_keys()

    def _draw_frame(self, view: View) -> None:
        top = self.query_one("#header", Canvas)
        top.set_lines(header.header(view, top.width))
        notes = self.query_one("#banners", Canvas)
        lines = header.banners(view, max(20, self.size.width - 4))
        notes.display = bool(lines)
        notes.styles.height = len(lines)
        notes.set_lines(lines)
        if self.alone:
            summary, tabs = self.query_one("#summary", Canvas), self.query_one("#tabs", Canvas)
            summary.set_lines(header.summary(view, summary.width or self.size.width - 2))
            room = tabs.width or self.size.width - 2
            tabs.set_lines(header.tabs(self.active, self.deck.there, room))

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now, for the run and for the panel that has the focus."""
        panel = self.focused
        return super().may(action_id) and not (isinstance(panel, ErrorsPanel) and not panel.may(action_id))

    @property
    def scopes(self) -> list[Scope]:
        """Whose keys work now, beside those that work everywhere."""
        return ["run", *getattr(self.focused, "scopes", ())]

    def _draw_keys(self) -> None:
        labels = {"run.pause": "resume" if self.follower.status == "paused" else "pause"}
        if self.desk.direct and not self.is_live:
            labels["run.leave"] = "quit"
        elif not self.is_live:
            labels["run.leave"] = "back"
        offered = [action for action in shown([*self.scopes, "anywhere"]) if self.may(action.id)]
        self.query_one(KeyLine).show_actions(offered, labels)

    # Panels

    @property
    def active(self) -> str:
        """The panel that was gone to last."""
        return self.deck.active

    @property
    def alone(self) -> bool:
        """One panel has the whole screen."""
        return self.deck.alone or self.has_class("-narrow")

    @on(Deck.Rearranged)
    def _rearranged(self) -> None:
        self.soon()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget.id in self.deck.there and event.widget.id != self.active:
            self.deck.go_to(event.widget.id)
        self.soon()

    def action_panel(self, number: int) -> None:
        panel = PANELS[number - 1]
        if self.makes_cases:
            panel = STAND_INS.get(panel, panel)
        if panel in self.deck.there or (panel in self.deck.hidden and panel in self.deck.could_be):
            self.deck.go_to(panel)

    def action_next(self) -> None:
        self.deck.step(1)

    def action_previous(self) -> None:
        self.deck.step(-1)

    def action_tab_right(self) -> None:
        self.deck.step_tab(1)

    def action_tab_left(self) -> None:
        self.deck.step_tab(-1)

    def action_layout(self) -> None:
        name = self.deck.next_layout()
        self.app.notify(f"Layout: {LAYOUTS[name].label}", timeout=2, markup=False)

    def action_hide(self) -> None:
        panel = self.active
        if self.deck.hide(panel):
            said = f"{header.TITLES[panel]} is hidden; {header.key_of(panel)} brings it back."
        else:
            said = "The last panel stays."
        self.app.notify(said, timeout=3, markup=False)

    def action_arrange(self) -> None:
        arrange_panels(self.desk, self.deck)

    def action_tournament(self) -> None:
        if self._refuse("run.tournament"):
            return
        here, whole = self.active == TOURNAMENT, self.deck.alone
        self.deck.go_to("standings" if here and whole else TOURNAMENT)
        if whole == here:
            self.action_full()

    def action_full(self) -> None:
        self.deck.alone = not self.deck.alone
        self.set_class(self.deck.alone, "-solo")
        self.deck.settle()

    def action_back(self) -> None:
        if not self.deck.clear_filter():
            if self.deck.alone:
                self.action_full()
            else:
                self.pinned_id, self.wanted_split = "", None
        self.soon()

    # What is shown

    def action_diff(self) -> None:
        self.query_one(PromptPanel).next_base()
        self.soon()

    def action_against(self) -> None:
        table = self.focused if isinstance(self.focused, LineagePanel) else self.query_one(StandingsPanel)
        if table.row is None:
            self.app.notify("There is no candidate to compare with yet.", severity="warning", markup=False)
            return
        self.query_one(PromptPanel).compare_with(table.key(table.row))
        self.soon()

    def action_side(self) -> None:
        panel = self.query_one(PromptPanel)
        panel.side = not panel.side
        self.desk.preferences.set("side", panel.side)
        self.soon()

    @on(Table.Opened, "#standings")
    @on(Table.Opened, "#lineage")
    def _candidate_opened(self, message: Table.Opened) -> None:
        chosen = message.table.key(message.row)
        self.pinned_id = "" if self.pinned_id == chosen else chosen

    @on(Table.OthersWanted)
    def _others_wanted(self) -> None:
        self.soon()

    @on(Table.Opened, "#drafts")
    def _draft_opened(self) -> None:
        from promptopt_tui.screens.draft import DraftScreen

        self.app.push_screen(DraftScreen(self.run_id, self.query_one(DraftsPanel)))

    @on(Table.Moved, "#drafts")
    def _draft_moved(self) -> None:
        self.soon()

    @on(Table.Opened, "#calls")
    def _call_opened(self) -> None:
        from promptopt_tui.screens.call import CallScreen

        self.app.push_screen(CallScreen(self.query_one(CallsPanel), self._calls))

    @on(Tail.Opened)
    def _log_opened(self, message: Tail.Opened) -> None:
        def build(width: int) -> list[Line]:
            return [wrapped for line in message.lines for wrapped in wrap(line, width, [(" " * 11, "")])]

        dialog: Dialog[None] = Dialog("Log", build, kind="-tall")
        self.app.push_screen(dialog)

    def action_copy(self) -> None:
        panel = self.query_one(f"#{self.active}", Canvas)
        # A prompt is copied as it is; everything else as it is shown.
        text = panel.raw if isinstance(panel, PromptPanel) else panel.text_to_copy()
        self.desk.copy(text, self.active)

    def action_menu(self) -> None:
        from promptopt_tui.screens.copying import copy_menu, run_texts

        with self.follower.lock:
            shown_id = self.view().shown_id
        copy_menu(self.desk, run_texts(self, shown_id))

    def show_outcome(self, *, uninvited: bool = False) -> None:
        if self.makes_cases:
            from promptopt_tui.screens.made import MadeScreen

            self.app.push_screen(MadeScreen(self, uninvited=uninvited))
            return
        from promptopt_tui.screens.result import ResultScreen

        self.app.push_screen(ResultScreen(self, uninvited=uninvited))

    def action_review(self) -> None:
        from promptopt_tui.screens.queue import open_review

        if not self._refuse("run.review"):
            open_review(self.desk, self.run_id)

    def action_export(self) -> None:
        from promptopt_tui.screens.exporting import open_export

        with self.follower.lock:
            shown_id = self.view().shown_id
        open_export(self, shown_id)
