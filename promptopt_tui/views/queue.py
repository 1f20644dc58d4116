"""A review: how far it is, and the case that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, Span, columns, cut, wrap
from promptopt_tui.views import making

if TYPE_CHECKING:
    from promptopt.domain.dataset import Example
    from promptopt.store.reviews import Verdict
    from promptopt.synthetic.reviewing import Standing
    from promptopt_tui.queuebook import QueueBook

VERDICTS: dict[Verdict | None, tuple[str, str, str]] = {
    "keep": ("✓", "kept", "good"),
    "edit": ("~", "edited", "human"),
    "drop": ("✗", "dropped", "bad"),
    None: ("·", "open", "muted"),
}
"""Sign, word and style of a decision."""


def header(project: str, run_id: str, standing: Standing, simulated: bool, width: int) -> Line:
    """Whose cases these are, and how many are decided on."""
    right: Line = []
    counts: tuple[tuple[Verdict, int], ...] = (
        ("keep", standing.kept),
        ("edit", standing.edited),
        ("drop", standing.dropped),
    )
    for verdict, count in counts:
        glyph, word, style = VERDICTS[verdict]
        said = f"{glyph} {count:,} {word}" if width >= 100 else f"{glyph} {count:,}"
        right += [(said, style if count else "muted"), ("  ", "")]
    right.append((f"{standing.open:,} open", "warn" if standing.open else "good"))
    if simulated:
        right += [("  ", ""), (" SIMULATED " if width >= 90 else " SIM ", "pill-warn")]
    left: Line = [("Review ", "muted"), (one_line(project, 60), "bold"), (f"  {run_id}", "muted")]
    return columns(left, right, width)


def bar(book: QueueBook, standing: Standing, width: int) -> Line:
    """How much is decided, and which cases are shown."""
    whole = standing.cases or 1
    place = f"{book.at + 1:,} of {len(book.rows):,} {word_of(book.filter)}" if book.rows else "no such case"
    right: Line = [(place, "bold"), ("   f", "key"), (" shows others", "muted")]
    room = max(8, min(40, width - 46))
    parts = (
        (standing.kept / whole, "━", "good"),
        (standing.edited / whole, "━", "human"),
        (standing.dropped / whole, "━", "bad"),
    )
    done = standing.cases - standing.open
    left: Line = [*fm.bar(room, *parts), (f" {done:,}/{standing.cases:,} decided", "muted")]
    return columns(left, right, width)


def word_of(name: str) -> str:
    """What the cases of a filter are called."""
    words = {"all": "cases", "findings": "with findings", "low realism": "of low realism"}
    return words.get(name, name)


def sign(book: QueueBook, case: Example) -> Span:
    """The sign of what was decided on a case."""
    glyph, _, style = VERDICTS[book.verdict(case)]
    return glyph, style


def marks(book: QueueBook, case: Example) -> Span:
    """``!`` private data, ``≈`` others are nearly like it."""
    said = ("!" if book.private and case.id in book.private else "") + ("≈" if case.id in book.alike else "")
    return said, "warn"


def case_lines(book: QueueBook, case: Example, width: int) -> list[Line]:
    """The case that is looked at: decision, cell, realism, texts, private data, near duplicates."""
    drafts, queue = book.source.drafts, book.queue
    glyph, word, style = VERDICTS[book.verdict(case)]
    pill = "pill-muted" if book.verdict(case) is None else f"pill-{style}"
    line: Line = [(f" {glyph} {word} ", pill), (f"  {case.id}", "bold")]
    reason = book.reason(case)
    line += [(f"  {one_line(reason, 200)}", "muted")] if reason else []
    lines: list[Line] = [cut(line, width)]
    draft, rated = drafts.cases.get(case.id), drafts.ratings.get(case.id)
    plan = book.source.plan
    lines += making.about_case(
        plan,
        draft.cell if draft else None,
        queue.rating(case),
        rated.reason if rated else "",
        width,
        rated=bool(plan and plan.realism),
    )
    if draft and draft.note:
        lines += wrap([("! ", "warn"), (one_line(draft.note, 300), "warn")], width, [("  ", "")])
    shown = book.as_decided(case)
    lines += making.private_lines(shown, width)
    lines += making.like_lines(_alike(book, case), width)
    lines += [[], *making.case_text(shown, width)]
    checks = [str(check.get("name") or check.get("type", "")) for check in shown.checks]
    tags = ", ".join(one_line(tag, 60) for tag in shown.tags)
    lines += [[], *wrap([("tags    ", "muted"), (tags, "muted")], width, [(" " * 8, "")])]
    if checks:
        lines += wrap([("checks  ", "muted"), (", ".join(checks), "muted")], width, [(" " * 8, "")])
    return lines


def _alike(book: QueueBook, case: Example) -> list[tuple[str, str]]:
    """Cases that were taken and drafts that were left out which this one is nearly like."""
    others = [
        (other, book.by_id[other].input_text) for other in book.alike.get(case.id, ()) if other in book.by_id
    ]
    reason = f"it is nearly {case.id}"
    left = [("left out", each.text) for each in book.source.drafts.left_out if each.reason == reason]
    return [*others, *left]


def nothing(book: QueueBook, standing: Standing, width: int) -> list[Line]:
    """What is said where no case is."""
    if not standing.cases:
        return [[("There is no case yet.", "muted")]]
    if book.filter == "open":
        lines: list[Line] = [[("✓ every case is decided on", "good-bold")], []]
        lines += wrap(
            [("w", "key"), (" saves them as a project, ", ""), ("X", "key"), (" as a file", "")], width
        )
        return lines
    return [[("no such case; ", "muted"), ("f", "key"), (" shows others", "muted")]]
