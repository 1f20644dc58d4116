"""Jump mode: a letter on everything that can have the focus; the letter goes there."""

from collections.abc import Iterable, Mapping

from textual import events
from textual.app import ComposeResult
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widget import Widget

from promptopt_tui.desk import OnTop
from promptopt_tui.widgets.canvas import Canvas

LETTERS = "asdfghjklqwertyuiopzxcvbnm"
"""Those under the fingers first."""


def places(screen_widgets: Iterable[Widget]) -> dict[str, Widget]:
    """A letter for each of these that is in sight, from the top left to the bottom right."""
    seen = [w for w in screen_widgets if w.region.area and w.is_on_screen]
    seen.sort(key=lambda w: (w.region.y, w.region.x))
    return dict(zip(LETTERS, seen, strict=False))


class JumpScreen(OnTop, ModalScreen[Widget | None]):
    """Lies over a screen; answers the widget whose letter is pressed, or None.

    Args:
        targets: letter to widget.
    """

    def __init__(self, targets: Mapping[str, Widget]) -> None:
        super().__init__(classes="-jump")
        self._targets = targets

    def compose(self) -> ComposeResult:
        for letter, target in self._targets.items():
            label = Canvas([[(f" {letter} ", "pill-accent")]], classes="letter")
            label.can_focus = False
            label.absolute_offset = Offset(target.region.x, target.region.y)
            yield label

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss(self._targets.get(event.key))

    def on_click(self) -> None:
        self.dismiss(None)
