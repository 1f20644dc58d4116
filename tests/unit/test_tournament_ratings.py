"""Ratings: planted strengths are found, an independent optimizer agrees, names and order are nothing."""

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from promptopt.tournament.ratings import (
    ELO,
    ORDER_SD,
    STRENGTH_SD,
    TIE_SD,
    Game,
    Strengths,
    rate,
    tally,
)


def play(
    strengths: Sequence[float], cases: int, *, order: float = 0.0, ties: float = 0.5, seed: int = 0
) -> list[Game]:
    """Every pair plays every case by the model."""
    rng = random.Random(seed)
    games: list[Game] = []
    for first in range(len(strengths)):
        for second in range(first + 1, len(strengths)):
            for case in range(cases):
                slot = rng.choice((0.5, -0.5)) if order else 0.0
                a = math.exp(strengths[first] + order * slot)
                b = math.exp(strengths[second] - order * slot)
                tie = ties * math.sqrt(a * b)
                at = rng.random() * (a + b + tie)
                outcome = 1 if at < a else -1 if at < a + b else 0
                games.append(Game(first, second, outcome, str(case), slot))
    return games


def surprise(parameters: Any, games: Sequence[Game], players: int) -> float:
    """Minus the log posterior, written down game by game."""
    theta, order, log_ties = parameters[:players], parameters[players], parameters[players + 1]
    total = (theta @ theta) / STRENGTH_SD**2 + order**2 / ORDER_SD**2 + log_ties**2 / TIE_SD**2
    total /= 2
    for game in games:
        a = theta[game.first] + order * game.slot
        b = theta[game.second] - order * game.slot
        tie = log_ties + (a + b) / 2
        said = {1: a, -1: b, 0: tie}[game.outcome]
        total += np.logaddexp(np.logaddexp(a, b), tie) - said
    return float(total)


PLANTED = (1.2, 0.6, 0.0, -0.6, -1.2)


def test_planted_ranks_are_recovered() -> None:
    found = rate(play(PLANTED, 60, order=0.5), 5)
    assert list(found.values) == sorted(found.values, reverse=True)
    for value, error, planted in zip(found.values, found.errors, PLANTED, strict=True):
        assert abs(value - planted) < 3 * error
    assert found.p_best[0] > 0.85 and found.ranks[0] == (1, 2) and found.ranks[4] == (5, 5)
    assert found.order == pytest.approx(0.5, abs=0.25) and found.ties == pytest.approx(0.5, abs=0.2)


def test_shuffled_ranks_are_recovered_from_half_of_the_pairs() -> None:
    order = [3, 0, 4, 1, 2]
    games = play([PLANTED[place] for place in order], 80, seed=5)
    some = [game for game in games if (game.first + game.second) % 2]
    found = rate(some, 5)
    assert sorted(range(5), key=lambda player: -found.values[player]) == [1, 3, 4, 0, 2]


@pytest.mark.parametrize(("players", "order", "seed"), [(2, 0.0, 1), (4, 0.8, 2), (6, -0.4, 3)])
def test_an_independent_optimizer_finds_the_same(players: int, order: float, seed: int) -> None:
    strengths = [random.Random(seed + place).gauss(0, 1) for place in range(players)]
    games = play(strengths, 7, order=order, seed=seed)
    found = rate(games, players, resamples=0)
    start = np.zeros(players + 2)
    best = minimize(surprise, start, args=(games, players), method="BFGS", options={"gtol": 1e-7})
    assert found.values == pytest.approx(best.x[:players], abs=1e-4)
    assert found.order == pytest.approx(best.x[players], abs=1e-4)
    assert math.log(found.ties) == pytest.approx(best.x[players + 1], abs=1e-4)
    assert found.errors == pytest.approx(errors_by_differences(best.x, games, players), rel=1e-3)


def errors_by_differences(at: Any, games: Sequence[Game], players: int, step: float = 1e-3) -> list[float]:
    """Standard errors of the centred strengths from a numerical second derivative."""
    size = len(at)
    shifts = np.eye(size) * step
    hessian = np.zeros((size, size))
    for a in range(size):
        for b in range(size):
            corners = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
            values = [
                x * y * surprise(at + x * shifts[a] + y * shifts[b], games, players) for x, y in corners
            ]
            hessian[a, b] = sum(values) / (4 * step**2)
    centred = np.eye(players) - 1 / players
    covariance = centred @ np.linalg.inv(hessian)[:players, :players] @ centred
    return [math.sqrt(value) for value in np.diag(covariance)]


GAMES = st.lists(
    st.builds(
        Game,
        first=st.integers(0, 2),
        second=st.integers(3, 4),
        outcome=st.sampled_from((1, 0, -1)),
        case=st.sampled_from("abcdef"),
        slot=st.sampled_from((0.5, 0.0, -0.5)),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(GAMES, st.permutations(range(5)), st.randoms(use_true_random=False))
def test_names_and_order_are_nothing(games: list[Game], names: list[int], rng: random.Random) -> None:
    found = rate(games, 5, resamples=0, draws=2)
    assert math.fsum(found.values) == pytest.approx(0, abs=1e-9)
    renamed = [Game(names[g.first], names[g.second], g.outcome, g.case, g.slot) for g in games]
    turned = [Game(g.second, g.first, -g.outcome, g.case, -g.slot) for g in renamed]
    rng.shuffle(turned)
    again = rate(turned, 5, resamples=0, draws=2)
    assert [again.values[names[player]] for player in range(5)] == pytest.approx(found.values, abs=1e-7)
    assert [again.errors[names[player]] for player in range(5)] == pytest.approx(found.errors, abs=1e-7)
    assert again.order == pytest.approx(found.order, abs=1e-7)


@settings(max_examples=40, deadline=None)
@given(GAMES, st.integers(0, 2), st.integers(3, 4))
def test_a_win_more_never_costs_strength(games: list[Game], winner: int, loser: int) -> None:
    before = rate(games, 5, resamples=0, draws=2)
    after = rate([*games, Game(winner, loser, 1, "new")], 5, resamples=0, draws=2)
    assert after.values[winner] > before.values[winner]
    assert after.values[loser] < before.values[loser]


@settings(max_examples=25, deadline=None)
@given(GAMES)
def test_chances_and_ranks_are_what_they_claim(games: list[Game]) -> None:
    found = rate(games, 5, seed=3, resamples=20, draws=200)
    assert found == rate(games, 5, seed=3, resamples=20, draws=200)
    assert math.fsum(found.p_best) == pytest.approx(1)
    assert all(1 <= low <= high <= 5 for low, high in found.ranks)
    assert found.design >= 1
    assert all(0 < found.share(player) < 1 for player in range(5))
    assert math.fsum(found.share(player) for player in range(5)) == pytest.approx(2.5)
    counted = tally(games, 5)
    assert sum(sum(counted.record(player)) for player in range(5)) == 2 * len(games)


def test_who_never_lost_has_a_finite_rating_and_an_honest_interval() -> None:
    found = rate([Game(0, 1, 1, str(case)) for case in range(3)], 2)
    rating, low, high = found.elo(0)
    assert 0 < rating < 600 and low < 0 < high
    assert found.p_best[0] < 0.97
    assert rate([Game(0, 1, 1)], 2).p_best[0] < 0.9


def test_without_games_all_are_alike() -> None:
    found = rate([], 3)
    assert found.values == (0, 0, 0) and found.share(1) == 0.5
    assert all(chance == pytest.approx(1 / 3, abs=0.05) for chance in found.p_best)
    assert rate([], 1) == Strengths((0,), (0,), (1,), ((1, 1),)) and rate([], 1).share(0) == 0.5
    assert rate([], 0).values == ()


def test_games_of_one_case_that_go_together_widen_the_interval() -> None:
    """Five verdicts on each case that are the same one tell no more than one does."""
    once = play((0.4, 0.0, -0.4), 12, seed=8)
    copied = [game for game in once for _ in range(5)]
    apart = [Game(g.first, g.second, g.outcome, f"{g.case}/{n}") for g in once for n in range(5)]
    assert rate(apart, 3).design < 1.5
    together = rate(copied, 3)
    assert together.design > 2.5
    assert together.errors[0] > 1.5 * rate(copied, 3, resamples=0).errors[0]


def test_intervals_cover_what_was_planted() -> None:
    covered = 0
    for seed in range(60):
        found = rate(play((0.5, 0.0, -0.5), 25, seed=100 + seed), 3, resamples=50, draws=10)
        _, low, high = found.elo(0)
        covered += low <= ELO * 0.5 <= high
    assert covered >= 52  # of 60; 95 % are 57


def test_equals_are_seldom_told_apart() -> None:
    sure = sum(
        max(rate(play((0.0,) * 4, 20, seed=seed), 4, resamples=50, draws=500).p_best) > 0.9
        for seed in range(40)
    )
    assert sure <= 6


def test_a_tally_counts_wins_ties_and_what_goes_round() -> None:
    games = [Game(0, 1, 1), Game(1, 2, 1), Game(0, 2, -1), Game(2, 0, 1), Game(0, 1, 0), Game(1, 0, -1)]
    counted = tally(games, 3)
    assert counted.wins == ((0, 2, 0), (0, 0, 1), (2, 0, 0))
    assert counted.ties == ((0, 1, 0), (1, 0, 0), (0, 0, 0))
    assert [counted.record(player) for player in range(3)] == [(2, 2, 1), (1, 2, 1), (2, 1, 0)]
    assert counted.win_rate(0) == 0.5 and tally([], 2).win_rate(0) == 0.5
    assert counted.intransitive() == (1, 1)
    straight = tally([Game(0, 1, 1), Game(1, 2, 1), Game(0, 2, 1)], 3)
    assert straight.intransitive() == (0, 1)
    assert tally([Game(0, 1, 1), Game(1, 2, 1), Game(0, 2, 0)], 3).intransitive() == (0, 0)
