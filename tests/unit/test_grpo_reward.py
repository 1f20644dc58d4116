"""Rewards: performance and form weighed, hard checks as gates, nothing made of what is missing."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.errors import SettingsError
from promptopt.domain.results import CaseResult, CheckResult
from promptopt.evaluation.reliability import merge
from promptopt.evaluation.scores import score_checks
from promptopt.optimizers.grpo.adapter import GRPOAdapter
from promptopt.optimizers.grpo.reward import RewardCalculator

CALM = settings(derandomize=True, deadline=None, max_examples=60)

REWARD = RewardCalculator({"performance": 0.7, "format": 0.3})


def check(score: float, *, form: bool = False, hard: bool = False, weight: float = 1.0) -> CheckResult:
    return CheckResult(name="c", score=score, passed=score == 1, form=form, hard=hard, weight=weight)


def result(*checks: CheckResult, **more: Any) -> CaseResult:
    score, passed = score_checks(checks)
    return CaseResult(case_id="c", score=score, passed=passed, checks=checks, **more)


def total(*checks: CheckResult) -> float:
    reward = REWARD.reward(result(*checks))
    assert reward is not None
    return reward.total


checks = st.lists(
    st.builds(
        check,
        st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        form=st.booleans(),
        hard=st.booleans(),
        weight=st.sampled_from([0.5, 1.0, 4.0]),
    ),
    min_size=1,
    max_size=5,
)


def test_performance_weighs_seven_tenths_and_form_three() -> None:
    assert total(check(1), check(0, form=True)) == pytest.approx(0.7)
    assert total(check(0), check(1, form=True)) == pytest.approx(0.3)
    assert total(check(0.5), check(1, form=True), check(0, form=True, weight=3)) == pytest.approx(0.425)


def test_a_part_that_nothing_looks_at_leaves_the_whole_weight_to_the_other() -> None:
    assert total(check(0.6), check(1)) == pytest.approx(0.8)
    assert total(check(0.6, form=True)) == pytest.approx(0.6)


def test_a_hard_check_is_a_gate_whatever_the_form() -> None:
    assert total(check(0, hard=True), check(1, form=True)) == 0
    assert total(check(1), check(0, form=True, hard=True)) == 0


def test_a_call_without_an_answer_is_missing() -> None:
    assert REWARD.reward(CaseResult(case_id="c", error="lost", category="error")) is None


def test_of_several_draws_those_that_were_answered_count() -> None:
    good, bad = result(check(1), check(1, form=True)), result(check(0), check(1, form=True))
    lost = CaseResult(case_id="c", error="lost", category="error")
    reward = REWARD.reward(merge([good, bad, lost]))
    assert reward and reward.total == pytest.approx((1 + 0.3) / 2)
    assert REWARD.reward(merge([lost, lost])) is None


@CALM
@given(checks)
def test_rewards_are_in_range_and_none_without_a_gate(given_: list[CheckResult]) -> None:
    reward = total(*given_)
    assert 0 <= reward <= 1
    if any(one.hard and not one.passed for one in given_):
        assert reward == 0


@CALM
@given(st.lists(checks, min_size=1, max_size=1), st.integers(2, 4))
def test_equal_draws_are_worth_what_one_is(drawn: list[list[CheckResult]], times: int) -> None:
    one = result(*drawn[0])
    single, several = REWARD.reward(one), REWARD.reward(merge([one] * times))
    assert single and several
    gated = any(one.hard and not one.passed for one in drawn[0])
    if not gated or single.form:  # of a draw that failed a hard check, only form above 0 tells a gate
        assert several.total == pytest.approx(single.total)


def test_weights_are_settings_and_only_their_ratio_counts() -> None:
    doubled = RewardCalculator({"performance": 1.4, "format": 0.6})
    assert doubled.combine(1.0, 0.0) == pytest.approx(0.7)
    assert RewardCalculator({"performance": 0.0, "format": 1.0}).combine(0.9, None) == 0.9
    assert RewardCalculator().combine(None, None) == 0
    with pytest.raises(SettingsError, match="both weigh nothing"):
        RewardCalculator({"performance": 0, "format": 0})


@pytest.mark.parametrize("config", [{"performance": -1}, {"accuracy": 1}, {"format": "much"}])
def test_a_table_that_can_not_be_used_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="reward_config"):
        RewardCalculator(config)


def test_the_adapter_takes_its_two_tables() -> None:
    adapter = GRPOAdapter({"tournament_size": 8, "plateau": 2}, {"performance": 0.6, "format": 0.4})
    options = adapter.options.model_dump()
    assert (adapter.name, options["group"], options["plateau"]) == ("grpo", 8, 2)
    assert (options["performance"], options["format"]) == (0.6, 0.4)
    assert adapter.reward_calculator.config.format == 0.4
    assert GRPOAdapter().options.model_dump()["performance"] == 0.7


@pytest.mark.parametrize("table", [{"groups": 3}, {"group": 1}, {"performance": 0.5}])
def test_the_adapter_refuses_what_it_does_not_know(table: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="tournament_config"):
        GRPOAdapter(table)
