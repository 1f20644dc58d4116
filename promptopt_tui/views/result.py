"""What a run that is over has to tell beside its figures: why, who, and where each sentence comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, Span, text_lines, wrap
from promptopt_tui.views import diff
from promptopt_tui.views.chart import course
from promptopt_tui.views.view import View

if TYPE_CHECKING:  # what it reads is read in a thread: nobody waits for these modules at a key
    from promptopt.runs.aftermath import Aftermath
    from promptopt.runs.provenance import Effect, Sentence, Step

KINDS: dict[str, tuple[str, str, str]] = {
    "kept": (" ", "as in the seed", "muted"),
    "added": ("+", "added", "good"),
    "changed": ("~", "changed", "accent"),
    "removed": ("-", "removed", "bad"),
}
"""Sign, word and style of what became of a sentence."""

CHART = 8
"""Lines of the course of the score."""

NAMED = 12


def beside(view: View, found: Aftermath | None, again: Mapping[str, Any] | None, width: int) -> list[Line]:
    """What stands between the figures and the prompt: reasons, the course of the score, people's acts."""
    lines: list[Line] = []
    if again:
        lines += [[], *_again(again, width)]
    if found is None:
        return [*lines, [], [("looking where it comes from…", "muted")]]
    if not found.measured:
        lines += [[], [("looking at what each step did…", "muted")]]
    lines += _findings(found, width)
    scored = view.state.course()
    if len(scored) > 1:
        chart = course(scored, width, CHART, view.state.best_id)
        lines += [[], [("course of the validation score", "heading")], *chart]
    lines += _acts(found, width)
    return lines


def _findings(found: Aftermath, width: int) -> list[Line]:
    lines: list[Line] = []
    if found.findings:
        lines += [[], [("why there is no proven gain", "heading")]]
    for each in found.findings:
        lines += wrap([("· ", "warn"), (one_line(each.what), "bold")], width, [("  ", "")])
        lines += text_lines(one_line(each.why), width, "", [("  ", "")])
        if each.cases:
            more = f" and {len(each.cases) - NAMED} more" if len(each.cases) > NAMED else ""
            named = ", ".join(one_line(case, 24) for case in each.cases[:NAMED])
            lines += wrap([(f"  {named}{more}", "muted")], width, [("  ", "")])
        lines += wrap([("  → ", "accent"), (one_line(each.fix), "")], width, [("    ", "")])
    return lines


def _acts(found: Aftermath, width: int) -> list[Line]:
    if not found.acts:
        return []
    lines: list[Line] = [[], [("what people did", "heading")]]
    day = ""
    for act in found.acts:
        line: Line = [(f"{fm.time_of_day(act.at)} ", "muted"), ("◆ ", "human")]
        today = fm.date(act.at)
        if today != day and day:
            line.append((f"{today}  ", "muted"))
        day = today
        lines += wrap([*line, (one_line(act.text, 400), "")], width, [(" " * 11, "")])
    return lines


def _again(again: Mapping[str, Any], width: int) -> list[Line]:
    """A figure that was measured before, and now."""
    word, style = ("holds", "good") if again["holds"] else ("does not hold", "bad")
    glyph = "✓" if again["holds"] else "✗"
    before = f"  the figure of run {again['scored_in']}"
    lines: list[Line] = [[(f" {glyph} {word} ", f"pill-{style}"), (before, "")]]
    for label, key in (("then", "before"), ("now", "after")):
        score = again[key]
        figure = f"{score['score']:.1%} [{score['low']:.1%}, {score['high']:.1%}]"
        lines.append([(f"  {label:12}", "muted"), (figure, "bold" if key == "after" else "")])
    low, high = again["interval"]
    gap = f"{fm.points(again['difference'])} points [{fm.points(low)}, {fm.points(high)}]"
    lines += wrap(
        [("  difference  ", "muted"), (gap, ""), (f"  {one_line(again['method'], 120)}", "muted")],
        width,
        [(" " * 14, "")],
    )
    return lines


# Sentences


def sign(sentence: Sentence) -> Span:
    """The sign of what became of it."""
    glyph, _, style = KINDS[sentence.kind]
    return glyph, style


def made_by(view: View, found: Aftermath, sentence: Sentence) -> str:
    """The candidate that made it what it is; empty if it is as in the seed."""
    if sentence.step is None:
        return ""
    return view.name(found.trace.steps[sentence.step].candidate_id)


def effect_of(found: Aftermath, sentence: Sentence) -> Effect | None:
    """What the step did that made it what it is."""
    return None if sentence.step is None else found.effects[sentence.step]


def counts(effect: Effect | None) -> str:
    """``✓9 ✗1``: cases that were fixed and broken."""
    return f"✓{_short(len(effect.fixed))} ✗{_short(len(effect.broken))}" if effect else ""


def _short(number: int) -> str:
    return str(number) if number < 1000 else f"{number // 1000}k"


def sentence_lines(view: View, found: Aftermath, sentence: Sentence, width: int) -> list[Line]:
    """A sentence in full: what it was, who brought it, and what the step did that brought it."""
    glyph, word, style = KINDS[sentence.kind]
    if sentence.step is None:
        line: Line = [(word, "muted")]
        line += [(", at another place", "muted")] if sentence.moved else []
        line += [(_went_and_came(view, found, sentence), "muted")] if sentence.returned else []
        return [*wrap(line, width), [], *text_lines(sentence.text, width)]
    step = found.trace.steps[sentence.step]
    lines = wrap([(f"{glyph} {word}", f"{style}-bold" if style != "accent" else "heading"),
                  (" by ", "muted"), (_who(view, step), "")], width, [("  ", "")])  # fmt: skip
    if sentence.first_in:
        lines += wrap([("  first said by ", "muted"), (view.name(sentence.first_in), "")], width)
    if sentence.returned:
        lines += wrap([(f"  {_went_and_came(view, found, sentence).lstrip(', ')}", "muted")], width)
    elif len(sentence.steps) > 1:
        names = ", ".join(view.name(found.trace.steps[each].candidate_id) for each in sentence.steps)
        lines += wrap([("  touched by ", "muted"), (names, "")], width, [("    ", "")])
    lines.append([])
    if sentence.kind == "changed":
        lines += diff.against(sentence.before, sentence.text, width) or diff.unified(
            sentence.before, sentence.text, width
        )
    else:
        lines += text_lines(sentence.text, width, {"removed": "bad"}.get(sentence.kind, ""))
    return [*lines, [], *step_lines(view, found, step, width)]


def step_lines(view: View, found: Aftermath, step: Step, width: int) -> list[Line]:
    """What a step did: to the score, to the cases, beside this sentence; and its reason."""
    place = found.trace.steps.index(step)
    effect = found.effects[place]
    candidate = view.state.candidates[step.candidate_id]
    before, after = ends(found, place)
    parent, measured = view.state.candidates[before], view.state.candidates[after]
    lines: list[Line] = []
    scores = f"{fm.interval(parent.validation)} → {fm.interval(measured.validation)}"
    lines += wrap([("validation  ", "muted"), (scores, "bold")], width, [(" " * 12, "")])
    if effect is None:
        said = (
            "no case was scored under it and under a prompt before it"
            if found.measured
            else "not measured yet"
        )
        lines += wrap([(said, "muted")], width)
    else:
        if len(effect.steps) > 1:
            said = f"{len(effect.steps)} steps together, {view.name(before)} to {view.name(after)}"
            lines += wrap([("measured as ", "muted"), (said, "warn")], width, [(" " * 12, "")])
        broken = (f"✗ {len(effect.broken)} broken", "bad" if effect.broken else "muted")
        line: Line = [("cases       ", "muted"), (f"✓ {len(effect.fixed)} fixed", "good"), ("  ", ""), broken]
        line.append((f"  of {effect.n:,} that both were scored on", "muted"))
        lines += wrap(line, width, [(" " * 12, "")])
        if effect.better or effect.worse:
            said = f"{effect.better} others score higher, {effect.worse} lower"
            lines += wrap([(" " * 12, ""), (said, "muted")], width, [(" " * 12, "")])
    lines += wrap([("the step    ", "muted"), (_changes(step), "")], width, [(" " * 12, "")])
    if candidate.reasoning:
        lines += wrap(
            [("reason      ", "muted"), (one_line(candidate.reasoning, 600), "")], width, [(" " * 12, "")]
        )
    return lines


def ends(found: Aftermath, place: int) -> tuple[str, str]:
    """Ids of the candidates that the effect of a step lies between."""
    effect = found.effects[place]
    steps = effect.steps if effect else range(place, place + 1)
    return found.trace.steps[steps[0]].parent_id, found.trace.steps[steps[-1]].candidate_id


def _changes(step: Step) -> str:
    parts = [
        fm.plural(number, f"sentence {word}", f"sentences {word}")
        for number, word in ((step.added, "added"), (step.changed, "changed"), (step.removed, "removed"))
        if number
    ]
    came, went = step.demonstrations
    parts += [fm.plural(came, "demonstration more", "demonstrations more")] if came else []
    parts += [fm.plural(went, "demonstration less", "demonstrations less")] if went else []
    parts += ["white space"] if step.spacing else []
    alone = step.added + step.changed + step.removed + came + went == 1
    return ", ".join(parts or ["order of the sentences"]) + (
        "" if alone else "; its effect is of all together"
    )


def _who(view: View, step: Step) -> str:
    candidate = view.state.candidates[step.candidate_id]
    if candidate.source == "human":
        return f"{view.name(candidate.id)}, a person"
    return f"{view.name(candidate.id)}, {one_line(candidate.made_by or view.state.optimizer, 40)}"


def _went_and_came(view: View, found: Aftermath, sentence: Sentence) -> str:
    names = [view.name(found.trace.steps[each].candidate_id) for each in sentence.steps]
    return f", out and back again ({', '.join(names)})"


def nothing_changed(view: View) -> Sequence[Line]:
    """What to say in place of the sentences, where there is none to show."""
    finished = view.state.finished
    if not view.state.has_search:
        return [[("this run looked for no better prompt", "muted")]]
    if finished is not None and finished.best_id == finished.seed_id:
        return [[("nothing: the best prompt is the one it began with", "muted")]]
    return [[("no prompt to look at", "muted")]]
