"""What the formulas of the workbook come to, written beside them for viewers that compute nothing.

A mail's preview or a data library shows the value that a cell has stored. These are the formulas of
``enterprise/case/money.py`` step by step, as the workbook has them; tests hold all three together.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

YEAR = 12

Value = float | str

_FORMULA = re.compile(
    r'<c r="(?P<place>[A-Z]+\d+)"(?P<rest>[^>]*)><f>(?P<formula>[^<]*)</f><v ?/?>(?:</v>)?</c>'
)


@dataclass(frozen=True)
class Month:
    """A month's row: requests, benefit less cost, that discounted, all so far, and when it was paid back."""

    requests: float
    flow: float
    discounted: float
    total: float
    paid_back: Value

    @property
    def cells(self) -> tuple[Value, ...]:
        """In the order of the columns."""
        return self.requests, self.flow, self.discounted, self.total, self.paid_back


@dataclass(frozen=True)
class Computed:
    """What the formulas come to: by the name of a cell, by month, and by result."""

    named: Mapping[str, float]
    months: Sequence[Month]
    results: Mapping[str, Value]


def computed(given: Mapping[str, float], months: int) -> Computed:
    """Compute the workbook.

    Args:
        given: each quantity by name.
        months: rows of the sheet of months; those after the horizon bring nothing.
    """
    q = dict(given)
    named = _for_one(q)
    rows = _months(q | named, months)
    named["requests_a_year"] = year = sum(row.requests for row in rows[:YEAR])
    named["flow_a_year"] = flow = sum(row.flow for row in rows[:YEAR])
    named["discounted"] = discounted = sum(row.discounted for row in rows)
    setup, running = named["setup"], named["upkeep"] * YEAR
    dearer = max(0.0, -named["tokens_a_request"] * year)
    paid = [row.paid_back for row in rows if isinstance(row.paid_back, float)]
    return Computed(
        named,
        rows,
        {
            "setup": setup,
            "running": running,
            "fewer": named["fewer"],
            "hours": named["hours_a_request"] * year,
            "time": named["time_a_request"] * year,
            "errors": named["errors_a_request"] * year,
            "quality": named["quality_a_request"] * year,
            "tokens": named["tokens_a_request"] * year,
            "net": flow - setup,
            "roi": (flow - setup) / max(0.01, setup + running + dearer),
            "npv": discounted - setup,
            "payback": min(paid) if paid else f"not within {q['horizon_months']:g} months",
        },
    )


def _for_one(q: Mapping[str, float]) -> dict[str, float]:
    """What is computed for one request, and for one month."""
    effect = min(q["gain"] / q["failing"], 1.0) if q["failing"] else math.nan
    counted = effect * q["transfer"] if effect > 0 else effect
    fewer = max(q["rework_share"] * counted, q["rework_share"] - 1)
    noticed = fewer * (1 - q["unnoticed_share"]) * q["rework_minutes"]
    hours = (q["minutes_per_request"] * q["faster_share"] + noticed) / 60
    errors = fewer * q["unnoticed_share"]
    read = (q["tokens_in_today"] - q["tokens_in_new"]) * q["price_input"]
    written = (q["tokens_out_today"] - q["tokens_out_new"]) * q["price_output"]
    once = (q["setup_hours"] + q["people"] * q["training_hours"]) * q["hourly_cost"] + q["optimization_usd"]
    return {
        "effect": effect,
        "effect_counted": counted,
        "fewer": fewer,
        "hours_a_request": hours,
        "time_a_request": hours * q["hourly_cost"] * (q["time_used"] if hours > 0 else 1),
        "errors_a_request": errors,
        "quality_a_request": errors * q["error_cost"],
        "tokens_a_request": (read + written) / 1_000_000,
        "setup": once,
        "upkeep": q["maintenance_hours"] * q["hourly_cost"] + q["monitoring_usd"],
    }


def _months(q: Mapping[str, float], months: int) -> list[Month]:
    worth = q["time_a_request"] + q["quality_a_request"] + q["tokens_a_request"]
    rows: list[Month] = []
    total, paid = -q["setup"], False
    for month in range(1, months + 1):
        inside = month <= q["horizon_months"]
        grown = min(1.0, month / max(1.0, q["ramp_months"]))
        requests = q["requests_per_month"] * q["adoption"] * grown if inside else 0.0
        flow = requests * worth - q["upkeep"] if inside else 0.0
        total += flow
        now = inside and total >= 0 and not paid
        part = total / flow if flow > 0 else 0.0
        discounted = flow / (1 + q["discount_rate"]) ** (month / YEAR)
        rows.append(Month(requests, flow, discounted, total, max(0.0, month - part) if now else ""))
        paid = paid or total >= 0
    return rows


def with_values(body: bytes, values: Sequence[Mapping[str, Value]]) -> bytes:
    """A workbook whose formulas have values.

    Args:
        body: as openpyxl writes it, which stores none.
        values: of each sheet in order, by cell (``B7``); what is no number that can be told is left out.
    """
    made = BytesIO()
    with ZipFile(BytesIO(body)) as old, ZipFile(made, "w", ZIP_DEFLATED) as new:
        for part in old.infolist():
            content = old.read(part)
            found = re.fullmatch(r"xl/worksheets/sheet(\d+)\.xml", part.filename)
            if found:
                content = _valued(content.decode(), values[int(found[1]) - 1]).encode()
            new.writestr(part, content)
    return made.getvalue()


def _valued(sheet: str, values: Mapping[str, Value]) -> str:
    def put(match: "re.Match[str]") -> str:
        value = values.get(match["place"])
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return match.group()
        # Texts are words of ours: nothing in them needs an escape.
        kind, shown = (' t="str"', value) if isinstance(value, str) else ("", repr(float(value)))
        head = f'<c r="{match["place"]}"{match["rest"]}{kind}>'
        return f"{head}<f>{match['formula']}</f><v>{shown}</v></c>"

    return _FORMULA.sub(put, sheet)
