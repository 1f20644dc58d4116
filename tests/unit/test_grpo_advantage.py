"""Advantages: paired, shrunken; a group that can't be told apart gives none."""

import math
import random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.optimizers.grpo.advantage import Advantages, advantages, shrink

CALM = settings(derandomize=True, deadline=None, max_examples=60)

Rows = list[list[float]]

rewards = st.sampled_from([0.0, 0.3, 0.7, 1.0])
groups = st.integers(2, 6).flatmap(
    lambda members: st.lists(st.lists(rewards, min_size=members, max_size=members), min_size=1, max_size=20)
)


def table(rows: Rows) -> dict[str, dict[str, float]]:
    return {f"p{k}": {str(c): row[k] for c, row in enumerate(rows)} for k in range(len(rows[0]))}


@CALM
@given(groups)
def test_raw_advantages_are_mean_differences_from_the_groups_mean_and_sum_to_nothing(rows: Rows) -> None:
    found = advantages(table(rows))
    for k in range(len(rows[0])):
        assert found.members[f"p{k}"].raw == pytest.approx(fmean(row[k] - fmean(row) for row in rows))
    assert sum(member.raw for member in found.members.values()) == pytest.approx(0, abs=1e-9)


@CALM
@given(groups)
def test_errors_are_those_of_the_paired_differences(rows: Rows) -> None:
    found = advantages(table(rows))
    n = len(rows)
    for k, member in enumerate(found.members.values()):
        if n < 2:
            assert math.isinf(member.error)
            continue
        gaps = [row[k] - fmean(row) for row in rows]
        variance = sum((gap - fmean(gaps)) ** 2 for gap in gaps) / (n - 1)
        assert member.error == pytest.approx(math.sqrt(variance / n))


@CALM
@given(groups)
def test_shrinking_keeps_the_sign_and_never_makes_more(rows: Rows) -> None:
    for member in advantages(table(rows)).members.values():
        assert abs(member.shrunken) <= abs(member.raw) + 1e-12
        assert member.shrunken * member.raw >= 0


@CALM
@given(st.integers(2, 6), st.lists(rewards, min_size=1, max_size=20))
def test_members_that_reward_the_same_give_no_advantage(members: int, by_case: list[float]) -> None:
    found = advantages(table([[reward] * members for reward in by_case]))
    assert found.null
    assert all(member.shrunken == 0 for member in found.members.values())


@CALM
@given(groups, st.permutations(range(6)))
def test_advantages_do_not_depend_on_names_or_order(rows: Rows, order: list[int]) -> None:
    there = [k for k in order if k < len(rows[0])]
    plain = advantages(table(rows))
    turned = advantages({f"p{k}": table(rows)[f"p{k}"] for k in there})
    for name, member in plain.members.items():
        assert turned.members[name].shrunken == pytest.approx(member.shrunken, abs=1e-9)


@CALM
@given(groups, st.lists(st.floats(-1, 1), min_size=20, max_size=20))
def test_the_difficulty_of_cases_has_no_say(rows: Rows, difficulty: list[float]) -> None:
    moved = [[reward + difficulty[c] for reward in row] for c, row in enumerate(rows)]
    plain, other = advantages(table(rows)), advantages(table(moved))
    for name, member in plain.members.items():
        assert other.members[name].raw == pytest.approx(member.raw, abs=1e-7)
        assert other.members[name].error == pytest.approx(member.error, abs=1e-7)


def noisy(seed: int, skills: list[float], cases: int = 20) -> Advantages:
    dice = random.Random(seed)
    ease = [dice.uniform(-0.3, 0.3) for _ in range(cases)]
    rows = [[float(dice.random() < skill + ease[c]) for skill in skills] for c in range(cases)]
    return advantages(table(rows))


def test_noise_alone_gives_little() -> None:
    found = [noisy(seed, [0.5] * 6) for seed in range(300)]
    raw = fmean(abs(member.raw) for group in found for member in group.members.values())
    shrunken = fmean(abs(member.shrunken) for group in found for member in group.members.values())
    assert fmean(group.null for group in found) > 0.4
    assert shrunken < raw / 3


def test_a_planted_best_stands_out() -> None:
    skills = [0.35, 0.35, 0.85, 0.35, 0.35, 0.35]
    found = [noisy(seed, skills) for seed in range(200)]
    best = [max(group.members, key=lambda name: group.members[name].shrunken) for group in found]
    assert sum(name == "p2" for name in best) > 190
    assert fmean(group.null for group in found) < 0.05
    assert fmean(group.members["p2"].z for group in found) > 2


def test_members_dropped_early_are_compared_fairly() -> None:
    """The one that met only the hard cases is as good as the others there."""
    rows = [[0.2, 0.2, 0.2]] * 5 + [[0.9, 0.9]] * 5
    met = {f"p{k}": {str(c): row[k] for c, row in enumerate(rows) if k < len(row)} for k in range(3)}
    found = advantages(met)
    assert found.members["p2"].raw == pytest.approx(0)
    assert found.members["p2"].cases == 5


def test_doubt_is_no_more_than_error_and_nothing_in_a_null_group() -> None:
    found = shrink({"a": 0.2, "b": -0.2}, {"a": 0.05, "b": math.inf}, {"a": 20, "b": 1})
    assert found.null  # one of two is not known
    found = shrink(
        {"a": 0.3, "b": -0.3, "c": 0.0}, {"a": 0.05, "b": 0.1, "c": math.inf}, dict.fromkeys("abc", 9)
    )
    assert 0 < found.doubt("a") < 0.05 and found.doubt("b") < 0.1
    assert found.doubt("c") == pytest.approx(math.sqrt(found.tau2)) and found.members["c"].shrunken == 0


def test_weights_count() -> None:
    rows = table([[1.0, 0.0], [0.0, 1.0]])
    assert advantages(rows, {"0": 3.0}).members["p0"].raw == pytest.approx(0.25)
