"""Racing: several entrants on the same cases, block by block; who can hardly win is dropped early.

All decisions are on paired differences: whoever is compared met the same cases. Two rules are given. For a
known number of cases *sequential halving* (Karnin, Koren and Somekh 2013) has a known cost; *paired t*, as in
F-Race (Birattari et al. 2002) and CAPO (Zehle et al. 2025), drops as much as the differences allow. Bounds
of Hoeffding's and Bernstein's kind drop nobody at the sizes that prompts are measured on.

A race is deterministic: it depends on rewards alone, never on the order in which answers come.
"""

import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from promptopt.domain.dataset import Example
from promptopt.evaluation.gates import weighted
from promptopt.evaluation.together import together

Table = Mapping[str, Mapping[str, float]]
"""Entrant to case id to reward in [0, 1]. A case without an answer is not there: it is missing, not 0."""

Measure = Callable[[str, Sequence[Example]], Awaitable[Mapping[str, float]]]
"""Measures one entrant on some cases: case id to reward."""

_SLACK = 1e-12


@dataclass(frozen=True)
class Standing:
    """A race under way.

    Attributes:
        table: rewards so far.
        running: entrants that are still in, in their order.
        anchors: entrants that are never dropped, and that the others are compared with, too.
        done, total: cases.
        weights: case id to weight; cases that are not there weigh 1.
        entered: entrants at the start.
    """

    table: Table
    running: Sequence[str]
    anchors: Sequence[str]
    done: int
    total: int
    weights: Mapping[str, float]
    entered: int

    def gap(self, worse: str, better: str) -> tuple[float, float, int]:
        """Weighted mean of ``better - worse``, its standard error, and the number of cases of both."""
        return gap(self.table, worse, better, self.weights)


class Rule(Protocol):
    """Says who leaves a race, but not before ``fewest`` cases."""

    @property
    def fewest(self) -> int: ...

    def leaving(self, standing: Standing) -> dict[str, str]:
        """Running entrants that leave now, and why, in words."""
        ...


@dataclass(frozen=True)
class PairedT:
    """Whoever is worse than the leader by a one-sided paired t-test leaves.

    Attributes:
        delta: level of the test.
        fewest: cases before anybody leaves.
    """

    delta: float = 0.1
    fewest: int = 10

    def leaving(self, standing: Standing) -> dict[str, str]:
        if standing.done < self.fewest:
            return {}
        best = leader(standing.table, [*standing.anchors, *standing.running], standing.weights)
        gone: dict[str, str] = {}
        for name in standing.running:
            mean, error, n = standing.gap(name, best)
            if name != best and n >= min(self.fewest, standing.total) and self._worse(mean, error, n):
                gone[name] = f"{mean * 100:.1f} points behind the leader after {n} cases"
        return gone

    def _worse(self, mean: float, error: float, n: int) -> bool:
        if mean <= _SLACK or n < 2:
            return False
        if error <= _SLACK:  # it lost by the same everywhere
            return True
        stats: Any = import_module("scipy.stats")
        return float(stats.t.sf(mean / error, n - 1)) < self.delta


@dataclass(frozen=True)
class Halving:
    """Sequential halving: as the cases double, the better half stays.

    Attributes:
        fewest: cases before anybody leaves.
    """

    fewest: int = 8

    def leaving(self, standing: Standing) -> dict[str, str]:
        keep = self.keep(standing.entered, standing.done, standing.total)
        if keep >= len(standing.running):
            return {}
        fitted = levels(standing.table, standing.weights)
        order = {name: place for place, name in enumerate(standing.running)}
        ranked = sorted(standing.running, key=lambda name: (-fitted[name], order[name]))
        return dict.fromkeys(
            ranked[keep:], f"not among the best {keep} of {standing.entered} after {standing.done} cases"
        )

    def keep(self, entered: int, done: int, total: int) -> int:
        """How many of the entrants stay after ``done`` of ``total`` cases."""
        rounds = max(1, math.ceil(math.log2(max(1, entered))))
        passed = [
            number
            for number in range(1, rounds + 1)
            if max(total / 2 ** (rounds - number), self.fewest) <= done < total
        ]
        return math.ceil(entered / 2 ** max(passed, default=0))


@dataclass(frozen=True)
class Everybody:
    """Nobody leaves."""

    fewest: int = 0

    def leaving(self, standing: Standing) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class Dropped:
    """Somebody who left a race: after how many cases, and why, in words."""

    after: int
    reason: str


@dataclass
class Outcome:
    """What a race came to.

    Attributes:
        table: rewards of entrants and anchors; whoever was dropped has fewer.
        running: entrants that were in until the end, in their order.
        dropped: the others.
        cases: ids of the cases that were run.
    """

    table: dict[str, dict[str, float]]
    running: list[str]
    dropped: dict[str, Dropped] = field(default_factory=dict[str, Dropped])
    cases: list[str] = field(default_factory=list[str])


async def race(
    entrants: Sequence[str],
    cases: Sequence[Example],
    measure: Measure,
    rule: Rule,
    *,
    anchors: Sequence[str] = (),
    block: int = 5,
    veto: Callable[[str], str] | None = None,
    enough: Callable[[Table, int], bool] | None = None,
) -> Outcome:
    """Run entrants over common cases until these are used up or nobody but the anchors is left.

    Args:
        entrants: names, each once.
        cases: all entrants meet them in this order.
        measure: is asked for a block of cases of all running entrants at once.
        rule: who leaves after a block.
        anchors: names that stay in to be compared with, whatever they reward.
        block: cases between two looks; before the first one there are as many as the rule wants to see.
        veto: why an entrant must leave whatever its rewards, empty if it need not; asked after each block.
        enough: whether the race may end before all cases are used, from the rewards and the number of cases.
    """
    outcome = Outcome({name: {} for name in (*anchors, *entrants)}, list(entrants))
    weights = {case.id: case.weight for case in cases}
    while outcome.running and len(outcome.cases) < len(cases):
        done = len(outcome.cases)
        some = cases[done : done + (block if done else max(block, rule.fewest))]
        names = [*anchors, *outcome.running]
        for name, found in zip(names, await together(measure(name, some) for name in names), strict=True):
            outcome.table[name].update(found)
        outcome.cases += [case.id for case in some]
        done += len(some)
        gone = {name: veto(name) for name in outcome.running} if veto else {}
        gone = {name: why for name, why in gone.items() if why}
        _leave(outcome, gone, done)
        standing = Standing(
            outcome.table, tuple(outcome.running), tuple(anchors), done, len(cases), weights, len(entrants)
        )
        _leave(outcome, rule.leaving(standing), done)
        if enough and enough(outcome.table, done):
            break
    return outcome


def levels(table: Table, weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """How much each entrant rewards, the difficulty of the cases taken out; the mean over entrants is 0.

    Least squares of ``reward = entrant + case`` over the rewards that there are: with equal cases for all it
    is the mean of the differences from the cases' means; after a race, where cases differ, it is fair to both
    sides. Entrants that share no case with the others, directly or by others, are at 0.
    """
    names = [name for name in table if table[name]]
    shared = _shared(table, names)
    found = dict.fromkeys(table, 0.0)
    if len(names) < 2 or not shared:
        return found
    np: Any = import_module("numpy")
    place = {name: at for at, name in enumerate(names)}
    matrix: Any = np.zeros((len(names) + 1, len(names)))
    right: Any = np.zeros(len(names) + 1)
    matrix[-1, :] = 1.0
    for case_id, who in shared.items():
        weight = (weights or {}).get(case_id, 1.0)
        mean = math.fsum(table[name][case_id] for name in who) / len(who)
        for name in who:
            row = place[name]
            right[row] += weight * (table[name][case_id] - mean)
            matrix[row, row] += weight
            for other in who:
                matrix[row, place[other]] -= weight / len(who)
    solved: Any = np.linalg.lstsq(matrix, right, rcond=None)[0]
    return found | {name: float(solved[place[name]]) for name in names}


def leader(table: Table, names: Sequence[str], weights: Mapping[str, float] | None = None) -> str:
    """Who of ``names`` rewards most; of equals the first."""
    fitted = levels({name: table[name] for name in names}, weights)
    return max(names, key=lambda name: round(fitted[name], 9))


def gap(
    table: Table, worse: str, better: str, weights: Mapping[str, float] | None = None
) -> tuple[float, float, int]:
    """Weighted mean of ``better - worse`` on the cases of both, its standard error, and their number."""
    common = [case_id for case_id in table[worse] if case_id in table[better]]
    if not common:
        return 0.0, math.inf, 0
    values = [table[better][case_id] - table[worse][case_id] for case_id in common]
    mean, error = weighted(values, [(weights or {}).get(case_id, 1.0) for case_id in common])
    return mean, error, len(common)


def _leave(outcome: Outcome, gone: Mapping[str, str], done: int) -> None:
    for name, reason in gone.items():
        outcome.running.remove(name)
        outcome.dropped[name] = Dropped(done, reason)


def _shared(table: Table, names: Collection[str]) -> dict[str, list[str]]:
    """Cases that at least two entrants met, with who met them."""
    met: dict[str, list[str]] = {}
    for name in names:
        for case_id in table[name]:
            met.setdefault(case_id, []).append(name)
    return {case_id: who for case_id, who in met.items() if len(who) > 1}
