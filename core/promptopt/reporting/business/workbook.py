"""A business case as a workbook: assumptions in cells to change, and formulas that follow them.

The formulas are those of ``enterprise/case/money.py``, by the same names; a test holds the two together. What
they come to is stored beside them (``cached.py``), and computed anew by programs that compute.
Texts are never formulas, whatever they begin with.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from typing import Any

from promptopt.domain.errors import RunError
from promptopt.reporting.business.cached import Computed, computed, with_values
from promptopt.reporting.business.sheets import FORMATS, Sheet
from promptopt.reporting.business.views import CaseView, Input

MOST_MONTHS = 60

PER_REQUEST = (
    ("effect", "Share of what was missing that is gained", "=MIN(gain/failing,1)", "0.0%"),
    ("effect_counted", "… as far as it counts", "=IF(effect>0,effect*transfer,effect)", "0.0%"),
    (
        "fewer",
        "Fewer unusable outputs, share of requests",
        "=MAX(rework_share*effect_counted,rework_share-1)",
        "0.0%",
    ),
    (
        "hours_a_request",
        "Hours saved a request",
        "=(minutes_per_request*faster_share+fewer*(1-unnoticed_share)*rework_minutes)/60",
        "0.0000",
    ),
    (
        "time_a_request",
        "Worth of time a request",
        "=hours_a_request*hourly_cost*IF(hours_a_request>0,time_used,1)",
        FORMATS["usd4"],
    ),
    ("errors_a_request", "Fewer unnoticed errors a request", "=fewer*unnoticed_share", "0.0000"),
    ("quality_a_request", "Worth of these", "=errors_a_request*error_cost", FORMATS["usd4"]),
    (
        "tokens_a_request",
        "Model cost saved a request",
        "=((tokens_in_today-tokens_in_new)*price_input+(tokens_out_today-tokens_out_new)*price_output)/1000000",
        "0.000000",
    ),
    (
        "setup",
        "Set-up, once",
        "=(setup_hours+people*training_hours)*hourly_cost+optimization_usd",
        FORMATS["usd"],
    ),
    ("upkeep", "Running, a month", "=maintenance_hours*hourly_cost+monitoring_usd", FORMATS["usd"]),
)
"""Name, label, formula and number format of what is computed for one request and for one month."""

RESULTS = {
    "setup": "=setup",
    "running": "=upkeep*12",
    "fewer": "=fewer",
    "hours": "=hours_a_request*requests_a_year",
    "time": "=time_a_request*requests_a_year",
    "errors": "=errors_a_request*requests_a_year",
    "quality": "=quality_a_request*requests_a_year",
    "tokens": "=tokens_a_request*requests_a_year",
    "net": "=flow_a_year-setup",
    "roi": "=(flow_a_year-setup)/MAX(0.01,setup+upkeep*12+MAX(0,-tokens_a_request*requests_a_year))",
    "npv": "=discounted-setup",
    "payback": '=IF(COUNT(paid_back)=0,"not within "&horizon_months&" months",MIN(paid_back))',
}
"""Result to its formula; the order and the labels are those of ``CaseView.results``."""


def workbook_of(view: CaseView) -> bytes:
    """The workbook.

    Raises:
        RunError: openpyxl is not there.
    """
    if find_spec("openpyxl") is None:
        raise RunError("a workbook needs the package openpyxl", fix="pip install 'promptopt[reports]'")
    book: Any = import_module("openpyxl").Workbook()
    book.calculation.fullCalcOnLoad = True
    book.properties.title = f"Business case: {view.title}"
    book.properties.creator = "promptopt"
    book.remove(book.active)
    names = ("Summary", "Assumptions", "Base case", "Months", "Measured", "Sensitivity", "Sources")
    sheets = {name: Sheet(book, name, view) for name in names}
    found = computed({one.name: one.value for one in view.inputs}, MOST_MONTHS)
    _base(sheets["Base case"], found)
    _months(sheets["Months"], found)
    _assumptions(sheets["Assumptions"], [one for one in view.inputs if one.editable])
    _measured(sheets["Measured"], view)
    _sensitivity(sheets["Sensitivity"], view)
    _sources(sheets["Sources"], view)
    _summary(sheets["Summary"], view, found)
    kept = BytesIO()
    book.save(kept)
    return with_values(kept.getvalue(), [sheet.values for sheet in sheets.values()])


def _summary(sheet: Sheet, view: CaseView, found: Computed) -> None:
    sheet.widths(46, 20, 16, 16, 16, 60)
    sheet.title(f"Business case: {view.title}")
    sheet.row([f"{view.scenario}, {view.made}"], look="faint")
    sheet.row([view.headline], look="bold")
    for reason in view.reasons:
        sheet.row([reason])
    sheet.row([])
    sheet.row([])
    sheet.header(["Figure", "Likeliest values (live)", "Low", "Median", "High", "Source"], (2, 3, 4, 5))
    for one in view.results:
        sheet.row([one.label, None, None, None, None, "likeliest: sheet Base case; range: source [2]"])
        sheet.formula(2, RESULTS[one.name], FORMATS[one.kind], found.results[one.name])
        for column, value in ((3, one.low), (4, one.middle), (5, one.high)):
            if value == float("inf"):
                sheet.text(column, f"not within {view.months} months")
            else:
                sheet.number(column, value, FORMATS[one.kind])
    sheet.row([])
    sheet.row(
        [
            "The second column follows the yellow cells of the sheet Assumptions. It is one point of the "
            "range, no forecast."
        ],
        look="faint",
    )
    sheet.row(
        [
            "Low, median and high are the middle 90% of the draws as of the writing of this file; they do "
            "not follow the cells: promptopt report … --set name=low..high computes them anew."
        ],
        look="faint",
    )


def _assumptions(sheet: Sheet, inputs: Sequence[Input]) -> None:
    sheet.widths(6, 26, 58, 14, 12, 12, 24, 14, 90)
    sheet.title("Assumptions: change the yellow cells")
    sheet.header(
        ["Mark", "Name", "Assumption", "Likeliest", "Low", "High", "Unit", "From", "Why"], (1, 4, 5, 6)
    )
    for one in inputs:
        form = _form(one)
        sheet.row([one.mark, one.name, one.label, None, None, None, one.unit, one.kind, one.why])
        sheet.number(4, one.value, form, editable=True, name=one.name)
        sheet.number(5, one.low, form)
        sheet.number(6, one.high, form)
        least, most = (0, 1) if one.unit == "share" else (0, None)
        if one.name == "horizon_months":
            sheet.only(4, "whole", 12, MOST_MONTHS)
        else:
            sheet.only(4, "decimal", least, most)
    sheet.freeze()


def _measured(sheet: Sheet, view: CaseView) -> None:
    sheet.widths(6, 26, 58, 18, 12, 12, 24, 14, 90)
    sheet.title("Measured figures, as they are")
    sheet.header(["Mark", "Name", "Figure", "Mean", "Low", "High", "Unit", "From", "Where"], (1, 4, 5, 6))
    for one in view.inputs:
        if one.editable:
            continue
        sheet.row([one.mark, one.name, one.label, None, None, None, one.unit, one.kind, one.why])
        sheet.number(4, one.value, _form(one), name=one.name)
        sheet.number(5, one.low, _form(one))
        sheet.number(6, one.high, _form(one))
    sheet.row([])
    sheet.header(["Mark", "", "Figure", "As told", "", "", "", "", "Note"])
    for line in view.measured:
        marks = ", ".join(map(str, line.told.marks))
        sheet.row([marks, "", line.label, line.told.text, "", "", "", "", line.note])
    sheet.row([])
    sheet.header(
        ["Mark", "", "Optimizer", "Score", "Low", "High", "", "", "Gain on today's prompt"], (1, 4, 5, 6)
    )
    for one in view.scores:
        sheet.row(
            [1, "", one.label, None, None, None, "", "", f"{one.verdict} {one.gain}; {one.cost}".strip("; ")]
        )
        for column, value in ((4, one.mean), (5, one.low), (6, one.high)):
            sheet.number(column, value, "0.0%")
    sheet.row([])
    sheet.header(["Mark", "Case", "Request", "Change", "", "", "Today's prompt", "", "New prompt"])
    for pair in view.examples:
        sheet.row([1, pair.case, pair.given, pair.change, "", "", pair.before, "", pair.after])


def _base(sheet: Sheet, found: Computed) -> None:
    sheet.widths(26, 48, 18, 100)
    sheet.title("The likeliest values, step by step")
    sheet.header(["Name", "Figure", "Value", "Formula"], (3,))
    for name, label, formula, form in PER_REQUEST:
        sheet.row([name, label, None, formula[1:]])
        sheet.formula(3, formula, form, found.named[name], name=name)
    for name, label, formula in (
        ("requests_a_year", "Requests with the new prompt, first year", "=SUM(month_requests_year)"),
        ("flow_a_year", "Benefit less running cost, first year", "=SUM(month_flow_year)"),
        ("discounted", "Benefit less running cost, discounted, all months", "=SUM(month_discounted)"),
    ):
        sheet.row([name, label, None, formula[1:]])
        sheet.formula(3, formula, "#,##0.00", found.named[name], name=name)


def _months(sheet: Sheet, found: Computed) -> None:
    sheet.widths(10, 22, 22, 22, 22, 22)
    sheet.title("Month by month")
    sheet.header(
        ["Month", "Requests with it", "Benefit less cost", "Discounted", "All so far", "Paid back after"],
        (1, 2, 3, 4, 5, 6),
    )
    first = sheet.at + 1
    for month in range(1, MOST_MONTHS + 1):
        row = first + month - 1
        sheet.row([month])
        inside = f"A{row}<=horizon_months"
        before = "-setup" if month == 1 else f"E{row - 1}"
        earlier = "TRUE" if month == 1 else f'COUNTIF(E${first}:E{row - 1},">=0")=0'
        grown = f"MIN(1,A{row}/MAX(1,ramp_months))"
        worth = "(time_a_request+quality_a_request+tokens_a_request)"
        there = f"AND({inside},E{row}>=0,{earlier})"
        part = f"IF(C{row}>0,E{row}/C{row},0)"
        formulas = (
            (f"=IF({inside},requests_per_month*adoption*{grown},0)", "#,##0"),
            (f"=IF({inside},B{row}*{worth}-upkeep,0)", FORMATS["usd"]),
            (f"=C{row}/(1+discount_rate)^(A{row}/12)", FORMATS["usd"]),
            (f"={before}+C{row}", FORMATS["usd"]),
            (f'=IF({there},MAX(0,A{row}-{part}),"")', "0.0"),
        )
        values = found.months[month - 1].cells
        for column, ((formula, form), value) in enumerate(zip(formulas, values, strict=True), 2):
            sheet.formula(column, formula, form, value)
    last, year = first + MOST_MONTHS - 1, first + 11
    sheet.span("month_requests_year", f"$B${first}:$B${year}")
    sheet.span("month_flow_year", f"$C${first}:$C${year}")
    sheet.span("month_discounted", f"$D${first}:$D${last}")
    sheet.span("paid_back", f"$F${first}:$F${last}")
    sheet.freeze()


def _sensitivity(sheet: Sheet, view: CaseView) -> None:
    sheet.widths(58, 24, 18, 18, 18, 22, 14)
    sheet.title(f"What the net present value over {view.months} months hangs on")
    sheet.header(
        [
            "Figure",
            "From … to",
            "At its low end",
            "At its high end",
            "Share of spread",
            "Tips over at",
            "Marks",
        ],
        (3, 4, 5),
    )
    for one in view.tornado:
        marks = ", ".join(map(str, one.marks))
        sheet.row([one.label, one.ends, None, None, None, one.break_even or "–", marks])
        sheet.number(3, one.at_low, FORMATS["usd"])
        sheet.number(4, one.at_high, FORMATS["usd"])
        sheet.number(5, one.share, "0%")


def _sources(sheet: Sheet, view: CaseView) -> None:
    sheet.widths(8, 16, 160)
    sheet.title("Sources")
    sheet.header(["Mark", "Kind", "Source"], (1,))
    for one in view.sources:
        sheet.row([one.mark, one.kind, one.text])
    sheet.row([])
    sheet.header(["", "", "How it was computed"])
    for said in [*view.method, *view.warnings]:
        sheet.row(["", "", said])


def _form(one: Input) -> str:
    if one.unit in ("share", "points"):
        return "0.0%"
    return FORMATS["usd"] if one.unit == "USD" and one.value >= 100 else "#,##0.##"
