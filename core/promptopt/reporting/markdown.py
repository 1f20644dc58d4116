"""A run that is over, as a report in Markdown: verdict, what changed and by what, who did what, the cost."""

import time
from collections.abc import Sequence

from promptopt.domain.markdown import fenced, inline
from promptopt.domain.pii.finding import withheld_in_words
from promptopt.domain.results import EFFECTS, Interval, signed
from promptopt.domain.words import ROLES, Split
from promptopt.runs.aftermath import Aftermath
from promptopt.runs.provenance import Effect, Sentence
from promptopt.runs.standings import Candidate
from promptopt.runs.state import RunState
from promptopt.runs.summary import spending
from promptopt.store.runs import RunRow

NAMED = 12
"""Cases that are named at most."""


def report(state: RunState, row: RunRow, found: Aftermath) -> str:
    """The report. Texts of models, cases and people stand in it as data: they can't change its look.

    Args:
        state: the run's fold.
        row: the run.
        found: what :func:`promptopt.runs.aftermath.aftermath` gathered of it.
    """
    lines = [f"# {inline(row.project)}: run {row.id}", ""]
    if row.simulated:
        lines += ["**Simulated.** Its figures come from the built-in simulator, not from a model.", ""]
    lines += [*_about(state, row), "", "## Verdict", "", *_verdict(state), "", *_scores(state), ""]
    if found.findings:
        lines += ["## Why there is no proven gain", ""]
        for each in found.findings:
            lines += [f"- **{inline(each.what)}**: {inline(each.why)}"]
            lines += [f"  - cases: {_named(each.cases)}"] if each.cases else []
            lines += [f"  - what to do: {inline(each.fix)}"]
        lines.append("")
    if found.trace.steps:
        lines += ["## What changed, sentence by sentence", "", *_sentences(state, found), ""]
        lines += ["## The way there", "", *_steps(state, found), ""]
    if found.acts:
        lines += ["## What people did", ""]
        lines += [f"- {_time(act.at)} {inline(act.text)}" for act in found.acts]
        lines.append("")
    lines += ["## What it took", "", *_spent(state), ""]
    if withheld := _withheld(state):
        lines += ["## What was kept from the models", "", *withheld, ""]
    best = state.candidates.get(state.best_id)
    if best is not None:
        lines += [f"## The prompt ({best.id})", "", fenced(best.text), ""]
        if best.demonstrations:
            lines += [f"It is sent with {len(best.demonstrations)} demonstrations.", ""]
    return "\n".join(lines)


def _about(state: RunState, row: RunRow) -> list[str]:
    models = ", ".join(f"{role}: {inline(model.model)}" for role, model in state.models.items())
    ended = ""
    if state.finished is not None:
        ended = f"; {inline(state.finished.detail or state.finished.stop_reason)}"
    return [
        f"- begun: {_time(row.created_at)}",
        f"- status: {row.status}{ended}",
        f"- optimizer: {inline(row.optimizer)}; {state.iteration} iterations, "
        f"{len(state.candidates)} candidates",
        f"- models: {models or 'none'}",
        "- cases: " + ", ".join(f"{number:,} {split}" for split, number in state.sizes.items()),
    ]


def _verdict(state: RunState) -> list[str]:
    finished = state.finished
    if finished is None:
        return ["The run is not over."]
    comparison = finished.comparison
    if comparison is None:
        if finished.best_id == finished.seed_id and state.has_search:
            said = ["No better prompt was found: the best is the one it began with."]
        else:
            said = ["No claim can be made about new cases."]
        return [*said, *([inline(finished.test_note)] if finished.test_note else [])]
    gap = comparison.difference
    than = "from" if comparison.verdict == "not distinguishable" else "than"
    sizes = "".join(f", {EFFECTS[name]} {signed(value)}" for name, value in comparison.effects.items())
    lines = [
        f"On the sealed test the best prompt is **{comparison.verdict}** {than} the one it began with: "
        f"{_points(gap)} on {gap.n} cases, p = {comparison.p_value:.3g} "
        f"({inline(comparison.method)}){sizes}.",
        "",
        f"It fixed {_named(comparison.fixed)}, and broke {_named(comparison.broken)}.",
    ]
    if finished.must_pass_broken:
        lines += ["", f"Must pass, and broken: {_named(finished.must_pass_broken)}."]
    return lines + (["", inline(finished.test_note)] if finished.test_note else [])


def _scores(state: RunState) -> list[str]:
    splits: list[Split] = ["validation", "test"] if state.has_search else ["train", "validation", "test"]
    lines = [f"| | {' | '.join(splits)} |", "| --- |" + " --- |" * len(splits)]
    seed, best = state.candidates.get(state.seed_id), state.candidates.get(state.best_id)
    for label, candidate in (("prompt to start from", seed), ("best prompt", best)):
        if candidate is not None and not (label == "best prompt" and candidate is seed):
            lines.append(f"| {label} | {' | '.join(_score(candidate, split) for split in splits)} |")
    return lines


def _sentences(state: RunState, found: Aftermath) -> list[str]:
    """The changes by the step that made them last, oldest first."""
    if not found.trace.changes:
        return ["No sentence: what differs is white space, order or demonstrations."]
    lines: list[str] = []
    for place, step in enumerate(found.trace.steps):
        changes = [each for each in found.trace.changes if each.step == place]
        if not changes:
            continue
        effect = found.effects[place]
        did = f", which {_did(effect)}" if effect else ""
        if effect and len(effect.steps) > 1:
            last = found.trace.steps[effect.steps[-1]].candidate_id
            did += f", measured together with all up to {inline(state.name(last))}"
        lines.append(f"- {inline(state.name(step.candidate_id))}{did}")
        for each in changes:
            lines += _sentence(state, each)
    return lines


def _sentence(state: RunState, each: Sentence) -> list[str]:
    said = each.kind
    said += f", first said by {inline(state.name(each.first_in))}" if each.first_in else ""
    said += ", back after it was gone" if each.returned else ""
    before = [f"    - before: {inline(each.before)}"] if each.kind == "changed" else []
    return [f"  - {said}: {inline(each.text)}", *before]


def _steps(state: RunState, found: Aftermath) -> list[str]:
    lines = [
        "| candidate | made by | validation | sentences | cases fixed, broken | reason |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    seed = state.candidates[state.seed_id]
    lines.append(f"| seed | | {_score(seed, 'validation')} | | | |")
    for step, effect in zip(found.trace.steps, found.effects, strict=True):
        candidate = state.candidates[step.candidate_id]
        made_by = "a person" if candidate.source == "human" else candidate.made_by or state.optimizer
        sentences = f"+{step.added} ~{step.changed} -{step.removed}"
        came, went = step.demonstrations
        sentences += f", demonstrations +{came} -{went}" if came or went else ""
        measured = effect is not None and candidate.validation is not None
        cases = f"{len(effect.fixed)}, {len(effect.broken)}" if effect and measured else "–"
        lines.append(
            f"| {inline(state.name(candidate.id))} | {inline(made_by)} | {_score(candidate, 'validation')} "
            f"| {sentences} | {cases} | {inline(candidate.reasoning[:300])} |"
        )
    return lines


def _spent(state: RunState) -> list[str]:
    spent, forecast = spending(state), state.forecast
    cost = "unknown" if spent["cost_usd"] is None else f"${spent['cost_usd']:.4f}"
    lines = ["| | spent | forecast |", "| --- | --- | --- |"]
    foretold = {"money": "–", "calls": "–", "tokens": "–"}
    if forecast is not None:
        need = forecast.total
        foretold["calls"], foretold["tokens"] = _foretold(need.calls.likely), _foretold(need.tokens.likely)
        usd = need.usd.likely if need.usd else None
        foretold["money"] = "–" if usd is None else f"${usd:.4f}"
    lines.append(f"| money | {cost} | {foretold['money']} |")
    lines.append(f"| calls | {spent['calls']:,} | {foretold['calls']} |")
    lines.append(f"| tokens | {spent['tokens']:,} | {foretold['tokens']} |")
    for role in ROLES:
        took = spent["roles"].get(role)
        if took:
            price = "unknown" if took["cost_usd"] is None else f"${took['cost_usd']:.4f}"
            lines.append(f"| {role} | {took['calls']:,} calls, {took['tokens']:,} tokens, {price} | |")
    return lines


def _withheld(state: RunState) -> list[str]:
    kept = state.withheld
    told = withheld_in_words(kept.redacted, kept.calls, kept.refused)
    return [f"- {label}: {words}" for label, words in told]


def _foretold(value: float | None) -> str:
    return "–" if value is None else f"{round(value):,}"


def _score(candidate: Candidate, split: Split) -> str:
    score = candidate.scores.get(split)
    if score is None or not score.interval.n:
        return "–"
    one = score.interval
    return f"{one.mean:.1%} [{one.low:.1%}, {one.high:.1%}]"


def _points(gap: Interval) -> str:
    return f"{gap.mean * 100:+z.1f} points [{gap.low * 100:+z.1f}, {gap.high * 100:+z.1f}]"


def _did(effect: Effect) -> str:
    return f"fixed {_named(effect.fixed)} and broke {_named(effect.broken)} of {effect.n} validation cases"


def _named(cases: Sequence[str]) -> str:
    if not cases:
        return "none"
    more = f" and {len(cases) - NAMED} more" if len(cases) > NAMED else ""
    return f"{len(cases)} ({', '.join(inline(case) for case in cases[:NAMED])}{more})"


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
