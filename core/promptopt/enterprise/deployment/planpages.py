"""A roll-out plan as a document and as a page."""

from collections.abc import Iterable, Sequence

from promptopt.domain.markdown import inline
from promptopt.enterprise.deployment.criteria import STRATEGIES, Criterion
from promptopt.enterprise.deployment.pages import page
from promptopt.enterprise.deployment.rollout import Decision, Phase, RolloutPlan
from promptopt.enterprise.subject import SIMULATED


def plan_html(plan: RolloutPlan) -> str:
    """One page."""
    return page("plan.html.j2", plan=plan, strategy=STRATEGIES[plan.strategy], simulated=SIMULATED)


def plan_markdown(plan: RolloutPlan) -> str:
    """A document."""
    lines = [f"# Roll-out plan: {inline(plan.title)}", ""]
    lines += [f"**Simulated.** Its figures come from {SIMULATED}.", ""] if plan.simulated else []
    lines += ["## Decision", ""]
    for decision in plan.decisions:
        lines += _decision(decision, several=len(plan.decisions) > 1)
    if plan.notes:
        lines += ["## To know", "", *(f"- {inline(note)}" for note in plan.notes), ""]
    if not plan.phases:
        lines += ["There is nothing to roll out, so this plan has no phases.", ""]
        return "\n".join(lines).rstrip() + "\n"
    lines += [f"Strategy: {inline(STRATEGIES[plan.strategy])}.", ""]
    lines += [
        "## In every phase",
        "",
        *_criteria("Stop and go back if one of these holds", plan.phases[0].stop),
    ]
    for number, phase in enumerate(plan.phases, 1):
        lines += _phase(number, phase)
    lines += ["## Going back", ""]
    lines += [f"{number}. {inline(step)}" for number, step in enumerate(plan.rollback, 1)]
    lines += ["", "## Owners", "", "| role | name |", "| --- | --- |"]
    lines += [f"| {inline(role)} | {inline(name) or '…'} |" for role, name in plan.owners.items()]
    return "\n".join(lines).rstrip() + "\n"


def _decision(decision: Decision, *, several: bool) -> list[str]:
    lines = [f"### {inline(decision.name)}", ""] if several else []
    lines += [f"**{inline(decision.headline)}**", ""]
    lines += [f"- {inline(reason)}" for reason in decision.why]
    lines += [f"- {inline(f'New prompt: {decision.new}')}"] if decision.new else []
    lines += [f"- {inline(f'Prompt before: {decision.before}')}"] if decision.before else []
    return [*lines, f"- Source: run {inline(decision.run_id or '?')}", ""]


def _phase(number: int, phase: Phase) -> list[str]:
    until = f"to {phase.ends}" if phase.ends else "and on"
    lines = [f"## Phase {number}: {phase.name}, {phase.begins} {until}", "", f"Who: {inline(phase.who)}", ""]
    for heading, criteria in (
        ("It begins when all of these hold", phase.enter),
        ("The next phase may begin when all of these hold", phase.leave),
    ):
        lines += _criteria(heading, criteria)
    lines += ["**To do**", "", *_boxes(phase.todo), ""]
    return lines


def _criteria(heading: str, criteria: Sequence[Criterion]) -> list[str]:
    if not criteria:
        return []
    told = [f"- [ ] {inline(one.text)} *{inline(f'({one.source})')}*" for one in criteria]
    return [f"**{heading}**", "", *told, ""]


def _boxes(items: Iterable[str]) -> list[str]:
    return [f"- [ ] {inline(item)}" for item in items]
