"""Ratings of players from the games that they played.

The model is Bradley and Terry's (1952, Biometrika 39:324) with ties as Davidson (1970, JASA 65:317) has them
and an advantage of whoever a judge is shown first (Davidson and Beaver 1977, Biometrics 33:693). With
log strengths θ, the tie propensity ν and the advantage γ of the first slot,

    a = exp(θ_i + γ o),  b = exp(θ_j - γ o),  t = ν sqrt(a b),
    P(i wins) = a / (a + b + t),  P(tie) = t / (a + b + t),

where o is +1/2 if i was shown first, -1/2 if j was, and 0 if both orders were shown or nobody looked. What is
maximised is the likelihood with normal priors, θ ~ N(0, 1.5²), γ ~ N(0, 1), log ν ~ N(0, 2²): they keep the
strength of a player who never lost finite. It is concave, so that Newton's method ends in the one maximum.

Intervals are those of the observed information, widened by what games of one case have in common: a bootstrap
that draws whole cases measures how much more the estimates vary than games without anything in common would.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ELO = 400 / math.log(10)
"""Points of Elo's scale in one unit of log strength: 400 points are odds of 10 to 1."""

Z = 1.959963984540054
"""Half the width of a 95 % interval, in standard errors."""

STRENGTH_SD, ORDER_SD, TIE_SD = 1.5, 1.0, 2.0
"""Standard deviations of the priors."""

RESAMPLES = 300
"""Times that the cases are drawn anew."""

DRAWS = 4000
"""Draws of strengths from which the chance to be the best, and the ranks, are counted."""


@dataclass(frozen=True)
class Game:
    """What came of one case of one match.

    Attributes:
        first, second: the players, by their place from 0.
        outcome: 1 if the first won, -1 if the second did, 0 for a tie.
        case: the case; games of one case have something in common.
        slot: 0.5 if the judges were shown the first one first, -0.5 if the second, 0 for both orders or none.
    """

    first: int
    second: int
    outcome: int
    case: str = ""
    slot: float = 0.0


@dataclass(frozen=True)
class Strengths:
    """How strong the players are.

    Attributes:
        values: log strengths, their sum is 0.
        errors: standard errors of these.
        p_best: chance of each to be the strongest.
        ranks: bounds of the 95 % interval of each one's rank, from 1.
        order: log advantage of whoever is shown first, at equal strength.
        ties: odds of a tie to a win of one of two equals, at equal strength.
        design: factor by which the variances were widened, because games of one case go together.
    """

    values: tuple[float, ...]
    errors: tuple[float, ...]
    p_best: tuple[float, ...]
    ranks: tuple[tuple[int, int], ...]
    order: float = 0.0
    ties: float = 1.0
    design: float = 1.0

    def elo(self, player: int) -> tuple[float, float, float]:
        """Rating on Elo's scale, mean 0, with the bounds of its 95 % interval."""
        rating, half = ELO * self.values[player], ELO * Z * self.errors[player]
        return rating, rating - half, rating + half

    def share(self, player: int) -> float:
        """Mean chance to beat another player, ties left out, in [0, 1]; 0.5 without another."""
        others = [value for place, value in enumerate(self.values) if place != player]
        if not others:
            return 0.5
        return math.fsum(_sigmoid(self.values[player] - other) for other in others) / len(others)


@dataclass(frozen=True)
class Tally:
    """Games won and tied, by the pair.

    Attributes:
        wins: ``wins[i][j]``: games that i won against j.
        ties: symmetric.
    """

    wins: tuple[tuple[int, ...], ...]
    ties: tuple[tuple[int, ...], ...]

    def record(self, player: int) -> tuple[int, int, int]:
        """Games won, lost and tied by a player."""
        lost = sum(row[player] for row in self.wins)
        return sum(self.wins[player]), lost, sum(self.ties[player])

    def win_rate(self, player: int) -> float:
        """Share of a player's games that it won, ties as half, in [0, 1]; 0.5 without a game."""
        won, lost, tied = self.record(player)
        played = won + lost + tied
        return (won + tied / 2) / played if played else 0.5

    def intransitive(self) -> tuple[int, int]:
        """Triples that go round (a beats b, b beats c, c beats a), and all whose three pairs are decided.

        Of random verdicts a quarter goes round: with more than that, judges are near coin flips.
        """
        round_, decided = 0, 0
        for a, b, c in combinations(range(len(self.wins)), 3):
            signs = [self._sign(a, b), self._sign(b, c), self._sign(c, a)]
            if 0 not in signs:
                decided += 1
                round_ += len(set(signs)) == 1
        return round_, decided

    def _sign(self, a: int, b: int) -> int:
        ahead = self.wins[a][b] - self.wins[b][a]
        return (ahead > 0) - (ahead < 0)


def tally(games: Sequence[Game], players: int) -> Tally:
    """Count the games of ``players`` players."""
    wins = [[0] * players for _ in range(players)]
    ties = [[0] * players for _ in range(players)]
    for game in games:
        if game.outcome:
            winner, loser = (game.first, game.second)[:: game.outcome]
            wins[winner][loser] += 1
        else:
            ties[game.first][game.second] += 1
            ties[game.second][game.first] += 1
    return Tally(tuple(map(tuple, wins)), tuple(map(tuple, ties)))


def rate(
    games: Sequence[Game], players: int, *, seed: int = 0, resamples: int = RESAMPLES, draws: int = DRAWS
) -> Strengths:
    """Estimate the strengths of ``players`` players; the result depends on nothing but the arguments.

    Args:
        seed: of the draws.
        resamples: of the cases; 0: intervals are those of the information alone.
        draws: from which chances and ranks are counted.
    """
    if not players:
        return Strengths((), (), (), ())
    import numpy as np

    model = _Model(games, players)
    rng = np.random.default_rng(seed)
    best = model.fit(model.counts.sum(axis=0)[None])
    spread = model.spread(best)
    design = _design(model, best, spread, rng, resamples)
    spread = spread * design
    values = best[0, :players] - best[0, :players].mean()
    drawn = rng.multivariate_normal(values, spread, size=draws, method="eigh")
    places = (-drawn).argsort(axis=1).argsort(axis=1) + 1
    low, high = np.quantile(places, [0.025, 0.975], axis=0, method="closest_observation")
    return Strengths(
        values=tuple(map(float, values)),
        errors=tuple(float(math.sqrt(max(0.0, value))) for value in np.diag(spread)),
        p_best=tuple(map(float, (places == 1).mean(axis=0))),
        ranks=tuple((int(a), int(b)) for a, b in zip(low, high, strict=True)),
        order=float(best[0, players]),
        ties=float(math.exp(best[0, players + 1])),
        design=design,
    )


def _design(model: "_Model", best: "Array", spread: "Array", rng: Any, resamples: int) -> float:
    """How much more the estimates vary if whole cases are drawn than the information says; at least 1.

    It is the mean over all directions: a single one would be found too wide by chance.
    """
    import numpy as np

    cases = len(model.counts)
    if resamples < 2 or cases < 2 or model.players < 2:
        return 1.0
    weights = rng.multinomial(cases, [1 / cases] * cases, size=resamples).astype(float)
    counts: Array = np.einsum("rc,cko->rko", weights, model.counts)
    drawn = model.fit(counts, best, within=1e-3)[:, : model.players]
    ratio = np.linalg.pinv(spread) @ np.cov(drawn, rowvar=False)
    return max(1.0, float(np.trace(ratio)) / (model.players - 1))


class _Model:
    """The likelihood, for many sets of counts at once.

    The parameters are the θ of each player, γ and log ν; each outcome of a game has a utility that is linear
    in them, so this is a multinomial logit. Games of one pair in one order are counted together.

    Attributes:
        counts: cases × kinds of game × (first wins, second wins, tie).
    """

    def __init__(self, games: Sequence[Game], players: int) -> None:
        import numpy as np

        self.players = players
        kinds: dict[tuple[int, int, float], int] = {}
        cases: dict[str, int] = {}
        rows = [_in_order(game) for game in games]
        for first, second, slot, _, case in rows:
            kinds.setdefault((first, second, slot), len(kinds))
            cases.setdefault(case, len(cases))
        self.counts: Array = np.zeros((max(1, len(cases)), len(kinds), 3))
        for first, second, slot, outcome, case in rows:
            self.counts[cases[case], kinds[first, second, slot], outcome] += 1
        self.features: Array = np.zeros((len(kinds), 3, players + 2))
        for (first, second, slot), place in kinds.items():
            self.features[place, 0, [first, players]] = 1, slot
            self.features[place, 1, [second, players]] = 1, -slot
            self.features[place, 2, [first, second, players + 1]] = 0.5, 0.5, 1
        sds = np.array([STRENGTH_SD] * players + [ORDER_SD, TIE_SD])
        self.prior: Array = 1 / sds**2

    def fit(self, counts: "Array", start: "Array | None" = None, within: float = 1e-9) -> "Array":
        """The parameters that fit best, for each of the sets of counts (sets × kinds × 3).

        Args:
            start: to begin from.
            within: size of the last step.
        """
        import numpy as np

        now: Array = np.zeros((len(counts), self.players + 2)) + (0.0 if start is None else start)
        value = self._value(now, counts)
        for _ in range(100):
            step = np.linalg.solve(self.curvature(now, counts), self._slope(now, counts)[..., None])[..., 0]
            size: Array = np.ones((len(now), 1))
            for _ in range(30):  # never downhill: far from the maximum a whole step can be too long
                reached = self._value(now + size * step, counts)
                too_far = reached < value - 1e-12
                if not too_far.any():
                    break
                size[too_far] /= 2
            now = now + size * step
            value = self._value(now, counts)
            if np.abs(step).max() < within:
                break
        return now

    def spread(self, best: "Array") -> "Array":
        """Covariance of the strengths about their mean: what all have in common is no information."""
        import numpy as np

        information = self.curvature(best, self.counts.sum(axis=0)[None])
        inverse: Array = np.linalg.solve(information, np.eye(information.shape[1])[None])[0]
        centred: Array = np.eye(self.players) - 1 / self.players
        found: Array = centred @ inverse[: self.players, : self.players] @ centred
        return found

    def curvature(self, at: "Array", counts: "Array") -> "Array":
        """Minus the second derivatives (sets × parameters × parameters)."""
        import numpy as np

        shares, size = self._shares(at), at.shape[1]
        played = counts.sum(axis=2)
        flat = self.features.reshape(-1, size)
        squares = (flat[:, :, None] * flat[:, None, :]).reshape(len(flat), size * size)
        seen = (played[..., None] * shares).reshape(len(at), len(flat))
        second = (seen @ squares).reshape(-1, size, size)
        mean = np.einsum("bka,kap->bkp", shares, self.features)
        return second - (mean * played[..., None]).transpose(0, 2, 1) @ mean + np.diag(self.prior)

    def _utilities(self, at: "Array") -> "Array":
        import numpy as np

        found: Array = np.einsum("kap,bp->bka", self.features, at)
        return found

    def _shares(self, at: "Array") -> "Array":
        """Probability of each outcome of each kind of game."""
        import numpy as np

        raised = np.exp(self._lowered(at))
        found: Array = raised / raised.sum(axis=2, keepdims=True)
        return found

    def _lowered(self, at: "Array") -> "Array":
        utilities = self._utilities(at)
        found: Array = utilities - utilities.max(axis=2, keepdims=True, initial=-math.inf)
        return found

    def _value(self, at: "Array", counts: "Array") -> "Array":
        """Log posterior, up to a constant."""
        import numpy as np

        lowered = self._lowered(at)
        logs = lowered - np.log(np.exp(lowered).sum(axis=2, keepdims=True))
        found: Array = (counts * logs).sum(axis=(1, 2)) - (at**2 * self.prior).sum(axis=1) / 2
        return found

    def _slope(self, at: "Array", counts: "Array") -> "Array":
        surplus = counts - counts.sum(axis=2, keepdims=True) * self._shares(at)
        flat = self.features.reshape(-1, at.shape[1])
        found: Array = surplus.reshape(len(at), len(flat)) @ flat - at * self.prior
        return found


def _in_order(game: Game) -> tuple[int, int, float, int, str]:
    """The game with the player of the lower place first: places, slot, outcome (0, 1 or 2) and case."""
    turned = game.first > game.second
    first, second = sorted((game.first, game.second))
    slot, outcome = (-game.slot, -game.outcome) if turned else (game.slot, game.outcome)
    return first, second, slot, {1: 0, -1: 1, 0: 2}[outcome], game.case


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else 1 - 1 / (1 + math.exp(value))
