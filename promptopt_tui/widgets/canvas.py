"""A widget that shows lines of styled text and builds only the visible ones."""

from collections.abc import Sequence

from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from promptopt_tui import paint
from promptopt_tui.desk import AtDesk


class Canvas(AtDesk, ScrollView, can_focus=True):
    """Shows :attr:`lines`; scrolls up and down if they are more than fit."""

    DEFAULT_CSS = """
    Canvas {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
    }
    """
    ALLOW_SELECT = False

    def __init__(self, lines: Sequence[paint.Line] = (), *, id: str | None = None, classes: str = "") -> None:
        super().__init__(id=id, classes=classes)
        self.lines: Sequence[paint.Line] = lines
        self.tabs: Sequence[str] = ()
        """Panels that share its place, itself included, if it is one of several."""
        self.titled: paint.Line = []
        """What its frame says."""
        self.virtual_size = Size(0, len(lines))

    @property
    def styles_by_name(self) -> dict[str, Style]:
        """Styles of the theme in use."""
        return self.desk.palette

    @property
    def width(self) -> int:
        """Cells across that lines can use."""
        return self.scrollable_content_region.width

    @property
    def height(self) -> int:
        """Lines that fit."""
        return self.scrollable_content_region.height

    def set_lines(self, lines: Sequence[paint.Line]) -> None:
        """Show ``lines``; costs nothing if they are what is shown already."""
        if lines == self.lines:
            return
        if len(lines) != len(self.lines):
            self.virtual_size = Size(0, len(lines))
        self.lines = lines
        self.refresh()

    def render_line(self, y: int) -> Strip:
        place = y + self.scroll_offset.y
        width = self.width
        if place >= len(self.lines):
            return Strip.blank(width, self.rich_style)
        return paint.strip(self.lines[place], width, self.styles_by_name, self.rich_style)

    def text_to_copy(self) -> str:
        """What is shown, as plain and safe text."""
        return paint.plain(self.lines)
