"""The business case: hand-computed figures, and what must hold whatever is put in."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.errors import SettingsError
from promptopt.domain.results import Comparison, Interval, Verdict
from promptopt.domain.settings import Price
from promptopt.enterprise.case.advice import chance
from promptopt.enterprise.case.assumptions import NAMES, Assumptions, scenarios
from promptopt.enterprise.case.calculator import BusinessCase, EnterpriseROICalculator
from promptopt.enterprise.case.draws import draw
from promptopt.enterprise.case.evidence import Evidence, Usage
from promptopt.enterprise.case.money import money
from promptopt.enterprise.case.quantity import Quantity
from promptopt.enterprise.case.ranges import Range

SIMPLE = {
    "requests_per_month": 1000,
    "people": 10,
    "minutes_per_request": 6,
    "faster_share": 0,
    "hourly_cost": 60,
    "rework_share": 0.2,
    "rework_minutes": 10,
    "unnoticed_share": 0.1,
    "error_cost": 20,
    "transfer": 0.5,
    "time_used": 0.5,
    "adoption": 0.5,
    "ramp_months": 2,
    "setup_hours": 10,
    "training_hours": 1,
    "maintenance_hours": 1,
    "monitoring_usd": 15,
    "price_input": 1,
    "price_output": 2,
    "optimization_usd": 30,
    "discount_rate": 0,
    "horizon_months": 12,
}


def evidence(
    mean: float = 0.4,
    low: float = 0.2,
    high: float = 0.6,
    verdict: Verdict = "better",
    *,
    simulated: bool = False,
    **more: object,
) -> Evidence:
    gap = Interval(mean=mean, low=low, high=high, n=40)
    base = Interval(mean=0.2, low=0.1, high=0.35, n=40)
    found = Comparison(difference=gap, p_value=0.01, verdict=verdict, method="test")
    told: dict[str, object] = {
        "title": "triage",
        "source": "run r1",
        "n": 40,
        "simulated": simulated,
        "baseline": base,
        "best": base.model_copy(update={"mean": 0.6, "high": 0.8}),
        "comparison": found,
        "search_usd": 30.0,
    }
    return Evidence.model_validate(told | more)


def usage(sent: float, generated: float) -> Usage:
    def exactly(value: float) -> Interval:
        return Interval(mean=value, low=value, high=value, n=40)

    return Usage(tokens_in=exactly(sent), tokens_out=exactly(generated), seconds=exactly(1.0))


def case(found: Evidence, **assumed: object) -> BusinessCase:
    return EnterpriseROICalculator(draws=2000).calculate_comprehensive_roi(
        found, Assumptions.of().changed({**SIMPLE, **assumed})
    )


def test_by_hand() -> None:
    """Half of what was missing is gained, half of that counts: 5 of 100 outputs need no rework any more."""
    made = case(evidence(before=usage(1000, 100), after=usage(3000, 50)))
    # 250 requests in the first month, then 500: 5,750 in the year; 5 % of them are usable that were not.
    assert made.fewer_unusable.base == pytest.approx(0.2 * 0.5 * 0.5)
    assert made.hours_saved.base == pytest.approx(5750 * 0.05 * 0.9 * 10 / 60)
    assert made.time_savings.base == pytest.approx(5750 * 0.05 * 0.9 * 10 * 0.5)
    assert made.risk_mitigation.errors_avoided.base == pytest.approx(5750 * 0.05 * 0.1)
    assert made.quality_improvements.base == pytest.approx(5750 * 0.05 * 0.1 * 20)
    assert made.cost_reductions.base == pytest.approx(5750 * (-2000 * 1 + 50 * 2) / 1e6)
    assert made.setup_costs.base == pytest.approx((10 + 10) * 60 + 30)
    assert made.ongoing_costs.base == pytest.approx(12 * (60 + 15))
    benefit = made.time_savings.base + made.quality_improvements.base
    net = benefit + made.cost_reductions.base - 1230 - 900
    assert made.net_benefit.base == made.npv.base == pytest.approx(net)
    assert made.annual_roi.base == pytest.approx(net / (1230 + 900 - made.cost_reductions.base))
    # Nothing is given a range here but the gain, so all else is its point.
    assert made.setup_costs.low == made.setup_costs.high


def test_payback_by_hand() -> None:
    """Every month is the same, so the set-up is paid back evenly."""
    made = case(evidence(), ramp_months=1, rework_minutes=20)
    month = 500 * 0.05 * (0.9 * 20 * 0.5 + 0.1 * 20) - 75
    assert made.payback_period.base == pytest.approx(1230 / month)
    assert made.payback_period.base < 12


def test_discounting_by_hand() -> None:
    found = evidence()
    quantities = {
        name: one.value
        for name, one in found.quantities(
            Assumptions.of().changed({**SIMPLE, "discount_rate": 0.1, "ramp_months": 1, "horizon_months": 24})
        ).items()
    }
    month = 500 * 0.05 * (0.9 * 10 * 0.5 + 0.1 * 20) - 75
    worth = sum(month / 1.1 ** (at / 12) for at in range(1, 25)) - 1230
    assert float(money(quantities).npv) == pytest.approx(worth)


def test_a_loss_counts_in_full() -> None:
    made = case(evidence(mean=-0.4, low=-0.6, high=-0.2, verdict="worse"))
    assert made.fewer_unusable.base == pytest.approx(-0.2 * 0.5)
    assert made.time_savings.base == pytest.approx(-5750 * 0.1 * 0.9 * 10)
    assert made.advice == "against"
    assert "worse than today's" in made.reasons[0]
    assert made.payback_period.told(made.payback_period.low) == "not within 12 months"


def test_never_a_bare_number() -> None:
    made = case(evidence(simulated=True), hourly_cost="40..80")
    assert str(made.annual_roi).endswith("(90% of the draws; SIMULATED)")
    assert " to " in str(made.annual_roi)
    assert "SIMULATED" in str(made.risk_mitigation)
    assert made.headline.startswith("No decision can rest on this: the figures are simulated")


def test_placeholders_alone_recommend_nothing_and_advise_against_nothing() -> None:
    gaps: list[dict[str, Any]] = [{}, {"low": 0.0001}, {"mean": 0.001, "low": 0.0001, "high": 0.002}]
    for gap in gaps:
        made = EnterpriseROICalculator().calculate_comprehensive_roi(evidence(**gap))
        assert made.advice == "not shown"
        assert "Not one of the assumptions is yours yet" in made.reasons[-1]
        assert made.npv.ends in made.reasons[-2]


def test_figures_that_are_still_placeholders_are_counted() -> None:
    def made(*names: str) -> BusinessCase:
        spans = {name: base.quantity(name) for name in names}
        given: dict[str, Any] = {name: [one.low, one.value, one.high] for name, one in spans.items()}
        return EnterpriseROICalculator().calculate_comprehensive_roi(
            evidence(), {**given, "error_cost": "4000..6000"}
        )

    base = Assumptions.of()
    one = made("error_cost")
    strongest = [each.name for each in one.influences if each.quantity.source == "assumption"][:3]
    assert one.advice == "not shown" and "it hangs most on what is a placeholder still" in one.reasons[-1]
    told = made("error_cost", *strongest)
    assert told.advice == "recommended"
    left = len(NAMES) - len({"error_cost", *strongest})
    assert told.reasons[-1].startswith(f"{left} of {len(NAMES)} assumptions are placeholders")
    assert "middle 90% of the draws" in told.reasons[-2]


def test_a_search_that_found_nothing_better_claims_nothing() -> None:
    made = case(evidence(same=True), error_cost=5000)
    assert made.advice == "not shown" and made.headline == "Keep today's prompt: nothing better was found."
    assert made.time_savings.low == made.time_savings.high == 0


def test_draws_tell_neither_never_nor_always() -> None:
    assert [chance(value) for value in (0.0, 0.004, 0.5, 1.0)] == ["below 1%", "below 1%", "50%", "above 99%"]


def test_what_may_be_recommended() -> None:
    rich = {"error_cost": 500}
    assert case(evidence(), **rich).advice == "recommended"
    assert case(evidence(verdict="not distinguishable"), **rich).advice == "not shown"
    assert case(evidence(comparison=None, note="no sealed test"), **rich).advice == "not shown"
    assert case(evidence(split="validation"), **rich).advice == "not shown"
    assert case(evidence(over=False), **rich).advice == "not shown"
    assert case(evidence(must_pass_broken=("a",)), **rich).advice == "not shown"
    poor = case(evidence(), error_cost=0, rework_minutes=1)
    assert poor.advice == "against"
    assert "does not pay under these assumptions" in poor.reasons[-1]
    middling = case(evidence(low=0.0001), error_cost=30, rework_minutes=15)
    assert middling.advice == "not shown"
    assert "down to a loss of $" in middling.reasons[-1]


def test_without_a_comparison_nothing_is_gained() -> None:
    made = case(evidence(comparison=None))
    assert made.fewer_unusable.high == 0
    assert made.quantities["gain"].why.startswith("Counted as none")


def test_what_is_known_takes_the_place_of_what_is_assumed() -> None:
    priced = evidence(price=Price(input=3, output=4), priced_by="Price list of litellm for m")
    made = EnterpriseROICalculator().calculate_comprehensive_roi(priced)
    assert made.quantities["price_input"].source == "price list"
    assert made.quantities["price_input"].value == 3
    assert made.quantities["optimization_usd"].source == "measured"
    assert made.quantities["optimization_usd"].value == 30
    told = EnterpriseROICalculator().calculate_comprehensive_roi(priced, {"price_input": 9})
    assert told.quantities["price_input"].value == 9
    unknown = EnterpriseROICalculator().calculate_comprehensive_roi(evidence(search_usd=None))
    assert unknown.quantities["optimization_usd"].source == "assumption"
    assert unknown.quantities["optimization_usd"].value > 0


def test_influences_and_break_even() -> None:
    made = case(evidence(), hourly_cost="40..80", error_cost="0..40", people="9..11")
    swings = [one.swing for one in made.influences]
    assert swings == sorted(swings, reverse=True)
    assert {one.name for one in made.influences} == {"gain", "hourly_cost", "error_cost", "people"}
    assert sum(one.share for one in made.influences) == pytest.approx(1)
    for one in made.break_even():
        values = {name: q.value for name, q in made.quantities.items()} | {one.name: one.break_even}
        assert float(money(values).npv) == pytest.approx(0, abs=0.5)


def test_same_seed_same_ranges() -> None:
    first, second = (EnterpriseROICalculator().calculate_comprehensive_roi(evidence()) for _ in range(2))
    assert first.as_json() == second.as_json()
    other = EnterpriseROICalculator(seed=1).calculate_comprehensive_roi(evidence())
    assert other.npv.low != first.npv.low
    assert other.npv.low == pytest.approx(first.npv.low, rel=0.1)


def test_draws_follow_their_distributions() -> None:
    pert = Quantity(value=20, low=10, high=60)
    measured = Quantity(value=0.1, low=0.0, high=0.4, unit="points", source="measured")
    found = draw({"a": pert, "b": measured, "c": Quantity(value=1, low=1, high=1)}, 10_000)
    assert found["c"] == 1
    assert found["a"].min() >= 10
    assert found["a"].max() <= 60
    assert found["a"].mean() == pytest.approx((10 + 4 * 20 + 60) / 6, rel=0.01)
    below, above = (found["b"] < 0.0).mean(), (found["b"] > 0.4).mean()
    assert below == pytest.approx(0.025, abs=0.001)
    assert above == pytest.approx(0.025, abs=0.001)


UP = (
    "requests_per_month",
    "rework_share",
    "rework_minutes",
    "error_cost",
    "transfer",
    "time_used",
    "adoption",
)
DOWN = ("people", "setup_hours", "training_hours", "maintenance_hours", "monitoring_usd")


@settings(max_examples=40, deadline=None)
@given(
    mean=st.floats(0.02, 0.6),
    half=st.floats(0.0, 0.3),
    name=st.sampled_from((*UP, *DOWN, "ramp_months")),
    factor=st.floats(1.01, 1.5),
    scenario=st.sampled_from(["general", "customer_support", "content_creation"]),
)
def test_ranges_are_ordered_and_move_the_right_way(
    mean: float, half: float, name: str, factor: float, scenario: str
) -> None:
    found = evidence(mean=mean, low=max(-0.6, mean - half), high=min(1.0, mean + half))
    calculator = EnterpriseROICalculator(Assumptions.of(scenario), draws=500)
    made = calculator.calculate_comprehensive_roi(found)
    for one in vars(made).values():
        if isinstance(one, Range):
            assert one.low <= one.middle <= one.high
    one = made.assumptions.quantity(name)
    ends = [min(value * factor, one.bounds[1]) for value in (one.low, one.value, one.high)]
    more = calculator.calculate_comprehensive_roi(found, {name: ends})
    gain_only = {key: q.value for key, q in more.quantities.items()} | {"gain": mean}
    before = {key: q.value for key, q in made.quantities.items()} | {"gain": mean}
    if name not in DOWN:  # with a gain; a draw with a loss is made worse
        moved = float(money(gain_only).npv) - float(money(before).npv)
        assert moved >= -1e-6 if name in UP else moved <= 1e-6
    else:
        assert more.npv.low <= made.npv.low + 1e-6
        assert more.npv.high <= made.npv.high + 1e-6


@settings(max_examples=40, deadline=None)
@given(
    scenario=st.sampled_from(["general", "customer_support", "internal_email", "technical_documentation"]),
    requests=st.floats(1, 1e6),
    faster=st.floats(0, 1),
    verdict=st.sampled_from(["not distinguishable", "worse"]),
    low=st.floats(-1, 0),
    high=st.floats(0, 1),
)
def test_no_gain_is_never_recommended(
    scenario: str, requests: float, faster: float, verdict: Verdict, low: float, high: float
) -> None:
    found = evidence(mean=0.0, low=low, high=high, verdict=verdict)
    made = EnterpriseROICalculator(scenario, draws=200).calculate_comprehensive_roi(
        found, {"requests_per_month": requests, "faster_share": faster}
    )
    assert made.advice != "recommended"
    assert not made.headline.startswith("Roll it out")


@given(gain=st.floats(-1, 1), failing=st.floats(0.001, 1))
def test_nobody_can_save_more_rework_than_there_is(gain: float, failing: float) -> None:
    found = float(money({**SIMPLE, **_tokens(), "gain": gain, "failing": failing}).fewer)
    assert SIMPLE["rework_share"] - 1 <= found <= SIMPLE["rework_share"] * SIMPLE["transfer"]


def _tokens() -> dict[str, float]:
    return dict.fromkeys(("tokens_in_today", "tokens_out_today", "tokens_in_new", "tokens_out_new"), 0.0)


@pytest.mark.parametrize("name", scenarios())
def test_every_default_is_a_range_with_a_reason(name: str) -> None:
    found = Assumptions.of(name)
    for key, one in found.quantities().items():
        assert one.label, key
        assert one.why, key
        assert one.source == "assumption"
    assert found.given == ()
    assert found.faster_share.high == 0
    assert found.transfer.value <= 0.5


@pytest.mark.parametrize("ending", ["toml", "yaml"])
def test_kept_in_a_file(tmp_path: Path, ending: str) -> None:
    made = Assumptions.of("internal_email").changed(
        {"hourly_cost": "40..60", "people": [10, 12, 20], "transfer": "20%..40%", "error_cost": 3}
    )
    assert made.given == ("people", "hourly_cost", "error_cost", "transfer")
    assert (made.transfer.low, made.transfer.value, made.transfer.high) == pytest.approx((0.2, 0.3, 0.4))
    path = made.save(tmp_path / f"a.{ending}")
    assert Assumptions.load(path) == made


def test_a_file_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "scenario: customer_support\nhourly_cost: 40..50\npeople: 12\n"
        "error_cost: {low: 5, high: 15, why: Goodwill in the last quarter.}\n",
        encoding="utf-8",
    )
    found = Assumptions.load(path)
    assert found.scenario == "customer_support"
    assert found.hourly_cost.why == "Given in mine.yaml."
    assert found.error_cost.value == 10
    assert found.error_cost.why == "Goodwill in the last quarter."
    assert found.requests_per_month == Assumptions.of("customer_support").requests_per_month
    assert set(found.given) == {"hourly_cost", "people", "error_cost"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hourly_costs: 40", "did you mean hourly_cost?"),
        ("hourly_cost: many", "is no range"),
        ("hourly_cost: 60..40", "low ≤ value ≤ high"),
        ("transfer: 1.5", "share lies in [0, 1]"),
        ("hourly_cost: -5", "lies in [0, inf]"),
        ("horizon_months: 6", "whole number from 12 to 60"),
        ("horizon_months: 12..24", "without a range"),
        ("scenario: suport", "there is no scenario"),
        ("hourly_cost: .nan", "finite"),
        ("hourly_cost: yes", "is no range"),
        ("[1, 2]", "no table"),
        ("a: [", "no YAML"),
    ],
)
def test_what_a_file_can_have_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        Assumptions.load(path)
    assert said in str(raised.value)
    assert "mine.yaml" in str(raised.value)


def test_ranges_in_words() -> None:
    def told(value: float, kind: str, limit: int = 0) -> str:
        made = Range.model_validate(
            {"low": value, "middle": value, "high": value, "base": value, "kind": kind, "limit": limit}
        )
        return made.ends

    assert told(12_345, "usd") == "$12,000"
    assert told(-1_450, "usd") == "−$1,400"
    assert told(0.512, "usd") == "$0.51"
    assert told(0, "usd") == "$0"
    assert told(1.234, "percent") == "+120%"
    assert told(-0.042, "percent") == "−4.2%"
    assert told(3.14, "months") == "3.1 months"
    assert told(math.inf, "months", 24) == "not within 24 months"
    assert told(57.3, "hours") == "57 h"


def test_names_are_those_of_the_file() -> None:
    assert len(NAMES) == 22
    assert Assumptions.of("email").scenario == "internal_email"


@pytest.mark.parametrize(
    "span",
    [
        {"low": "20%", "high": "40%"},
        {"low": 0.2, "high": 0.4},
        {"value": 0.3, "low": 0.2, "high": 0.4},
        "20%..40%",
        [0.2, 0.4],
    ],
)
def test_forms_of_a_range(span: Any) -> None:
    found = Assumptions.of().changed({"transfer": span}, "Counted last year.").transfer
    assert (found.low, found.value, found.high) == pytest.approx((0.2, 0.3, 0.4))
    assert found.why == "Counted last year."


@pytest.mark.parametrize(
    "span", [{"low": "few", "high": 1}, {"low": None, "high": 1}, {"value": None}, "many"]
)
def test_what_is_no_range_is_told(span: Any) -> None:
    with pytest.raises(SettingsError, match="transfer"):
        Assumptions.of().changed({"transfer": span})
