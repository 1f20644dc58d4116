"""How a run ended, and how a person's edit did."""

from collections.abc import Sequence

from promptopt.domain.results import EFFECTS, Comparison, Interval, signed
from promptopt.domain.text import one_line
from promptopt.runs.standings import Candidate
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, columns, fit, text_lines, wrap
from promptopt_tui.views import tournament
from promptopt_tui.views.compliance import withheld
from promptopt_tui.views.diff import prompt_text
from promptopt_tui.views.quality import quality_lines
from promptopt_tui.views.view import View

SIMULATED = "SIMULATED: these figures come from the built-in simulator, not from a model."
PARTLY = "SIMULATED in part: the built-in simulator was the {} model."


def outcome(view: View, width: int, more: Sequence[Line] = ()) -> list[Line]:
    """Verdict, scores of seed and best, why it stopped, what was spent, ``more``, and the best prompt."""
    finished = view.state.finished
    if finished is None:
        return [[("the run is not over", "muted")]]
    lines: list[Line] = []
    if view.state.simulated:
        lines += [*wrap([(_simulated(view), "warn-bold")], width), []]
    if finished.status == "failed":
        return [*lines, *_failure(view, width), *more]
    if finished.stop_reason == "scored":
        return [*lines, *_evaluation(view, width), *more]
    if view.state.generation is not None:
        return [*lines, *_made(view, width), *more, *_take_cases(view)]
    if not view.state.has_search:
        return [*lines, *_tournament(view, width), *more]
    lines += [*_verdict(view, width), [], *_scores(view, width), []]
    lines += [*_facts(view, width), *more]
    best = view.state.candidates.get(finished.best_id)
    if best is not None:
        title = "best prompt" if best.id != view.state.seed_id else "best prompt: the one you started with"
        lines += [[], [(title, "heading"), (f"   {best.id}", "muted")]]
        lines += [[("  ", ""), *line] for line in prompt_text(best.text, width - 2)]
    lines += [[], [("take it along", "heading")], [("  promptopt export ", ""), (_id(view), "accent")]]
    return lines


def verdict(comparison: Comparison, first: str, second: str, width: int) -> list[Line]:
    """The words, the difference with its interval, and how sure that is."""
    glyph, word, style = fm.VERDICTS[comparison.verdict]
    than = "from" if comparison.verdict == "not distinguishable" else "than"
    pill = f"pill-{style}"
    lines: list[Line] = [
        *wrap([(f" {glyph} {word} ", pill), (f"  {than} {first}", "")], width),
        [],
        columns([("difference", "muted"), ("  ", ""), (fm.gap(comparison), "bold")], [], width),
        [
            ("p-value", "muted"),
            ("     ", ""),
            (f"{comparison.p_value:.3g}", ""),
            (f"  {comparison.method}", "muted"),
        ],
    ]
    lines[-1:] = wrap(lines[-1], width, [(" " * 12, "")])
    for name, value in comparison.effects.items():
        size: Line = [("effect", "muted"), ("      ", ""), (signed(value), "")]
        lines.append([*size, (f"  {EFFECTS[name]}", "muted")])
    fixed, broken = comparison.fixed, comparison.broken
    told: Line = [("cases", "muted"), ("       ", ""), (f"✓ {len(fixed)} fixed", "good"), ("   ", "")]
    told += [(f"✗ {len(broken)} broken", "bad" if broken else "muted")]
    lines += wrap(
        [*told, (f"   of {comparison.difference.n}, by {second}", "muted")], width, [(" " * 12, "")]
    )
    for label, ids in (("fixed", fixed), ("broken", broken)):
        if ids:
            more = f" and {len(ids) - 6} more" if len(ids) > 6 else ""
            listed = ", ".join(fit(case_id, min(len(case_id), 24)) for case_id in ids[:6])
            lines += wrap([(f"  {label}: {listed}{more}", "muted")], width, [("    ", "")])
    return lines


def edit_lines(view: View, width: int) -> list[Line]:
    """How the edit that waits for an answer did."""
    edit = view.state.edit
    if edit is None or edit.comparison is None:
        return [[("the edit is not scored yet", "muted")]]
    lines: list[Line] = []
    if view.state.simulated:
        lines += [*wrap([(_simulated(view), "warn")], width), []]
    lines += verdict(
        edit.comparison, f"the prompt before it ({view.name(edit.against_id)})", "the edit", width
    )
    if edit.breaks:
        lines += wrap([(f"It {one_line(edit.breaks, 400)}: it can't win.", "bad")], width)
    lines.append([])
    for label, candidate_id in (("before", edit.against_id), ("edit", edit.candidate_id)):
        candidate = view.state.candidates.get(candidate_id)
        score = candidate.validation if candidate else None
        lines.append([(f"{label:12}", "muted"), (fm.interval(score), ""), ("  validation", "muted")])
    lines += [[], *wrap([("if you go on from it: ", "muted"), (view.state.on_edit, "")], width)]
    return lines + _meanwhile(view, width)


def _meanwhile(view: View, width: int) -> list[Line]:
    """That the search has gone on since the edit was compared, if it has."""
    state, edit = view.state, view.state.edit
    now = state.candidates.get(state.current_id)
    if edit is None or now is None or now.id == edit.against_id:
        return []
    said = f"Meanwhile the search went on to {view.name(now.id)}: {fm.interval(now.validation)}. "
    return [[], *wrap([(f"{said}Going on from the edit leaves that prompt.", "warn")], width)]


def _simulated(view: View) -> str:
    roles = view.partly_simulated
    return PARTLY.format(" and the ".join(roles)) if roles else SIMULATED


def _verdict(view: View, width: int) -> list[Line]:
    finished = view.state.finished
    assert finished
    if finished.best_id == finished.seed_id and finished.comparison is None:
        lines: list[Line] = [
            [(" ≈ no better prompt found ", "pill-warn"), ("  the seed is still the best", "")]
        ]
        if finished.test_note:
            lines += [[], *wrap([(finished.test_note, "muted")], width)]
        return lines
    if finished.comparison is None:
        note = finished.test_note or "There was no sealed test."
        lines = [[(" not tested ", "pill-muted"), ("  no claim can be made about new cases", "")], []]
        return lines + wrap([(note, "")], width)
    lines = verdict(finished.comparison, "the seed, on the sealed test", "the best prompt", width)
    if finished.must_pass_broken:
        named = ", ".join(fit(name, min(len(name), 24)) for name in finished.must_pass_broken)
        lines += wrap([("  must pass, and broken: ", "bad"), (named, "bad")], width, [("    ", "")])
    return lines + (wrap([(finished.test_note, "muted")], width) if finished.test_note else [])


def _evaluation(view: View, width: int) -> list[Line]:
    """What an evaluation of one prompt gave: there is no search, so nothing to compare with."""
    state = view.state
    lines: list[Line] = [[(" ✓ scored ", "pill-good"), ("  one prompt, without a search", "")], []]
    prompt = state.candidates.get(state.seed_id)
    for split, score in prompt.scores.items() if prompt else ():
        shown: Line = [(f"{split:14}", "muted"), (fm.interval(score.interval), "bold")]
        lines.append([*shown, (f"   {score.passed:,} of {score.interval.n:,} pass", "muted")])
    return [
        *lines,
        [],
        [(f"{'run time':14}", "muted"), (fm.clock(view.active_seconds), "")],
        *_spent(view, width),
    ]


def _made(view: View, width: int) -> list[Line]:
    """What came of making cases up: how many, how good they are, what was left out, what was spent."""
    made = view.state.generation
    assert made
    head = f"{made.done:,} of {made.plan.count:,} cases made"
    lines: list[Line] = [[(head, "bold"), (f"  {one_line(made.plan.title, 40)}", "muted")], []]
    if made.quality:
        lines += [*quality_lines(made.quality, width), []]
    lost = ", ".join(f"{count:,} {fault}" for fault, count in made.left_out.items()) or "none"
    lines += wrap([(f"{'left out':14}", "muted"), (lost, "")], width, [(" " * 14, "")])
    return [*lines, *_facts(view, width)]


def _take_cases(view: View) -> list[Line]:
    commands = ("review", "save")
    return [[], [("take them along", "heading")], *(
        [(f"  promptopt data {command} ", ""), (_id(view), "accent")] for command in commands
    )]  # fmt: skip


def _tournament(view: View, width: int) -> list[Line]:
    """What a run came to that did nothing but play a tournament: its standings, and the champion's prompt."""
    lines = [*tournament.ending(view, width), [], *_facts(view, width)]
    best = view.state.candidates.get(view.state.best_id)
    if best is not None:
        lines += [[], [(view.name(best.id), "heading"), (f"   {best.id}", "muted")]]
        lines += [[("  ", ""), *line] for line in prompt_text(best.text, width - 2)]
    return [*lines, [], [("take it along", "heading")], [("  promptopt export ", ""), (_id(view), "accent")]]


def _scores(view: View, width: int) -> list[Line]:
    state = view.state
    # Where two figures with their intervals have not room enough, the names are short.
    label, names = (14, ("seed prompt", "best prompt")) if width >= 52 else (6, ("seed", "best"))
    size = min(26, (width - label) // 2)
    head: Line = [
        (fit("", label), ""),
        (fit("validation", size), "muted"),
        (fit("sealed test", size), "muted"),
    ]
    lines: list[Line] = [head]
    for name, candidate_id in zip(names, (state.seed_id, state.best_id), strict=True):
        candidate = state.candidates.get(candidate_id)
        style = "bold" if candidate_id == state.best_id else ""
        cells = [
            (fit(fm.interval(_score(candidate, split)), size), style) for split in ("validation", "test")
        ]
        lines.append([(fit(name, label), "muted"), *cells])
    return lines


def _facts(view: View, width: int) -> list[Line]:
    state, finished = view.state, view.state.finished
    assert finished
    rows = [
        (
            "ended",
            # The detail says the same, and how many.
            finished.detail or fm.STOP_REASONS.get(finished.stop_reason, finished.stop_reason),
        ),
        *([("iterations", str(finished.iterations))] if state.has_search else []),
        *([("candidates", str(len(state.candidates)))] if state.generation is None else []),
        ("run time", fm.clock(view.active_seconds)),
    ]
    lines: list[Line] = []
    for label, text in rows:
        lines += wrap([(f"{label:14}", "muted"), (text, "")], width, [(" " * 14, "")])
    return [*lines, *_spent(view, width)]


def _spent(view: View, width: int) -> list[Line]:
    lines: list[Line] = []
    for name in ("usd", "calls", "tokens"):
        meter = view.state.meters.get(name)
        if meter is None:
            continue
        unknown = name == "usd" and bool(view.state.unpriced)
        text = "unknown" if unknown and not meter.spent else fm.amount(name, meter.spent)
        if unknown:
            text += f" (price unknown: {', '.join(view.state.unpriced)})"
        text += f" of {fm.amount(name, meter.limit)}" if meter.limit is not None else ""
        text += f", {fm.amount(name, meter.uncertain)} more uncertain" if meter.uncertain else ""
        line: Line = [(f"{'spent' if name == 'usd' else name:14}", "muted"), (text, "")]
        lines.append([*line, (_foretold(view, name), "muted")])
    return [*lines, *withheld(view, width)]


def _foretold(view: View, name: str) -> str:
    """What the run was expected to need of it."""
    forecast = view.state.forecast
    if forecast is None:
        return ""
    spreads = {"usd": forecast.total.usd, "calls": forecast.total.calls, "tokens": forecast.total.tokens}
    likely = spread.likely if (spread := spreads[name]) else None
    return "" if likely is None else f"   forecast {fm.amount(name, likely)}"


def _failure(view: View, width: int) -> list[Line]:
    finished = view.state.finished
    assert finished
    lines: list[Line] = [[(" ✗ failed ", "pill-bad")], []]
    lines += text_lines(finished.detail or "The worker gave no reason.", width)
    if not view.state.resumable:
        said = "The sealed test was scored before that, so the run can't be resumed."
        return [*lines, [], *wrap([(said, "muted")], width), [], *_spent(view, width)]
    lines += [[], [("what to do", "heading")]]
    lines += wrap(
        [("  Mend what is named above, then press ", ""), ("R", "key"), (" or run", "")], width, [("  ", "")]
    )
    lines += [[("  promptopt resume ", ""), (_id(view), "accent")], []]
    kept = "  What was answered is kept: nothing is paid for twice. "
    frozen = "Prompt, settings and cases of a run are frozen: if they are at fault, start a new one."
    lines += wrap([(kept, "muted"), (frozen, "muted")], width, [("  ", "")])
    return [*lines, [], *_spent(view, width)]


def _score(candidate: Candidate | None, split: str) -> Interval | None:
    score = candidate.scores.get(split) if candidate else None  # type: ignore[call-overload]
    return score.interval if score else None


def _id(view: View) -> str:
    return view.row.id if view.row else view.state.run_id
