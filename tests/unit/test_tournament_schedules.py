"""Schedules and stopping: who plays whom, and when it is decided."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from promptopt.tournament import schedules
from promptopt.tournament.schedules import Duels, bracket, round_robin, swiss_round, swiss_rounds
from promptopt.tournament.stopping import LEAD, decide, e_value


@settings(deadline=None)
@given(st.integers(0, 17))
def test_a_round_robin_has_every_pair_once_and_nobody_twice_in_a_round(players: int) -> None:
    rounds = round_robin(players)
    pairs = [frozenset(pair) for turn in rounds for pair in turn]
    assert len(pairs) == len(set(pairs)) == players * (players - 1) // 2
    for turn in rounds:
        assert len({player for pair in turn for player in pair}) == 2 * len(turn) >= players - 1
    firsts = [sum(pair[0] == player for turn in rounds for pair in turn) for player in range(players)]
    assert all(abs(2 * count - (players - 1)) <= 3 for count in firsts)


def can_be_paired(playing: list[int], met: set[frozenset[int]]) -> bool:
    """Whether there is a round in which nobody meets anybody again, by trying."""
    if not playing:
        return True
    first, *others = playing
    return any(
        can_be_paired([one for one in others if one != other], met)
        for other in others
        if frozenset((first, other)) not in met
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 10), st.randoms(use_true_random=False))
def test_swiss_rounds_repeat_no_match_if_it_can_be_and_everybody_rests_once_at_most(
    players: int, rng: random.Random
) -> None:
    met: set[frozenset[int]] = set()
    rested: list[int] = []
    points = [0.0] * players
    for _ in range(swiss_rounds(players)):
        standing = sorted(range(players), key=lambda player: (-points[player], player))
        pairs, rests = swiss_round(standing, met, rested)
        playing = [player for pair in pairs for player in pair]
        assert sorted([*playing, *([] if rests is None else [rests])]) == list(range(players))
        assert (rests is None) == (players % 2 == 0)
        if rests is not None:
            assert rests not in rested
            rested.append(rests)
        if any(frozenset(pair) in met for pair in pairs):
            rest = [one for one in range(players) if one not in rested[:-1]] if players % 2 else [None]
            assert not any(
                can_be_paired([one for one in range(players) if one != other], met) for other in rest
            )
        for first, second in pairs:
            met.add(frozenset((first, second)))
            points[rng.choice((first, second))] += 1


def test_swiss_neighbours_play() -> None:
    assert swiss_round([3, 1, 0, 2], []) == ([(3, 1), (0, 2)], None)
    assert swiss_round([3, 1, 0, 2], [frozenset((3, 1))]) == ([(3, 0), (1, 2)], None)
    assert swiss_round([4, 3, 1, 0, 2], [], [2]) == ([(4, 3), (1, 2)], 0)
    assert swiss_rounds(8) == 4 and swiss_rounds(3) == 2 and swiss_rounds(1) == 0
    every = [frozenset(pair) for pair in itertools.combinations(range(4), 2)]
    pairs, _ = swiss_round([0, 1, 2, 3], every)
    assert pairs == [(0, 1), (2, 3)]  # a match is repeated where there is no other way


@settings(deadline=None)
@given(st.integers(1, 33))
def test_a_bracket_keeps_the_strongest_apart(players: int) -> None:
    pairs = bracket(players)
    size = 2 ** math.ceil(math.log2(players))
    named = [player for pair in pairs for player in pair if player is not None]
    assert sorted(named) == list(range(players)) and len(pairs) == max(1, size // 2)
    byes = [first for first, second in pairs if second is None]
    assert sorted(byes) == list(range(max(1, size) - players if players > 1 else 1))
    rounds = 0
    alive = [pair if pair[1] is not None else (pair[0], players) for pair in pairs]
    while len(alive) > 1:  # if the stronger always wins, the weakest are out first
        winners = [min(pair) for pair in alive]
        assert sorted(winners) == list(range(len(winners)))
        alive = list(zip(winners[::2], winners[1::2], strict=True))
        rounds += 1
    if players > 1:
        assert sorted(alive[0])[:1] == [0] and rounds == math.log2(size) - 1


def test_rounds_of_a_bracket_have_names() -> None:
    assert [schedules.round_name(n) for n in (8, 4, 2, 1)] == [
        "round of 16",
        "quarter-final",
        "semi-final",
        "final",
    ]
    assert bracket(0) == []


def test_chance_is_the_seeds() -> None:
    assert schedules.shuffled(9, 4) == schedules.shuffled(9, 4) != schedules.shuffled(9, 5)


def run_duels(strengths: list[float], games: int, seed: int) -> tuple[list[int], list[tuple[int, int]]]:
    duels, rng = Duels(len(strengths), seed), random.Random(seed)
    played = [0] * len(strengths)
    pairs: list[tuple[int, int]] = []
    for _ in range(games):
        ((first, second),) = duels.batch(1)
        better = 1 / (1 + math.exp(strengths[second] - strengths[first]))
        duels.played(first, second, 1 if rng.random() < better else -1)
        played[first] += 1
        played[second] += 1
        pairs.append((first, second))
    return played, pairs


def test_duels_come_to_the_best() -> None:
    hits = 0
    for seed in range(10):
        played, pairs = run_duels([-1.0, 0.2, 1.5, -0.5, 0.0], 150, seed)
        hits += max(range(5), key=lambda player: played[player]) == 2
        assert run_duels([-1.0, 0.2, 1.5, -0.5, 0.0], 150, seed) == (played, pairs)
    assert hits >= 9


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(1, 8), st.integers(0, 3))
def test_a_batch_has_different_open_pairs(players: int, most: int, seed: int) -> None:
    every = [frozenset(pair) for pair in itertools.combinations(range(players), 2)]
    closed = set(every[::2])
    pairs = [frozenset(pair) for pair in Duels(players, seed).batch(most, closed)]
    assert len(set(pairs)) == len(pairs) == min(most, len(every) - len(closed))
    assert not closed & set(pairs)
    assert Duels(players, seed).batch(most, set(every)) == []


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (3, 0), (5, 2), (9, 9), (20, 3)])
def test_the_evidence_is_the_mixture_over_all_strengths(wins: int, losses: int) -> None:
    whole, _ = quad(lambda p: p**wins * (1 - p) ** losses, 0, 1)
    assert e_value(wins, losses) == pytest.approx(whole * 2 ** (wins + losses), rel=1e-6)


def test_between_equals_the_confirming_rule_seldom_names_a_winner() -> None:
    named = 0
    for seed in range(400):
        rng, wins = random.Random(seed), 0
        for played in range(41):
            end = decide("confirming", wins, played - wins, 40 - played, 0.1)
            if end:
                named += end.winner != 0
                break
            wins += rng.random() < 0.5
    assert named <= 40  # alpha = 0.1; about 4 % here, since most games are few


def test_a_clear_match_is_decided_early() -> None:
    assert decide("confirming", 6, 0, 34) is None or e_value(6, 0) >= 10
    won = decide("confirming", 7, 0, 33)
    assert won and won.winner == 1 and "evidence" in won.reason
    lost = decide("exploring", 0, LEAD, 30)
    assert lost and lost.winner == -1 and LEAD == 4
    assert decide("exploring", 3, 0, 30) is None
    assert decide("whole", 30, 0, 5) is None


def test_what_can_not_be_decided_any_more_ends() -> None:
    futile = decide("confirming", 5, 5, 3)
    assert futile and futile.winner == 0 and "too few" in futile.reason
    assert decide("confirming", 5, 5, 3, futility=False) is None
    assert decide("exploring", 3, 2, 2) is None and decide("exploring", 0, 0, 3) is None
    assert decide("exploring", 3, 2, 0).winner == 1  # type: ignore[union-attr]
    assert decide("exploring", 3, 3, 0).winner == 0  # type: ignore[union-attr]
    assert decide("confirming", 3, 2, 0).winner == 0  # type: ignore[union-attr]


@settings(deadline=None)
@given(st.sampled_from(("exploring", "confirming", "whole")), st.integers(0, 30), st.integers(0, 30))
def test_with_nothing_left_there_is_always_an_end_and_both_sides_are_treated_alike(
    rule: str, wins: int, losses: int
) -> None:
    there = decide(rule, wins, losses, 0)  # type: ignore[arg-type]
    back = decide(rule, losses, wins, 0)  # type: ignore[arg-type]
    assert there and back and there.winner == -back.winner
