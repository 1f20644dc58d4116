"""What the results of all runs have in common: they stand before their run, and go when that goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.screen import Screen

from promptopt_tui.actions import Scope, shown
from promptopt_tui.desk import OnTop
from promptopt_tui.widgets.keyline import KeyLine

if TYPE_CHECKING:
    from promptopt_tui.screens.run import RunScreen

GRACE = 1.0
"""Seconds for which a result that came up by itself takes no key that leads away: it may mean the run."""


class Resulting(OnTop, Screen[None]):
    """The part of a result's screen that knows of its run, its panels and its keys.

    Args:
        run: the screen of the run, which follows it.
        uninvited: it came up because the run ended, while its reader may have been typing something else.
    """

    SCOPE: ClassVar[Scope]
    PLACES: ClassVar[Sequence[str]]
    """Its panels, in the order of tab; the first is what it is about."""
    DONE: ClassVar[str]
    """Why there is nothing to resume."""

    def __init__(self, run: RunScreen, *, uninvited: bool = False) -> None:
        super().__init__()
        self.run_screen = run
        self._uninvited = uninvited
        self._came = 0.0

    @property
    def scopes(self) -> list[Scope]:
        """Whose keys work now, beside those that work everywhere."""
        return [self.SCOPE]

    def draw(self) -> None:
        """Draw everything."""
        raise NotImplementedError

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self._came = self.desk.ticks()
        self.query_one("#header").can_focus = False
        self.set_interval(1.0, self._look)
        self.call_after_refresh(self.draw)

    def on_screen_suspend(self) -> None:
        self._uninvited = False  # who opens something from here has seen it

    def _look(self) -> None:
        """Leave if somebody has taken the run up again."""
        if not self.run_screen.follower.state.over and self.on_top:
            self.dismiss()
            self.desk.notify("The run goes on.", markup=False)

    def draw_keys(self, labels: Mapping[str, str] | None = None) -> None:
        """The key line; ``labels`` are other words for some actions."""
        words = {} if self.desk.direct else {f"{self.SCOPE}.leave": "back"}
        offered = [action for action in shown([*self.scopes, "anywhere"]) if self.may(action.id)]
        self.query_one(KeyLine).show_actions(offered, {**words, **(labels or {})})

    # Panels

    @property
    def places(self) -> Sequence[str]:
        """The panels that there are now."""
        return self.PLACES

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        name = event.widget.id or ""
        if name in self.PLACES:
            self.show_place(name)

    def show_place(self, name: str) -> None:
        """Where there is no room for all, the one that has the focus is shown."""
        for each in self.PLACES:
            self.set_class(each == name, f"-on-{each}")
        self.set_class(name != self.PLACES[0], "-on-way")
        self.call_after_refresh(self.draw)

    def _go(self, step: int) -> None:
        places = list(self.places)
        here = self.focused.id if self.focused is not None and self.focused.id in places else places[0]
        name = places[(places.index(here or places[0]) + step) % len(places)]
        self.show_place(name)
        self.query_one(f"#{name}").focus()

    def action_next(self) -> None:
        self._go(1)

    def action_previous(self) -> None:
        self._go(-1)

    # Ways out

    def refuse(self, action_id: str, why: str) -> bool:
        """Say so if an action makes no sense now."""
        if self.may(action_id):
            return False
        self.desk.notify(why, severity="warning", markup=False)
        return True

    @property
    def too_soon(self) -> bool:
        """Whether a key that comes now may not be meant for this screen."""
        return self._uninvited and self.desk.ticks() - self._came < GRACE

    def action_resume(self) -> None:
        if not self.too_soon and not self.refuse(f"{self.SCOPE}.resume", self.DONE):
            self.dismiss()
            self.run_screen.action_resume()

    def action_back(self) -> None:
        self.dismiss()

    def action_leave(self) -> None:
        if not self.too_soon:
            self.dismiss()
            self.run_screen.action_leave()
