"""The room of the cockpit's panels: it puts each where the arrangement has it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.message import Message
from textual.widget import Widget

from promptopt_tui.desk import AtDesk
from promptopt_tui.preferences import Preferences
from promptopt_tui.views.arrangement import ALL, STAND_INS, Spot, arrange, layout_for, next_layout, there_are
from promptopt_tui.views.header import TITLES, key_of
from promptopt_tui.widgets.calls import CallsPanel
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.cases import CasesPanel
from promptopt_tui.widgets.drafts import DraftsPanel
from promptopt_tui.widgets.table import Table
from promptopt_tui.widgets.textline import SearchLine

TITLE_AT = 3
"""Cells from a panel's left edge to its title."""

TAB_GAP = 3
"""Cells between the names of two tabs."""

TYPING_PAUSE = 0.15
"""Seconds after the last key of a filter before it is applied."""


class Deck(AtDesk, Container):
    """Panels, of which those in front are seen.

    Args:
        panels: one for each name of the arrangement.
        making: the run makes cases up.
    """

    class Rearranged(Message):
        """Other panels are in front, or they are elsewhere."""

    def __init__(self, panels: Collection[Canvas], *, making: bool = False) -> None:
        super().__init__(id="panels")
        self._panels: Mapping[str, Canvas] = {panel.id or "": panel for panel in panels}
        self._field = SearchLine("show cases that contain …", TYPING_PAUSE)
        """In the last line of a panel while a filter is typed for it."""
        self.recent: list[str] = []
        """Panels by when they were gone to, the last one first."""
        self._filtered = "cases"
        """The panel that a filter is typed for."""
        self.alone = False
        """One panel has it all."""
        self.tournament = self.plays = False
        """There is a tournament to show; the run does nothing else."""
        self.making = making
        self.chosen = ""
        """The layout that was chosen; empty is the one that fits the run."""
        self.hidden: set[str] = set()
        self._fronts: dict[str, Spot] = {}
        self._placed = _Placed(self)

    def compose(self) -> ComposeResult:
        yield from self._panels.values()
        yield self._field

    def on_mount(self) -> None:
        kept = self._preferences
        self.chosen = kept.get("layout", "")
        self.hidden = {panel for panel in ALL if panel in kept.get("hidden", list[str]())}
        self.go_to(self._first)

    @property
    def _preferences(self) -> Preferences:
        return self.desk.preferences

    @property
    def layout(self) -> Layout:
        """Where the children go. Style sheets know Textual's own layouts only."""
        return self._placed

    @property
    def layout_name(self) -> str:
        """The layout in force."""
        return layout_for(self.chosen, plays=self.plays)

    @property
    def active(self) -> str:
        """The panel that was gone to last."""
        there = self.there
        return next((panel for panel in self.recent if panel in there), self._first)

    @property
    def _first(self) -> str:
        """The panel to begin with: the one that the layout is named after."""
        wanted = (self.layout_name, STAND_INS.get(self.layout_name), "standings", "coverage", *self.in_order)
        return next(panel for panel in wanted if panel in self.there)

    @property
    def there(self) -> set[str]:
        """The panels that can be gone to."""
        there = there_are(self.hidden, tournament=self.tournament, making=self.making)
        return there & set(self._panels)

    @property
    def could_be(self) -> set[str]:
        """The panels of such a run, hidden or not."""
        return there_are((), tournament=self.tournament, making=self.making)

    @property
    def in_order(self) -> list[str]:
        """The same in the order of their keys."""
        there = self.there
        return [panel for panel in ALL if panel in there]

    def tabs_of(self, panel: str) -> tuple[str, ...]:
        """The panels that share a panel's place."""
        return next((spot.tabs for spot in self._fronts.values() if panel in spot.tabs), (panel,))

    def spots(self, size: Size) -> dict[str, Spot]:
        """The panels in front, and where each is if there is so much room."""
        columns = self.desk.size.width
        recent = self.recent or [self.active]
        return arrange(self.layout_name, self.there, recent, size, columns, alone=self.alone)

    # Changes

    def go_to(self, panel: str) -> None:
        """Bring a panel to the front, and back if it was hidden."""
        if panel in self.hidden:
            self.hidden.discard(panel)
            self._keep()
        self.recent = [panel, *(each for each in self.recent if each != panel)]
        self.settle()
        self._panels[panel].focus()

    def makes_cases(self) -> None:
        """Have the panels of a run that makes cases up: it has come out that this is one."""
        if not self.making:
            self.making = True
            self.go_to(self._first)

    def step(self, by: int) -> None:
        """Go some panels on, in the order of their keys."""
        self._step(self.in_order, by)

    def step_tab(self, by: int) -> None:
        """Go some panels on, of those that share the active one's place."""
        self._step(self.tabs_of(self.active), by)

    def _step(self, among: Sequence[str], by: int) -> None:
        self.go_to(among[(among.index(self.active) + by) % len(among)])

    def hide(self, panel: str) -> bool:
        """Take a panel away; False if it is the last one."""
        if len(self.there) <= 1:
            return False
        self.hidden.add(panel)
        self._keep()
        self.go_to(self.active)
        return True

    def choose(self, layout: str) -> None:
        """Arrange the panels in another way."""
        before = self.active
        self.chosen, self.recent = layout, []
        self._keep()
        self.go_to(before if self.alone else self._first)

    def next_layout(self) -> str:
        """Go on to the next layout; returns its name."""
        self.choose(next_layout(self.layout_name))
        return self.layout_name

    def settle(self) -> None:
        """Let the panels in front be seen, and no other one."""
        fronts = self.spots(self.size or self.app.size)
        if fronts == self._fronts:
            return
        self._fronts = fronts
        for name, panel in self._panels.items():
            spot = fronts.get(name)
            panel.display = spot is not None
            alone = spot is None or len(fronts) == 1
            panel.tabs = () if spot is None or alone else spot.tabs
        self.refresh(layout=True)
        self.post_message(self.Rearranged())

    def on_resize(self, event: events.Resize) -> None:
        self.settle()

    def on_click(self, event: events.Click) -> None:
        """A click on the name of a tab shows it."""
        for panel in (self._panels[name] for name in self._fronts):
            x = event.screen_x - panel.region.x - TITLE_AT
            if event.screen_y != panel.region.y:
                continue
            for name in panel.tabs:
                size = cell_len(f"{key_of(name)} {TITLES[name]}")
                if 0 <= x < size:
                    self.go_to(name)
                    return
                x -= size + TAB_GAP

    # The filter

    @property
    def _filters(self) -> CasesPanel | CallsPanel | DraftsPanel:
        if self.active == "calls":
            return self.query_one(CallsPanel)
        return self.query_one(DraftsPanel if self.making else CasesPanel)

    def clear_filter(self) -> bool:
        """Show all cases again, or all calls; False if all are shown."""
        cleared = self._filters.clear_filter()
        if cleared:
            self._field.show("")
        return cleared

    @on(Table.FilterWanted)
    def _filter_wanted(self) -> None:
        panel = self._filters
        self._filtered = panel.id or ""
        self._field.placeholder = f"show {TITLES[self._filtered].lower()} that contain …"
        self._field.show(panel.filter)
        self._field.open()

    @on(SearchLine.Wanted)
    def _search(self, message: SearchLine.Wanted) -> None:
        self._filters.filter_by(message.text)
        self.post_message(Table.OthersWanted())

    @on(SearchLine.Left)
    def _search_done(self) -> None:
        self._filters.focus()

    def _keep(self) -> None:
        self._preferences.set("layout", self.chosen)
        self._preferences.set("hidden", [panel for panel in ALL if panel in self.hidden])

    def regions(self, size: Size) -> dict[str, Region]:
        """Where each child is: the panels in front, and the field in the last line of what it filters."""
        found = {name: spot.region for name, spot in self.spots(size).items()}
        if self._field.display and self._filtered in found:
            whole = found[self._filtered]
            found[self._filtered] = whole.shrink((0, 0, 1, 0))
            found[self._field.id or ""] = Region(whole.x, whole.bottom - 1, whole.width, 1)
        return found


class _Placed(Layout):
    """Puts the children of a deck where it says."""

    name = "deck"

    def __init__(self, deck: Deck) -> None:
        self._deck = deck

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        parent.pre_layout(self)
        regions = self._deck.regions(size)
        return [
            WidgetPlacement(regions[child.id], NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if child.id in regions
        ]
