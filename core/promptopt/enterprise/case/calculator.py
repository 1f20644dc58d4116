"""The business case of what a run or an experiment has measured, under stated assumptions."""

import math
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.enterprise.case.advice import Advice, advise, headline
from promptopt.enterprise.case.assumptions import GENERAL, Assumptions
from promptopt.enterprise.case.draws import DRAWS, SEED, draw
from promptopt.enterprise.case.evidence import Evidence
from promptopt.enterprise.case.money import Money, money
from promptopt.enterprise.case.quantity import Quantity
from promptopt.enterprise.case.ranges import Kind, Range
from promptopt.enterprise.case.sensitivity import Influence, influences
from promptopt.store.database import Database


@dataclass(frozen=True)
class Risk:
    """What can go wrong, in figures.

    Attributes:
        chance_of_loss: share of the draws whose net present value is below 0.
        chance_of_worse: share of the draws in which the new prompt is worse than today's.
        chance_of_no_payback: share of the draws that are not paid back within the months looked at.
        errors_avoided: unusable outputs that nobody would have noticed, in the first year; negative if more.
        notes: what else is known, a sentence each.
    """

    chance_of_loss: float
    chance_of_worse: float
    chance_of_no_payback: float
    errors_avoided: Range
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        label = "; SIMULATED" if self.errors_avoided.simulated else ""
        return (
            f"chance of a loss {self.chance_of_loss:.0%}, of a worse prompt {self.chance_of_worse:.0%}{label}"
        )


@dataclass(frozen=True)
class BusinessCase:
    """What it costs and what it brings: ranges of the first year, unless they say something else.

    Attributes:
        setup_costs: USD, once.
        ongoing_costs: USD, of the year.
        time_savings: USD, of people's time that is put to use; ``hours_saved`` are all hours.
        quality_improvements: USD, for errors that nobody would have noticed.
        cost_reductions: USD, for tokens; negative if the new prompt is dearer.
        risk_mitigation: chances, and errors avoided.
        payback_period: months.
        annual_roi: net benefit over all costs of the first year, set-up included; percent of 1.
        net_benefit: USD, of the first year, set-up included.
        npv: USD, of all months that are looked at, discounted.
        fewer_unusable: unusable outputs that there are less, as a share of the requests with the new prompt.
        influences: what the net present value hangs on, the strongest first.
        advice: recommended, not shown or against; ``reasons`` say why and ``headline`` says it as a line.
        quantities: all that it was computed from, by name.
        evidence, assumptions: what was measured, and what was assumed.
        draws, seed: of the Monte Carlo computation.
    """

    setup_costs: Range
    ongoing_costs: Range
    time_savings: Range
    hours_saved: Range
    quality_improvements: Range
    cost_reductions: Range
    risk_mitigation: Risk
    payback_period: Range
    annual_roi: Range
    net_benefit: Range
    npv: Range
    fewer_unusable: Range
    influences: tuple[Influence, ...]
    advice: Advice
    headline: str
    reasons: tuple[str, ...]
    quantities: Mapping[str, Quantity]
    evidence: Evidence
    assumptions: Assumptions
    draws: int
    seed: int

    @property
    def simulated(self) -> bool:
        """It rests on simulated figures."""
        return self.evidence.simulated

    def break_even(self, most: int = 5) -> list[Influence]:
        """The strongest influences that have a value at which the case tips over."""
        return [one for one in self.influences if one.break_even is not None][:most]

    def as_json(self) -> dict[str, Any]:
        """In JSON values; an infinite payback is None."""
        ranges = {name: _range_json(value) for name, value in vars(self).items() if isinstance(value, Range)}
        risk = self.risk_mitigation
        return {
            "simulated": self.simulated,
            "source": self.evidence.source,
            "scenario": self.assumptions.scenario,
            "advice": self.advice,
            "headline": self.headline,
            "reasons": list(self.reasons),
            **ranges,
            "risk_mitigation": {
                "chance_of_loss": risk.chance_of_loss,
                "chance_of_worse": risk.chance_of_worse,
                "chance_of_no_payback": risk.chance_of_no_payback,
                "errors_avoided": _range_json(risk.errors_avoided),
                "notes": list(risk.notes),
            },
            "influences": [one.model_dump(mode="json") for one in self.influences],
            "quantities": {name: one.model_dump(mode="json") for name, one in self.quantities.items()},
            "draws": self.draws,
            "seed": self.seed,
        }


class EnterpriseROICalculator:
    """Computes business cases.

    Args:
        assumptions: of all cases that name none of their own; a scenario's name takes its defaults.
        draws, seed: of the Monte Carlo computation; the same ones give the same ranges.
    """

    def __init__(
        self, assumptions: Assumptions | str | None = None, *, draws: int = DRAWS, seed: int = SEED
    ) -> None:
        if draws < 100:
            raise SettingsError(f"{draws} draws tell no range", where="draws", fix="take 100 or more")
        self._assumptions = _assumptions(assumptions)
        self._draws = draws
        self._seed = seed

    def calculate_comprehensive_roi(
        self, poc_results: Any = "latest", assumptions: Assumptions | Mapping[str, Any] | str | None = None
    ) -> BusinessCase:
        """The business case.

        Args:
            poc_results: an ``Evidence``, something that has one as ``evidence``, or the id of a run or an
                experiment.
            assumptions: in place of the calculator's own; a table changes some of these.

        Raises:
            SettingsError: an assumption that can't be used, or nothing that has evidence.
            RunError: there is no such run or experiment.
        """
        evidence = _evidence(poc_results)
        assumed = self._assumptions
        if isinstance(assumptions, Mapping):
            assumed = assumed.changed(assumptions)
        elif assumptions is not None:
            assumed = _assumptions(assumptions)
        quantities = evidence.quantities(assumed)
        drawn = draw(quantities, self._draws, self._seed)
        spread = money(drawn)
        base = money({name: one.value for name, one in quantities.items()})
        return self._case(evidence, assumed, quantities, drawn, spread, base)

    def generate_executive_presentation(
        self, business_case: BusinessCase, path: Path | str | None = None
    ) -> Path:
        """Write a case as slides: :func:`promptopt.enterprise.generate_executive_presentation`."""
        from promptopt.enterprise.case.documents import generate_executive_presentation

        return generate_executive_presentation(business_case, path)

    def _case(
        self,
        evidence: Evidence,
        assumed: Assumptions,
        quantities: Mapping[str, Quantity],
        drawn: Mapping[str, Any],
        spread: Money,
        base: Money,
    ) -> BusinessCase:
        months = int(quantities["horizon_months"].value)

        def span(name: str, kind: Kind = "usd") -> Range:
            one, at = getattr(spread, name), getattr(base, name)
            return Range.of(one, float(at), kind, simulated=evidence.simulated, limit=months)

        npv = span("npv")
        risk = _risk(evidence, drawn, spread, span("errors", "count"))
        hangs_on = influences(quantities, drawn, spread.npv)
        advice, reasons = advise(evidence, npv, risk.chance_of_loss, assumed, hangs_on)
        return BusinessCase(
            setup_costs=span("setup"),
            ongoing_costs=span("running"),
            time_savings=span("time"),
            hours_saved=span("hours", "hours"),
            quality_improvements=span("quality"),
            cost_reductions=span("tokens"),
            risk_mitigation=risk,
            payback_period=span("payback", "months"),
            annual_roi=span("roi", "percent"),
            net_benefit=span("net"),
            npv=npv,
            fewer_unusable=span("fewer", "share"),
            influences=hangs_on,
            advice=advice,
            headline=headline(advice, evidence),
            reasons=tuple(reasons),
            quantities=quantities,
            evidence=evidence,
            assumptions=assumed,
            draws=self._draws,
            seed=self._seed,
        )


def business_case(
    poc_results: Any = "latest", assumptions: Assumptions | Mapping[str, Any] | str | None = None
) -> BusinessCase:
    """The business case, as :meth:`EnterpriseROICalculator.calculate_comprehensive_roi` computes it."""
    return EnterpriseROICalculator().calculate_comprehensive_roi(poc_results, assumptions)


def _risk(evidence: Evidence, drawn: Mapping[str, Any], spread: Money, errors: Range) -> Risk:
    np: Any = import_module("numpy")
    notes = [
        "The draws are independent of each other: that assumptions may go together (dear hours with few "
        "requests) is not modelled.",
        "Only what the assumptions name is counted: no disaster, no change of the model by its provider.",
    ]
    if evidence.n and evidence.n < 30:
        notes.append(f"{evidence.n} cases are few; more of them would narrow the range.")
    return Risk(
        chance_of_loss=float(np.mean(spread.npv < 0)),
        chance_of_worse=float(np.mean(np.asarray(drawn["gain"]) < 0)),
        chance_of_no_payback=float(np.mean(~np.isfinite(spread.payback))),
        errors_avoided=errors,
        notes=tuple(notes),
    )


def _assumptions(given: Assumptions | str | None) -> Assumptions:
    if isinstance(given, Assumptions):
        return given
    return Assumptions.of(given or GENERAL)


def _evidence(given: Any) -> Evidence:
    from promptopt.enterprise.case.gathering import evidence_of

    if isinstance(given, Evidence):
        return given
    own = getattr(given, "evidence", None)
    if isinstance(own, Evidence):
        return own
    if isinstance(given, str):
        with closing(Database.open()) as database:
            return evidence_of(database, given)
    raise SettingsError(
        f"a {type(cast(object, given)).__name__} has no evidence",
        where="calculate_comprehensive_roi()",
        fix="give an Evidence, or the id of a run or of an experiment",
    )


def _range_json(one: Range) -> dict[str, Any]:
    shown = one.model_dump(mode="json")
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in shown.items()
    }
