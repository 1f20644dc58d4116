"""Group-relative advantages: what a prompt rewards above its group, shrunken by how sure that is.

GRPO divides by the group's spread, which makes much of nothing where the group hardly differs. Here the
advantage is paired (each case has its own baseline, the group's mean on it) and shrunken as in empirical
Bayes estimation (James and Stein 1961; Morris 1983): a group that noise alone explains gives no advantage,
as a group without variance gives no gradient.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, variance

from promptopt.evaluation.racing import Table, levels


@dataclass(frozen=True)
class Advantage:
    """Of one member of a group. All figures are rewards, so a difference of 0.1 is ten points.

    Attributes:
        raw: mean reward above the group's, case by case.
        error: its standard error; infinite with fewer than two cases.
        shrunken: ``raw * tau2 / (tau2 + error**2)``.
        cases: that it was measured on.
    """

    raw: float
    error: float
    shrunken: float
    cases: int

    @property
    def z(self) -> float:
        """The advantage in standard errors; 0 if that is not known."""
        return self.raw / self.error if self.error > 0 and math.isfinite(self.error) else 0.0


@dataclass(frozen=True)
class Advantages:
    """Of a whole group.

    Attributes:
        members: name to advantage.
        tau2: variance between members that noise does not explain; 0 for a group that can't be told apart.
    """

    members: dict[str, Advantage]
    tau2: float

    @property
    def null(self) -> bool:
        """Noise alone explains what the members differ by."""
        return self.tau2 <= 0

    def doubt(self, name: str) -> float:
        """Posterior standard deviation of a member's advantage."""
        error = self.members[name].error
        if self.null:
            return 0.0
        return (
            math.sqrt(self.tau2)
            if math.isinf(error)
            else error * math.sqrt(self.tau2 / (self.tau2 + error**2))
        )


def advantages(table: Table, weights: Mapping[str, float] | None = None) -> Advantages:
    """The advantages of a group.

    Members may have been measured on different cases, as after a race: rewards are fitted as a member's level
    plus a case's, by least squares.

    Args:
        table: member to case to reward.
        weights: case to weight; cases that are not there weigh 1.
    """
    raw = levels(table, weights)
    errors = _errors(table, raw, weights or {})
    return shrink(raw, errors, {name: len(table[name]) for name in table})


def shrink(raw: Mapping[str, float], errors: Mapping[str, float], cases: Mapping[str, int]) -> Advantages:
    """Shrink advantages by their errors.

    Args:
        raw: member to advantage.
        errors: member to its standard error; infinite if nothing is known.
        cases: member to the number of cases.
    """
    known = [name for name in raw if math.isfinite(errors[name])]
    tau2 = 0.0
    if len(known) > 1:
        noise = fmean(errors[name] ** 2 for name in known)
        tau2 = max(0.0, variance([raw[name] for name in known]) - noise)
    members = {
        name: Advantage(
            raw=raw[name],
            error=errors[name],
            shrunken=raw[name] * _trust(tau2, errors[name]),
            cases=cases[name],
        )
        for name in raw
    }
    return Advantages(members, tau2)


def _trust(tau2: float, error: float) -> float:
    if tau2 <= 0 or math.isinf(error):
        return 0.0
    return tau2 / (tau2 + error**2)


def _errors(table: Table, raw: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """Standard errors, from what members and cases do not explain."""
    met: dict[str, list[str]] = {}
    for name in table:
        for case_id in table[name]:
            met.setdefault(case_id, []).append(name)
    ease = {case_id: fmean(table[name][case_id] - raw[name] for name in who) for case_id, who in met.items()}
    found: dict[str, float] = {}
    for name, rewards in table.items():
        shared = [case_id for case_id in rewards if len(met[case_id]) > 1]
        n = len(shared)
        if n < 2:
            found[name] = math.inf
            continue
        heavy = [weights.get(case_id, 1.0) for case_id in shared]
        squares = math.fsum(
            (weight * (rewards[case_id] - raw[name] - ease[case_id])) ** 2
            for weight, case_id in zip(heavy, shared, strict=True)
        )
        found[name] = math.sqrt(squares * n / (n - 1)) / sum(heavy)
    return found
