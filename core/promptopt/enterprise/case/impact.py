"""What a new prompt changed in daily work, from what was counted there before and after it came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.results import Comparison, Interval
from promptopt.domain.text import one_line
from promptopt.enterprise.case.draws import draw
from promptopt.enterprise.case.evidence import Evidence
from promptopt.enterprise.case.quantity import Quantity
from promptopt.enterprise.case.ranges import Kind, Range
from promptopt.evaluation.analyzer import StatisticalAnalyzer
from promptopt.evaluation.statistics import independent_difference, mean_interval

Change = Literal["better", "worse", "not distinguishable"]


@dataclass(frozen=True)
class QualityReport:
    """Scores before and after.

    Attributes:
        before, after: means with their 95 % intervals.
        difference: after minus before; ``verdict`` goes by whether its interval excludes 0, and by the test
            where the samples are pairs.
        comparison: of pairs only, with p-value and effect sizes.
        method: how it was computed.
    """

    before: Interval
    after: Interval
    difference: Interval
    verdict: Change
    method: str
    comparison: Comparison | None = None

    def __str__(self) -> str:
        gap = self.difference
        return f"{self.verdict}: {gap.mean * 100:+.1f} points [{gap.low * 100:+.1f}, {gap.high * 100:+.1f}]"


@dataclass(frozen=True)
class TimeSavingsReport:
    """Minutes a request before and after.

    Attributes:
        saved: minutes less a request, with the 95 % interval; ``verdict`` goes by whether it excludes 0.
        share: of the minutes before, from its low end to its high one; to be given as ``faster_share``.
        hours_per_month, worth_per_month: None without ``requests_per_month``, or ``hourly_cost``.
    """

    before: Interval
    after: Interval
    saved: Interval
    verdict: Change
    share: tuple[float, float, float]
    hours_per_month: Range | None = None
    worth_per_month: Range | None = None

    def assumption(self) -> dict[str, Any]:
        """As an assumption: ``Assumptions.of(…).changed({"faster_share": report.assumption()})``."""
        low, middle, high = self.share
        why = f"Timed: {self.before.n} requests before, {self.after.n} after; {self.verdict}."
        return {"low": low, "value": middle, "high": high, "source": "measured", "why": why}


@dataclass(frozen=True)
class CostReport:
    """Model cost a request before and after, in USD.

    Attributes:
        saved: less a request, with the 95 % interval; less than 0 if it is dearer.
        per_month: None without ``requests_per_month``.
        simulated: says nothing about a real model.
    """

    before: Interval
    after: Interval
    saved: Interval
    verdict: Change
    per_month: Range | None = None
    simulated: bool = False


class BusinessImpactTracker:
    """Compares what was counted before a prompt came with what was counted after it."""

    def measure_quality_improvement(self, before_after_samples: Mapping[str, Any]) -> QualityReport:
        """Whether quality became better.

        Args:
            before_after_samples: ``before`` and ``after``, scores in [0, 1]; with ``paired`` true they are of
                the same requests, in the same order. Else they are of different ones.

        Raises:
            SettingsError: one is missing or has something that is no score, or pairs differ in number.
        """
        paired = bool(before_after_samples.get("paired", False))
        first, second = (_numbers(before_after_samples, key) for key in ("before", "after"))
        analyzer = StatisticalAnalyzer()
        before, after = analyzer.confidence_intervals(first), analyzer.confidence_intervals(second)
        if paired:
            found = analyzer.significance_test(first, second)
            return QualityReport(before, after, found.difference, found.verdict, found.method, found)
        gap = independent_difference(before, after)
        return QualityReport(before, after, gap, _verdict(gap), "difference of independent means")

    def calculate_time_savings(self, usage_data: Mapping[str, Any]) -> TimeSavingsReport:
        """How much faster people are.

        Args:
            usage_data: ``before`` and ``after``, minutes of a person for a request; perhaps
                ``requests_per_month`` and ``hourly_cost``, each a number or a range (``"40..60"``).

        Raises:
            SettingsError: one is missing, or has something that is no number from 0 on.
        """
        before, after = (mean_interval(_numbers(usage_data, key), 0.0) for key in ("before", "after"))
        saved = independent_difference(after, before)
        if before.mean <= 0:
            raise SettingsError("no time was spent before", where="before", fix="give minutes for a request")
        share = tuple(min(1.0, max(0.0, one / before.mean)) for one in (saved.low, saved.mean, saved.high))
        hours = worth = None
        if "requests_per_month" in usage_data:
            drawn = _drawn(usage_data, saved, "requests_per_month", "hourly_cost")
            amount = drawn["saved"] * drawn["requests_per_month"] / 60
            base = saved.mean * _middle(usage_data["requests_per_month"]) / 60
            hours = _range(amount, base, "hours")
            if "hourly_cost" in usage_data:
                cost = _middle(usage_data["hourly_cost"])
                worth = _range(amount * drawn["hourly_cost"], base * cost, "usd")
        return TimeSavingsReport(
            before, after, saved, _verdict(saved), cast("tuple[float, float, float]", share), hours, worth
        )

    def estimate_cost_reduction(self, optimization_results: Evidence | Mapping[str, Any]) -> CostReport:
        """What the model costs less.

        Args:
            optimization_results: an ``Evidence``, or ``before`` and ``after``, USD for a request, and perhaps
                ``requests_per_month``, a number or a range.

        Raises:
            SettingsError: one is missing or has something that is no number from 0 on, or a price is unknown.
        """
        if isinstance(optimization_results, Evidence):
            before, after = _prices(optimization_results)
            saved = independent_difference(after, before)
            simulated = optimization_results.simulated
            return CostReport(before, after, saved, _verdict(saved), simulated=simulated)
        before, after = (
            mean_interval(_numbers(optimization_results, key), 0.0) for key in ("before", "after")
        )
        saved = independent_difference(after, before)
        month = None
        if "requests_per_month" in optimization_results:
            drawn = _drawn(optimization_results, saved, "requests_per_month")
            base = saved.mean * _middle(optimization_results["requests_per_month"])
            month = _range(drawn["saved"] * drawn["requests_per_month"], base, "usd")
        return CostReport(before, after, saved, _verdict(saved), month)


def _verdict(gain: Interval) -> Change:
    if gain.low > 0:
        return "better"
    return "worse" if gain.high < 0 else "not distinguishable"


def _prices(evidence: Evidence) -> tuple[Interval, Interval]:
    before, after = evidence.before, evidence.after
    if before is None or after is None or before.usd is None or after.usd is None:
        raise SettingsError(
            "the cost of a request is not known for both prompts",
            where=evidence.source,
            fix="set price of models.target in the project, or give what was paid as before and after",
        )
    return before.usd, after.usd


def _numbers(table: Mapping[str, Any], key: str) -> list[float]:
    given = table.get(key)
    if given is None or isinstance(given, str | bytes | Mapping) or not hasattr(given, "__iter__"):
        raise SettingsError("a list of numbers is missing", where=key, fix="give before=[…] and after=[…]")
    found: list[float] = []
    for one in cast("Sequence[Any]", given):
        try:
            found.append(float(one))
        except (TypeError, ValueError):
            raise SettingsError(f"{one_line(repr(one), 60)} is no number", where=key) from None
    if not found or any(not 0 <= one < float("inf") for one in found):
        raise SettingsError("numbers from 0 on are asked for, one at least", where=key)
    return found


def _drawn(table: Mapping[str, Any], saved: Interval, *names: str) -> dict[str, Any]:
    """Draws of what was saved, which may be negative, and of what was given."""
    width = max(abs(saved.low), abs(saved.high), 1e-12)
    scaled = Quantity(
        value=saved.mean / width,
        low=saved.low / width,
        high=saved.high / width,
        unit="points",
        source="measured",
    )
    blank = Quantity(value=0, low=0, high=0)
    given = {name: blank.ranging(table[name], "Given.") for name in names if name in table}
    drawn = draw({"saved": scaled, **given})
    return {**drawn, "saved": drawn["saved"] * width}


def _middle(given: Any) -> float:
    return Quantity(value=0, low=0, high=0).ranging(given, "Given.").value


def _range(drawn: Any, base: float, kind: Kind) -> Range:
    return Range.of(drawn, base, kind, simulated=False)
