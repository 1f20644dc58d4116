"""Prompts that are given to teams: the package, the prompts in use, and what watching them has found."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.deploybook import InUse, Look
from promptopt_tui.paint import Line, Span, cut, fit, wrap
from promptopt_tui.views.outcome import SIMULATED
from promptopt_tui.views.spark import spark

ADVICE: dict[str, tuple[str, str]] = {"deploy": ("✓", "good"), "keep": ("✗", "bad"), "wait": ("≈", "warn")}
"""Glyph and style of what is advised of giving a prompt out."""

NONE: Sequence[Line] = (
    [("No prompt is in use yet.", "bold")],
    [],
    [("Open the result of a run and press ", ""), ("d", "key"), (": it is written as a package for", "")],
    [("a team, and watched from here.", "")],
    [("  promptopt deploy RUN", "accent"), ("   does the same", "muted")],
)

INDENT = 14
"""Cells of the names before what is told."""

LISTED = 60
"""Looks that are listed at most, the newest."""


def package_lines(found: Mapping[str, Any], width: int) -> list[Line]:
    """A package that was written: advice, plan, where it is.

    Args:
        found: as ``promptopt deploy --json`` says it.
    """
    glyph, style = ADVICE.get(found["advice"], ("·", "muted"))
    lines = wrap([(SIMULATED, "warn")], width) if found["simulated"] else []
    lines += wrap([(f"{glyph} ", style), (one_line(found["headline"], 300), "bold")], width, [("  ", "")])
    for reason in found["why"]:
        lines += wrap([("· ", "muted"), (one_line(reason, 400), "")], width, [("  ", "")])
    if not found["gives_new"]:
        said = "The package has the prompt before, so that everybody uses the same one."
        lines += wrap([("! ", "warn"), (said, "")], width, [("  ", "")])
    for note in found["notes"]:
        lines += wrap([("· ", "muted"), (one_line(note, 400), "muted")], width, [("  ", "")])
    low, high = found["interval"]
    figure = f"{found['score']:.1%} [{low * 100:.1f}, {high * 100:.1f}], {fm.plural(found['n'], 'case')}"
    lines += [
        [],
        *_told("deployment", found["deployment_id"], width),
        *_told("test figure", f"{figure}, {found['split']}", width),
        *_told("folder", found["folder"], width),
        *_told("", f"{fm.plural(len(found['files']), 'file')}; begin with index.html", width, "muted"),
        *_told("to watch it", found["monitor"], width, "accent"),
    ]
    for place, terms in enumerate(found["compliance"]):
        lines += _told("" if place else "holds to", terms, width)
    if found["phases"]:
        lines += [[], [("the roll-out", "heading")]]
    for phase in found["phases"]:
        days = f"{phase['begins']} – {phase['ends']}" if phase["ends"] else f"from {phase['begins']}"
        head: Line = [(one_line(phase["name"], 40), "bold"), (f"  {days}  ", "muted")]
        lines += wrap([*head, (one_line(phase["who"], 200), "")], width, [("  ", "")])
        for stop in phase["stop"]:
            lines += wrap([("  stop  ", "warn"), (one_line(stop, 300), "")], width, [(" " * 8, "")])
    return lines


# Prompts in use


def verdict(one: InUse) -> Span:
    """What the last look has found."""
    if one.under_way is not None:
        return ("● looking", "accent") if one.going else ("! broken off", "warn")
    if one.last is None:
        return "not looked", "muted"
    glyph, word, style = fm.WATCHES.get(one.last.verdict, ("·", one.last.verdict, "muted"))
    return f"{glyph} {word}", style


def course(one: InUse, width: int) -> Span:
    """The test figure and the scores of the looks, as bars."""
    scores = [look.score.mean for look in one.looks]
    begun = [one.figure.mean] if one.figure else []
    return (spark([*begun, *scores], width) if scores else ""), "muted"


def bounds(one: InUse) -> Span:
    """The interval of the test figure."""
    figure = one.figure
    return (fm.interval(figure).partition(" ")[2] if figure else "–"), "muted"


def fresh(one: InUse) -> Span:
    """The score of the last look."""
    return ("–", "muted") if one.last is None else (fm.percent(one.last.score.mean), "bold")


def about(one: InUse, width: int) -> list[Line]:
    """A prompt in use: its test figure, the last look, all looks before."""
    row = one.row
    lines = wrap([(SIMULATED, "warn")], width) if row.simulated else []
    named: Line = [(one_line(row.name, 120), "bold"), (f"  {row.id}", "muted")]
    lines += [*wrap(named, width), []]
    if one.figure is None:
        return [*lines, *wrap([("What the store has of it can't be read.", "bad")], width)]
    test = f"{fm.interval(one.figure)}, {fm.plural(one.figure.n, 'case')}, {one.split}, run {row.source_run}"
    lines += _told("test", test, width, "bold")
    lines += _told("in use since", f"{fm.date(row.created_at)}  {', '.join(one.teams)}".rstrip(), width)
    lines += _told("asks", one.model, width)
    lines += _told("advice", one.advice, width) if one.advice else []
    if one.under_way is not None:
        lines += _under_way(one, width)
    if one.last is not None:
        lines += [[], *look_lines(one.last, width)]
    elif one.under_way is None:
        said = "nobody has looked yet: m scores it on fresh cases"
        lines += [[], *wrap([(said, "muted")], width)]
    if len(one.looks) > 1:
        lines += [[], [("looks, the newest first", "heading")]]
        lines += [_history(look, width) for look in reversed(one.looks[-LISTED:])]
    return lines


def _under_way(one: InUse, width: int) -> list[Line]:
    assert one.under_way is not None
    look = one.under_way
    source = one_line(look.source, 80)
    if one.going:
        said: Line = [("● ", "accent"), (f"look {look.n} at {source} goes on: run {look.eval_run}", "")]
    else:
        said = [("! ", "warn"), (f"look {look.n} at {source} broke off; m with the same file goes on", "")]
    return [[], *wrap(said, width, [("  ", "")])]


def look_lines(look: Look, width: int) -> list[Line]:
    """One look in full: verdict and reason, figures, kinds of failure, what the inputs are like."""
    told = look.told
    glyph, word, style = fm.WATCHES.get(look.verdict, ("·", look.verdict, "muted"))
    day = f"  look {told['n']}, {fm.date(told['at'])}, {one_line(told['source'], 80)}"
    lines = wrap([(f" {glyph} {word} ", f"pill-{style}"), (day, "muted")], width, [("  ", "")])
    lines += wrap([(one_line(told["reason"], 400), "")], width)
    passed = f"{told['passed']:,} of {told['cases']:,} pass"
    errors = f", {told['errors']:,} without an answer" if told["errors"] else ""
    lines += _told("fresh", f"{fm.interval(look.score)}, {passed}{errors}", width, "bold")
    fall = told["fall"]
    bounds = f"[{fm.points(-fall['high'])}, {fm.points(-fall['low'])}]"
    lines += _told("difference", f"{fm.points(-fall['fall'])} points {bounds} from the test", width)
    margin = f"a fall of {fall['margin'] * 100:g} points does not matter"
    if told["n"] > 1:
        margin += f"; running sum {told['height']:.1f}, an alarm at {look.alarm:.1f}"
    lines += _told("margin", margin, width, "muted")
    cost = fm.usd(told["usd"]) if not told["simulated"] else "nothing: simulated"
    lines += _told("cost", f"{cost}; run {told['run_id']}", width, "muted")
    for name, count in told["categories"].items():
        new = [("  new: the test had none", "warn")] if name in told["new"] else []
        lines += wrap([(f"{count:8,}  ", "bad"), (one_line(name, 80), ""), *new], width, [(" " * 10, "")])
    if told["failed"]:
        lines += _told("failed", ", ".join(one_line(case, 40) for case in told["failed"]), width, "muted")
    for shift in look.shifted:
        what, then, now = (one_line(shift[name], 80) for name in ("what", "then", "now"))
        lines += _told("! shifted", f"{what}: {then} then, {now} now", width, "warn")
    for split, count in told["known"].items():
        lines += _told("! not fresh", f"{fm.plural(count, 'case')} of {split} of the run", width, "warn")
    return lines


def _history(look: Look, width: int) -> Line:
    told = look.told
    glyph, word, style = fm.WATCHES.get(look.verdict, ("·", look.verdict, "muted"))
    line: Line = [(f"{told['n']:>3}  {fm.date(told['at'])}  ", "muted"), (fit(f"{glyph} {word}", 13), style)]
    line += [(fit(fm.interval(look.score), 19), ""), (fit(f"{told['cases']:,}", 6, "right"), "muted")]
    marks = (
        [f"shifted: {', '.join(one_line(one['what'], 30) for one in look.shifted)}"] if look.shifted else []
    )
    marks += [f"new: {', '.join(one_line(name, 30) for name in told['new'])}"] if told["new"] else []
    return cut([*line, (f"  {'; '.join(marks)}", "warn")], width)


def _told(label: str, text: str, width: int, style: str = "") -> list[Line]:
    indent: Line = [(" " * INDENT, "")]
    return wrap([(fit(label, INDENT), "muted"), (one_line(text, 1000), style)], width, indent)
