"""The ways in which a variant can be written, and learning which of them work.

Which one a variant takes is drawn by Thompson sampling over Beta-Bernoulli beliefs (Thompson 1933; Chapelle
and Li 2011), times the shares that the settings give, with a floor of exploration: what never works is tried
less, nothing is given up for ever.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Operator = Literal["lessons", "patch", "merge", "shorten", "explore"]

OPERATORS: tuple[Operator, ...] = ("lessons", "patch", "merge", "shorten", "explore")


@dataclass
class Bandit:
    """Beliefs about operators.

    Attributes:
        shares: operator to its share before anything is known.
        floor: share of explorations whatever works.
        tally: operator to how many of its variants did well, and how many did not.
    """

    shares: Mapping[Operator, float]
    floor: float = 0.1
    tally: dict[Operator, tuple[int, int]] = field(default_factory=dict[Operator, tuple[int, int]])

    def draw(self, count: int, room: Mapping[Operator, int], dice: random.Random) -> list[Operator]:
        """Operators of ``count`` variants.

        Args:
            room: most variants of each operator; 0 if it has nothing to work on. Exploring always may.
            dice: moves on by the same number of draws whatever is drawn.
        """
        left: dict[Operator, int] = {name: room.get(name, 0) for name in OPERATORS}
        left["explore"] = count
        drawn: list[Operator] = []
        for _ in range(count):
            floor, pick = dice.random(), dice.random()
            believed: list[tuple[Operator, float]] = [
                (name, self.shares.get(name, 0.0) * self._believed(name, dice)) for name in OPERATORS
            ]
            worth: list[tuple[Operator, float]] = [
                (name, value) for name, value in believed if left[name] > 0
            ]
            chosen: Operator = "explore" if floor < self.floor else _pick(worth, pick)
            left[chosen] -= 1
            drawn.append(chosen)
        return drawn

    def learn(self, operator: Operator, well: bool) -> None:
        """Count a variant that did well, or did not."""
        won, lost = self.tally.get(operator, (0, 0))
        self.tally[operator] = (won + well, lost + (not well))

    def _believed(self, operator: Operator, dice: random.Random) -> float:
        won, lost = self.tally.get(operator, (0, 0))
        return random.Random(dice.getrandbits(64)).betavariate(1 + won, 1 + lost)


def _pick(worth: Sequence[tuple[Operator, float]], point: float) -> Operator:
    """One of the operators, as likely as its worth says; ``point`` in [0, 1)."""
    left = point * sum(value for _, value in worth)
    for name, value in worth:
        left -= value
        if left < 0:
            return name
    return "explore"
