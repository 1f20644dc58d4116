"""A business case in Markdown."""

from collections.abc import Sequence

from promptopt.domain.markdown import fenced, inline
from promptopt.domain.text import one_line
from promptopt.reporting.business.money import usd
from promptopt.reporting.business.views import ONWARD, SIMULATED, STOP, CaseView, Line, Told

_MARKS = {"recommended": "✓", "not shown": "≈", "against": "✗"}

CHARS = 600
"""Characters of each text of an example."""


def markdown_of(view: CaseView) -> str:
    """The case. Texts of models, cases and people stand in it as data: they can't change its look."""
    label = " (simulated)" if view.simulated else ""
    lines = [f"# Business case: {inline(view.title)}", ""]
    lines += [f"{inline(view.scenario)}, {view.made}", ""]
    if view.simulated:
        lines += [f"**{SIMULATED}.** All figures here rest on the built-in simulator.", ""]
    lines += [f"## {_MARKS[view.advice]} {inline(view.headline)}", ""]
    lines += [f"- {inline(reason)}" for reason in view.reasons]
    lines += ["", f"## What is asked{label}", "", *_table(view.asked)]
    lines += ["", f"## What was measured{label}", "", *_table(view.measured), ""]
    lines += _scores(view, label)
    lines += _examples(view, label)
    lines += [f"## What it brings{label}", "", *_table(view.benefits), ""]
    lines += [f"## What it costs{label}", "", *_table(view.costs), ""]
    lines += _tornado(view, label)
    lines += [f"## Risks{label}", "", *_table(view.risks), ""]
    lines += [f"- {inline(warning)}" for warning in view.warnings]
    lines += _rollout(view, label)
    lines += ["", "## Assumptions and measured figures", "", "| | figure | range | from | why |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {one.mark} | {inline(one.label)} (`{one.name}`) | {inline(one.told)} | {one.kind} | "
        f"{inline(one.why)} |"
        for one in view.inputs
    ]
    lines += ["", "## How it was computed", "", *(f"- {inline(said)}" for said in view.method)]
    lines += ["", "## Sources", ""]
    lines += [f"- [{one.mark}] {one.kind}: {inline(one.text)}" for one in view.sources]
    if view.best_prompt:
        lines += ["", "## The new prompt", "", fenced(view.best_prompt)]
    return "\n".join(lines) + "\n"


def _told(told: Told) -> str:
    marks = "".join(f" [{mark}]" for mark in told.marks)
    return f"{inline(told.text)}{marks}"


def _table(lines: Sequence[Line]) -> list[str]:
    rows = [f"| {inline(line.label)} | {_told(line.told)} | {inline(line.note)} |" for line in lines]
    return ["| | | |", "| --- | --- | --- |", *rows]


def _rollout(view: CaseView, label: str) -> list[str]:
    lines = ["", f"## Roll-out, with what stops it{label}", ""]
    if view.gate.none:
        return [*lines, "None is planned.", "", *(f"- {inline(one)}" for one in view.gate.none)]
    lines += [inline(view.gate.note), ""] if view.gate.note else []
    lines += ["| step | who | when | stop if |", "| --- | --- | --- | --- |"]
    for phase in view.rollout:
        cells = (inline(phase.name), _told(phase.who), inline(phase.when), _told(phase.stop))
        lines.append(f"| {' | '.join(cells)} |")
    for title, told in ((STOP, view.gate.stop), (ONWARD, view.gate.onward)):
        if told:
            lines += ["", f"{title}:", "", *(f"- {_told(one)}" for one in told)]
    return lines


def _scores(view: CaseView, label: str) -> list[str]:
    if not view.scores:
        return []
    lines = [f"## Optimizers side by side{label}", "", f"Score: {_told(view.scored)}.", ""]
    lines += [
        "| optimizer | score | gain on today's prompt | verdict | cost |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in view.scores:
        name = f"**{inline(one.label)}**" if one.chosen else inline(one.label)
        cells = (name, f"{one.told} [1]", inline(one.gain), inline(one.verdict), inline(one.cost))
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *([inline(view.chosen_how), ""] if view.chosen_how else [])]


def _examples(view: CaseView, label: str) -> list[str]:
    if not view.examples:
        return []
    lines = [f"## Examples{label}", ""]
    for one in view.examples:
        lines += [f"### Case {inline(one.case)}: {one.change} [1]", ""]
        parts = [("request", one.given), ("expected", one.expected)]
        for name, text in [*parts, ("today's prompt", one.before), ("new prompt", one.after)]:
            if text:
                lines.append(f"- {name}: {inline(one_line(text, CHARS))}")
        lines.append("")
    return lines


def _tornado(view: CaseView, label: str) -> list[str]:
    lines = [f"## What it hangs on{label}", ""]
    lines += [f"Net present value over {view.months} months; all other figures at their likeliest.", ""]
    lines += ["| figure | from … to | net present value | share of the spread | tips over at |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for one in view.tornado:
        marks = "".join(f" [{mark}]" for mark in one.marks)
        lines.append(
            f"| {inline(one.label)}{marks} | {inline(one.ends)} | {usd(one.at_low)} to {usd(one.at_high)} | "
            f"{one.share:.0%} | {inline(one.break_even) or '–'} |"
        )
    return [*lines, ""]
