"""What was tried and rejected: a change, not a whole prompt, so that it is known again in another prompt."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rapidfuzz.distance import Indel

from promptopt.domain.prompt import Prompt
from promptopt.evaluation.sentences import sentences
from promptopt.optimizers.refine.demonstrating import identity

SAME = 0.9
"""Word similarity of two changes from which one is the other again."""


@dataclass(frozen=True)
class Change:
    """What a prompt changed of its parent: sentences added and left out, and which demonstrations it has."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    @classmethod
    def between(cls, parent: Prompt, child: Prompt) -> "Change":
        """What ``child`` changed. Sentences that only moved are no change."""
        before, after = sentences(parent.text), sentences(child.text)
        shown = tuple(map(identity, child.demonstrations))
        return cls(
            added=tuple(sentence for sentence in after if sentence not in before),
            removed=tuple(sentence for sentence in before if sentence not in after),
            shown=shown if shown != tuple(map(identity, parent.demonstrations)) else (),
        )

    def repeats(self, other: "Change") -> bool:
        """Whether this is (nearly) the same change."""
        same_demos = sorted(self.shown) == sorted(other.shown)
        return same_demos and _alike(self.added, other.added) and _alike(self.removed, other.removed)

    @property
    def empty(self) -> bool:
        return not (self.added or self.removed or self.shown)


@dataclass(frozen=True)
class Rejected:
    """A change that was measured and brought nothing. ``round``: when."""

    round: int
    change: Change


class Memory:
    """Rejected changes of the last rounds.

    They are forgotten after a while: a few cases may have wronged one, and another prompt may need it.

    Args:
        rounds: for which a change is remembered.
    """

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._rejected: list[Rejected] = []

    def keep(self, number: int, change: Change) -> None:
        """Remember a change that was rejected in a round, and forget those of long ago."""
        if not change.empty:
            self._rejected.append(Rejected(number, change))
        self._rejected = [one for one in self._rejected if number - one.round < self._rounds]

    def objection(self, number: int, change: Change) -> str:
        """Why a change should not be tried in a round, in words for the proposer; empty if it may be."""
        for known in self._rejected:
            if number - known.round <= self._rounds and change.repeats(known.change):
                return "this change was tried before and brought nothing; propose a different one"
        return ""

    def dump(self) -> list[dict[str, Any]]:
        """JSON values, for a checkpoint."""
        return [{"round": one.round, **asdict(one.change)} for one in self._rejected]

    def load(self, kept: Sequence[dict[str, Any]]) -> None:
        """Take over what :meth:`dump` gave."""
        self._rejected = [
            Rejected(one["round"], Change(tuple(one["added"]), tuple(one["removed"]), tuple(one["shown"])))
            for one in kept
        ]


def _alike(one: Sequence[str], other: Sequence[str]) -> bool:
    if not one and not other:
        return True
    first, second = " ".join(one).casefold().split(), " ".join(other).casefold().split()
    return Indel.normalized_similarity(first, second) >= SAME
