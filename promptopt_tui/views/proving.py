"""What a proof of concept needs, told before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, fit, wrap

if TYPE_CHECKING:
    from promptopt_tui.proofs import ProofWish

NAME = 12
"""Cells of a stage's name."""

COLUMNS = (("calls", 9), ("at most", 9), ("cost", 10), ("at most", 10), ("time", 8), ("cap", 10))
"""Columns of the table, and their cells: what is likely, and the most that it can be."""


def estimate_lines(found: Mapping[str, Any], wish: ProofWish, width: int) -> list[Line]:
    """Stage by stage what is likely and the most, the caps, what is left out, and what is missing."""
    simulated = bool(found["simulated"])
    lines: list[Line] = [
        [(one_line(str(found["name"]), 80), "bold"), ("   SIMULATED" if simulated else "", "warn")],
        *_problem(found.get("problem"), width),
        [],
        [(" " * NAME, ""), *((fit(name, size, "right"), "muted") for name, size in COLUMNS)],
    ]
    stages: Sequence[Mapping[str, Any]] = found["stages"]
    lines += [_row(stage) for stage in stages]
    for stage in stages:
        if stage["note"]:
            said = f"{stage['title']}: {one_line(str(stage['note']), 400)}"
            lines += wrap([("▫ ", "warn"), (said, "warn")], width, [("  ", "")])
    lines.append([])
    for note in found["notes"]:
        lines += wrap([("· ", "muted"), (one_line(str(note), 200), "muted")], width, [("  ", "")])
    where = wish.out or f"a new folder poc-… in {Path.cwd()}"
    return [
        *lines,
        *wrap([("· ", "muted"), (f"files go into {one_line(where, 400)}", "muted")], width, [("  ", "")]),
    ]


def _row(stage: Mapping[str, Any]) -> Line:
    usd, minutes, cap = stage["usd"], stage["minutes"], stage["caps"].get("usd")
    cells = (
        _amount(stage["calls"]["likely"]),
        _amount(stage["calls"]["high"]),
        fm.usd(usd["likely"]) if usd else "unknown",
        fm.usd(usd["high"]) if usd else "unknown",
        fm.clock(60 * minutes["likely"]) if minutes["likely"] else "–",
        fm.usd(cap) if cap is not None else "–",
    )
    sized = zip(cells, (size for _, size in COLUMNS), strict=True)
    return [
        (fit(str(stage["title"]), NAME), ""),
        *((fit(text, size, "right"), "bold") for text, size in sized),
    ]


def _amount(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"


def _problem(problem: Mapping[str, Any] | None, width: int) -> list[Line]:
    """Why it can't be started yet, and what to do."""
    if not problem:
        return []
    lines = wrap([("✗ ", "bad"), (one_line(str(problem["what"]), 300), "")], width, [("  ", "")])
    fix = str(problem.get("fix") or "")
    if fix and "simulator" not in fix:  # that is offered as an answer
        lines += wrap([("  ", ""), (one_line(fix, 300), "muted")], width, [("  ", "")])
    return lines


def most(found: Mapping[str, Any], wish: ProofWish) -> str:
    """What starting it can cost."""
    if found["simulated"]:
        return "simulated, no cost"
    caps = [stage["caps"].get("usd") for stage in found["stages"]]
    known = [cap for cap in caps if cap is not None]
    return f"at most {fm.usd(sum(known))} over all stages" if known else "at an unknown price"
