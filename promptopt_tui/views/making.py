"""A run that makes cases up: how far it is, the grid, what is left out, and a case in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, Span, columns, cut, fit, text_lines, width_of, wrap
from promptopt_tui.views.view import View

if TYPE_CHECKING:
    from promptopt.domain.dataset import Example
    from promptopt.domain.drafted import GenerationStarted, LeftOut
    from promptopt.runs.drafts import Generation
    from promptopt.synthetic.reviewing import Standing

FAULTS = {
    "repeated": "such a case was there",
    "nearly repeated": "nearly one that was there",
    "malformed": "lacked something",
    "unreadable": "replies without a case",
    "failed": "requests without a reply",
}
"""What a draft was left out for, in words."""

SHADES = "░▒▓"
"""A cell of the grid with some of its cases: less than a third of them, less than two, less than all."""

LABEL = 20
"""Cells of a persona's name."""

REAL, DOUBTFUL = 7.0, 5.0
"""Realism from which on a case seems real, and below which it does not."""

SHOWN = 20_000
"""Characters of a text that are shown."""

EMPTY_NAMED = 8
"""Empty cells that are named, if they are no more."""

BAR = 6
"""Cells of a bar of the grid."""


def summary(view: View, made: Generation, width: int) -> Line:
    """One line: where the making stands."""
    share = made.done / made.plan.count
    left: Line = [("" if view.state.over else "making cases  ", "accent"), *fm.bar(8, (share, "━", "accent"))]
    left += [(f" {made.done:,}/{made.plan.count:,}", "bold")]
    if made.left_out:
        left += [(f"  {sum(made.left_out.values()):,} left out", "muted")]
    return columns(left, _realism(made), width)


def _realism(made: Generation) -> Line:
    """``realism 8.0 [7.6, 8.3] of 40``."""
    mean = made.realism
    if mean is None:
        return []
    bounds = made.realism_bounds
    said: Line = [("realism ", "muted"), (f"{mean:.1f}", real_style(mean) or "bold")]
    said += [(f" [{bounds[0]:.1f}, {bounds[1]:.1f}]", "")] if bounds else []
    rated = sum(score is not None for score in made.ratings.values())
    return [*said, (f" of {fm.count(rated)}", "muted")]


def real_style(score: float | None) -> str:
    """The style of a rating."""
    if score is None:
        return "muted"
    return "good" if score >= REAL else "warn" if score >= DOUBTFUL else "bad"


def progress(view: View, made: Generation, width: int, height: int) -> list[Line]:
    """Made of asked for, how long it may take, replies, what is left out, realism."""
    plan, state = made.plan, view.state
    share = made.done / plan.count
    figures = f" {made.done:,}/{plan.count:,}"
    lines: list[Line] = [
        columns(
            [("phase ", "muted"), ("over" if state.over else "making cases", "bold")],
            [(one_line(plan.title or plan.scenario, 24), "accent")],
            width,
        ),
        [*fm.bar(max(4, width - len(figures)), (share, "━", "accent")), (figures, "bold")],
    ]
    left = view.seconds_left
    if left is not None and view.status != "paused":
        until = f"until {fm.time_of_day(view.now + left)[:5]}"
        lines.append(
            columns(
                [("about ", "muted"), (fm.clock(left), "bold"), (" left", "muted")],
                [(until, "muted")],
                width,
            )
        )
    again = max(0, made.replies - len(made.batches))
    lines += [
        _row("requests", [(f"{len(made.batches):,}", "")], width),
        _row("asked again", [(f"{again:,}", "warn" if again else "muted")], width),
        *_left_out_counts(made, width),
    ]
    if made.noted:
        lines.append(_row("without a usable answer", [(f"{made.noted:,}", "warn")], width))
    if plan.realism:
        lines += _realism_lines(made, width)
    return lines[: max(height, 1)] if height > 0 else lines


def _row(label: str, value: Line, width: int) -> Line:
    return columns([(label, "muted")], value, width)


def _left_out_counts(made: Generation, width: int) -> list[Line]:
    total = sum(made.left_out.values())
    lines = [_row("left out", [(f"{total:,}", "warn" if total else "muted")], width)]
    there = [fault for fault in FAULTS if fault in made.left_out]
    return [*lines, *(_row(f"  {fault}", [(f"{made.left_out[fault]:,}", "")], width) for fault in there)]


def _realism_lines(made: Generation, width: int) -> list[Line]:
    """Mean with its interval, and how many cases have which rating."""
    said = _realism(made)
    if not said:
        return [_row("realism", [("no verdict yet", "muted")], width)]
    lines: list[Line] = [columns(said[:1], said[1:], width)]
    counts = [0] * 11
    for score in made.ratings.values():
        if score is not None:
            counts[max(0, min(10, round(score)))] += 1
    most = max(counts)
    bars: Line = [("0 ", "muted")]
    for score, count in enumerate(counts):
        bars.append((" ▁▂▃▄▅▆▇█"[-(-8 * count // most)] * 2, real_style(float(score))))
    return [*lines, [*bars, (" 10", "muted")]]


# The grid


def cell_names(plan: GenerationStarted, cell: int) -> tuple[str, str, str]:
    """Persona, difficulty and situation of a cell."""
    per_persona = len(plan.difficulties) * len(plan.situations)
    persona, rest = divmod(cell, per_persona)
    difficulty, situation = divmod(rest, len(plan.situations))
    return plan.personas[persona], plan.difficulties[difficulty], plan.situations[situation]


def coverage(view: View, width: int) -> list[Line]:
    """The grid as a map, and of each persona, difficulty and situation how many cases there are."""
    made = view.state.generation
    if made is None:
        return [[("the grid of cases appears here", "muted")]]
    return [*_map(made, width, view.state.over), [], *_by_dimension(made, width), *_empty(made, width)]


def coverage_note(made: Generation) -> str:
    """How many cells are full, thin and empty."""
    full = thin = empty = 0
    for have, want in zip(made.coverage, made.plan.wanted, strict=True):
        if want:
            full += have >= want
            thin += 0 < have < want
            empty += have == 0
    thin_said = f" · {thin:,} thin" if thin else ""
    return f"{full:,} of {full + thin + empty:,} cells full{thin_said} · {empty:,} empty"


def _map(made: Generation, width: int, over: bool) -> list[Line]:
    """A row for each persona, a group for each situation, in it a cell for each difficulty."""
    plan = made.plan
    inner, groups = len(plan.difficulties), len(plan.situations)
    label = min(LABEL, max(map(len, plan.personas)), max(8, width // 4))
    room = width - label - 1
    gap = 1
    if groups * (inner + gap) > room:
        gap = 0
    if groups * (inner + gap) > room:  # too many: one cell for all difficulties together
        inner = 1
    lines: list[Line] = [_heading(groups, inner + gap, label, room)]
    for row, persona in enumerate(plan.personas):
        line: Line = [(fit(persona, label), ""), (" ", "")]
        for group in range(groups):
            for column in range(inner):
                line.append(_glyph(*_figures(made, row, group, column if inner > 1 else None), over))
            line.append((" " * gap, ""))
        lines.append(cut(line, width))
    legend: Line = [
        ("█", "good"),
        (" full ", "muted"),
        ("▒", "warn"),
        (" some ", "muted"),
        ("·", "bad" if over else "muted"),
    ]
    legend += [(" empty   blank: not asked for", "muted")]
    if inner > 1:
        legend += [(f"   from left: {', '.join(plan.difficulties)}", "muted")]
    return [*lines, *wrap(legend, width)]


def _heading(groups: int, size: int, label: int, room: int) -> Line:
    """Numbers above the situations; what they are called stands below the map."""
    said = ""
    for number in range(1, groups + 1):
        place = (number - 1) * size
        if len(said) <= place:
            said = said.ljust(place) + str(number)
    return [(" " * (label + 1), ""), (said[:room], "muted")]


def _figures(made: Generation, persona: int, situation: int, difficulty: int | None) -> tuple[int, int]:
    """Cases that there are and that are wanted; of all difficulties if none is given."""
    plan = made.plan
    inner, groups = len(plan.difficulties), len(plan.situations)
    chosen = range(inner) if difficulty is None else (difficulty,)
    cells = [(persona * inner + each) * groups + situation for each in chosen]
    return sum(made.coverage[cell] for cell in cells), sum(plan.wanted[cell] for cell in cells)


def _glyph(have: int, want: int, over: bool) -> Span:
    if have >= want:
        return ("█", "good") if have else (" ", "")
    return (SHADES[min(2, 3 * have // want)], "warn") if have else ("·", "bad" if over else "muted")


def _by_dimension(made: Generation, width: int) -> list[Line]:
    """Of each dimension its values, in as many columns as fit."""
    lines: list[Line] = []
    for dimension, values in made.by_dimension().items():
        numbered = dimension == "situation"
        digits = max(len(f"{have}/{want}") for have, want in values.values())
        names = [f"{place}. {name}" if numbered else name for place, name in enumerate(values, 1)]
        label = min(24, max(map(len, names)))
        size = label + digits + 2 + BAR
        fits = max(1, (width + 2) // (size + 2))
        cells: list[Line] = []
        for name, (have, want) in zip(names, values.values(), strict=True):
            style = "good" if have >= want else "warn" if have else "bad"
            bar = fm.bar(BAR, (have / want if want else 0.0, "━", style))
            cells.append(
                [(fit(name, label), ""), (" ", ""), *bar, (f" {f'{have}/{want}':>{digits}}", "muted")]
            )
        lines.append([(dimension, "heading")])
        for start in range(0, len(cells), fits):
            line: Line = []
            for cell in cells[start : start + fits]:
                line += [(" " * (2 if line else 0), ""), *cell]
            lines.append(cut(line, width))
    return lines


def _empty(made: Generation, width: int) -> list[Line]:
    """Cells that have no case yet, by name, if they are few."""
    lacking = [cell for cell, want in enumerate(made.plan.wanted) if want and not made.coverage[cell]]
    if not lacking or len(lacking) > EMPTY_NAMED:
        return []
    lines: list[Line] = [[("empty", "heading")]]
    for cell in lacking:
        lines += wrap([("· ", "bad"), (" · ".join(cell_names(made.plan, cell)), "")], width, [("  ", "")])
    return lines


# What was left out


def left_out(view: View, told: Sequence[LeftOut], width: int) -> list[Line]:
    """Counts by reason, and each draft with why, the newest first."""
    made = view.state.generation
    if made is None or not made.left_out:
        return wrap([("Drafts that can't be used appear here, with why.", "muted")], width)
    lines = fault_bars(made.left_out, width)
    for left in list(reversed(told))[:200]:
        lines.append([])
        place = " · ".join(cell_names(made.plan, left.cell)) if left.cell is not None else ""
        lines += wrap([("✗ ", "warn"), (left.fault, "warn"), (f"  {place}", "muted")], width, [("  ", "")])
        lines += wrap([(f"  {one_line(left.reason, 300)}", "")], width, [("  ", "")])
        if left.text:
            lines += wrap([(f"  {one_line(left.text, 300)}", "muted")], width, [("  ", "")])
    return lines


def fault_bars(counts: Mapping[str, int], width: int) -> list[Line]:
    """How many drafts were left out for which reason, as bars."""
    named = [(fault, counts[fault]) for fault in FAULTS if fault in counts]
    named += [(fault, count) for fault, count in counts.items() if fault not in FAULTS]
    label = max(len(fault) for fault, _ in named)
    digits = max(len(f"{count:,}") for _, count in named)
    most = max(count for _, count in named)
    lines: list[Line] = []
    for fault, count in named:
        room = max(3, min(24, width - label - digits - 2))
        bar = "▇" * max(1, round(count / most * room))
        line: Line = [
            (fit(fault, label), ""),
            (" ", ""),
            (bar.ljust(room), "warn"),
            (f" {count:>{digits},}", "bold"),
        ]
        meaning = FAULTS.get(fault, "")
        if width - width_of(line) > len(meaning) + 2:
            line.append((f"  {meaning}", "muted"))
        lines.append(line)
    return lines


def reviewed(standing: Standing | None, width: int) -> list[Line]:
    """How far people are with looking at the cases."""
    if standing is None:
        return []
    done = standing.cases - standing.open
    if not done:
        said: Line = [("nobody has looked at them yet; ", "warn"), ("c", "key"), (" begins", "muted")]
    else:
        said = [(f"{done:,} of {standing.cases:,} looked at: ", "")]
        said += [(f"{standing.kept:,} kept, {standing.edited:,} edited, {standing.dropped:,} dropped", "")]
    return wrap([(f"{'review':14}", "muted"), *said], width, [(" " * 14, "")])


# A case


def about_case(
    plan: GenerationStarted | None,
    cell: int | None,
    score: float | None,
    reason: str,
    width: int,
    *,
    rated: bool = True,
) -> list[Line]:
    """Cell and realism of a case."""
    lines: list[Line] = []
    if plan is not None and cell is not None:
        names = " · ".join(one_line(name, 80) for name in cell_names(plan, cell))
        lines += wrap([("cell     ", "muted"), (names, "bold")], width, [(" " * 9, "")])
    if rated:
        said = "no verdict" if score is None else f"{score:g} of 10"
        line: Line = [("realism  ", "muted"), (said, real_style(score))]
        line.append((f"  {one_line(reason, 300)}" if reason else "", "muted"))
        lines += wrap(line, width, [(" " * 9, "")])
    return lines


def case_text(case: Example, width: int) -> list[Line]:
    """Input and expected output of a case."""
    lines: list[Line] = [[("input", "heading")]]
    lines += text_lines(case.input_text[:SHOWN], width)
    lines += [[], [("expected", "heading")]]
    if case.expected is None:
        return [*lines, [("none", "muted")]]
    return [*lines, *text_lines(case.expected[:SHOWN], width)]


def private_lines(case: Example, width: int) -> list[Line]:
    """Private data in a case, each with where it stands."""
    from promptopt.domain.pii.finding import WORDS
    from promptopt.synthetic.lookover import private_of

    lines: list[Line] = []
    for where, text in (("input", case.input_text), ("expected", case.expected or "")):
        for found in private_of(text):
            said = one_line(text[found.start : found.end], 60)
            line: Line = [
                ("! ", "warn"),
                (WORDS[found.kind][0], "warn"),
                (f" in the {where}: ", "muted"),
                (said, ""),
            ]
            lines += wrap(line, width, [("  ", "")])
    return [[], [("private data", "heading")], *lines] if lines else []


def like_lines(others: Sequence[tuple[str, str]], width: int) -> list[Line]:
    """Cases that one is nearly like: what each is called, and its text."""
    if not others:
        return []
    lines: list[Line] = [[], [("nearly the same", "heading")]]
    for name, text in others[:8]:
        lines += wrap(
            [("≈ ", "warn"), (f"{name}  ", "warn"), (one_line(text, 300), "muted")], width, [("  ", "")]
        )
    return lines
