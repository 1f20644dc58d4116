"""The report on a set of cases: its score with what that is made of, variety, balance, leaks, realism."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptopt.domain.pii.finding import WORDS, Kind
from promptopt.domain.quality import FORMULA, PARTS, WEIGHTS
from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, cut, width_of, wrap

VERDICTS = {"good": ("✓", "good"), "fair": ("≈", "warn"), "poor": ("✗", "bad")}

LABEL = 12


def quality_lines(quality: Mapping[str, Any], width: int) -> list[Line]:
    """The report, as ``DataQuality.as_json`` gives it."""
    glyph, style = VERDICTS.get(quality["verdict"], ("·", "muted"))
    head: Line = [(f" {glyph} quality {quality['quality_score']:.1f} of 10 ", f"pill-{style}")]
    lines = wrap([*head, (f"  {quality['verdict']}", style)], width)
    lines += wrap([(f"{FORMULA}:", "muted")], width)
    for name, share in quality["parts"].items():
        lines.append(_part(name, share, width))
    lines += [[], *_figures(quality, width)]
    if quality["findings"]:
        lines += [[], [("findings", "heading")]]
        for found in quality["findings"]:
            lines += wrap([("· ", "warn"), (one_line(str(found["text"]), 400), "")], width, [("  ", "")])
    return lines


def _part(name: str, share: float, width: int) -> Line:
    style = "good" if share >= 0.9 else "warn" if share >= 0.6 else "bad"
    line: Line = [(f"  {name:9}", ""), *fm.bar(10, (share, "━", style)), (f" {share:>4.0%}", "bold")]
    line.append((f" × {WEIGHTS.get(name, 0):<3g}", "muted"))
    meaning = PARTS.get(name, "")
    return cut([*line, (" " * max(2, 32 - width_of(line)) + meaning, "muted")], width)


def _figures(quality: Mapping[str, Any], width: int) -> list[Line]:
    sizes = ", ".join(f"{name} {count:,}" for name, count in quality["sizes"].items() if count)
    repeats = f"{quality['duplicates']:,} repeated, {quality['near_duplicates']:,} nearly"
    leaks = f"{quality['leaks']:,} between splits, {quality['near_leaks']:,} nearly"
    rows = [("splits", sizes or "none"), ("repetitions", repeats), ("leaks", leaks)]
    if quality["distinct_2"] is not None:
        distance = quality["neighbour_distance"]
        far = "" if distance is None else f", mean distance to the nearest {distance:.2f}"
        rows.append(("variety", f"distinct-2 {quality['distinct_2']:.1%}{far}"))
    if quality["balance"]:
        even = ", ".join(
            f"{one_line(str(name), 30)} {value:.2f}" for name, value in quality["balance"].items()
        )
        rows.append(("evenness", even))
    lengths = quality["lengths"]
    if lengths:
        said = f"{lengths['fewest']:,} to {lengths['most']:,}, half have {lengths['median']:g} or more"
        rows.append(("words", said))
    rows.append(("unlabelled", f"{quality['unlabelled']:,}"))
    rows.append(("private data", _private(quality["private"])))
    real = quality["realism"]
    if real:
        said = f"{real['mean']:.1f} of 10 [{real['low']:.1f}, {real['high']:.1f}], of {real['n']:,} cases"
        rows.append(("realism", said))
    lines: list[Line] = []
    for label, text in rows:
        lines += wrap([(f"{label:{LABEL}} ", "muted"), (text, "")], width, [(" " * (LABEL + 1), "")])
    return lines


def _private(counts: Mapping[Kind, int]) -> str:
    """Kinds of private data and how many cases have some. Invented names don't count in the score."""
    said = [
        f"{WORDS[kind][count != 1]} in {count:,}{' (not counted)' if kind == 'name' else ''}"
        for kind, count in counts.items()
    ]
    return ", ".join(said) or "none"
