"""Who plays whom: round robin, Swiss rounds, single elimination, duels by double Thompson sampling.

Players are named by their place from 0. Nothing here knows of prompts, cases or judges, and all of it is
decided by the arguments and a seed.
"""

import math
import random
from collections.abc import Collection, Sequence

Pair = tuple[int, int]


def round_robin(players: int) -> list[list[Pair]]:
    """Every pair once, in rounds in which nobody plays twice (the circle method).

    Everybody comes first in half of the pairs, as far as it goes.
    """
    seats = list(range(players + players % 2))
    rounds: list[list[Pair]] = []
    for _ in range(len(seats) - 1):
        half = len(seats) // 2
        met = zip(seats[:half], reversed(seats[half:]), strict=True)
        pairs = [(min(pair), max(pair)) for pair in met if max(pair) < players]
        rounds.append([(a, b) if (a + b) % 2 else (b, a) for a, b in pairs])
        seats = [seats[0], seats[-1], *seats[1:-1]]
    return rounds


def swiss_rounds(players: int) -> int:
    """Rounds that rank ``players`` well: one more than are needed to find who never lost."""
    return min(max(0, players - 1), math.ceil(math.log2(players)) + 1) if players > 1 else 0


def swiss_round(
    standing: Sequence[int], met: Collection[frozenset[int]], rested: Collection[int] = ()
) -> tuple[list[Pair], int | None]:
    """One Swiss round: neighbours in the standings play, none twice against the same one if that can be.

    Args:
        standing: all players, best first.
        met: the pairs that have played.
        rested: players who have had a round without a match.

    Returns:
        The pairs, best first, and who rests if the number is odd: the last one who has not rested yet.
    """
    rests: int | None = None
    playing = list(standing)
    if len(playing) % 2:
        rests = next((one for one in reversed(playing) if one not in rested), playing[-1])
        playing.remove(rests)
    pairs = _paired(playing, met)
    if pairs is None and rests is not None:
        # Another one may rest for the sake of the others.
        for other in reversed(standing):
            pairs = _paired([one for one in standing if one != other], met)
            if other not in rested and pairs is not None:
                return pairs, other
        pairs = None
    return pairs if pairs is not None else list(zip(playing[::2], playing[1::2], strict=True)), rests


STEPS = 20_000
"""Steps after which a Swiss round without a repeated match is not looked for any longer."""


def _paired(playing: Sequence[int], met: Collection[frozenset[int]]) -> list[Pair] | None:
    """Pairs of neighbours of which none has met; None if there are none."""
    left = STEPS

    def rest(waiting: Sequence[int]) -> list[Pair] | None:
        nonlocal left
        if not waiting:
            return []
        first, *others = waiting
        for other in others:
            left -= 1
            if left < 0:
                return None
            if frozenset((first, other)) not in met:
                found = rest([one for one in others if one != other])
                if found is not None:
                    return [(first, other), *found]
        return None

    return rest(playing)


def bracket(players: int) -> list[tuple[int, int | None]]:
    """The first round of single elimination, in the order in which its winners meet.

    Places are seeds, 0 the strongest: the two strongest can only meet in the final, and those who have
    nobody to play (None) are the strongest.
    """
    order = [0] if players else []
    while len(order) < players:
        size = 2 * len(order)
        order = [seed for one in order for seed in (one, size - 1 - one)]
    if len(order) == 1:
        return [(0, None)]
    return [
        (first, second if second < players else None)
        for first, second in zip(order[::2], order[1::2], strict=True)
    ]


def round_name(matches: int) -> str:
    """What the round of single elimination with so many matches (byes included) is called."""
    return {1: "final", 2: "semi-final", 4: "quarter-final"}.get(matches, f"round of {2 * matches}")


def shuffled(players: int, seed: int) -> list[int]:
    """The places in an order of chance."""
    order = list(range(players))
    random.Random(f"order/{seed}").shuffle(order)
    return order


class Duels:
    """Which pair to let play next, to find the best player with few games.

    Double Thompson sampling (Wu and Liu 2016, NeurIPS): the first player is the one who beats most others in
    a draw from the posterior, among those who may still beat most; the second the one who, in another draw,
    does best against the first, among those who may still be as good. Ties count as half a game to each.

    Args:
        players: how many there are.
        seed: of the draws.
        alpha: width of the confidence bounds; above 0.5.
    """

    def __init__(self, players: int, seed: int = 0, alpha: float = 0.6) -> None:
        self._players = range(players)
        self._seed = seed
        self._alpha = alpha
        self._wins = [[0.0] * players for _ in self._players]
        self._drawn = 0

    def played(self, first: int, second: int, outcome: int) -> None:
        """Take in a game: 1 if the first won, -1 if the second did, 0 for a tie."""
        self._wins[first][second] += (1 + outcome) / 2
        self._wins[second][first] += (1 - outcome) / 2

    def batch(self, most: int, closed: Collection[frozenset[int]] = ()) -> list[Pair]:
        """Up to ``most`` different pairs, each from draws of its own; none that is ``closed``.

        It is empty if every pair is closed.
        """
        shut = set(closed)
        pairs: list[Pair] = []
        for _ in range(most):
            pair = self._next(shut)
            if pair is None:
                break
            pairs.append(pair)
            shut.add(frozenset(pair))
        return pairs

    def _next(self, closed: Collection[frozenset[int]]) -> Pair | None:
        rng = random.Random(f"duels/{self._seed}/{self._drawn}")
        self._drawn += 1
        free = {one: self._opponents(one, closed) for one in self._players}
        firsts = [one for one in self._players if free[one]]
        if not firsts:
            return None
        first = self._first(firsts, rng)
        second = self._second(first, free[first], rng)
        return first, second

    def _opponents(self, one: int, closed: Collection[frozenset[int]]) -> list[int]:
        return [two for two in self._players if two != one and frozenset((one, two)) not in closed]

    def _first(self, firsts: Sequence[int], rng: random.Random) -> int:
        hopes = {one: sum(self._bound(one, two, 1) > 0.5 for two in self._others(one)) for one in firsts}
        drawn = {
            (one, two): rng.betavariate(1 + self._wins[one][two], 1 + self._wins[two][one])
            for one in self._players
            for two in range(one)
        }

        def beats(one: int, two: int) -> bool:
            return drawn[one, two] > 0.5 if two < one else drawn[two, one] < 0.5

        def beaten(one: int) -> int:
            return sum(beats(one, two) for two in self._others(one))

        hopeful = [one for one in firsts if hopes[one] == max(hopes.values())]
        return max(hopeful, key=lambda one: (beaten(one), rng.random()))

    def _second(self, first: int, opponents: Sequence[int], rng: random.Random) -> int:
        open_ = [one for one in opponents if self._bound(one, first, -1) <= 0.5] or list(opponents)
        drawn = {
            one: rng.betavariate(1 + self._wins[one][first], 1 + self._wins[first][one]) for one in open_
        }
        return max(open_, key=lambda one: (drawn[one], rng.random()))

    def _others(self, one: int) -> list[int]:
        return [two for two in self._players if two != one]

    def _bound(self, one: int, two: int, side: int) -> float:
        """Upper (1) or lower (-1) bound of the chance that ``one`` beats ``two``; of no game, 1 or 0."""
        games = self._wins[one][two] + self._wins[two][one]
        if not games:
            return 1.0 if side > 0 else 0.0
        total = sum(map(sum, self._wins))
        return self._wins[one][two] / games + side * math.sqrt(self._alpha * math.log(max(total, 1)) / games)
