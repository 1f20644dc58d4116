"""When a match is decided.

Only games that somebody won count. Two rules:

- *confirming*, for finals: with the mixture ``E = 2^(w+l) B(1+w, 1+l)`` of all strengths against an even
  match (a betting score; Shafer 2021, JRSS A 184:407) it is decided as soon as ``E >= 1/alpha``. However
  often one looks, two equals are told apart with a chance of ``alpha`` at most. It ends as well when nobody
  can get there any more with the games that are left (*futility*).
- *exploring*, for all others: Wald's sequential test of 0.65 against 0.35 at error 0.1, which is a lead of 4
  games. It is quick, and between equals names one by chance: no claim rests on it.
  What is left of a close match is played: it tells most, and there are three games at most to save.
"""

import math
from dataclasses import dataclass
from typing import Literal

Rule = Literal["exploring", "confirming", "whole"]
"""``whole``: all games are played."""

STRONGER = 0.65
"""Chance to win a game that the exploring rule tells from its opposite …"""

ERROR = 0.1
"""… with this chance of being wrong."""

LEAD = math.ceil(math.log((1 - ERROR) / ERROR) / math.log(STRONGER / (1 - STRONGER)))
"""Games by which one has to be ahead for that."""


@dataclass(frozen=True)
class Decision:
    """A match is over: ``winner`` 1 for the first, -1 for the second, 0 for nobody; and why."""

    winner: int
    reason: str


def e_value(wins: int, losses: int) -> float:
    """Evidence against an even match, two-sided: 1 is none; of equals it exceeds 1/a with a chance of a."""
    games = wins + losses
    log = math.lgamma(1 + wins) + math.lgamma(1 + losses) - math.lgamma(2 + games) + games * math.log(2)
    return math.exp(min(700.0, log))


def decide(
    rule: Rule, wins: int, losses: int, left: int, alpha: float = 0.1, *, futility: bool = True
) -> Decision | None:
    """Whether a match is over.

    Args:
        wins, losses: games that the first, the second won.
        left: games that can still be played.
        alpha: for the rule ``confirming``.
        futility: it ends when nobody can get there any more.

    Returns:
        The decision, or None to play on. With no game left there is one: in a match that is not decided the
        one who is ahead wins, except under ``confirming``, which calls nobody the winner then.
    """
    ahead = (wins > losses) - (wins < losses)
    if rule == "confirming":
        return _confirm(wins, losses, left, alpha, futility)
    if rule == "exploring" and abs(wins - losses) >= LEAD:
        return Decision(ahead, f"ahead by {abs(wins - losses)}")
    if not left:
        return Decision(ahead, "all cases played" if ahead else "level after all cases")
    return None


def _confirm(wins: int, losses: int, left: int, alpha: float, futility: bool) -> Decision | None:
    evidence = e_value(wins, losses)
    if evidence >= 1 / alpha:
        return Decision(1 if wins > losses else -1, f"decided, evidence {evidence:.3g} to 1")
    if not left:
        return Decision(0, f"not decided after all cases, evidence {evidence:.2g} to 1")
    # The best that can come for each is to win all that is left.
    if futility and max(e_value(wins + left, losses), e_value(wins, losses + left)) < 1 / alpha:
        return Decision(0, "too few cases left to decide it")
    return None
