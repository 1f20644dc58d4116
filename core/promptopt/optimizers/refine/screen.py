"""The race of proposals: on which training cases, who leaves it, and what a place in it is worth.

Cases are dealt by what is known of them. Of those that the best prompt fails, where a proposal can gain,
twice as many come as of those that it passes, where it can lose; and those on which all prompts so far did
the same, which tell least, come last. Within each of these strata the order is random, and what a proposal
gains is weighed back to the strata's shares among all cases (post-stratification), so that dealing by what is
known does not bias it.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, pvariance

from promptopt.domain.dataset import Example
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.evaluation.racing import Standing, Table

BLOCK = 6
"""Cases between two looks."""

FAILING_IN_A_ROW = 2
"""Failing cases that are dealt for each passing one."""

FIRST = (0.0,)
"""Gain in standard errors that every proposal must exceed on one block of cases: that leaves out what does
harm, and most of what does nothing."""

LEAST = (-1.0, 0.0, 0.3)
"""The same for what is left, after the first block, the second, and later ones. It is little: several changes
that each may be of use are put together, and validation decides."""

CLEAR = 1.0
"""Gain in standard errors from which, after two blocks, no more cases are needed."""

USUAL = 0.1
"""Standard deviation of what changes are worth: most are worth little, and large gains are doubted."""

SETTLED_DOUBT = 0.1
"""Doubt of a case on which all prompts did the same, as a share of that of others."""

_SLACK = 1e-9


@dataclass(frozen=True)
class Stratum:
    """Training cases that are alike.

    Attributes:
        cases: ids.
        share: of such cases among all there are.
        doubt: variance of one more difference, assumed beside those seen.
    """

    cases: frozenset[str]
    share: float
    doubt: float


@dataclass(frozen=True)
class Strata:
    """The best prompt's training cases, by whether it passes them and whether all prompts did the same.

    Attributes:
        failing, passing: prompts differed on them, or hardly any met them.
        lost, won: all prompts failed them, or passed them.
    """

    failing: Stratum
    passing: Stratum
    lost: Stratum
    won: Stratum

    @classmethod
    def of(
        cls, results: Sequence[CaseResult], settled: Callable[[str], bool], on_validation: Evaluation
    ) -> "Strata":
        """Sort the training results of a prompt.

        Args:
            settled: whether all prompts so far did the same on a case, by its id.
            on_validation: the prompt's validation, which tells the shares of failing and passing cases.
        """
        answered = [result for result in results if not result.error]
        failed = len(on_validation.results) - on_validation.passed
        share = (failed + 1) / (len(on_validation.results) + 2)
        doubt = max(0.01, pvariance([result.score for result in on_validation.results] or [0.0]))
        failing, lost = _parted([r.case_id for r in answered if not r.passed], settled, share, doubt)
        passing, won = _parted([r.case_id for r in answered if r.passed], settled, 1 - share, doubt)
        return cls(failing, passing, lost, won)

    @property
    def all(self) -> tuple[Stratum, ...]:
        return self.failing, self.passing, self.lost, self.won

    @property
    def nothing_to_mend(self) -> bool:
        """Whether the best prompt passes every training case that it met."""
        return not self.failing.cases and not self.lost.cases


@dataclass(frozen=True)
class Estimate:
    """What a proposal gains over the best prompt, over all cases.

    Attributes:
        gain: weighted mean of the paired differences.
        error: its standard error.
        spread: standard deviation of the difference on a single case.
        n: cases of both.
    """

    gain: float
    error: float
    spread: float
    n: int

    @property
    def z(self) -> float:
        """The gain in standard errors."""
        return self.gain / self.error if self.error else 0.0

    def chance(self, validation: int) -> float:
        """Chance that the gain on so many validation cases is at least its standard error.

        The gain is shrunk towards 0 first (``USUAL``): it is the best of several, and luck helped to be it.
        """
        trust = USUAL**2 / (USUAL**2 + self.error**2)
        needed = self.spread / math.sqrt(validation)
        open_ = math.sqrt(trust * self.error**2 + needed**2)
        return NormalDist().cdf((trust * self.gain - needed) / open_) if open_ else float(self.gain > 0)


def estimate(
    own: Mapping[str, float], best: Mapping[str, float], strata: Strata, weights: Mapping[str, float]
) -> Estimate:
    """What rewards of ``own`` gain over those of ``best``.

    Args:
        weights: case id to weight; cases that are not there weigh 1.
    """
    gain = variance = squares = within = 0.0
    n = 0
    for stratum in strata.all:
        pairs = [
            (own[name] - best[name], weights.get(name, 1.0))
            for name in own
            if name in stratum.cases and name in best
        ]
        mean, spread = _mean_and_spread(pairs, stratum.doubt)
        n += len(pairs)
        gain += stratum.share * mean
        variance += stratum.share**2 * spread / max(1, len(pairs))
        squares += stratum.share * mean**2
        within += stratum.share * spread
    return Estimate(gain, math.sqrt(variance), math.sqrt(max(0.0, within + squares - gain**2)), n)


def _nothing(_: str) -> str:
    return ""


class Screen:
    """The rule of one race: who shows no gain over the best prompt leaves.

    Args:
        best: name of the best prompt, which is measured beside.
        veto: why a proposal must leave whatever it gains, empty if it need not.
        least: gains in standard errors that are asked for, look by look; the last one holds for all later.

    Attributes:
        fewest: cases before anybody leaves.
    """

    fewest = BLOCK

    def __init__(
        self,
        best: str,
        strata: Strata,
        weights: Mapping[str, float],
        veto: Callable[[str], str] = _nothing,
        least: Sequence[float] = LEAST,
    ) -> None:
        self.best = best
        self._strata = strata
        self._weights = weights
        self._veto = veto
        self._least = least
        self._left: set[str] = set()

    def estimates(self, table: Table, names: Sequence[str]) -> dict[str, Estimate]:
        """What each of the names gains."""
        return {name: estimate(table[name], table[self.best], self._strata, self._weights) for name in names}

    def veto(self, name: str) -> str:
        """Why a proposal must leave."""
        why = self._veto(name)
        if why:
            self._left.add(name)
        return why

    def leaving(self, standing: Standing) -> dict[str, str]:
        looks = math.ceil(standing.done / BLOCK)
        least = self._least[min(looks, len(self._least)) - 1]
        gone: dict[str, str] = {}
        for name, found in self.estimates(standing.table, standing.running).items():
            if found.n and found.z <= least + _SLACK and not self._nothing_to_gain(found):
                gone[name] = f"{found.gain * 100:+.1f} points on {found.n} training cases: no gain to be seen"
        self._left |= gone.keys()
        return gone

    def enough(self, table: Table, done: int) -> bool:
        """Whether all that are still in have shown enough."""
        running = [name for name in table if name != self.best and name not in self._left]
        return done >= 2 * BLOCK and all(
            found.z >= CLEAR for found in self.estimates(table, running).values()
        )

    def _nothing_to_gain(self, found: Estimate) -> bool:
        """Whether there is nothing to mend: then it is enough to lose nothing."""
        return self._strata.nothing_to_mend and found.gain >= -_SLACK


def deal(cases: Sequence[Example], strata: Strata, most: int, first: Collection[str] = ()) -> list[Example]:
    """The cases of a race, in their order.

    Args:
        cases: all, in the order that holds within a stratum.
        most: cases.
        first: ids of cases that come before others of their stratum: those that must pass.
    """
    ranked = sorted(cases, key=lambda case: case.id not in first)

    def row(stratum: Stratum) -> list[Example]:
        return [case for case in ranked if case.id in stratum.cases]

    dealt = _dealt(row(strata.failing), row(strata.passing))
    return [*dealt, *_dealt(row(strata.lost), row(strata.won))][:most]


def _dealt(failing: list[Example], passing: list[Example]) -> list[Example]:
    dealt: list[Example] = []
    while failing or passing:
        dealt += [*failing[:FAILING_IN_A_ROW], *passing[:1]]
        failing, passing = failing[FAILING_IN_A_ROW:], passing[1:]
    return dealt


def _parted(
    ids: Sequence[str], settled: Callable[[str], bool], share: float, doubt: float
) -> tuple[Stratum, Stratum]:
    """Cases on which prompts differed, and those on which all did the same."""
    same = frozenset(name for name in ids if settled(name))
    part = share * len(same) / max(1, len(ids))
    open_ = Stratum(frozenset(ids) - same, share - part, doubt)
    return open_, Stratum(same, part, doubt * SETTLED_DOUBT)


def _mean_and_spread(pairs: Sequence[tuple[float, float]], doubt: float) -> tuple[float, float]:
    """Weighted mean of differences and the variance of one, with one more of variance ``doubt`` assumed."""
    if not pairs:
        return 0.0, doubt
    weight = math.fsum(weight for _, weight in pairs)
    mean = math.fsum(gap * weight for gap, weight in pairs) / weight
    squares = math.fsum((gap - mean) ** 2 for gap, _ in pairs)
    return mean, (squares + doubt) / (len(pairs) + 1)
