"""A business case as slides with native charts: nine of them, each with its sources."""

from collections.abc import Sequence
from importlib.util import find_spec

from promptopt.domain.errors import RunError
from promptopt.domain.text import one_line
from promptopt.reporting.business.money import usd
from promptopt.reporting.business.slides import (
    BAD,
    FAINT,
    GOOD,
    HEADING,
    HEIGHT,
    INK,
    MARGIN,
    SOFT,
    TOP,
    WARN,
    WIDTH,
    Deck,
    Piece,
)
from promptopt.reporting.business.views import ONWARD, STOP, CaseView, Line, Told

_ROOM = WIDTH - 2 * MARGIN
_BOTTOM = HEIGHT - 34
_LOOKS = {"recommended": ("✓", GOOD), "not shown": ("≈", WARN), "against": ("✗", BAD)}

_MOST_SCORES, _MOST_EXAMPLES, _MOST_BARS = 9, 3, 8


def deck_of(view: CaseView) -> bytes:
    """The slides.

    Raises:
        RunError: python-pptx is not there.
    """
    if find_spec("pptx") is None:
        raise RunError("slides need the package python-pptx", fix="pip install 'promptopt[reports]'")
    deck = Deck(f"Business case: {view.title}", simulated=view.simulated)
    _ask(deck, view)
    _measured(deck, view)
    _compared(deck, view)
    _examples(deck, view)
    _money(deck, view)
    _tornado(deck, view)
    _costs(deck, view)
    _rollout(deck, view)
    _sources(deck, view)
    return deck.saved()


def _slide(deck: Deck, view: CaseView, title: str, marks: Sequence[int] = (1, 2)) -> None:
    """A slide; its speaker's notes have the sources of its figures in full."""
    label = "SIMULATED · " if view.simulated else ""
    deck.slide(
        title,
        f"{label}{view.scenario} · {view.made} · raised numbers are sources: last slide",
    )
    told = {source.mark: source for source in view.sources}
    deck.notes("\n".join(f"[{mark}] {told[mark].kind}: {told[mark].text}" for mark in dict.fromkeys(marks)))


def _marks(lines: Sequence[Line]) -> list[int]:
    return [mark for line in lines for mark in line.told.marks]


def _ask(deck: Deck, view: CaseView) -> None:
    _slide(deck, view, f"Business case: {view.title}", _marks(view.asked))
    glyph, colour = _LOOKS[view.advice]
    deck.box(
        (MARGIN, TOP, _ROOM, 74), [f"{glyph}  {view.headline}"], size=22, least=13, bold=True, colour=colour
    )
    deck.box((MARGIN, TOP + 80, _ROOM, 108), view.reasons, size=15, least=9, bullets=True)
    wide, high, gap = (_ROOM - 2 * 14) / 3, 92.0, 14.0
    for at, line in enumerate(view.asked[:6]):
        left = MARGIN + (at % 3) * (wide + gap)
        top = TOP + 204 + (at // 3) * (high + gap)
        deck.box((left, top, wide, high), [""], fill=SOFT)
        deck.box((left + 8, top + 8, wide - 16, 24), [line.label], size=12, colour=FAINT)
        deck.box((left + 8, top + 34, wide - 16, 50), [line.told], size=19, least=11, bold=True)


def _measured(deck: Deck, view: CaseView) -> None:
    _slide(deck, view, "What was measured", _marks(view.measured))
    rows: list[list[Piece]] = [["", "figure", "note"]]
    rows += [[line.label, line.told, line.note] for line in view.measured]
    height = min(34.0, (_BOTTOM - TOP - HEADING) / (len(rows) - 1))
    deck.table(MARGIN, TOP, [250, 290, _ROOM - 540], rows, size=13, height=height)


def _compared(deck: Deck, view: CaseView) -> None:
    _slide(deck, view, "Optimizers side by side", view.scored.marks)
    if not view.scores:
        deck.box((MARGIN, TOP, _ROOM, 40), ["Nothing was scored."], size=16)
        return
    shown = list(view.scores[:_MOST_SCORES])
    left_out = len(view.scores) - len(shown)
    deck.box((MARGIN, TOP, _ROOM, 22), [Told(view.scored.text, view.scored.marks)], size=12, colour=FAINT)
    labels = [f"{'★ ' if one.chosen else ''}{one_line(one.label, 30)}" for one in shown]
    spans = [(one.low, one.mean, one.high) for one in shown]
    grey = [at for at, one in enumerate(shown) if one.baseline]
    height = min(300.0, 90 + 42.0 * len(shown))
    deck.ranges((MARGIN, TOP + 24, 430, height), labels, spans, "0%", grey)
    rows: list[list[Piece]] = [["optimizer", "score", "gain on today's prompt", "cost"]]
    for label, one in zip(labels, shown, strict=True):
        gain = f"{one.verdict} {one.gain}".strip()
        rows.append([label, Told(one.told, (1,)), gain, one.cost])
    row = min(44.0, (height - HEADING) / len(shown))
    deck.table(MARGIN + 440, TOP + 30, [104, 118, 140, _ROOM - 802], rows, size=11, height=row)
    said = ["Bars are 95 % intervals; where the colour changes is the mean."]
    if left_out:
        said.append(f"{left_out} more optimizers, all with lower scores, are in the other documents.")
    said += [view.chosen_how] if view.chosen_how else []
    deck.box((MARGIN, TOP + 30 + height, _ROOM, _BOTTOM - TOP - 30 - height), said, size=12, colour=FAINT)


def _examples(deck: Deck, view: CaseView) -> None:
    _slide(deck, view, "Examples: before and after", (1,))
    shown = view.examples[:_MOST_EXAMPLES]
    if not shown:
        deck.box(
            (MARGIN, TOP, _ROOM, 40),
            ["There are no examples: nothing was scored with both prompts."],
            size=16,
        )
        return
    worse = next((one for one in view.examples if one.change == "worse"), None)
    if worse is not None and worse not in shown:
        shown = [*shown[:-1], worse]
    high = (_BOTTOM - TOP) / len(shown) - 10
    third = (_ROOM - 20) / 3
    colours = {"better": GOOD, "worse": BAD}
    for at, one in enumerate(shown):
        top = TOP + at * (high + 10)
        said = f"{one.change}: case {one.case}"
        deck.box(
            (MARGIN, top, _ROOM, 22),
            [Told(said, (1,))],
            size=12,
            bold=True,
            colour=colours.get(one.change, INK),
        )
        expected = f" (expected: {one_line(one.expected, 300)})" if one.expected else ""
        columns = (
            ("request", one_line(one.given, 1500) + expected),
            ("today's prompt", one_line(one.before, 1500) or "(nothing)"),
            ("new prompt", one_line(one.after, 1500) or "(nothing)"),
        )
        for column, (label, text) in enumerate(columns):
            left = MARGIN + column * (third + 10)
            deck.box((left, top + 22, third, 18), [label], size=10, colour=FAINT)
            deck.box((left, top + 40, third, high - 40), [text], size=13, least=8, fill=SOFT)


def _money(deck: Deck, view: CaseView) -> None:
    _slide(deck, view, "Business case: ranges, not numbers", (2,))
    labels = [f"{span.label}: {span.told.text}" for span in view.money]
    spans = [(span.low, span.middle, span.high) for span in view.money]
    deck.ranges((MARGIN, TOP, 600, _BOTTOM - TOP - 26), labels, spans, '"$"#,##0;-"$"#,##0')
    said = "First year, unless it says otherwise; middle 90% of the draws; the colour changes at the median."
    deck.box((MARGIN, _BOTTOM - 24, 600, 20), [Told(said, (2,))], size=10, colour=FAINT)
    left = MARGIN + 616
    lines = [
        line for line in view.benefits if line.label in ("ROI", "Paid back after", "Fewer unusable outputs")
    ]
    for at, line in enumerate([*lines, *view.risks[:1]]):
        top = TOP + at * 96
        deck.box((left, top, _ROOM - 616, 86), [""], fill=SOFT)
        deck.box((left + 8, top + 8, _ROOM - 632, 22), [line.label], size=12, colour=FAINT)
        deck.box((left + 8, top + 30, _ROOM - 632, 32), [line.told], size=18, least=10, bold=True)
        deck.box((left + 8, top + 60, _ROOM - 632, 22), [line.note], size=10, colour=FAINT)


def _tornado(deck: Deck, view: CaseView) -> None:
    shown = view.tornado[:_MOST_BARS]
    _slide(deck, view, "What it hangs on", [mark for one in shown for mark in one.marks] or [2])
    if not shown:
        deck.box((MARGIN, TOP, _ROOM, 40), ["Nothing that it rests on has a range."], size=16)
        return
    said = (
        f"Change of the net present value over {view.months} months if one figure moves to its ends; "
        f"all others at their likeliest ({usd(view.base)})."
    )
    deck.box((MARGIN, TOP, _ROOM, 22), [Told(said, (2,))], size=12, colour=FAINT)
    labels = [one_line(one.label, 44) for one in shown]
    low, high = [one.at_low - view.base for one in shown], [one.at_high - view.base for one in shown]
    deck.both_ways((MARGIN, TOP + 24, 500, _BOTTOM - TOP - 28), labels, low, high, '"$"#,##0;-"$"#,##0')
    rows: list[list[Piece]] = [["figure", "from … to", "share of spread", "tips over at"]]
    rows += [
        [Told(one.label, one.marks), one.ends, f"{one.share:.0%}", one.break_even or "never"] for one in shown
    ]
    height = min(46.0, (_BOTTOM - TOP - 40 - HEADING) / len(shown))
    deck.table(MARGIN + 510, TOP + 34, [150, 92, 62, _ROOM - 814], rows, size=10.5, height=height)


def _costs(deck: Deck, view: CaseView) -> None:
    _slide(deck, view, "Costs and risks", [*_marks(view.costs), *_marks(view.risks)])
    half = (_ROOM - 20) / 2
    rows: list[list[Piece]] = [["costs", "range"]]
    rows += [[line.label, line.told] for line in view.costs]
    deck.table(MARGIN, TOP, [half * 0.56, half * 0.44], rows, size=12, height=34)
    risks: list[list[Piece]] = [["risks", "figure", ""]]
    risks += [[line.label, line.told, line.note] for line in view.risks]
    left = MARGIN + half + 20
    end = deck.table(left, TOP, [half * 0.5, half * 0.25, half * 0.25], risks, size=12, height=34)
    deck.box((left, end + 12, half, _BOTTOM - end - 16), view.warnings, size=12, colour=FAINT, bullets=True)


def _rollout(deck: Deck, view: CaseView) -> None:
    gate = view.gate
    if gate.none:
        _slide(deck, view, "Roll-out: none is planned", [view.sources[-1].mark])
        deck.box((MARGIN, TOP, _ROOM, _BOTTOM - TOP), gate.none, size=16, least=9, bullets=True)
        return
    marks = [mark for phase in view.rollout for mark in (*phase.who.marks, *phase.stop.marks)]
    _slide(deck, view, "Roll-out: step by step, each with what stops it", marks)
    if gate.stop:
        _planned(deck, view)
        return
    rows: list[list[Piece]] = [["step", "who", "when", "stop if"]]
    rows += [[phase.name, phase.who, phase.when, phase.stop] for phase in view.rollout]
    end = deck.table(MARGIN, TOP, [190, 210, 140, _ROOM - 540], rows, size=14, height=56, bold_first=True)
    said = [
        "What is stopped goes back to today's prompt, which is kept.",
        "Each step begins only if the one before was not stopped.",
    ]
    deck.box((MARGIN, end + 14, _ROOM, 60), said, size=13, colour=FAINT, bullets=True)


def _planned(deck: Deck, view: CaseView) -> None:
    """A plan with dates: its steps, and below them what ends one and what leads to the next."""
    rows: list[list[Piece]] = [["step", "who", "when"]]
    rows += [[phase.name, phase.who, phase.when] for phase in view.rollout]
    widths = [150, _ROOM - 150 - 200, 200]
    top = TOP
    if view.gate.note:
        deck.box((MARGIN, TOP - 4, _ROOM, 36), [view.gate.note], size=13, least=9, colour=WARN)
        top += 36
    end = deck.table(MARGIN, top, widths, rows, size=14, height=36, bold_first=True)
    half, top = (_ROOM - 20) / 2, end + 16
    columns = [(STOP, view.gate.stop), (ONWARD, view.gate.onward)]
    shown = [(title, told) for title, told in columns if told]
    wide = half if len(shown) > 1 else _ROOM
    for at, (title, told) in enumerate(shown):
        left = MARGIN + at * (half + 20)
        deck.box((left, top, wide, 40), [f"{title}:"], size=13, least=10, bold=True)
        deck.box((left, top + 42, wide, _BOTTOM - top - 42), list(told), size=13, least=8, bullets=True)


def _sources(deck: Deck, view: CaseView) -> None:
    _slide(deck, view, "Sources and assumptions", [source.mark for source in view.sources])
    told = [*view.sources[:2], *(source for source in view.sources if source.kind == "plan")]
    head = [f"[{source.mark}] {source.kind}: {source.text}" for source in told]
    deck.box((MARGIN, TOP - 6, _ROOM, 44), head, size=10, least=8)
    inputs = view.inputs
    half = -(-len(inputs) // 2)
    wide = (_ROOM - 16) / 2
    height = (_BOTTOM - TOP - 82 - HEADING) / half
    for at, part in enumerate((inputs[:half], inputs[half:])):
        rows: list[Sequence[Piece]] = [["", "figure", "range", "from"]]
        rows += [(str(one.mark), one.label, one.told, one.kind) for one in part]
        widths = [24, wide * 0.42, wide - 82 - wide * 0.42, 58]
        deck.table(MARGIN + at * (wide + 16), TOP + 42, widths, rows, size=9, height=height)
    deck.box((MARGIN, _BOTTOM - 36, _ROOM, 36), [_how(view)], size=9, least=8, colour=FAINT)


def _how(view: CaseView) -> str:
    return f"{view.method[2]} Reasons, formulas and all sources: the page and the workbook beside this file."
