"""What a prompt is worth, in ranges with their sources."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptopt.domain.text import one_line
from promptopt_tui.paint import Line, fit, width_of, wrap
from promptopt_tui.views.outcome import SIMULATED

ADVICE: dict[str, tuple[str, str]] = {
    "recommended": ("✓", "good"),
    "not shown": ("≈", "warn"),
    "against": ("✗", "bad"),
}
"""Glyph and style of what a business case advises."""

LABELS = 30
"""Cells of the names before figures, where there is room for that."""


def case_lines(found: Mapping[str, Any], width: int) -> list[Line]:
    """A business case that was written: advice, files, ranges, what they hang on, sources.

    Args:
        found: as ``promptopt report --json`` says it.
    """
    glyph, style = ADVICE.get(found["advice"], ("·", "muted"))
    lines: list[Line] = [[(SIMULATED, "warn")]] if found["simulated"] else []
    lines = [each for line in lines for each in wrap(line, width)]
    lines += wrap([(f"{glyph} ", style), (one_line(found["headline"], 300), "bold")], width, [("  ", "")])
    for reason in found["reasons"]:
        lines += wrap([("· ", "muted"), (one_line(reason, 400), "")], width, [("  ", "")])
    lines += [[], [("written", "heading")], *path_lines(found["files"], width)]
    told = found["told"]
    lines += [[], [("what it takes and brings", "heading")], *_figures(told["asked"], width)]
    loss = found["risk_mitigation"]["chance_of_loss"]
    lines.append([(fit("Chance of a loss", _labels(width)), "muted"), (f"{loss:.0%}", "")])
    lines += [[], [("what was measured", "heading")], *_figures(told["measured"], width)]
    if told["influences"]:
        lines += [[], [("it hangs most on", "heading")]]
    for each in told["influences"]:
        share: Line = [(f"{each['share']:4.0%}  ", ""), (one_line(each["label"], 120), "")]
        ends: Line = [(f"  {one_line(each['ends'], 60)}", "bold"), (_marks(each["marks"]), "muted")]
        lines += wrap([*share, *ends], width, [(" " * 6, "")])
    lines += [[], [("sources", "heading")]]
    for source in told["sources"]:
        kind = {"assumption": "warn", "measured": "good"}.get(source["kind"], "muted")
        head: Line = [(fit(f"[{source['mark']}]", 5), "muted"), (f"{source['kind']}  ", kind)]
        lines += wrap([*head, (one_line(source["text"], 600), "")], width, [(" " * 5, "")])
    return lines


def path_lines(paths: Sequence[str], width: int) -> list[Line]:
    """Paths, one under another."""
    return [
        each for path in paths for each in wrap([("  ", ""), (one_line(path, 500), "")], width, [("  ", "")])
    ]


def _figures(figures: Sequence[Mapping[str, Any]], width: int) -> list[Line]:
    labels = _labels(width)
    lines: list[Line] = []
    for each in figures:
        line: Line = [(fit(each["label"], labels), "muted"), (one_line(each["told"], 200), "bold")]
        line.append((_marks(each["marks"]), "muted"))
        note: Line = [(f"  {one_line(each['note'], 200)}", "muted")] if each["note"] else []
        fits = width_of(line) + width_of(note) <= width
        lines += wrap([*line, *note] if fits else line, width, [(" " * labels, "")])
        if note and not fits:
            lines += wrap([(" " * labels, ""), (note[0][0].strip(), "muted")], width, [(" " * labels, "")])
    return lines


def _labels(width: int) -> int:
    return min(LABELS, max(16, width // 2 - 8))


def _marks(marks: Sequence[int]) -> str:
    return f" [{', '.join(map(str, marks))}]" if marks else ""
