"""Races: paired, deterministic, cheap; the planted best wins and equals are left alone."""

import asyncio
import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Example
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.racing import (
    Everybody,
    Halving,
    Outcome,
    PairedT,
    Rule,
    gap,
    leader,
    levels,
    race,
)
from promptopt.evaluation.together import both, together

CALM = settings(derandomize=True, deadline=None, max_examples=60)

RULES = [PairedT(), Halving(), Everybody()]

tables = st.integers(2, 6).flatmap(
    lambda entrants: st.lists(
        st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=entrants, max_size=entrants),
        min_size=1,
        max_size=25,
    )
)


def made(rows: Sequence[Sequence[float]]) -> dict[str, dict[str, float]]:
    """A table of one row for each case."""
    return {
        f"p{column}": {str(at): row[column] for at, row in enumerate(rows)} for column in range(len(rows[0]))
    }


def cases(number: int) -> list[Example]:
    return [Example(id=str(at), inputs={"input": str(at)}) for at in range(number)]


async def run(
    table: Mapping[str, Mapping[str, float]], rule: Rule, anchors: Sequence[str] = (), **more: object
) -> Outcome:
    async def measure(name: str, some: Sequence[Example]) -> dict[str, float]:
        for _ in range(int(table[name][some[0].id] * 3)):  # answers come in an order of their own
            await asyncio.sleep(0)
        return {case.id: table[name][case.id] for case in some}

    size = len(next(iter(table.values())))
    entrants = [name for name in table if name not in anchors]
    return await race(entrants, cases(size), measure, rule, anchors=anchors, **more)  # type: ignore[arg-type]


@CALM
@given(tables)
def test_levels_of_a_whole_table_are_mean_differences_from_the_cases(rows: list[list[float]]) -> None:
    centred = [[reward - sum(row) / len(row) for reward in row] for row in rows]
    found = levels(made(rows))
    for column, name in enumerate(found):
        assert found[name] == pytest.approx(sum(row[column] for row in centred) / len(rows))


@CALM
@given(tables, st.lists(st.floats(-5, 5), min_size=25, max_size=25), st.randoms(use_true_random=False))
def test_levels_do_not_move_with_the_difficulty_of_cases_also_where_some_are_missing(
    rows: list[list[float]], difficulty: list[float], dice: random.Random
) -> None:
    table = made(rows)
    for name in list(table)[1:]:  # p0 met every case, so all can be compared
        table[name] = {case: reward for case, reward in table[name].items() if dice.random() < 0.7}
    moved = {
        name: {case: reward + difficulty[int(case)] for case, reward in rewards.items()}
        for name, rewards in table.items()
    }
    assert levels(moved) == pytest.approx(levels(table), abs=1e-7)
    assert sum(levels(table)[name] for name in table if table[name]) == pytest.approx(0, abs=1e-9)


def test_levels_are_exact_where_rewards_are_sums_though_no_case_is_common_to_all() -> None:
    strength, ease = {"a": 0.2, "b": 0.5, "c": 0.4}, [0.1, 0.0, 0.3, 0.2]
    seen = {"a": [0, 1], "b": [1, 2], "c": [2, 3, 0]}
    table = {name: {str(c): strength[name] + ease[c] for c in of} for name, of in seen.items()}
    found = levels(table)
    assert found["b"] - found["a"] == pytest.approx(0.3)
    assert found["c"] - found["a"] == pytest.approx(0.2)


def test_levels_of_who_shares_nothing_are_nothing() -> None:
    assert levels({"a": {"1": 1.0}, "b": {"2": 0.0}, "c": {}}) == {"a": 0.0, "b": 0.0, "c": 0.0}


def test_a_gap_is_paired_and_weighted() -> None:
    table = {"a": {"1": 0.0, "2": 1.0, "3": 0.5}, "b": {"1": 1.0, "2": 1.0}}
    assert gap(table, "a", "b")[0] == pytest.approx(0.5)
    assert gap(table, "a", "b", {"1": 3.0})[0] == pytest.approx(0.75)
    assert gap(table, "a", "b")[2] == 2


@CALM
@given(tables, st.sampled_from(RULES), st.integers(1, 7))
async def test_every_race_is_fair(rows: list[list[float]], rule: Rule, block: int) -> None:
    table = made(rows)
    anchor = "p0"
    outcome = await run(table, rule, [anchor], block=block)
    assert set(outcome.running) | set(outcome.dropped) == set(table) - {anchor}
    assert not set(outcome.running) & set(outcome.dropped)
    prefix = [str(at) for at in range(len(rows))]
    assert outcome.cases == prefix[: len(outcome.cases)]
    for name in table:
        after = outcome.dropped[name].after if name in outcome.dropped else len(outcome.cases)
        assert list(outcome.table[name]) == prefix[:after]  # common cases, in the common order
    assert outcome == await run(table, rule, [anchor], block=block)


@CALM
@given(st.integers(2, 6), st.integers(1, 40), st.lists(st.sampled_from([0.0, 1.0]), min_size=40, max_size=40))
async def test_equals_are_left_alone_by_the_t_test(entrants: int, size: int, rewards: list[float]) -> None:
    table = made([[rewards[at]] * entrants for at in range(size)])
    assert not (await run(table, PairedT())).dropped


@pytest.mark.parametrize("rule", [PairedT(), Halving()])
async def test_a_planted_best_wins_at_less_cost(rule: Rule) -> None:
    won = spent = 0
    for seed in range(60):
        dice = random.Random(seed)
        hard = [dice.random() * 0.4 for _ in range(40)]
        skill = {f"p{k}": 0.9 if k == seed % 6 else 0.45 for k in range(6)}
        table = {
            name: {str(at): float(dice.random() < level - hard[at]) for at in range(40)}
            for name, level in skill.items()
        }
        outcome = await run(table, rule)
        spent += sum(len(rewards) for rewards in outcome.table.values())
        won += leader(outcome.table, outcome.running) == f"p{seed % 6}"
    assert won >= 57
    assert spent < 0.6 * 60 * 240


async def test_whoever_lost_by_the_same_everywhere_leaves_at_once() -> None:
    table = made([[0.6, 0.4]] * 30)
    outcome = await run(table, PairedT(fewest=10))
    assert outcome.dropped["p1"].after == 10
    assert "20.0 points behind" in outcome.dropped["p1"].reason


async def test_an_anchor_stays_and_ends_the_race_if_it_beats_everybody() -> None:
    table = made([[1.0, 0.0, 0.0]] * 30)
    outcome = await run(table, PairedT(fewest=10), ["p0"])
    assert not outcome.running and len(outcome.cases) == 10
    assert len(outcome.table["p0"]) == 10


async def test_halving_keeps_half_as_the_cases_double() -> None:
    table = made([[k / 8 for k in range(8)]] * 40)
    outcome = await run(table, Halving(fewest=1))
    after = {name: gone.after for name, gone in outcome.dropped.items()}
    assert sorted(after.values()) == [10] * 4 + [20] * 2
    assert outcome.running == ["p6", "p7"]


async def test_a_veto_drops_whatever_the_rewards() -> None:
    table = made([[0.0, 1.0]] * 10)
    outcome = await run(table, Everybody(), veto=lambda name: "no" if name == "p1" else "")
    assert outcome.dropped["p1"].reason == "no" and outcome.dropped["p1"].after == 5


async def test_enough_ends_a_race_early() -> None:
    outcome = await run(made([[0.0, 1.0]] * 30), Everybody(), enough=lambda table, done: done >= 12)
    assert len(outcome.cases) == 15 and outcome.running == ["p0", "p1"]


async def test_what_is_missing_is_no_zero() -> None:
    async def measure(name: str, some: Sequence[Example]) -> dict[str, float]:
        return {case.id: 1.0 for case in some if name == "b" or int(case.id) % 2}

    outcome = await race(["a", "b"], cases(40), measure, PairedT())
    assert outcome.running == ["a", "b"] and levels(outcome.table) == pytest.approx({"a": 0, "b": 0})


async def test_a_signal_gives_the_others_up_and_stays_what_it_is() -> None:
    gone: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            gone.append("given up")

    async def stops() -> None:
        await asyncio.sleep(0)
        raise StopRun("budget")

    with pytest.raises(StopRun):
        await together([waits(), stops(), waits()])
    assert gone == ["given up"] * 2


async def test_together_keeps_the_order() -> None:
    async def after(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    assert await together(after(turns) for turns in (3, 0, 2)) == [3, 0, 2]
    assert await together([]) == []
    assert await both(after(2), after(1)) == (2, 1)
