"""How the votes of several judges become one verdict, and what the judges are worth together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean
from typing import Literal

Voting = Literal["majority", "weighted", "unanimous", "mean_confidence"]

TIE_BELOW = 0.15
"""Mean signed confidence below which ``mean_confidence`` calls a tie."""

MOST_WEIGHT = 3.0
"""No judge counts more than this by its own consistency."""


@dataclass(frozen=True)
class Vote:
    """What one judge says of a pair.

    Attributes:
        judge: its name; empty for ``models.judge``.
        value: 1 for the first output, -1 for the second, 0 for a tie, None without a verdict.
        confidence: how sure it says that it is, in [0, 1].
        slots: for each order that it was shown: 1 if it chose what stood first, -1 what stood second, 0
            neither, None if its reply can't be read.
        reason: why, in its words.
    """

    judge: str
    value: int | None
    confidence: float = 1.0
    slots: tuple[int | None, ...] = ()
    reason: str = ""

    @property
    def turned(self) -> bool | None:
        """Whether the verdict turned with the order; None if not both orders gave one."""
        if len(self.slots) < 2 or None in self.slots:
            return None
        return self.slots[0] != -(self.slots[1] or 0)


def count(votes: Sequence[Vote], voting: Voting, weights: Mapping[str, float]) -> tuple[int | None, float]:
    """The verdict of a panel, as :attr:`Vote.value`, and how sure it is in [0, 1].

    Judges without a verdict don't count. With ``majority`` more than half have to be for one side; with
    ``unanimous`` all; with ``weighted`` the heavier side wins; with ``mean_confidence`` the side that the
    weighted mean of (vote times confidence) is on, if it is at least 0.15 from the middle. Else it is a tie.

    Args:
        weights: by the judge's name; 1 for one that is not there.
    """
    cast = [(vote.value, vote.confidence, weights.get(vote.judge, 1.0)) for vote in votes]
    said = [(value, sure, weight) for value, sure, weight in cast if value is not None]
    if not said:
        return None, 0.0
    whole = math.fsum(weight for _, _, weight in said)
    mean = math.fsum(value * sure * weight for value, sure, weight in said) / whole if whole else 0.0
    values = [value for value, _, _ in said]
    if voting == "majority":
        found = next((side for side in (1, -1) if 2 * values.count(side) > len(values)), 0)
    elif voting == "unanimous":
        found = values[0] if len(set(values)) == 1 else 0
    elif voting == "weighted":
        found = _sign(math.fsum(value * weight for value, _, weight in said))
    else:
        found = _sign(mean) if abs(mean) >= TIE_BELOW else 0
    return found, min(1.0, abs(mean))


@dataclass
class JudgeRecord:
    """What a judge has done.

    Attributes:
        pairs: that it was asked about.
        missing: of these without a verdict.
        both: pairs of which it gave a readable verdict in both orders …
        turned: … and of these where the verdict turned with the order.
        first, second: verdicts for what stood first, and second.
    """

    pairs: int = 0
    missing: int = 0
    both: int = 0
    turned: int = 0
    first: int = 0
    second: int = 0

    @property
    def consistency(self) -> float:
        """Share of pairs whose verdict kept to the output when the order turned; (n+1)/(m+2), so never 1."""
        return (self.both - self.turned + 1) / (self.both + 2)

    @property
    def weight(self) -> float:
        """Log odds of being right, as its consistency tells, from 0 (a coin, or worse) to 3."""
        right = self.consistency
        return min(MOST_WEIGHT, max(0.0, math.log(right / (1 - right))))


@dataclass
class _Common:
    """Sums over the pairs that two judges both gave a verdict on."""

    n: int = 0
    same: int = 0
    sums: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])

    def add(self, a: int, b: int) -> None:
        self.n += 1
        self.same += a == b
        self.sums = [old + new for old, new in zip(self.sums, (a, b, a * a, b * b, a * b), strict=True)]

    @property
    def correlation(self) -> float:
        """Pearson's; of judges who always say the same thing it is 1 if they agree, else 0."""
        a, b, aa, bb, ab = self.sums
        across = (self.n * aa - a * a) * (self.n * bb - b * b)
        if across <= 0:
            return float(self.same == self.n)
        return (self.n * ab - a * b) / math.sqrt(across)


class Record:
    """What the judges of a panel have done so far. It holds sums only: the order of the votes is nothing."""

    def __init__(self) -> None:
        self.judges: dict[str, JudgeRecord] = {}
        self.longer = self.shorter = 0
        """Verdicts for the longer, and for the shorter output."""
        self._common: dict[tuple[str, str], _Common] = {}

    def add(self, votes: Sequence[Vote], longer: int) -> None:
        """Take in the votes on a pair; ``longer`` is 1 if its first output is the longer one, -1 or 0."""
        for vote in votes:
            one = self.judges.setdefault(vote.judge, JudgeRecord())
            one.pairs += 1
            one.missing += vote.value is None
            one.both += vote.turned is not None
            one.turned += bool(vote.turned)
            one.first += vote.slots.count(1)
            one.second += vote.slots.count(-1)
            if vote.value and longer:
                self.longer += vote.value == longer
                self.shorter += vote.value != longer
        for a, b in combinations(sorted(votes, key=lambda vote: vote.judge), 2):
            if a.value is not None and b.value is not None:
                self._common.setdefault((a.judge, b.judge), _Common()).add(a.value, b.value)

    @property
    def agreement(self) -> dict[tuple[str, str], float]:
        """Share of the pairs on which two judges said the same, by their names."""
        return {pair: common.same / common.n for pair, common in self._common.items()}

    @property
    def voting(self) -> list[str]:
        """Names of the judges that gave a verdict on a pair that another one gave one on, too."""
        return sorted({name for pair in self._common for name in pair})

    @property
    def effective(self) -> float | None:
        """Independent votes that the panel is worth: ``J / (1 + (J-1) r)``, r the mean correlation of votes.

        J counts the judges that gave a verdict on a pair that another one gave one on, too. None for a single
        judge, or if no two gave a verdict on one pair. (Kish's formula; nine judges of one kind were found to
        be worth about two, arXiv 2605.29800.)
        """
        judges = len(self.voting)
        if not judges:
            return None
        mean = max(0.0, fmean(common.correlation for common in self._common.values()))
        return judges / (1 + (judges - 1) * mean)

    def lines(self) -> list[str]:
        """The record in words."""
        said = [_told(name, judge) for name, judge in sorted(self.judges.items())]
        if self._common:
            shares = self.agreement
            mean, (low, pair) = fmean(shares.values()), min((share, pair) for pair, share in shares.items())
            least = f", {' and '.join(pair)} on {low:.0%}" if len(shares) > 1 else ""
            said.append(
                f"the judges agree on {mean:.0%} of the pairs{least}; {len(self.voting)} of them are worth "
                f"{self.effective or 1:.1f} independent votes"
            )
        if (decided := self.longer + self.shorter) >= 10:
            said.append(f"{self.longer / decided:.0%} of the verdicts go to the longer output")
        return said


def _told(name: str, judge: JudgeRecord) -> str:
    parts = [f"{judge.pairs} pair{'s' * (judge.pairs != 1)}"]
    if judge.missing:
        parts.append(f"{judge.missing} without a verdict")
    if judge.both:
        parts.append(f"{judge.turned / judge.both:.0%} turned with the order")
    if decided := judge.first + judge.second:
        parts.append(f"{judge.first / decided:.0%} of its verdicts for what stood first")
    return f"{f'judge {name}' if name else 'the judge'}: {', '.join(parts)}"


def _sign(value: float) -> int:
    return (value > 1e-12) - (value < -1e-12)
