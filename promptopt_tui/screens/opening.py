"""What is shown while a run is looked up."""

from textual.app import ComposeResult
from textual.screen import Screen

from promptopt_tui.widgets.canvas import Canvas


class OpeningScreen(Screen[None]):
    """A line that says what is going on."""

    def __init__(self, reference: str) -> None:
        super().__init__()
        self._reference = reference

    def compose(self) -> ComposeResult:
        yield Canvas(
            [[("  opening run ", "muted"), (self._reference, "bold"), (" …", "muted")]], id="opening"
        )
