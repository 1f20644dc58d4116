"""What a proof of concept has come to, as a page for leadership: each figure stands with its source."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from promptopt.domain import figures as fm
from promptopt.domain.compliance import said as said_of
from promptopt.domain.errors import SettingsError
from promptopt.domain.markdown import inline
from promptopt.domain.text import one_line, sanitize
from promptopt.enterprise.case.advice import placeholders
from promptopt.enterprise.case.calculator import BusinessCase
from promptopt.enterprise.case.viewing import view_of
from promptopt.enterprise.compliance import NOT_COVERED, terms
from promptopt.enterprise.consistency import Consistency
from promptopt.enterprise.deployment.rollout import RolloutPlan
from promptopt.enterprise.poc.concluding import Conclusion, spent_json
from promptopt.reporting.business.page import LOOKS
from promptopt.reporting.business.views import SIMULATED
from promptopt.reporting.page import pages

ASSUMED = "computed from the assumptions and figures in business-case.html"


@dataclass(frozen=True)
class Figure:
    """A figure in words, and where it comes from."""

    label: str
    text: str
    source: str


def figures_of(told: Conclusion) -> list[Figure]:
    """The figures that matter, in the order in which they come about."""
    return [
        *_of_norms(told),
        *_of_cases(told),
        *_of_comparison(told),
        *_of_consistency(told),
        *_of_money(told),
    ]


def summary_of(told: Conclusion) -> str:
    """The executive summary as Markdown."""
    lines = [f"# {inline(told.plan.name)}: executive summary", ""]
    if told.simulated:
        lines += [f"**{SIMULATED}.**", ""]
    lines += [f"**{inline(told.headline)}**", ""]
    lines += [f"- {inline(reason)}" for reason in (told.case.reasons if told.case else ())]
    lines += ["", "## Figures", "", "| figure | value | source |", "| --- | --- | --- |"]
    lines += [
        f"| {inline(one.label)} | {inline(one.text)} | {inline(one.source)} |" for one in figures_of(told)
    ]
    for title, listed in (
        ("What comes next", next_steps(told)),
        ("To know", to_know(told)),
        ("Left out", left_out(told)),
    ):
        if listed:
            lines += ["", f"## {title}", "", *(f"- {inline(one)}" for one in listed)]
    lines += ["", f"Proof of concept {told.row.id}; `promptopt poc show {told.row.id}` has all of its runs."]
    return "\n".join(lines) + "\n"


def dashboard_of(told: Conclusion) -> str:
    """All of it as one HTML page that loads nothing and runs no script."""
    return _dashboard(
        told.case,
        told.rollout,
        name=told.plan.name,
        where=told.row.id,
        simulated=told.simulated,
        headline=told.headline,
        figures=figures_of(told),
        steps=next_steps(told),
        known=to_know(told),
        out=left_out(told),
        prompt=sanitize(told.offer.given.prompt.text, 20_000) if told.offer else "",
    )


def dashboard_of_case(case: BusinessCase, plan: RolloutPlan | None) -> str:
    """A business case and a roll-out plan, wherever they come from, as such a page."""
    return _dashboard(
        case,
        plan,
        name=case.evidence.title,
        where=case.evidence.source,
        simulated=case.simulated,
        headline=case.headline,
        figures=list(_of_case(case)),
        steps=list(case.reasons),
        known=[],
        out=[],
        prompt="",
    )


def page_for(given: Any, plan: RolloutPlan | None) -> str:
    """The page of a summary of a proof of concept, or of a business case.

    Raises:
        SettingsError: it is neither.
    """
    conclusion = getattr(getattr(given, "results", None), "conclusion", None)
    if isinstance(conclusion, Conclusion):
        return dashboard_of(conclusion)
    if isinstance(given, BusinessCase):
        return dashboard_of_case(given, plan)
    raise SettingsError(
        f"a {type(given).__name__} is no business case",
        fix="give what create_executive_summary() or calculate_comprehensive_roi() returned",
    )


def _dashboard(
    case: BusinessCase | None,
    plan: RolloutPlan | None,
    *,
    name: str,
    simulated: bool,
    headline: str,
    **parts: Any,
) -> str:
    advice = case.advice if case else "not shown"
    return (
        pages()
        .get_template("poc.html.j2")
        .render(
            name=one_line(name, 120),
            simulated=", simulated" if simulated else "",
            headline=one_line(headline, 400),
            reasons=case.reasons if case else (),
            advice=advice,
            look=LOOKS[advice],
            view=view_of(case) if case else None,
            plan=plan,
            label=SIMULATED,
            made=time.strftime("%Y-%m-%d"),
            **parts,
        )
    )


def record_of(told: Conclusion) -> dict[str, Any]:
    """The same in JSON values."""
    return {
        "poc_id": told.row.id,
        "name": told.plan.name,
        "simulated": told.simulated,
        "headline": told.headline,
        "figures": [asdict(one) for one in figures_of(told)],
        "next_steps": next_steps(told),
        "gate": told.gate.model_dump(mode="json") if told.gate else None,
        "business_case": told.case.as_json() if told.case else None,
        "consistency": {
            name: one.model_dump(mode="json") if one else None
            for name, one in (("today", told.today), ("new", told.new))
        },
        "rollout": _plain(told.rollout.as_json()) if told.rollout else None,
        "deployment_id": told.deployment.id if told.deployment else None,
        "to_know": to_know(told),
        "left_out": dict(told.left_out),
        "compliance": {**said_of(told.plan.compliance.policy()), "terms": terms(told.plan.compliance)},
        "spent": spent_json(told.spent),
        "limits": told.plan.budget.limits(),
    }


def left_out(told: Conclusion) -> list[str]:
    """What the budget did not carry, and norms that nothing was done for, a sentence each."""
    found = [f"{name}: {why}" for name, why in told.left_out.items()]
    return [*found, *(f"compliance, {name}: {NOT_COVERED}" for name in told.plan.compliance.recorded)]


def to_know(told: Conclusion) -> list[str]:
    """What limits the figures, a sentence each."""
    found = [told.evidence.note] if told.evidence and told.evidence.note else []
    models = told.plan.models
    maker, judge, target = (models.get(role) for role in ("generator", "judge", "target"))
    if judge is not None and told.plan.judged:
        if maker is not None and not told.plan.own_cases and judge.model == maker.model:
            found.append(
                f"One model, {one_line(judge.model, 80)}, has made the cases up and judges the outputs: what "
                "it likes is in both. Cases of your own, or another judge (--judge-model), would tell more."
            )
        elif target is not None and judge.model == target.model:
            found.append(f"The judge, {one_line(judge.model, 80)}, is the model that is judged.")
    if told.case is not None and (said := placeholders(told.case.assumptions)):
        found.append(said)
    return found


def next_steps(told: Conclusion) -> list[str]:
    """What to do, a sentence each. What is better and yet is not shown to pay is not rolled out."""
    if told.texts_removed:
        return ["Its texts were removed, since they were older than they may be: these figures are left."]
    if told.offer is None:
        return [
            "Raise the budget (if it is this month's that is short, wait for the next one, or agree to the "
            "emergency budget) and resume: without a comparison nothing can be said."
        ]
    offer, pays = told.offer, told.case is not None and told.case.advice == "recommended"
    steps = [offer.headline, *offer.why]
    if offer.business == "not shown":
        steps.append("Your own figures go into business-case.xlsx, or into a file for --assumptions.")
    if told.rollout and told.rollout.phases:
        first = told.rollout.phases[0]
        begin = "Begin with" if pays else "If you decide to roll it out all the same, begin with"
        steps.append(f"{begin}: {first.who}, {first.begins} to {first.ends} (package/rollout/plan.html).")
    if told.deployment is not None and told.rollout and told.rollout.phases:
        steps.append(f"Once it is in use, watch it: promptopt monitor {told.deployment.id} --cases fresh.csv")
    return steps


def _of_norms(told: Conclusion) -> Iterable[Figure]:
    policy = told.plan.compliance
    for line in terms(policy.model_copy(update={"recorded": []})):
        name, _, said = line.partition(": ")
        yield Figure(
            f"Held to {name}",
            said,
            "named by the organization; [compliance] of each run, promptopt audit. No legal advice",
        )


def _of_cases(told: Conclusion) -> Iterable[Figure]:
    gate = told.gate
    if gate is None:
        return
    made = "made up" if gate.made_up else "given"
    yield Figure(
        "Cases",
        f"{gate.cases} {made}, {gate.sizes['test']} of them sealed",
        gate.source + (", SIMULATED" if gate.simulated else ""),
    )
    yield Figure("Quality of the cases", f"{gate.score:.1f} of 10", "promptopt data validate on cases.jsonl")
    for reason in gate.reasons:
        decided = (
            f"{one_line(told.accepted, 40)} accepted the cases" if told.accepted else "nobody has decided yet"
        )
        yield Figure("The gate objected", reason, f"promptopt data validate on the cases; {decided}")


def _of_comparison(told: Conclusion) -> Iterable[Figure]:
    evidence = told.evidence
    if evidence is None:
        return
    if evidence.baseline is not None:
        yield Figure("Score of today's prompt", _interval(evidence.baseline), evidence.where)
    if evidence.best is not None:
        label = f"Score of the new prompt ({evidence.optimizer})"
        if evidence.same:
            label = "Score of what was found: today's prompt"
        yield Figure(label, _interval(evidence.best), evidence.where)
    if evidence.same:
        yield Figure("Difference", "none: nothing better than today's prompt was found", evidence.where)
    elif evidence.comparison is not None:
        found, least = evidence.comparison, told.plan.least_gain
        corrected = f"; {found.correction}" if found.correction else ""
        yield Figure(
            "Difference",
            f"{fm.gap(found)}: {found.verdict}",
            f"{evidence.where}; {found.interval_name}{corrected}",
        )
        yield Figure(
            f"Criterion: more than {least * 100:.1f} points",
            found.exceeds(least),
            "set before anything was measured; met by a verdict of better whose whole interval lies above "
            f"it{', both corrected' if corrected else ''}",
        )


def _of_consistency(told: Conclusion) -> Iterable[Figure]:
    named: Sequence[tuple[str, Consistency | None]] = (
        ("Consistency today", told.today),
        ("Consistency of the new prompt", told.new),
    )
    for label, one in named:
        if one is not None:
            people = round(one.outputs / max(1, one.tasks), 1)
            yield Figure(
                label,
                f"{_interval(one.agreement, 'task')}, goal {one.goal:.0%}: {one.verdict}",
                f"{one.source}, {one.tasks} tasks as {people:g} people would put them"
                + (", SIMULATED" if one.simulated else ""),
            )


def _of_money(told: Conclusion) -> Iterable[Figure]:
    spent = told.spent
    usd = "unknown, a price is missing" if spent.unpriced else f"${spent.usd:,.2f}"
    more = f" and at most ${spent.uncertain:,.2f} uncertain" if spent.uncertain else ""
    yield Figure(
        "Spent so far", f"{usd}{more}, {spent.calls:,} calls", f"journal of the runs of {told.row.id}"
    )
    if told.case is not None:
        yield from _of_case(told.case)


def _of_case(case: BusinessCase) -> Iterable[Figure]:
    label = ", SIMULATED" if case.simulated else ""
    for name, span in (
        ("Set-up, once", case.setup_costs),
        ("Time saved, first year", case.time_savings),
        ("ROI, first year", case.annual_roi),
        ("Paid back after", case.payback_period),
        ("Net present value", case.npv),
    ):
        yield Figure(name, f"{span.ends} (90% of the draws)", ASSUMED + label)
    risk = case.risk_mitigation.chance_of_loss
    yield Figure("Chance of a loss", f"{risk:.0%}", ASSUMED + label)


def _interval(one: Any, what: str = "case") -> str:
    return f"{one.mean:.1%} [{one.low * 100:.1f}, {one.high * 100:.1f}], {fm.plural(one.n, what)}"


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    """Dates as texts."""
    return {key: value if _is_json(value) else str(value) for key, value in table.items()}


def _is_json(value: Any) -> bool:
    import json

    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
