"""A table over a list of any length: it builds the rows that are in view, and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings
from promptopt_tui.widgets.canvas import Canvas

CACHED = 512
"""Strips kept: a few screens of rows."""


@dataclass(frozen=True)
class Column:
    """A column. ``width`` 0 shares the room that is left; ``least`` is the width from which it shows."""

    name: str
    width: int
    cell: Callable[[Any], paint.Span]
    align: paint.Align = "left"
    least: int = 0


class Table(Canvas):
    """Rows of anything, a header, a cursor that stays on its row when rows move."""

    BINDINGS = bindings("lists")

    class Opened(Message):
        """Enter or double click on a row."""

        def __init__(self, table: "Table", row: Any) -> None:
            super().__init__()
            self.table = table
            self.row = row

        @property
        def control(self) -> "Table":
            return self.table

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, table: "Table", row: Any) -> None:
            super().__init__()
            self.table = table
            self.row = row

        @property
        def control(self) -> "Table":
            return self.table

    class OthersWanted(Message):
        """Other rows are to be shown, or in another order; the owner has them."""

    class FilterWanted(Message):
        """A text to filter by is to be typed."""

        def __init__(self, table: "Table") -> None:
            super().__init__()
            self.table = table

    def __init__(
        self,
        columns: Sequence[Column],
        key: Callable[[Any], str],
        *,
        id: str | None = None,
        classes: str = "",
        empty: Sequence[paint.Line] = (),
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = columns
        self.key = key
        self.rows: Sequence[Any] = ()
        self.empty: Sequence[paint.Line] = empty
        self.cursor = 0
        self.cursor_key = ""
        self.marked_key = ""
        self._strips: dict[tuple[int, bool, bool], Strip] = {}
        self.built = 0
        """How many row strips were built so far."""

    # What is shown

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Show ``rows``; the cursor stays with its row if that is still there."""
        self.rows = rows
        if rows and self.cursor_key:
            if not (self.cursor < len(rows) and self.key(rows[self.cursor]) == self.cursor_key):
                found = next((i for i, row in enumerate(rows) if self.key(row) == self.cursor_key), None)
                self.cursor = min(self.cursor, len(rows) - 1) if found is None else found
        else:
            self.cursor = 0
        self.cursor_key = self.key(rows[self.cursor]) if rows else ""
        self.virtual_size = Size(0, len(rows) + 1 if rows else 0)
        self.redraw()

    def set_empty(self, lines: Sequence[paint.Line]) -> None:
        """What to say in place of rows."""
        if lines != self.empty:
            self.empty = lines
            if not self.rows:
                self.redraw()

    def redraw(self) -> None:
        """The content of rows changed."""
        self._strips.clear()
        self.refresh()

    @property
    def row(self) -> Any | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def mark(self, key: str) -> None:
        """Give the row with this key a mark at its left edge."""
        if key != self.marked_key:
            self.marked_key = key
            self.redraw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        width = self.width
        if not self.rows:
            lines = [wrapped for line in self.empty for wrapped in _wrapped(line, width)]
            line = lines[y] if y < len(lines) else []
            return paint.strip(line, width, self.styles_by_name, self.rich_style)
        if y == 0:
            return self._header(width)
        place = y + self.scroll_offset.y - 1
        if place >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        here = place == self.cursor
        key = (place, here, here and self.has_focus)
        found = self._strips.get(key)
        if found is None or found.cell_length != width:
            if len(self._strips) >= CACHED:
                self._strips.clear()
            found = self._strips[key] = self._row_strip(place, width, here)
        return found

    def _row_strip(self, place: int, width: int, here: bool) -> Strip:
        self.built += 1
        row = self.rows[place]
        base = self.rich_style
        if here:
            base += self.styles_by_name["cursor" if self.has_focus else "cursor-idle"]
        marked = self.marked_key and self.key(row) == self.marked_key
        line: paint.Line = [("▌" if marked else " ", "accent")]
        for column, size in self._widths(width):
            text, style = column.cell(row)
            line += [(paint.fit(text, size, column.align), style), (" ", "")]
        return paint.strip(line, width, self.styles_by_name, base)

    def _header(self, width: int) -> Strip:
        line: paint.Line = [(" ", "")]
        for column, size in self._widths(width):
            line += [(paint.fit(self.heading(column), size, column.align), "muted"), (" ", "")]
        return paint.strip(line, width, self.styles_by_name, self.rich_style)

    def heading(self, column: Column) -> str:
        """The title of a column."""
        return column.name

    def _widths(self, width: int) -> list[tuple[Column, int]]:
        seen = [column for column in self.columns if width >= column.least]
        elastic = sum(column.width == 0 for column in seen)
        room = max(0, width - 1 - sum(column.width + 1 for column in seen))
        sizes: list[tuple[Column, int]] = []
        for column in seen:
            size = column.width
            if size == 0:
                size = room // elastic
                room -= size
                elastic -= 1
            sizes.append((column, size))
        return sizes

    # Moving about

    def move_to(self, place: int) -> None:
        """Put the cursor on a row and bring it into view."""
        if not self.rows:
            return
        place = max(0, min(place, len(self.rows) - 1))
        if place != self.cursor:
            self.cursor = place
            self.cursor_key = self.key(self.rows[place])
            self.refresh()
            self.post_message(self.Moved(self, self.rows[place]))
        top, page = self.scroll_offset.y, max(1, self.height - 1)
        if place < top:
            self.scroll_to(y=place, animate=False)
        elif place >= top + page:
            self.scroll_to(y=place - page + 1, animate=False)

    def action_up(self) -> None:
        self.move_to(self.cursor - 1)

    def action_down(self) -> None:
        self.move_to(self.cursor + 1)

    def action_page_up(self) -> None:
        self.move_to(self.cursor - max(1, self.height - 2))

    def action_page_down(self) -> None:
        self.move_to(self.cursor + max(1, self.height - 2))

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(len(self.rows) - 1)

    def action_select(self) -> None:
        if self.row is not None:
            self.post_message(self.Opened(self, self.row))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or not self.rows:
            return
        if offset.y == 0:
            self._header_clicked(offset.x)
            return
        self.move_to(offset.y - 1 + self.scroll_offset.y)
        if event.chain == 2:
            self.action_select()

    def _header_clicked(self, x: int) -> None:
        pass

    def column_at(self, x: int) -> int | None:
        """Index of the column at this cell."""
        end = 1
        for column, size in self._widths(self.width):
            end += size + 1
            if x < end:
                return list(self.columns).index(column)
        return None

    def text_to_copy(self) -> str:
        """The row under the cursor, its cells joined by tabs."""
        return "\t".join(paint.one_line(c.cell(self.row)[0]) for c in self.columns) if self.rows else ""


class SortableTable(Table):
    """A table that can be sorted; the owner does the sorting, see :attr:`order`."""

    BINDINGS = bindings("sorting")
    scopes: ClassVar[tuple[Scope, ...]] = ("sorting",)

    class Sorted(Message):
        """Another order is wanted: :attr:`SortableTable.order`."""

        def __init__(self, table: "SortableTable") -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> "SortableTable":
            return self.table

    order: tuple[int, bool] | None = None
    """Column to sort by and whether the largest comes first; None is the natural order."""

    def heading(self, column: Column) -> str:
        if not self.order or self.columns[self.order[0]] is not column:
            return column.name
        arrow = "▼" if self.order[1] else "▲"
        shown = f"{column.name} {arrow}"
        if 0 < column.width < cell_len(shown):  # the arrow matters more than the spaces
            return column.name.replace(" ", "")[: column.width - 1] + arrow
        return shown

    def action_left(self) -> None:
        self._sort_by(-1)

    def action_right(self) -> None:
        self._sort_by(1)

    def action_reverse(self) -> None:
        column, falling = self.order or (0, False)
        self._set_order((column, not falling))

    def _sort_by(self, step: int) -> None:
        """One column on, of those that are seen; past either end comes the natural order."""
        seen = [place for place, column in enumerate(self.columns) if self.width >= column.least]
        now = seen.index(self.order[0]) if self.order and self.order[0] in seen else -1
        place = now + step if now >= 0 or step > 0 else len(seen) - 1
        self._set_order((seen[place], False) if 0 <= place < len(seen) else None)

    def _header_clicked(self, x: int) -> None:
        place = self.column_at(x)
        if place is not None:
            again = self.order is not None and self.order[0] == place
            self._set_order((place, not self.order[1] if again and self.order else False))

    def _set_order(self, order: tuple[int, bool] | None) -> None:
        self.order = order
        self.redraw()
        self.post_message(self.Sorted(self))


def _wrapped(line: paint.Line, width: int) -> list[paint.Line]:
    """``line`` in as many as it takes; what is said of a key stays beside it."""
    return paint.wrap(line, width, [("   ", "")] if line and line[0][1] == "key" else ())
