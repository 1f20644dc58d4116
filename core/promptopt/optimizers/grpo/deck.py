"""Which training cases a group meets next.

Half of a batch goes evenly round all cases, in a fixed stratified order, so that it stands for them. The
other half is drawn towards cases that tell prompts apart, for a case that all pass, or all fail, says nothing
of who is better. Such a draw is fit to drop and to learn from, never to state a score: what decides who takes
whose place is measured on the validation cases.
"""

import random
from collections.abc import Mapping, Sequence

from promptopt.domain.dataset import Example
from promptopt.evaluation.categories import is_label


class Deck:
    """Training cases in a stratified order.

    Args:
        cases: all of them.
        seed: of the order.
    """

    def __init__(self, cases: Sequence[Example], seed: int) -> None:
        self.cases = stratified(cases, random.Random(seed))
        self.place = 0
        """Where the even half of the next batch starts."""

    def deal(self, size: int, spread: Mapping[str, float], dice: random.Random) -> list[Example]:
        """The next batch: ``size`` cases, or all if there are no more, each once. The deck stays as it is.

        Args:
            spread: case id to how much it tells prompts apart; cases that are not there are taken for the
                most telling, since nobody knows.
            dice: moves on by as many draws as there are cases.
        """
        points = [dice.random() for _ in self.cases]
        turned = self._turned()
        if size >= len(turned):
            return turned
        even = turned[: (size + 1) // 2]
        unseen = max(spread.values(), default=1.0)
        # The largest of u ** (1 / weight) are a weighted draw (Efraimidis and Spirakis 2006).
        keys = {
            case.id: point ** (1 / max(spread.get(case.id, unseen), 1e-6))
            for case, point in zip(self.cases, points, strict=True)
        }
        rest = turned[len(even) :]
        chosen = set(
            sorted((case.id for case in rest), key=lambda name: (-keys[name], name))[: size - len(even)]
        )
        return _alternating(even, [case for case in rest if case.id in chosen])

    def used(self, batch: Sequence[Example], count: int) -> None:
        """Go on behind the even half of the first ``count`` cases of a batch that was dealt here."""
        if len(batch) < len(self.cases):
            self.place = (self.place + (count + 1) // 2) % len(self.cases)

    def _turned(self) -> list[Example]:
        return [*self.cases[self.place :], *self.cases[: self.place]]


def stratified(cases: Sequence[Example], dice: random.Random) -> list[Example]:
    """Cases so ordered that each stretch has about the whole's share of each label and set of tags."""
    strata: dict[tuple[str, ...], list[Example]] = {}
    labels = [case.expected for case in cases if case.expected is not None and is_label(case.expected)]
    repeated = len(set(labels)) * 2 <= len(cases)
    for case in cases:
        label = case.expected if repeated and case.expected in labels else ""
        strata.setdefault((label or "", *case.tags), []).append(case)
    placed: list[tuple[float, float, Example]] = []
    for key in sorted(strata):
        stratum = strata[key]
        dice.shuffle(stratum)
        start = dice.random()
        placed += [((at + start) / len(stratum), dice.random(), case) for at, case in enumerate(stratum)]
    return [case for _, _, case in sorted(placed, key=lambda item: item[:2])]


def _alternating(one: Sequence[Example], other: Sequence[Example]) -> list[Example]:
    """Cases of both by turns, so that each block has of both."""
    longer = max(len(one), len(other))
    return [half[at] for at in range(longer) for half in (one, other) if at < len(half)]
