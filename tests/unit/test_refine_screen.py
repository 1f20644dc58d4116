"""The race of proposals: fair whatever cases are dealt, quick to drop what harms, sparing with cases."""

import random
from collections.abc import Mapping
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Example
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.evaluation.racing import race
from promptopt.evaluation.statistics import interval
from promptopt.optimizers.refine.screen import (
    BLOCK,
    FIRST,
    LEAST,
    Estimate,
    Screen,
    Strata,
    Stratum,
    deal,
    estimate,
)


def results(scores: Mapping[str, float]) -> list[CaseResult]:
    return [CaseResult(case_id=name, score=score, passed=score == 1) for name, score in scores.items()]


def evaluation(scores: Mapping[str, float]) -> Evaluation:
    return Evaluation(
        prompt_id="p",
        split="validation",
        results=tuple(results(scores)),
        score=interval(list(scores.values())),
    )


def cases(number: int) -> list[Example]:
    return [Example(id=str(n), inputs={"input": str(n)}) for n in range(number)]


def never(_: str) -> bool:
    return False


outcomes = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=4, max_size=40
)


@settings(deadline=None)
@given(outcomes)
def test_with_all_cases_dealt_the_gain_is_the_plain_mean_difference(pairs: list[tuple[float, float]]) -> None:
    best = {str(n): before for n, (before, _) in enumerate(pairs)}
    own = {str(n): after for n, (_, after) in enumerate(pairs)}
    failing = frozenset(name for name, score in best.items() if score == 0)
    share = len(failing) / len(best)
    strata = Strata(
        failing=Stratum(failing, share, 0.25),
        passing=Stratum(frozenset(best) - failing, 1 - share, 0.25),
        lost=Stratum(frozenset(), 0.0, 0.1),
        won=Stratum(frozenset(), 0.0, 0.1),
    )
    found = estimate(own, best, strata, {})
    assert found.gain == pytest.approx(fmean(own[name] - best[name] for name in best))
    assert found.n == len(best) and found.error > 0


def test_dealing_by_what_is_known_does_not_bias_the_gain() -> None:
    """An equal prompt, whose answers are drawn anew, gains on failed cases what it loses on passed ones."""
    dice = random.Random(7)
    gains: list[float] = []
    for _ in range(400):
        chance = {str(n): dice.choice([0.1, 0.5, 0.9]) for n in range(60)}
        best = {name: float(dice.random() < p) for name, p in chance.items()}
        validation = {f"v{n}": float(dice.random() < dice.choice([0.1, 0.5, 0.9])) for n in range(200)}
        strata = Strata.of(results(best), never, evaluation(validation))
        dealt = deal(dice.sample(cases(60), 60), strata, 24)
        own = {case.id: float(dice.random() < chance[case.id]) for case in dealt}
        gains.append(estimate(own, best, strata, {}).gain)
    assert abs(fmean(gains)) < 0.02


@settings(deadline=None)
@given(st.sets(st.integers(0, 29)), st.sets(st.integers(0, 29)), st.integers(1, 40))
def test_each_case_is_dealt_once_those_that_tell_least_last(
    failed: set[int], same: set[int], most: int
) -> None:
    best = {str(n): float(n not in failed) for n in range(30)}
    strata = Strata.of(results(best), lambda name: int(name) in same, evaluation({"v": 0.0, "w": 1.0}))
    dealt = [int(case.id) for case in deal(cases(30), strata, most)]
    assert len(dealt) == len(set(dealt)) == min(30, most)
    told = [n in same for n in dealt]
    assert told == sorted(told)
    shares = [stratum.share for stratum in strata.all]
    assert sum(shares) <= 1 + 1e-9 and min(shares) >= 0


def test_of_what_tells_something_two_failing_cases_come_for_each_passing_one() -> None:
    best = {str(n): float(n % 2) for n in range(24)}
    strata = Strata.of(results(best), never, evaluation(best))
    assert [int(case.id) % 2 for case in deal(cases(24), strata, 9)] == [0, 0, 1] * 3
    first = deal(cases(24), strata, 3, first=["23"])
    assert first[2].id == "23", "what must pass comes first of its kind"


async def raced(gain: float, *, least: tuple[float, ...] = LEAST, most: int = 24) -> tuple[int, bool]:
    """Cases that a proposal met which changes ``gain`` of the failed and passed cases; whether it stayed."""
    best = {str(n): float(n % 2) for n in range(48)}
    strata = Strata.of(results(best), never, evaluation(best))
    screen = Screen("best", strata, {}, least=least)
    moved = int(48 * abs(gain))
    changed = {name for name in best if best[name] == (0.0 if gain > 0 else 1.0) and int(name) % 24 < moved}
    own = {name: 1 - score if name in changed else score for name, score in best.items()}

    async def measure(name: str, some: object) -> dict[str, float]:
        table = own if name == "new" else best
        return {case.id: table[case.id] for case in some}  # type: ignore[attr-defined]

    outcome = await race(
        ["new"],
        deal(cases(48), strata, most),
        measure,
        screen,
        anchors=["best"],
        block=BLOCK,
        veto=screen.veto,
        enough=screen.enough,
    )
    return len(outcome.cases), "new" in outcome.running


async def test_harm_and_nothing_leave_after_one_block_and_a_clear_gain_ends_the_race_early() -> None:
    assert await raced(-0.3, least=FIRST, most=BLOCK) == (BLOCK, False)
    assert await raced(0.0, least=FIRST, most=BLOCK) == (BLOCK, False)
    assert await raced(0.3, least=FIRST, most=BLOCK) == (BLOCK, True)
    assert await raced(0.45) == (2 * BLOCK, True)


async def test_where_there_is_nothing_to_mend_it_is_enough_to_lose_nothing() -> None:
    best = dict.fromkeys(map(str, range(12)), 1.0)
    strata = Strata.of(results(best), never, evaluation(best))
    screen = Screen("best", strata, {})

    async def measure(name: str, some: object) -> dict[str, float]:
        return {case.id: float(name != "worse") for case in some}  # type: ignore[attr-defined]

    outcome = await race(
        ["same", "worse"], deal(cases(12), strata, 12), measure, screen, anchors=["best"], block=BLOCK
    )
    assert outcome.running == ["same"]


def test_the_chance_to_pass_grows_with_the_gain_and_with_certainty() -> None:
    small, large = (Estimate(gain, 0.05, 0.5, 24).chance(40) for gain in (0.05, 0.2))
    assert 0 < small < large < 1
    assert Estimate(0.2, 0.3, 0.5, 6).chance(40) < large
    assert Estimate(-0.2, 0.05, 0.5, 24).chance(40) < 0.1
