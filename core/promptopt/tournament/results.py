"""What a tournament comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from promptopt.domain.events import MatchFinished, Rating
from promptopt.domain.prompt import Prompt
from promptopt.tournament.ratings import Game, Strengths, Tally, rate, tally


@dataclass(frozen=True)
class Pairing:
    """A place in the bracket of single elimination; ``second_id`` None: nobody to play."""

    first_id: str
    second_id: str | None
    winner_id: str
    number: int | None = None
    """Of the match."""


@dataclass(frozen=True)
class TournamentResults:
    """Who is how strong.

    Attributes:
        format: ``round_robin``, ``swiss``, ``single_elimination`` or ``duels``.
        prompts: the players, each once.
        ratings: best first.
        champion: the winner of the final, if one was decided; else the best rated.
        decided: the champion won a final in which equals are told apart with a chance of ``alpha`` at most.
            If not, it leads, and no more.
        matches: in the order of their numbers.
        win_matrix: ``win_matrix[a][b]``: cases that a won against b.
        win_rates: share of the cases won, ties as half.
        p_best: chance of each to be the strongest.
        bracket: of single elimination, round by round; else empty.
        intransitive: triples that go round, and all that are decided.
        notes: what there is to know of the judges and the verdicts, in words.
    """

    format: str
    prompts: tuple[Prompt, ...]
    ratings: tuple[Rating, ...]
    champion: Prompt
    decided: bool
    matches: tuple[MatchFinished, ...]
    win_matrix: dict[str, dict[str, int]]
    p_best: dict[str, float]
    strengths: Strengths
    bracket: tuple[tuple[Pairing, ...], ...] = ()
    intransitive: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()

    @property
    def win_rates(self) -> dict[str, float]:
        return {rating.candidate_id: rating.win_rate for rating in self.ratings}

    def top(self, k: int) -> list[Prompt]:
        """The ``k`` best, the champion first."""
        prompts = {prompt.id: prompt for prompt in self.prompts}
        rest = [rating.candidate_id for rating in self.ratings if rating.candidate_id != self.champion.id]
        return [prompts[one] for one in [self.champion.id, *rest][:k]]

    def get_top_performers(self, top_k: int = 3) -> list[Prompt]:
        """The same as :meth:`top`."""
        return self.top(top_k)

    def strength(self, prompt_id: str) -> float:
        """Mean chance of a prompt to beat another one of the tournament, ties left out, in [0, 1].

        Raises:
            KeyError: it did not play.
        """
        ids = [prompt.id for prompt in self.prompts]
        if prompt_id not in ids:
            raise KeyError(prompt_id)
        return self.strengths.share(ids.index(prompt_id))


@dataclass
class Book:
    """The games of a tournament so far, and what they come to."""

    prompts: tuple[Prompt, ...]
    seed: int = 0
    places: Sequence[int] = ()
    """Where each was named, to tell equals apart."""
    games: list[Game] = field(default_factory=list[Game])
    strengths: Strengths = field(init=False)
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.count()

    def count(self) -> None:
        """Rate anew."""
        self.strengths = rate(self.games, len(self.prompts), seed=self.seed)
        self.tally = tally(self.games, len(self.prompts))

    @property
    def order(self) -> list[int]:
        """The players, best first; of equals the one that was named first."""
        places = self.places or range(len(self.prompts))
        strengths = self.strengths.values
        return sorted(
            range(len(self.prompts)), key=lambda player: (-round(strengths[player], 9), places[player])
        )

    @property
    def ratings(self) -> list[Rating]:
        """Best first."""
        return [self._rating(player) for player in self.order]

    def _rating(self, player: int) -> Rating:
        rating, low, high = self.strengths.elo(player)
        won, lost, tied = self.tally.record(player)
        return Rating(
            candidate_id=self.prompts[player].id,
            rating=round(rating, 1),
            low=round(low, 1),
            high=round(high, 1),
            wins=won,
            losses=lost,
            ties=tied,
            win_rate=self.tally.win_rate(player),
            p_best=round(self.strengths.p_best[player], 4),
        )

    def matrix(self) -> dict[str, dict[str, int]]:
        """Cases won, by winner and loser."""
        ids = [prompt.id for prompt in self.prompts]
        return {
            one: {two: self.tally.wins[a][b] for b, two in enumerate(ids) if a != b}
            for a, one in enumerate(ids)
        }

    def notes(self, judges: Sequence[str]) -> list[str]:
        """What limits the ratings, in words; ``judges``: what there is to say of them."""
        said = list(judges)
        round_, decided = self.tally.intransitive()
        if round_:
            warning = ": near what coin flips give" if decided >= 4 and round_ > decided / 4 else ""
            said.append(
                f"{round_} of {decided} decided triples go round (a beats b beats c beats a){warning}"
            )
        if self.strengths.design > 1.5:
            wider = self.strengths.design**0.5
            said.append(f"verdicts on one case go together: intervals are {wider:.1f} times as wide")
        return said


def compute_win_rates(results: TournamentResults) -> Mapping[str, float]:
    """Share of its cases that each prompt won, ties as half, by the prompt's id."""
    return results.win_rates
