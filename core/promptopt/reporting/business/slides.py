"""What the slides of a business case are made of: boxes whose texts fit, tables, native charts of ranges."""

from collections.abc import Sequence
from importlib import import_module
from io import BytesIO
from typing import Any

from promptopt.reporting.business.fitting import fitted, height_of, right_to_left
from promptopt.reporting.business.views import SIMULATED, Told

WIDTH, HEIGHT, MARGIN = 960.0, 540.0, 36.0
"""Points of a slide, and the room at its edges."""

TOP = 92.0
"""Where the content of a slide begins."""

INK, FAINT, ACCENT, GOOD, BAD, WARN, HUMAN = (
    "222222",
    "5F6771",
    "0757BA",
    "1A7F37",
    "B00020",
    "8A5A00",
    "7A3FC4",
)
SOFT, PALE, PALE_BAD = "F3F5F8", "8FB8E8", "E59AA6"

_FONT = "Arial"
_PAD = 4.0

Piece = str | Told

Place = tuple[float, float, float, float]
"""Left, top, width and height, in points."""

HEADING = 26.0
"""Points of the first row of a table."""


class Deck:
    """A presentation, 16 by 9."""

    def __init__(self, title: str, *, simulated: bool) -> None:
        self._made: Any = import_module("pptx").Presentation()
        self._util: Any = import_module("pptx.util")
        self._simulated = simulated
        self._made.slide_width, self._made.slide_height = self._pt(WIDTH), self._pt(HEIGHT)
        self._made.core_properties.title = title
        self._made.core_properties.author = "promptopt"
        self._slide: Any = None

    def slide(self, title: str, footer: str) -> None:
        """A new slide; everything that follows is put on it."""
        self._slide = self._made.slides.add_slide(self._made.slide_layouts[5])
        self._title(title)
        if self._simulated:
            self.box((MARGIN, 12, 330, 20), [SIMULATED], 10, bold=True, colour="FFFFFF", fill=BAD)
        number = len(self._made.slides)
        self.box((MARGIN, HEIGHT - 26, WIDTH - 2 * MARGIN - 40, 20), [footer], 9, colour=FAINT)
        self.box((WIDTH - MARGIN - 30, HEIGHT - 26, 30, 20), [str(number)], 9, colour=FAINT)

    def notes(self, text: str) -> None:
        """What the speaker sees."""
        self._slide.notes_slide.notes_text_frame.text = text

    def box(
        self,
        place: Place,
        lines: Sequence[Piece],
        size: float = 14,
        *,
        least: float = 8,
        bold: bool = False,
        colour: str = INK,
        fill: str = "",
        bullets: bool = False,
    ) -> None:
        """Lines of text in a box. The font becomes as small as it must, and what does not fit then is cut."""
        shape: Any = self._slide.shapes.add_textbox(*map(self._pt, place))
        if fill:
            shape.fill.solid()
            shape.fill.fore_color.rgb = self._rgb(fill)
        mark = "•  " if bullets else ""
        texts = [mark + (line if isinstance(line, str) else line.text) for line in lines]
        room, high = place[2] - 2 * _PAD, place[3] - 2 * _PAD
        gap = 1.12 if bullets else 1.0
        while size > least and sum(height_of(text, room, size) for text in texts) * gap > high:
            size = max(least, size - 0.5)
        share = high / gap
        for at, line in enumerate(lines):
            rest = sum(height_of(text, room, size) for text in texts[at + 1 :])
            need = height_of(texts[at], room, size)
            allowed = max(size * 1.25, min(need, share - rest)) if rest + need > share else need
            shown, _ = fitted(texts[at], room, allowed, size, size)
            share -= height_of(shown, room, size)
            self._line(shape.text_frame, at, shown, line, (size, bold, colour, bullets))
        self._framed(shape.text_frame)

    def table(
        self,
        left: float,
        top: float,
        widths: Sequence[float],
        rows: Sequence[Sequence[Piece]],
        *,
        size: float = 12,
        height: float = 24,
        bold_first: bool = False,
    ) -> float:
        """A table, the first row of which is its heading; returns where it ends. What does not fit is cut."""
        tall = HEADING + height * (len(rows) - 1)
        place = map(self._pt, (left, top, sum(widths), tall))
        shape: Any = self._slide.shapes.add_table(len(rows), len(widths), *place)
        table: Any = shape.table
        self._plain(table)
        for column, width in enumerate(widths):
            table.columns[column].width = self._pt(width)
        for at, row in enumerate(rows):
            high = height if at else HEADING
            table.rows[at].height = self._pt(high)
            for column, piece in enumerate(row):
                cell: Any = table.cell(at, column)
                cell.fill.solid()
                cell.fill.fore_color.rgb = self._rgb(SOFT if at == 0 else "FFFFFF")
                text = piece if isinstance(piece, str) else piece.text
                marks = "" if isinstance(piece, str) else " 00" * len(piece.marks)
                room = widths[column] - 2 * _PAD
                shown, fit = fitted(text + marks, room, high - 2, size, min(size, 7.5))
                shown = shown.removesuffix(marks) if marks and shown.endswith(marks) else shown
                bold = at == 0 or (bold_first and column == 0)
                self._line(cell.text_frame, 0, shown, piece, (fit, bold, INK, False))
                cell.margin_left = cell.margin_right = self._pt(_PAD)
                cell.margin_top = cell.margin_bottom = self._pt(1)
                cell.text_frame.word_wrap = True
        return top + tall

    def ranges(
        self,
        box: Place,
        labels: Sequence[str],
        spans: Sequence[tuple[float, float, float]],
        form: str,
        grey: Sequence[int] = (),
    ) -> None:
        """A native chart: a bar from low to high for each label, whose colour changes at the middle.

        Args:
            grey: places of the bars that are grey.
        """
        data, kinds = import_module("pptx.chart.data"), import_module("pptx.enum.chart")
        chart_data: Any = data.CategoryChartData(number_format=form)
        chart_data.categories = list(reversed(labels))
        parts = [_parts(*span) for span in reversed(spans)]
        names = ("offset", "upper half, below 0", "lower half, below 0", "lower half", "upper half")
        for at, name in enumerate(names):
            chart_data.add_series(name, [part[at] for part in parts])
        chart = self._chart(kinds.XL_CHART_TYPE.BAR_STACKED, box, chart_data, form)
        plot: Any = chart.plots[0]
        plot.gap_width, plot.overlap = 60, 100
        paints = ("", PALE_BAD, BAD, ACCENT, PALE)
        for series, paint in zip(plot.series, paints, strict=True):
            series.invert_if_negative = False
            if not paint:
                series.format.fill.background()
                continue
            series.format.fill.solid()
            series.format.fill.fore_color.rgb = self._rgb(paint)
        for at in grey:
            for series, paint in zip(list(plot.series)[3:], ("8A8A8A", "C9CDD2"), strict=True):
                point: Any = series.points[len(labels) - 1 - at]
                point.format.fill.solid()
                point.format.fill.fore_color.rgb = self._rgb(paint)

    def both_ways(
        self,
        box: Place,
        labels: Sequence[str],
        low: Sequence[float],
        high: Sequence[float],
        form: str,
    ) -> None:
        """A native tornado: two bars from 0 for each label."""
        data, kinds = import_module("pptx.chart.data"), import_module("pptx.enum.chart")
        chart_data: Any = data.CategoryChartData(number_format=form)
        chart_data.categories = list(reversed(labels))
        chart_data.add_series("at its low end", list(reversed(low)))
        chart_data.add_series("at its high end", list(reversed(high)))
        chart = self._chart(kinds.XL_CHART_TYPE.BAR_CLUSTERED, box, chart_data, form)
        plot: Any = chart.plots[0]
        plot.gap_width, plot.overlap = 45, 100
        for series, colour in zip(plot.series, (HUMAN, ACCENT), strict=True):
            series.invert_if_negative = False
            series.format.fill.solid()
            series.format.fill.fore_color.rgb = self._rgb(colour)
        chart.value_axis.tick_labels.font.size = self._pt(8)  # amounts on both sides of 0 need the room
        chart.has_legend = True
        chart.legend.position = kinds.XL_LEGEND_POSITION.TOP
        chart.legend.include_in_layout = False
        chart.legend.font.size = self._pt(11)
        chart.legend.font.name = _FONT

    def saved(self) -> bytes:
        """The file."""
        kept = BytesIO()
        self._made.save(kept)
        return kept.getvalue()

    def _chart(self, kind: Any, box: Place, data: Any, form: str) -> Any:
        enum: Any = import_module("pptx.enum.chart")
        frame = self._slide.shapes.add_chart(kind, *map(self._pt, box), data)
        chart: Any = frame.chart
        chart.has_legend, chart.has_title = False, False
        chart.font.size, chart.font.name = self._pt(11), _FONT
        chart.font.color.rgb = self._rgb(INK)
        values, names = chart.value_axis, chart.category_axis
        values.tick_labels.number_format, values.tick_labels.number_format_is_linked = form, False
        values.major_gridlines.format.line.color.rgb = self._rgb("DDDDDD")
        values.format.line.fill.background()
        names.tick_label_position = enum.XL_TICK_LABEL_POSITION.LOW
        names.major_tick_mark = enum.XL_TICK_MARK.NONE
        names.format.line.color.rgb = self._rgb(FAINT)
        return chart

    def _title(self, text: str) -> None:
        """The slide's own title, which outlines and screen readers know."""
        shape: Any = self._slide.shapes.title
        shape.left, shape.top = self._pt(MARGIN), self._pt(36)
        shape.width, shape.height = self._pt(WIDTH - 2 * MARGIN), self._pt(50)
        room = WIDTH - 2 * MARGIN - 2 * _PAD
        shown, size = fitted(text, room * 0.92, 50 - 2 * _PAD, 26, 15)
        self._line(shape.text_frame, 0, shown, shown, (size, True, INK, False))
        self._framed(shape.text_frame)
        shape.text_frame.vertical_anchor = import_module("pptx.enum.text").MSO_ANCHOR.MIDDLE

    def _line(
        self, frame: Any, at: int, shown: str, piece: Piece, look: tuple[float, bool, str, bool]
    ) -> None:
        size, bold, colour, bullets = look
        paragraph: Any = frame.paragraphs[0] if at == 0 else frame.add_paragraph()
        align: Any = import_module("pptx.enum.text").PP_ALIGN
        rtl = right_to_left(shown)
        paragraph.alignment = align.RIGHT if rtl else align.LEFT
        if rtl:
            paragraph._p.get_or_add_pPr().set("rtl", "1")
        if bullets:
            paragraph.space_after = self._pt(size * 0.12)
        parts = [(shown, False)]
        if isinstance(piece, Told):
            parts += [(f" {' '.join(map(str, piece.marks))}", True)] if piece.marks else []
        for text, mark in parts:
            run: Any = paragraph.add_run()
            run.text = " ".join(text.splitlines())
            run.font.size, run.font.bold, run.font.name = self._pt(size), bold and not mark, _FONT
            run.font.color.rgb = self._rgb(FAINT if mark else colour)
            if mark:
                run.font._element.set("baseline", "30000")

    def _framed(self, frame: Any) -> None:
        frame.word_wrap = True
        frame.auto_size = import_module("pptx.enum.text").MSO_AUTO_SIZE.NONE
        frame.margin_left = frame.margin_right = self._pt(_PAD)
        frame.margin_top = frame.margin_bottom = self._pt(_PAD)

    def _plain(self, table: Any) -> None:
        """No look of the program's own, which depends on the program."""
        properties = table._tbl.tblPr
        for name in ("bandRow", "firstRow"):
            properties.set(name, "0")

    def _pt(self, value: float) -> Any:
        return self._util.Pt(value)

    def _rgb(self, colour: str) -> Any:
        return import_module("pptx.dml.color").RGBColor.from_string(colour)


def _parts(low: float, middle: float, high: float) -> tuple[float, float, float, float, float]:
    """A bar from low to high as parts that are stacked outwards from 0: the gap, the halves on each side."""
    below = [max(0.0, -value) for value in (low, middle, high)]  # distances from 0 to the left
    above = [max(0.0, value) for value in (low, middle, high)]
    offset = above[0] - below[2]
    return offset, -(below[1] - below[2]), -(below[0] - below[1]), above[1] - above[0], above[2] - above[1]
