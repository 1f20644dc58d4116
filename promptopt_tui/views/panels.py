"""Progress, budget and error categories."""

from promptopt.domain.events import Meter
from promptopt.domain.forecast import Spread
from promptopt.domain.text import one_line
from promptopt.domain.words import ROLES, Role
from promptopt.runs import brackets
from promptopt.runs.standings import Candidate
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, columns, cut, fit, width_of, wrap
from promptopt_tui.views import making
from promptopt_tui.views.chart import course
from promptopt_tui.views.clusters import cluster_lines
from promptopt_tui.views.compliance import withheld
from promptopt_tui.views.header import waiting
from promptopt_tui.views.trials import trials
from promptopt_tui.views.view import View

PHASES = {
    "baseline": "baseline",
    "search": "search",
    "test": "sealed test",
    "tournament": "tournament",
    "generation": "making cases",
    "": "–",
}


def progress(view: View, width: int, height: int) -> list[Line]:
    """Phase, iteration, the evaluation under way, best against seed, and the course of the score."""
    state = view.state
    if state.generation is not None:
        return making.progress(view, state.generation, width, height)
    most = f" of {state.max_iterations}" if state.max_iterations else ""
    lines: list[Line] = [
        columns(
            [("phase ", "muted"), ("over" if state.over else PHASES.get(state.phase, state.phase), "bold")],
            [("iteration ", "muted"), (str(state.iteration), "bold"), (most, "muted")]
            if state.iteration
            else [],
            width,
        ),
        *_stage(view, width),
        _evaluation(view, width),
        _evaluation_note(view, width),
        *_ending(view, width),
    ]
    if state.tournament and not state.tournament.final:
        lines.append(columns([("playing ", "muted"), (brackets.progress(state), "")], [], width))
    seed, best = state.candidates.get(state.seed_id), state.candidates.get(state.best_id)
    if seed and seed.validation:
        lines.append(_score_line("seed", seed, width))
    if best and best.validation and best is not seed:
        lines.append(_score_line("best", best, width))
    if state.trials:
        lines += [[], *trials(view, width)]
    chart = course(state.course(), width, height - len(lines) - 1, state.current_id)
    if chart:
        lines += [[], *chart]
    return lines


def _stage(view: View, width: int) -> list[Line]:
    """Which optimizer is at work, in a run that combines several, and why this one."""
    stage = view.state.stage
    if stage is None or view.state.phase != "search" or view.state.over:
        return []
    said: Line = [(f"stage {stage.number} ", "muted"), (one_line(stage.optimizer, 40), "accent")]
    return [cut([*said, (f"  {one_line(stage.reason, 200)}", "muted")], width)]


def _ending(view: View, width: int) -> list[Line]:
    """When the search may be over, if it goes on as it did."""
    left = view.seconds_left
    if left is None:
        return []
    until = "" if view.status == "paused" else f"until {fm.time_of_day(view.now + left)[:5]}"
    said: Line = [("about ", "muted"), (fm.clock(left), "bold"), (" left", "muted")]
    return [columns(said, [(until, "muted")], width)]


def _evaluation(view: View, width: int) -> Line:
    now = view.progress
    if now is None:
        return [("─" * width, "track")]
    figures = f" {now.done:,}/{now.total:,}"
    room = max(4, width - len(figures))
    passed = now.passed / now.total if now.total else 0.0
    failed = (now.done - now.passed) / now.total if now.total else 0.0
    return [*fm.bar(room, (passed, "━", "good"), (failed, "━", "bad")), (figures, "bold")]


def _evaluation_note(view: View, width: int) -> Line:
    now = view.progress
    if now is None:
        if view.live:
            return [(waiting(view), "muted")]
        return [("nothing is being scored", "muted")]
    left: Line = [(view.name(now.candidate_id), "accent"), (f" on {now.split}", "muted")]
    failed = now.done - now.passed
    right: Line = [(f"✓ {now.passed}", "good"), ("  ", ""), (f"✗ {failed}", "bad" if failed else "muted")]
    return columns(left, right, width)


def _score_line(label: str, candidate: Candidate, width: int) -> Line:
    glyph, _, style = fm.SOURCES[candidate.source]
    left: Line = [(f"{label} ", "muted"), (f"{glyph} ", style)]
    return columns(left, [(fm.interval(candidate.validation), "bold" if label == "best" else "")], width)


def categories(view: View) -> list[tuple[str, int]]:
    """Error categories of the shown candidate with how many cases failed so, the most frequent first."""
    counts = _counts(view, view.shown) if view.shown else {}
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def errors(view: View, width: int, at: int = -1) -> list[Line]:
    """Error categories of the shown candidate as bars, what fails alike, and what might be done about it.

    Args:
        at: the category that the cursor is on; -1 is none.
    """
    shown = view.shown
    if shown is None:
        return [[("no candidate yet", "muted")]]
    ordered = categories(view)
    if not ordered:
        return [*_no_errors(view, shown, width), *cluster_lines(view, width)]
    label = min(max(len(name) for name, _ in ordered), max(8, width // 2))
    digits = max(len(str(number)) for _, number in ordered)
    room = max(3, width - label - digits - 2)
    failed = sum(number for _, number in ordered)
    lines: list[Line] = []
    for place, (name, number) in enumerate(ordered):
        cells = max(1, round(number / failed * room))
        bar: Line = [("▇" * cells, "bad"), (" " * (room - cells), "")]
        named = (fit(name, label), "cursor" if place == at else "")
        lines.append([named, (" ", ""), *bar, (f" {number:>{digits}}", "bold")])
    lines += _trend(shown)
    lines += cluster_lines(view, width)
    if shown.suggestions:
        lines += [[], [(f"what might help, from {shown.feedback_split}", "muted")]]
        for said in shown.suggestions:
            lines += wrap([("· ", "muted"), (one_line(said, LONGEST), "")], width, [("  ", "")])
    return lines


def _trend(shown: Candidate) -> list[Line]:
    """What the candidate fixed and broke, against the prompt it came from."""
    if not shown.fixed and not shown.broken:
        return []
    fixed, broken = len(shown.fixed), len(shown.broken)
    counts: Line = [
        (f"✓ {fixed} fixed", "good"),
        ("  ", ""),
        (f"✗ {broken} broken", "bad" if broken else "muted"),
    ]
    return [[], [*counts, (f"  on {shown.feedback_split}", "muted")]]


def _counts(view: View, shown: Candidate) -> dict[str, int]:
    """Categories from the case marks at hand, else from the last feedback."""
    marks = view.state.marks.get((shown.id, view.split))
    if not marks:
        return dict(shown.categories)
    return marks.failed


def _no_errors(view: View, shown: Candidate, width: int) -> list[Line]:
    score = shown.scores.get(view.split)
    if score and score.passed == score.interval.n:
        said = "✓ every case passes"
        return [[(said, "good")], [(f"{view.name(shown.id)} on {view.split}", "muted")]]
    if view.state.marks.get((shown.id, view.split)):
        return [[("✓ no case failed so far", "good")], [(f"{view.name(shown.id)} on {view.split}", "muted")]]
    return wrap([("Categories of failed cases appear here as the cases are scored.", "muted")], width)


LONGEST = 600
"""Characters of a suggestion that are shown."""

ROOMY = 18
"""Lines from which the budget says in words what its bars show."""


def budget(view: View, width: int, height: int) -> list[Line]:
    """One meter for each budget: spent, reserved, uncertain, held for the test, and the limit."""
    meters = view.state.meters
    if not meters:
        return wrap([("Nothing was spent yet.", "muted")], width)
    mains = [name for name in ("usd", "calls", "tokens", "minutes") if name in meters]
    roles = [name for name in meters if name not in mains and meters[name].limit is not None]
    names = [*mains, *roles]
    label = max(len(_label(name)) for name in (names if width >= 60 else mains or names)) + 1
    lines: list[Line] = []
    for name in names:
        lines += _meter(view, name, meters[name], label, width)
        if height >= ROOMY:
            lines += _details(name, meters[name], label, width)
    lines += _rates(view, width)
    lines += _refusals(view, width)
    lines += _forecast(view, width)
    if height >= ROOMY:
        lines += _by_role(view, width)
    if height < ROOMY and "usd" in meters:
        lines += _details("usd", meters["usd"], 0, width)
    if any(m.held or m.uncertain or m.reserved for m in meters.values()):
        lines.append([("█", "accent"), (" spent ", "muted"), ("▓", "human"), (" reserved ", "muted")])
        lines[-1] += [("▒", "warn"), (" uncertain ", "muted"), ("░", "good"), (" test", "muted")]
    lines += withheld(view, width)
    if view.state.replayed:
        said = f"{fm.plural(view.state.replayed, 'call')} answered from the journal, free"
        lines += wrap([(said, "muted")], width)
    if view.state.simulated:
        roles = view.partly_simulated
        said = f"simulated: the {' and the '.join(roles)} model" if roles else "simulated: no money was spent"
        lines += wrap([(said, "warn")], width)
    return lines


def _label(name: str) -> str:
    return name.replace("_", " ").replace("usd", "money").replace("minutes", "time")


def _meter(view: View, name: str, meter: Meter, label: int, width: int) -> list[Line]:
    head: Line = [(f"{_label(name):{label}}", "muted")]
    value = _value(view, name, meter)
    if not meter.limit:
        return [columns(head, value, width)]
    room = width - max(label, width_of(head) + 1) - width_of(value) - 1
    bar = fm.bar(
        room if room >= 8 else width,
        (meter.spent / meter.limit, "█", "accent"),
        (meter.reserved / meter.limit, "▓", "human"),
        (meter.uncertain / meter.limit, "▒", "warn"),
        (meter.held / meter.limit, "░", "good"),
    )
    return [columns([*head, *bar], value, width)] if room >= 8 else [columns(head, value, width), bar]


def _value(view: View, name: str, meter: Meter) -> Line:
    unknown = name.endswith("usd") and bool(view.state.unpriced)
    if unknown and meter.spent == 0:
        spent: Line = [("unknown", "warn")]
    else:
        spent = [(fm.amount(name, meter.spent), "bold")]
        spent += [("+unknown", "warn")] if unknown else []
    size = width_of(spent)
    limit = f" / {fm.amount(name, meter.limit)}" if meter.limit is not None else "  no limit"
    return [(" " * max(0, 8 - size), ""), *spent, (f"{limit:<10}", "muted")]


def _details(name: str, meter: Meter, indent: int, width: int) -> list[Line]:
    what = [("reserved", meter.reserved), ("for the test", meter.held), ("uncertain", meter.uncertain)]
    said = " · ".join(f"{label} {fm.amount(name, value)}" for label, value in what if value)
    return wrap([(" " * indent, ""), (said, "muted")], width, [(" " * indent, "")]) if said else []


def _refusals(view: View, width: int) -> list[Line]:
    """How many calls at once the models take that have refused some."""
    lines: list[Line] = []
    for role, moved in view.state.endpoints.items():
        held = f"; nothing for {moved.held:.0f} s" if moved.held else ""
        counts = ((moved.refused - moved.late, "refused"), (moved.late, "not answered in time"))
        failed = ", ".join(f"{number} {what}" for number, what in counts if number)
        said = f"{role}: {moved.at_once} of {moved.most} calls at once, {failed}{held}"
        lines += wrap([(said, "warn" if moved.at_once < moved.most else "muted")], width)
    return lines


def _forecast(view: View, width: int) -> list[Line]:
    """What the run was expected to need when it started."""
    forecast = view.state.forecast
    if forecast is None:
        return []
    calls, usd = forecast.total.calls.likely, forecast.total.usd
    parts = [
        fm.plural(round(calls), "call") if calls is not None else "",
        fm.usd(usd.likely) if usd is not None and usd.likely is not None else "",
    ]
    said = " · ".join(part for part in parts if part) or "unknown"
    return _named("forecast", [(said, "muted")], width)


def _named(label: str, value: Line, width: int) -> list[Line]:
    """A label at the left and what it says at the right; on lines of its own if there is no room for both."""
    head: Line = [(label, "muted")]
    if width_of(head) + 1 + width_of(value) <= width:
        return [columns(head, value, width)]
    return wrap([*head, ("  ", ""), *value], width, [("  ", "")])


def _by_role(view: View, width: int) -> list[Line]:
    """What each model took, beside what was likely."""
    state = view.state
    took: list[Role] = [role for role in ROLES if f"{role}_calls" in state.meters]
    foretold = state.forecast.roles if state.forecast else {}
    lines: list[Line] = []
    for role in took if len(took) > 1 else ():
        need = foretold.get(role)
        parts = [
            _beside(f"{role}_calls", state.meters[f"{role}_calls"].spent, need and need.calls) + " calls"
        ]
        if role in state.unpriced:
            parts.append("cost unknown")
        elif f"{role}_usd" in state.meters:
            parts.append(_beside(f"{role}_usd", state.meters[f"{role}_usd"].spent, need and need.usd))
        lines += _named(role, [(" · ".join(parts), "muted")], width)
    return lines


def _beside(name: str, spent: float, likely: Spread | None) -> str:
    """``45 of about 102``."""
    of = likely.likely if likely else None
    return fm.amount(name, spent) + (f" of about {fm.amount(name, of)}" if of is not None else "")


def _rates(view: View, width: int) -> list[Line]:
    """How fast money goes, and where it ends at this rate."""
    meter = view.state.meters.get("usd")
    if meter is None or not meter.spent or view.active_seconds < 1:
        return _pace(view, width)
    rate = meter.spent / view.active_seconds * 60
    line: Line = [(f"{fm.usd(rate)}/min", "")]
    share = view.share_done
    if share and view.live:
        end = meter.spent / share + meter.held
        over = meter.limit is not None and end > meter.limit
        end = min(end, meter.limit) if meter.limit is not None else end
        line += [(f"  ≈ {fm.usd(end)} at the end", "warn" if over else "muted")]
    return [*_named("rate", line, width), *_pace(view, width)]


def _pace(view: View, width: int) -> list[Line]:
    """What the last minute took, each meter."""
    if not view.live:
        return []
    parts: list[str] = []
    for meter, unit in (("usd", ""), ("calls", " calls"), ("tokens", " tokens")):
        rate = view.pace.per_minute(meter)
        if rate is not None:
            parts.append(f"{fm.amount(meter, rate)}{unit}")
    return _named("/min", [(" · ".join(parts), "")], width) if parts else []
