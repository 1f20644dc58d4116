"""How a tournament is played, and what that takes at most."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting

from promptopt.tournament import schedules
from promptopt.tournament.matches import Judging, Orders, Sitting
from promptopt.tournament.voting import Voting

Format = Literal["round_robin", "swiss", "single_elimination", "duels"]


class TournamentConfig(BaseModel):
    """How a tournament is played.

    Attributes:
        format: who plays whom. ``round_robin``: everybody everybody; ``swiss``: neighbours in the standings,
            in few rounds; ``single_elimination``: who loses is out; ``duels``: the pair that tells most, a
            few cases at a time, until one is the best or ``duels`` are played.
        judging: who decides a case. ``metric``: the higher score of the project's checks; ``judges``: the
            judge models; ``metric_then_judges``: they, where the scores are equal.
        voting: how several judges become one verdict; see ``tournament.voting.count``.
        orders: ``both``: judges are shown each pair in both orders; ``balanced``: in one, that of chance,
            half the cases each, and in both on a sample; finals always in both.
        panel: ``all``: all judges judge all matches; ``final``: finals only, and the first one alone the
            others. Judges of one kind are worth little more than one of them, so that much less buys much the
            same.
        criteria: what makes an output good, in words; empty: what the project's own judge checks say, else
            its task.
        reference: judges see the expected output, where there is one.
        cases: most cases of a match.
        block: cases after which it is looked whether a match is decided.
        early: matches end once they are decided.
        epsilon: scores that differ by no more are a tie.
        final: the two best rated play a final, on cases that they have not met on (elimination has its own).
        alpha: chance that a final calls one of two equals the better one.
        rounds: of a Swiss tournament; 0: one more than log2 of the players.
        duels: most cases that are played in duels; 0: 20 for each player.
        sure: chance to be the best at which Swiss rounds and duels end.
        seeded: the prompts come in the order of their strength, best first; else chance orders them.
        seed: of everything random.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format = "round_robin"
    judging: Judging = "metric_then_judges"
    voting: Voting = "majority"
    orders: Orders = "both"
    panel: Sitting = "all"
    criteria: str = ""
    reference: bool = True
    cases: int = Setting(default=40, ge=1)
    block: int = Setting(default=5, ge=1)
    early: bool = True
    epsilon: float = Setting(default=0.01, ge=0, le=1)
    final: bool = True
    alpha: float = Setting(default=0.1, gt=0, lt=1)
    rounds: int = Setting(default=0, ge=0)
    duels: int = Setting(default=0, ge=0)
    sure: float = Setting(default=0.9, gt=0, le=1)
    seeded: bool = False
    seed: int = 0

    @property
    def needs_judges(self) -> bool:
        """Whether it asks judge models."""
        return self.judging != "metric"


@dataclass(frozen=True)
class Most:
    """What a tournament takes at most: answers of prompts, verdicts of judges (repetitions left out), matches
    (None: nobody can say).
    """

    answers: int
    verdicts: int
    matches: int | None


def at_most(config: TournamentConfig, prompts: int, cases: int, judges: int) -> Most:
    """What a tournament of so many prompts on so many cases takes at most, with a panel of ``judges``."""
    cases = min(cases, config.cases)
    matches = planned(config, prompts)
    met = prompts * (prompts - 1) // 2 * cases
    if config.format == "duels":
        games = min(met, most_duels(config, prompts) + (cases if config.final else 0))
    else:
        games = min(met, (matches or 0) * cases)
    if not config.needs_judges or prompts < 2:
        judges = 0
    return Most(prompts * cases, games * judges * 2, matches)


def planned(config: TournamentConfig, players: int) -> int | None:
    """Matches that are played at most; None for duels."""
    if players < 2:
        return 0
    final = int(config.final)
    if config.format == "round_robin":
        return players * (players - 1) // 2 + final
    if config.format == "swiss":
        return (config.rounds or schedules.swiss_rounds(players)) * (players // 2) + final
    return players - 1 if config.format == "single_elimination" else None


def most_duels(config: TournamentConfig, players: int) -> int:
    return config.duels or 20 * players
