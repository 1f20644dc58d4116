"""The header, the one-line summary of narrow screens, the tabs and the banners."""

from collections.abc import Collection

from promptopt.domain.text import one_line
from promptopt.runs import brackets, drafts
from promptopt_tui import formatting as fm
from promptopt_tui.actions import MAKING, PANELS, TOURNAMENT
from promptopt_tui.paint import Line, columns, cut, width_of, wrap
from promptopt_tui.views import making
from promptopt_tui.views.arrangement import ALL
from promptopt_tui.views.view import View

TITLES = {
    "progress": "Progress",
    "standings": "Standings",
    "prompt": "Prompt",
    "cases": "Cases",
    "errors": "Errors",
    "budget": "Budget",
    "log": "Log",
    "lineage": "Lineage",
    "calls": "Calls",
    "heat": "Heat map",
    TOURNAMENT: "Tournament",
    "coverage": "Coverage",
    "draft": "Case",
    "drafts": "Cases",
    "left-out": "Left out",
}


MOST_LINES = 3
"""Lines of a banner that says what is wrong."""

SHORT = {"progress": "Prg", "prompt": "Prm"}
"""Titles that begin alike, where there is room for three letters."""


def header(view: View, width: int) -> list[Line]:
    """Project, run, status, phase; run time, money. Of these the names give way first.

    The run time leaves pauses out, so it is named where there is room: the log has the time of the clock.
    """
    state = view.state
    glyph, word, style = fm.status_look(view.status)
    named_time = "run time " if width >= 72 else ""
    right: Line = [(named_time, "muted"), (fm.clock(view.active_seconds), ""), ("  ", ""), *money(view)]
    if _simulated(view):
        pill = (" SIMULATED " if width >= 90 else " SIM ", "pill-warn")
        right = [*right, ("  ", ""), pill]
    status: Line = [(f" {glyph} {word} ", f"pill-{style}")]
    asked = "" if state.over else _asked(view)
    phase = "making cases" if state.phase == "generation" else state.phase
    doing = asked or ("" if state.over else phase)
    if doing and (asked or width >= 90):
        status += [("  ", ""), (doing, "warn" if asked else "muted")]
    kept = sum(state.withheld.redacted.values())
    if kept and width >= 110:
        status.append((f"  {fm.plural(kept, 'placeholder')} sent", "muted"))
    project = one_line(state.project or (view.row.project if view.row else ""), 100)
    run_id = view.row.id if view.row else state.run_id
    room = width - width_of(status) - width_of(right) - 4
    named: Line = [(project, "bold"), ("  ", ""), (run_id, "muted")]
    if width_of(named) > room:
        named = cut([(project, "bold")], max(8, room))
    return [columns([*named, ("  ", ""), *status], right, width)]


def _asked(view: View) -> str:
    """What somebody asked for that is to come: a stop, a pause at the next iteration."""
    state, stop = view.state, view.state.stop_requested
    if stop is not None:
        return "ends after this iteration" if stop.after_iteration and state.phase != "test" else "stopping"
    return "pauses at the next iteration" if state.stepping else ""


def money(view: View) -> Line:
    """``$0.42 / $5.00``; what is unknown is said to be unknown."""
    meter = view.state.meters.get("usd")
    if meter is None:
        return [("–", "muted")]
    spent = None if view.state.unpriced and meter.spent == 0 else meter.spent
    line: Line = [(fm.usd(spent), "bold" if spent is not None else "warn")]
    if view.state.unpriced and spent is not None:
        line += [("+unknown", "warn")]
    if meter.limit is not None:
        line += [(f" / {fm.usd(meter.limit)}", "muted")]
    return line


def summary(view: View, width: int) -> list[Line]:
    """One line: where the run stands, for screens that show one panel at a time."""
    state = view.state
    progress = view.progress
    best = state.candidates.get(state.best_id)
    right: Line = []
    if state.generation is not None:
        return [making.summary(view, state.generation, width)]
    if best and best.validation:
        right = [("best ", "muted"), (fm.interval(best.validation), "bold")]
    left: Line = []
    if state.phase and not state.over:
        at_work = state.stage.optimizer if state.stage and state.phase == "search" else state.phase
        left += [(one_line(at_work, 30), "accent"), ("  ", "")]
    if state.iteration:
        left += [("iteration ", "muted"), (str(state.iteration), "bold")]
        left += [(f"/{state.max_iterations}" if state.max_iterations else "", "muted"), ("  ", "")]
    if progress:
        share = progress.done / progress.total if progress.total else 0
        left += fm.bar(8, (share, "━", "accent"))
        left += [(f" {progress.done:,}/{progress.total:,} ", ""), (progress.split, "muted")]
    elif view.live:
        left += [(waiting(view), "muted")]
    return [columns(left, right, width)]


def waiting(view: View) -> str:
    """What a live run without a running evaluation is busy with."""
    state = view.state
    if view.status == "paused":
        return "paused; space goes on"
    if state.version == 0:
        return "waiting for the worker"
    if state.edit and state.edit.waiting:
        return "waiting for an answer: a"
    if state.wishes.waiting and not state.in_flight:
        return "waiting for your consent: a"
    calls = f" · {state.in_flight} in flight" if state.in_flight else ""
    asked = state.meters.get("optimizer_calls")
    writing = "writing a new prompt" if asked is None or asked.reserved else "trying prompts"
    doing = {"search": writing if state.in_flight else "searching", "tournament": "playing"}
    if state.generation and state.phase == "generation":
        return f"making cases: {state.generation.done:,} of {state.generation.plan.count:,}" + calls
    if state.tournament and not state.tournament.final:
        return "playing" + calls
    return doing.get(state.phase, "getting ready") + calls


def key_of(panel: str) -> str:
    """The key that goes to a panel."""
    return "m" if panel == TOURNAMENT else str((PANELS.index(MAKING.get(panel, panel)) + 1) % 10)


def tabs(active: str, panels: Collection[str], width: int) -> list[Line]:
    """The panels and their keys, for screens that show one at a time."""
    there = [panel for panel in ALL if panel in panels]
    line: Line = []
    for letters, gap in ((10, " "), (8, " "), (5, " "), (4, ""), (3, ""), (0, "")):
        line = []
        for panel in there:
            short = SHORT.get(panel, "") if letters == 3 else ""
            if panel == active:
                line.append((f" {key_of(panel)} {TITLES[panel]} ", "pill-accent"))
            else:
                title = (short or TITLES[panel])[:letters]
                line.append((f" {key_of(panel)} {title}".rstrip() + gap, "muted"))
        if width_of(line) <= width:
            break
    return [line]


def banners(view: View, width: int) -> list[Line]:
    """What needs attention, most urgent first; mostly a line each."""
    found: list[tuple[str, Line, Line]] = []
    state = view.state
    if view.problem:
        found.append((" ! store ", [(f"can't be read, trying again: {view.problem}", "bad")], []))
    if view.status == "paused" and state.pause_reason:
        found.append((" ! paused itself ", [(state.pause_reason, "")], _key("space", "try again")))
    if view.status == "interrupted":
        found.append((" ! interrupted ", [("worker died; press R to resume", "")], _key("R", "resume")))
    edit = state.edit
    if edit and edit.waiting and edit.comparison and not state.over:
        _, word, style = fm.VERDICTS[edit.comparison.verdict]
        than = "from" if word == "not distinguishable" else "than"
        against = f" {than} {view.name(edit.against_id)}: {fm.gap(edit.comparison)}"
        said: Line = [("the edit is ", ""), (word, style), (against, "")]
        found.append((" ◆ edit ", said, _key("a", "decide")))
    elif edit and edit.comparison is None and edit.adopted is None and not state.over:
        found.append((" ◆ edit ", [("scoring the edit…", "human"), *_done(view)], []))
    if state.wishes.waiting and view.live:
        found.append(_proposals(view))
    if view.sent and not (edit and edit.comparison is None and edit.adopted is None):
        found.append((" … ", [(view.sent, "muted")], []))
    if state.over and view.status in ("finished", "stopped", "failed"):
        found.append(_ending(view))
    return [each for pill, line, right in found[:3] for each in _banner(pill, line, right, width)]


def _proposals(view: View) -> tuple[str, Line, Line]:
    waiting = view.state.wishes.waiting
    told, since = next(iter(waiting.values()))
    count = "a proposal waits" if len(waiting) == 1 else f"{len(waiting)} proposals wait"
    said: Line = [
        (f"{count} for your consent", "human"),
        (f"  {fm.clock(max(0.0, view.now - since))}", "muted"),
    ]
    if told.reasoning:
        said.append((f"  {one_line(told.reasoning, 200)}", ""))
    return " ◆ proposal ", said, _key("a", "look")


def _key(key: str, what: str) -> Line:
    return [(key, "key"), (f" {what}", "muted")]


def _banner(pill: str, line: Line, right: Line, width: int) -> list[Line]:
    """What needs attention: in one line, or what is wrong in up to :data:`MOST_LINES`."""
    wrong = pill.strip()[0] == "!"
    style = {"!": "pill-bad", "◆": "pill-human", "…": "pill-muted"}.get(pill.strip()[0], "pill-accent")
    whole: Line = [(pill, style), ("  ", ""), *line]
    room = width - width_of(right) - (1 if right else 0)
    if not wrong or width_of(whole) <= room:
        return [columns(whole, right, width)]
    lines = wrap(whole, room, [(" " * (width_of([(pill, style)]) + 2), "")])
    if len(lines) > MOST_LINES:
        rest = [span for each in lines[MOST_LINES - 1 :] for span in (*each, (" ", ""))]
        lines = [*lines[: MOST_LINES - 1], cut(rest, room)]
    return [columns(lines[0], right, width), *lines[1:]]


def _ending(view: View) -> tuple[str, Line, Line]:
    finished = view.state.finished
    assert finished
    if finished.status == "failed":
        return (" ! failed ", [(finished.detail, "")], _key("o", "what to do"))
    line: Line = []
    if finished.comparison:
        glyph, word, style = fm.VERDICTS[finished.comparison.verdict]
        line = [(f"{glyph} {word}", f"{style}-bold"), (" than the seed on the sealed test", "")]
        if finished.comparison.verdict == "not distinguishable":
            line[-1] = (" from the seed on the sealed test", "")
        line += [(f"  {fm.gap(finished.comparison)}", "")]
    elif finished.stop_reason == "scored":
        line = [("the prompt is scored", "")]
    elif view.state.generation is not None:
        line = [(drafts.result(view.state.generation), "")]
    elif not view.state.has_search and view.state.tournament:
        line = [(brackets.leader(view.state) or "nothing was played", "")]
    else:
        line = [(finished.test_note or "no sealed test", "")]
    return (" ✓ result ", line, _key("o", "result"))


def _done(view: View) -> Line:
    progress = view.progress
    edit = view.state.edit
    if progress and edit and progress.candidate_id == edit.candidate_id:
        return [(f"  {progress.done}/{progress.total}", "muted")]
    return []


def _simulated(view: View) -> bool:
    return view.state.simulated or bool(view.row and view.row.simulated)
