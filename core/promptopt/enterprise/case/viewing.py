"""A business case as its documents show it: each figure in words, with the marks of its sources."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from promptopt.domain import figures as fm
from promptopt.domain.results import Interval
from promptopt.domain.text import one_line, sanitize
from promptopt.enterprise.case.advice import chance
from promptopt.enterprise.case.calculator import BusinessCase
from promptopt.enterprise.case.evidence import Evidence, Usage
from promptopt.enterprise.case.quantity import Quantity
from promptopt.enterprise.case.ranges import CONFIDENCE, Range
from promptopt.enterprise.case.steps import gate_of, source_of, steps_of
from promptopt.enterprise.consistency import MEASURES, Consistency
from promptopt.reporting.business.money import usd
from promptopt.reporting.business.views import (
    Bar,
    CaseView,
    Example,
    Gate,
    Input,
    Kind,
    Line,
    Phase,
    Result,
    Score,
    Source,
    Span,
    Told,
)

if TYPE_CHECKING:
    from promptopt.enterprise.deployment.rollout import RolloutPlan

RUN, COMPUTED = 1, 2
"""Marks of the evidence and of the computation; the quantities have those after them."""

BARS = 10
BREAK_EVENS = 5

BASELINE = "today's prompt"

_SCENARIOS = {
    "general": "General",
    "customer_support": "Customer support",
    "internal_email": "Internal e-mail",
    "content_creation": "Content creation",
    "technical_documentation": "Technical documentation",
}

_UNITS = {
    "minutes": " min",
    "hours": " h",
    "months": " months",
    "tokens": " tokens",
    "points": " points",
    "usd/M tokens": "/M tokens",
}

_MEASURED = ("gain", "failing", "tokens_in_today", "tokens_out_today", "tokens_in_new", "tokens_out_new")


def view_of(case: BusinessCase, plan: "RolloutPlan | None" = None) -> CaseView:
    """What documents show of a case."""
    evidence = case.evidence
    names = [*_MEASURED, *(name for name in case.quantities if name not in _MEASURED)]
    marks = {name: COMPUTED + 1 + at for at, name in enumerate(names)}
    inputs = [_input(name, case.quantities[name], marks[name]) for name in names]
    plan_mark = COMPUTED + 1 + len(names)
    return CaseView(
        title=one_line(evidence.title, 90),
        scenario=_SCENARIOS.get(case.assumptions.scenario, one_line(case.assumptions.scenario, 40)),
        made=time.strftime("%Y-%m-%d"),
        simulated=case.simulated,
        advice=case.advice,
        headline=case.headline,
        reasons=case.reasons,
        asked=_asked(case, marks),
        measured=_measured(evidence),
        scores=_scores(evidence),
        scored=Told(f"mean score with 95 % interval; {evidence.where}{_corrected(evidence)}", (RUN,)),
        chosen_how=one_line(evidence.note, 300),
        examples=_examples(evidence),
        money=_spans(case),
        benefits=_benefits(case),
        costs=_costs(case, marks),
        risks=_risks(case),
        warnings=case.risk_mitigation.notes,
        tornado=_tornado(case, marks),
        base=case.npv.base,
        rollout=steps_of(plan, plan_mark) if plan else _rollout(case, marks),
        gate=gate_of(plan, plan_mark, _against(case)) if plan else Gate(),
        inputs=inputs,
        results=_results(case),
        sources=[*_sources(case, inputs), *([source_of(plan, plan_mark)] if plan else ())],
        method=_method(case),
        months=int(case.quantities["horizon_months"].value),
        first_prompt=sanitize(evidence.first_prompt, 20_000),
        best_prompt=sanitize(evidence.best_prompt, 20_000),
    )


def amount(one: Quantity, value: float) -> str:
    """A value of a quantity in words: ``$45``, ``20%``, ``6 min``."""
    if one.unit == "share":
        return f"{value * 100:,.3g}%"
    if one.unit == "points":
        return f"{fm.points(value)} points"
    if one.unit == "usd":
        return f"${value:,.2f}" if value % 1 and value < 1000 else f"${value:,.0f}"
    number = f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
    return f"${number}/M tokens" if one.unit == "usd/M tokens" else number + _UNITS.get(one.unit, "")


def span_in_words(one: Quantity) -> str:
    """``30 to 60, likeliest 45``; a fixed one as it is."""
    if one.fixed:
        return amount(one, one.value)
    middle = "mean" if one.source == "measured" else "likeliest"
    return f"{ends_in_words(one)}, {middle} {amount(one, one.value).removesuffix(_UNITS.get(one.unit, ''))}"


def ends_in_words(one: Quantity) -> str:
    """``30 to 60 min``."""
    low, high, unit = amount(one, one.low), amount(one, one.high), _UNITS.get(one.unit, "")
    return f"{low.removesuffix(unit)} to {high}" if unit else f"{low} to {high}"


def _input(name: str, one: Quantity, mark: int) -> Input:
    return Input(
        name=name,
        label=one_line(one.label, 120),
        unit={"usd": "USD", "usd/M tokens": "USD per million tokens"}.get(one.unit, one.unit),
        low=one.low,
        value=one.value,
        high=one.high,
        kind=one.source,
        why=one_line(one.why, 300),
        mark=mark,
        told=span_in_words(one),
        editable=name not in _MEASURED,
    )


def _sources(case: BusinessCase, inputs: Sequence[Input]) -> list[Source]:
    evidence = case.evidence
    runs = f"; runs {', '.join(evidence.run_ids)}" if len(evidence.run_ids) > 1 else ""
    model = f"; model {one_line(evidence.model, 120)}" if evidence.model else ""
    measured: Kind = "measured"
    return [
        Source(RUN, measured, f"{evidence.where}{model}{runs}"),
        Source(
            COMPUTED,
            "computed",
            f"computed from {len(inputs)} figures (marks {inputs[0].mark} to {inputs[-1].mark}): "
            f"{case.draws:,} draws, seed {case.seed}; ranges are the middle {CONFIDENCE:.0%} of them"
            + ("; rests on simulated figures" if case.simulated else ""),
        ),
        *(Source(one.mark, one.kind, f"{one.label}: {one.told}. {one.why}") for one in inputs),
    ]


def _asked(case: BusinessCase, marks: dict[str, int]) -> list[Line]:
    people = case.quantities["people"]
    return [
        Line("Set-up, once", _computed(case.setup_costs)),
        Line("Running, first year", _computed(case.ongoing_costs)),
        Line("For", Told(f"{ends_in_words(people)} people", (marks["people"],))),
        Line("Net benefit, first year", _computed(case.net_benefit)),
        Line("ROI, first year", _computed(case.annual_roi)),
        Line("Paid back after", _computed(case.payback_period)),
    ]


def _computed(one: Range) -> Told:
    return Told(one.ends, (COMPUTED,))


def _measured(evidence: Evidence) -> list[Line]:
    def at(text: str) -> Told:
        return Told(text, (RUN,))

    lines = [
        Line("Score, today's prompt", at(fm.interval(evidence.baseline))),
        Line("Score, new prompt", at(fm.interval(evidence.best))),
    ]
    if evidence.comparison is not None:
        found = evidence.comparison
        p = found.p_value if found.p_adjusted is None else found.p_adjusted
        note = f"{fm.VERDICTS[found.verdict][0]} {found.verdict}; p = {p:.2g}, {one_line(found.method, 90)}"
        note += f"; {found.correction}" if found.correction else ""
        lines.append(Line("Difference", at(fm.gap(found)), note))
    elif evidence.note:
        lines.append(Line("Difference", at("none claimed"), one_line(evidence.note, 200)))
    if evidence.passed_before and evidence.passed_after:
        both = f"{fm.interval(evidence.passed_before)} → {fm.interval(evidence.passed_after)}"
        lines.append(Line("Cases that pass every check", at(both)))
    lines += _usage(evidence.before, evidence.after, simulated=evidence.simulated)
    if evidence.consistency is not None:
        lines.append(_agreement(evidence.consistency))
    spent = "price unknown" if evidence.search_usd is None else fm.usd(evidence.search_usd)
    spent = "simulated" if evidence.simulated else spent
    more = f", at most {fm.usd(evidence.search_uncertain_usd)} more" if evidence.search_uncertain_usd else ""
    lines.append(
        Line("Optimization so far", at(f"{fm.plural(evidence.search_calls, 'model call')}, {spent}{more}"))
    )
    return lines


def _usage(before: Usage | None, after: Usage | None, *, simulated: bool) -> list[Line]:
    if before is None or after is None:
        return []

    def both(old: Interval, new: Interval, form: str) -> Told:
        return Told(f"{format(old.mean, form)} → {format(new.mean, form)}", (RUN,))

    lines = [
        Line("Tokens sent a request", both(before.tokens_in, after.tokens_in, ",.0f"), "means"),
        Line("Tokens generated a request", both(before.tokens_out, after.tokens_out, ",.0f"), "means"),
    ]
    if simulated:
        return lines  # nobody waits for a simulation, or pays for one
    lines.append(Line("Seconds until the answer", both(before.seconds, after.seconds, ",.2g"), "means"))
    if before.usd is not None and after.usd is not None:
        shown = f"{fm.usd(before.usd.mean)} → {fm.usd(after.usd.mean)}"
        lines.append(Line("Model cost a request", Told(shown, (RUN,)), "means"))
    return lines


def _agreement(found: Consistency) -> Line:
    said = {
        "reached": "goal reached",
        "missed": "goal missed",
        "not distinguishable": "not told from the goal",
    }
    note = (
        f"goal {found.goal:.0%}: {said[found.verdict]}; {MEASURES[found.measure]}; "
        f"{found.tasks} tasks, {found.outputs} outputs"
    )
    return Line("Agreement of outputs for one task", Told(fm.interval(found.agreement), (RUN,)), note)


def _corrected(evidence: Evidence) -> str:
    """How the gains of the optimizers are corrected for their number."""
    found = {one.gain.correction for one in evidence.contenders if one.gain is not None}
    return "".join(f"; gains {said}" for said in found if said)


def _scores(evidence: Evidence) -> list[Score]:
    shown: list[Score] = []
    for one in evidence.contenders:
        if one.score is None:
            continue
        gain, verdict = "", ""
        if one.gain is not None:
            glyph, word, _ = fm.VERDICTS[one.gain.verdict]
            gain, verdict = fm.gap(one.gain), f"{glyph} {word}"
        baseline = one.label == "none"
        price = "simulated" if evidence.simulated else "price unknown" if one.usd is None else fm.usd(one.usd)
        cost = "" if baseline else f"{price}, {one.calls:,.0f} calls"
        shown.append(
            Score(
                label=BASELINE if baseline else one_line(one.label, 50),
                mean=one.score.mean,
                low=one.score.low,
                high=one.score.high,
                told=fm.interval(one.score),
                gain=gain,
                verdict=verdict,
                cost=cost,
                chosen=one.chosen,
                baseline=baseline,
            )
        )
    return sorted(shown, key=lambda one: (-one.mean, one.label))


def _examples(evidence: Evidence) -> list[Example]:
    return [
        Example(
            case=one_line(pair.case_id, 60),
            given=sanitize(pair.given, 1500),
            expected=sanitize(pair.expected, 1500),
            before=sanitize(pair.before, 1500),
            after=sanitize(pair.after, 1500),
            change=pair.change,
        )
        for pair in evidence.pairs
    ]


def _spans(case: BusinessCase) -> list[Span]:
    months = int(case.quantities["horizon_months"].value)

    def span(label: str, one: Range, sign: int = 1) -> Span:
        ends = sorted((sign * one.low, sign * one.high))
        shown = one.model_copy(update={"low": ends[0], "high": ends[1]})
        return Span(label, ends[0], sign * one.middle, ends[1], Told(shown.ends, (COMPUTED,)))

    return [
        span("Time saved", case.time_savings),
        span("Errors avoided", case.quality_improvements),
        span("Model cost", case.cost_reductions),
        span("Set-up", case.setup_costs, -1),
        span("Running", case.ongoing_costs, -1),
        span("Net, first year", case.net_benefit),
        span(f"Net present value, {months} months", case.npv),
    ]


def _benefits(case: BusinessCase) -> list[Line]:
    return [
        Line("Fewer unusable outputs", _computed(case.fewer_unusable), "of the requests with the new prompt"),
        Line("People's time saved", _computed(case.hours_saved), "hours, first year"),
        Line("Worth of the time put to use", _computed(case.time_savings), "first year"),
        Line("Worth of errors avoided", _computed(case.quality_improvements), "first year"),
        Line("Model cost saved", _computed(case.cost_reductions), "first year; less than 0: it is dearer"),
        Line("Net benefit", _computed(case.net_benefit), "first year, set-up included"),
        Line("ROI", _computed(case.annual_roi), "net benefit over all costs, first year"),
        Line("Paid back after", _computed(case.payback_period)),
        Line("Net present value", _computed(case.npv), f"{case.npv.limit} months, discounted"),
    ]


def _costs(case: BusinessCase, marks: dict[str, int]) -> list[Line]:
    named = ("setup_hours", "training_hours", "optimization_usd", "maintenance_hours", "monitoring_usd")
    return [
        Line("Set-up, once", _computed(case.setup_costs)),
        Line("Running, a year", _computed(case.ongoing_costs)),
        *(
            Line(case.quantities[name].label, Told(span_in_words(case.quantities[name]), (marks[name],)))
            for name in named
        ),
    ]


def _risks(case: BusinessCase) -> list[Line]:
    risk = case.risk_mitigation
    limit = case.npv.limit
    lines = [
        Line("Chance of a loss", Told(chance(risk.chance_of_loss), (COMPUTED,)), f"over {limit} months"),
        Line("Chance that the new prompt is worse", *_worse(case)),
        Line(
            "Chance that it is not paid back",
            Told(chance(risk.chance_of_no_payback), (COMPUTED,)),
            f"within {limit} months",
        ),
        Line("Fewer unnoticed errors, first year", _computed(risk.errors_avoided)),
    ]
    broken = case.evidence.must_pass_broken
    if broken:
        named = one_line(", ".join(broken), 120)
        lines.append(Line("Must pass, and broken", Told(f"{len(broken)}: {named}", (RUN,))))
    return lines


def _worse(case: BusinessCase) -> tuple[Told, str]:
    """Where the test can't tell the two apart, draws of its interval tell no chance either."""
    found = case.evidence.comparison
    if found is None or found.verdict == "not distinguishable":
        return Told("not told", (RUN,)), "the sealed test could not tell the two apart" if found else ""
    return Told(chance(case.risk_mitigation.chance_of_worse), (COMPUTED,)), ""


def _tornado(case: BusinessCase, marks: dict[str, int]) -> list[Bar]:
    found = [one for one in case.influences if one.swing > 0][:BARS]
    return [
        Bar(
            label=one_line(one.quantity.label, 70),
            ends=ends_in_words(one.quantity),
            at_low=one.at_low,
            at_high=one.at_high,
            share=one.share,
            break_even="" if one.break_even is None else amount(one.quantity, one.break_even),
            marks=(COMPUTED, marks[one.name]),
        )
        for one in found
    ]


def _against(case: BusinessCase) -> str:
    """The headline, if it is no recommendation."""
    return "" if case.advice == "recommended" else case.headline


def _rollout(case: BusinessCase, marks: dict[str, int]) -> list[Phase]:
    evidence, ramp = case.evidence, case.quantities["ramp_months"]
    floor = evidence.best.low if evidence.best else None
    held = Told(
        f"the score on fresh cases falls below {fm.percent(floor)}, the low end of what was measured", (RUN,)
    )
    gain = Told("people put it right as often as before, counted in fifty outputs", (marks["rework_share"],))
    share = case.quantities["adoption"]
    return [
        Phase(
            "0  Decide", Told("leadership"), "now", Told("the assumptions that matter most are not confirmed")
        ),
        Phase("1  Pilot", Told("one team, volunteers"), "first month", held),
        Phase("2  Half", Told("half of the requests"), f"until month {max(2, round(ramp.value)):.0f}", gain),
        Phase(
            "3  Everybody who wants",
            Told(f"{ends_in_words(share)} of the requests", (marks["adoption"],)),
            "after that",
            Told("the monthly figure of use stays below the low end of adoption", (marks["adoption"],)),
        ),
    ]


def _results(case: BusinessCase) -> list[Result]:
    named = [
        ("setup", "Set-up, once", case.setup_costs),
        ("running", "Running, first year", case.ongoing_costs),
        ("fewer", "Fewer unusable outputs, share of requests", case.fewer_unusable),
        ("hours", "Hours saved, first year", case.hours_saved),
        ("time", "Worth of the time put to use", case.time_savings),
        ("errors", "Fewer unnoticed errors", case.risk_mitigation.errors_avoided),
        ("quality", "Worth of errors avoided", case.quality_improvements),
        ("tokens", "Model cost saved", case.cost_reductions),
        ("net", "Net benefit, first year", case.net_benefit),
        ("roi", "ROI, first year", case.annual_roi),
        ("npv", "Net present value", case.npv),
        ("payback", "Paid back after, months", case.payback_period),
    ]
    return [
        Result(name, label, one.kind, one.low, one.middle, one.high, one.base, one.ends)
        for name, label, one in named
    ]


def _method(case: BusinessCase) -> list[str]:
    return [
        f"Ranges are the middle {CONFIDENCE:.0%} of {case.draws:,} draws (Monte Carlo, seed {case.seed}), "
        "each in a Latin hypercube (McKay, Beckman and Conover 1979).",
        "Assumptions are drawn from PERT distributions of their low, likeliest and high value (Malcolm et "
        "al. 1959; Vose 2008); measured figures so that their 95 % interval holds 95 % of the draws; a "
        "simultaneous one is taken as if it were such, which is on the safe side.",
        "How quality becomes money: what the new prompt gains of what was missing to a full score, times the "
        f"share of that which shows in daily work ({span_in_words(case.quantities['transfer'])}), times the "
        "share of today's outputs that are not usable. A loss counts in full.",
        "Time saved is worth only the share of it that is put to use. Nothing is counted for outputs that "
        "were usable before, unless somebody timed it.",
        "ROI is the net benefit of the first year over all its costs, set-up included.",
        "The sensitivity table moves one figure at a time to its ends, all others at their likeliest; its "
        "share of the spread is by squared rank correlation (Spearman).",
        f"The amounts are rounded to two digits; what follows from the likeliest values is "
        f"{usd(case.npv.base)} over {case.npv.limit} months, which is no forecast.",
    ]
