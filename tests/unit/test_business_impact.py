"""What daily work shows: quality, time, cost before and after; agreement of outputs."""

from pathlib import Path

import pytest

from promptopt import Example, evaluate
from promptopt.domain.drafted import PARAPHRASE
from promptopt.domain.errors import SettingsError
from promptopt.domain.results import Interval
from promptopt.enterprise import Assumptions, BusinessImpactTracker, Evidence
from promptopt.enterprise.case.evidence import Usage
from promptopt.enterprise.consistency import consistency, consistency_of_run
from promptopt.evaluation.statistics import independent_difference, interval, mean_interval
from promptopt.store.database import Database

tracker = BusinessImpactTracker()


def test_newcombe() -> None:
    """Newcombe 1998, table II, example (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339."""
    first = interval([1.0] * 48 + [0.0] * 32)
    second = interval([1.0] * 56 + [0.0] * 14)
    found = independent_difference(first, second)
    assert found.mean == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_mean_intervals() -> None:
    few = mean_interval([1.0, 2.0, 3.0])
    assert (few.low, few.high) == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), rel=1e-6)
    many = mean_interval([float(at % 10) for at in range(200)])
    assert many.low < 4.5 < many.high
    assert many.high - many.low == pytest.approx(2 * 1.96 * 2.872 / 200**0.5, rel=0.05)
    assert mean_interval([7.0, 7.0]) == Interval(mean=7, low=7, high=7, n=2)
    assert mean_interval([1.0] * 10, 0.0, 1.0).low < 0.75
    assert mean_interval([], 0.0).n == 0


def test_quality() -> None:
    pairs = tracker.measure_quality_improvement(
        {"before": [0, 0, 0, 0, 0, 0, 1, 1], "after": [1, 1, 1, 1, 1, 1, 1, 1], "paired": True}
    )
    assert pairs.verdict == "better"
    assert pairs.comparison and pairs.comparison.p_value == pytest.approx(2 / 2**6)
    apart = tracker.measure_quality_improvement(
        {"before": [1.0] * 48 + [0.0] * 32, "after": [1.0] * 56 + [0.0] * 14}
    )
    assert apart.verdict == "better"
    assert apart.comparison is None
    assert str(apart).startswith("better: +20.0 points [+5.2, +33.4]")
    same = tracker.measure_quality_improvement({"before": [0.4, 0.6, 0.5], "after": [0.5, 0.6, 0.4]})
    assert same.verdict == "not distinguishable"
    with pytest.raises(SettingsError, match="case by case"):
        tracker.measure_quality_improvement({"before": [1], "after": [1, 0], "paired": True})


def test_time() -> None:
    before, after = [10.0, 11.0, 9.0, 10.5, 9.5], [6.0, 5.5, 6.5, 6.2, 5.8]
    found = tracker.calculate_time_savings(
        {"before": before, "after": after, "requests_per_month": 600, "hourly_cost": "40..60"}
    )
    assert found.saved.mean == pytest.approx(4)
    assert found.verdict == "better"
    assert found.hours_per_month and found.hours_per_month.base == pytest.approx(40)
    assert found.worth_per_month and found.worth_per_month.base == pytest.approx(2000)
    assert found.worth_per_month.low < 2000 < found.worth_per_month.high
    one = Assumptions.of().changed({"faster_share": found.assumption()}).faster_share
    assert one.source == "measured"
    assert one.value == pytest.approx(0.4)
    slower = tracker.calculate_time_savings({"before": after, "after": before})
    assert slower.verdict == "worse"
    assert slower.share == (0, 0, 0)
    assert slower.hours_per_month is None


def test_cost() -> None:
    found = tracker.estimate_cost_reduction(
        {"before": [0.02, 0.021, 0.019], "after": [0.01, 0.011, 0.009], "requests_per_month": "1000..3000"}
    )
    assert found.verdict == "better"
    assert found.per_month and found.per_month.base == pytest.approx(20)
    usd = Interval(mean=0.01, low=0.009, high=0.011, n=9)
    dear = Interval(mean=0.03, low=0.029, high=0.031, n=9)
    tokens = Interval(mean=1, low=1, high=1, n=9)
    usages = [Usage(tokens_in=tokens, tokens_out=tokens, seconds=tokens, usd=one) for one in (usd, dear)]
    measured = tracker.estimate_cost_reduction(Evidence(before=usages[0], after=usages[1], simulated=True))
    assert measured.verdict == "worse"
    assert measured.simulated
    with pytest.raises(SettingsError, match="not known"):
        tracker.estimate_cost_reduction(Evidence())


@pytest.mark.parametrize(
    "bad", [{}, {"before": [1]}, {"before": "12", "after": [1]}, {"before": [], "after": [1]}]
)
def test_what_can_not_be_counted(bad: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        tracker.calculate_time_savings(bad)
    with pytest.raises(SettingsError):
        tracker.calculate_time_savings({"before": [-1], "after": [1]})


def test_agreement_of_labels_by_hand() -> None:
    found = consistency({"a": ["yes", "Yes ", "no"], "b": ["no", "no"], "c": ["lonely"]})
    assert found.measure == "label"
    assert found.agreement.mean == pytest.approx((1 / 3 + 1) / 2)
    assert (found.tasks, found.outputs) == (2, 5)
    assert found.verdict == "not distinguishable"


def test_agreement_of_texts() -> None:
    long = "the parcel will be there on monday at the latest"
    found = consistency({"a": [long, long.replace("monday", "friday")]})
    assert found.measure == "words"
    assert found.agreement.mean == pytest.approx(9 / 10)
    assert consistency({"a": [long, long]}, measure="chrf").agreement.mean == 1
    assert 0 < consistency({"a": [long, long[:30]]}, measure="chrf").agreement.mean < 1
    many = {str(at): [long, long] for at in range(100)}
    assert consistency(many).verdict == "reached"
    assert consistency({key: [long, "nothing alike"] for key in many}).verdict == "missed"
    spread = consistency({"a": [long, long]}, scores={"a": [0.0, 1.0]})
    assert spread.score_spread == pytest.approx(0.5)
    with pytest.raises(SettingsError, match="two outputs"):
        consistency({"a": [long]})


def test_agreement_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTOPT_HOME", str(tmp_path))
    made = [
        Example(
            id=f"c{at}-{way}",
            inputs={"input": f"{way}: where is parcel {at}?"},
            expected="shipping",
            group=f"c{at}",
            tags=(PARAPHRASE,),
        )
        for at in range(3)
        for way in ("Hello", "Urgent", "Again")
    ]
    evaluate("Label it: {input}", made, simulate=True, checks=["exact"])
    database = Database.open()
    found = consistency_of_run(database, "latest")
    assert (found.tasks, found.outputs) == (3, 9)
    assert found.simulated
    from promptopt.enterprise.case.gathering import evidence_of

    evidence = evidence_of(database, "latest")
    database.close()
    assert evidence.consistency == found.model_copy(update={"source": evidence.source})
    assert evidence.comparison is None
    assert evidence.simulated
