"""One sheet of a workbook, written row by row; texts are kept from being formulas."""

from collections.abc import Sequence
from importlib import import_module
from math import ceil
from typing import Any

from promptopt.domain.text import sanitize
from promptopt.reporting.business.cached import Value
from promptopt.reporting.business.fitting import cells
from promptopt.reporting.business.views import SIMULATED, CaseView

FORMATS = {
    "usd": '"$"#,##0;[Red]-"$"#,##0',
    "usd4": '"$"#,##0.0000;[Red]-"$"#,##0.0000',
    "hours": "#,##0",
    "count": "#,##0",
    "percent": "0%",
    "share": "0.0%",
    "months": "0.0",
}
"""Number formats by what is counted."""

LONGEST = 30_000
"""Characters of a text; a cell takes 32,767."""

_ALARMED = 6
"""Columns that the mark of simulated figures covers."""

_FONT = "Arial"
_LINE, _MOST_LINES = 13.0, 20
"""Points of a line, and how many of them a row has at most."""

_INK, _FAINT, _HEAD, _EDIT, _ALARM = "222222", "6B6B6B", "E6ECF5", "FFF3B0", "B00020"


class Sheet:
    """A sheet with its title; if the figures are simulated, that stands above it."""

    def __init__(self, book: Any, name: str, view: CaseView) -> None:
        self._book = book
        self._name = name
        self._sheet: Any = book.create_sheet(name)
        self._styles: Any = import_module("openpyxl.styles")
        self._sheet.sheet_view.showGridLines = False
        self._sheet.page_setup.orientation = "landscape"
        self._sheet.page_setup.fitToHeight = 0
        self._sheet.sheet_properties.pageSetUpPr = import_module(
            "openpyxl.worksheet.properties"
        ).PageSetupProperties(fitToPage=True)
        self._widths: Sequence[float] = ()
        self.values: dict[str, Value] = {}
        """What formulas come to, by cell."""
        self.at = 0
        """The row that was written last."""
        if view.simulated:
            self.row([SIMULATED], look="alarm")
            for column in range(2, _ALARMED + 1):
                self._dress(self._sheet.cell(self.at, column), "alarm", wrap=False)

    def widths(self, *widths: float) -> None:
        """Widths of the columns, in characters."""
        letter: Any = import_module("openpyxl.utils").get_column_letter
        self._widths = widths
        for column, width in enumerate(widths, 1):
            self._sheet.column_dimensions[letter(column)].width = width

    def title(self, text: str) -> None:
        """The heading of the sheet."""
        self.row([text], look="title")

    def header(self, texts: Sequence[str], numbers: Sequence[int] = ()) -> None:
        """The heading of a table; ``numbers`` are the columns of numbers."""
        self.row(texts, look="head")
        for column in numbers:
            cell: Any = self._sheet.cell(self.at, column)
            cell.alignment = self._styles.Alignment(horizontal="right", vertical="top")

    def row(self, values: Sequence[str | int | None], look: str = "") -> None:
        """The next row; a single text may run over the columns beside it."""
        self.at += 1
        for column, value in enumerate(values, 1):
            if isinstance(value, int):
                self.number(column, value, "0", look=look)
            elif value is not None:
                self.text(column, value, look=look, wrap=len(values) > 1)
        if len(values) > 1:
            self._heighten(values)

    def text(self, column: int, text: str, look: str = "", wrap: bool = True) -> None:
        """A text in the current row. What begins like a formula stays a text, also if the cell is edited."""
        cell: Any = self._sheet.cell(self.at, column)
        cell.value = sanitize(text, LONGEST)
        cell.data_type = "s"
        cell.quotePrefix = True
        self._dress(cell, look, wrap)

    def number(
        self, column: int, value: float, form: str, *, editable: bool = False, name: str = "", look: str = ""
    ) -> None:
        """A number in the current row, perhaps with a name for formulas."""
        cell: Any = self._sheet.cell(self.at, column)
        cell.value = value
        self._dress(cell, look or ("edit" if editable else ""), wrap=False)
        cell.number_format = form
        self._called(name, column)

    def formula(self, column: int, formula: str, form: str, value: Value, name: str = "") -> None:
        """A formula of ours in the current row, and what it comes to."""
        cell: Any = self._sheet.cell(self.at, column)
        cell.value = formula
        self.values[cell.coordinate] = value
        self._dress(cell, "live", wrap=False)
        cell.number_format = form
        self._called(name, column)

    def only(self, column: int, kind: str, least: float, most: float | None) -> None:
        """What may be typed into a cell of the current row."""
        validation: Any = import_module("openpyxl.worksheet.datavalidation").DataValidation
        between = most is not None
        rule = validation(
            type=kind,
            operator="between" if between else "greaterThanOrEqual",
            formula1=str(least),
            formula2=str(most) if between else None,
            showErrorMessage=True,
            errorTitle="Not possible",
            error=f"a number from {least} to {most}" if between else f"a number from {least} on",
        )
        rule.add(self._sheet.cell(self.at, column))
        self._sheet.add_data_validation(rule)

    def span(self, name: str, cells: str) -> None:
        """A name for cells of this sheet, such as ``$B$3:$B$14``."""
        defined: Any = import_module("openpyxl.workbook.defined_name").DefinedName
        self._book.defined_names[name] = defined(name, attr_text=f"'{self._name}'!{cells}")

    def freeze(self) -> None:
        """Keep the rows down to the first table's heading in sight."""
        heading = next(row for row in range(1, self.at + 1) if self._sheet.cell(row, 2).value)
        self._sheet.freeze_panes = self._sheet.cell(heading + 1, 1)

    def _called(self, name: str, column: int) -> None:
        if name:
            letter: Any = import_module("openpyxl.utils").get_column_letter
            self.span(name, f"${letter(column)}${self.at}")

    def _heighten(self, values: Sequence[str | int | None]) -> None:
        """Room for texts that are wrapped; not every program makes it."""
        lines = 1
        for column, value in enumerate(values, 1):
            if isinstance(value, str):
                width = self._widths[column - 1] - 2 if column <= len(self._widths) else 8.0
                lines = max(lines, sum(ceil(cells(part) / width) or 1 for part in value.split("\n")))
        self._sheet.row_dimensions[self.at].height = _LINE * min(lines, _MOST_LINES) + 2

    def _dress(self, cell: Any, look: str, wrap: bool) -> None:
        styles = self._styles
        colour = {"faint": _FAINT, "alarm": "FFFFFF", "live": "0757BA"}.get(look, _INK)
        bold = look in ("title", "head", "bold", "alarm")
        cell.font = styles.Font(name=_FONT, size=14 if look == "title" else 10, bold=bold, color=colour)
        text = cell.data_type == "s" and wrap
        cell.alignment = styles.Alignment(
            horizontal="left" if text else None, vertical="top", wrap_text=wrap, indent=1 if text else 0
        )
        fill = {"head": _HEAD, "edit": _EDIT, "alarm": _ALARM}.get(look)
        if fill:
            cell.fill = styles.PatternFill("solid", fgColor=fill)
