"""One look at a prompt in use: what fresh cases say, and what the history says with them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from promptopt.domain.dataset import Example
from promptopt.domain.results import CaseResult
from promptopt.domain.text import one_line
from promptopt.enterprise.deployment.recording import Deployment, failures_in, inputs_of
from promptopt.evaluation.falls import ALARM, Fall, Scores, Watch, fall_between, running_sums
from promptopt.evaluation.shifts import Shift, shifts
from promptopt.store.deployments import MonitoringRow

MOST_SHOWN = 5
"""Failed cases that are named at most."""


@dataclass(frozen=True)
class Look:
    """What one look found.

    Attributes:
        n: its number.
        at: when, seconds since the epoch.
        source: the file of cases; ``digest`` tells equal ones.
        score, low, high: of the fresh cases, with the 95 % interval.
        cases, passed, errors: numbers of cases; ``errors`` had no answer.
        fall: against the test.
        verdict, reason: what to make of it.
        height: of the running sum over the looks so far; :data:`ALARM` is an alarm.
        categories: error categories with their numbers; ``new`` are those that the test did not have.
        shifts: how the inputs differ from those that the prompt was made with.
        known: cases that are not fresh, by the split of the run that they were in.
        failed: ids of failed cases, the first ones.
        usd: None if a price is unknown.
    """

    n: int
    at: float
    source: str
    digest: str
    run_id: str
    score: float
    low: float
    high: float
    cases: int
    passed: int
    errors: int
    fall: Fall
    verdict: Watch
    reason: str
    height: float
    categories: Mapping[str, int]
    new: tuple[str, ...]
    shifts: tuple[Shift, ...]
    known: Mapping[str, int]
    failed: tuple[str, ...]
    usd: float | None
    simulated: bool

    @property
    def shifted(self) -> list[Shift]:
        """The shifts that are more than chance."""
        return [one for one in self.shifts if one.shifted]

    def as_json(self) -> dict[str, Any]:
        """In JSON values, which :meth:`of_json` reads."""
        return {**asdict(self), "alarm": ALARM}

    @classmethod
    def of_json(cls, raw: Mapping[str, Any]) -> "Look":
        table = {name: raw[name] for name in cls.__dataclass_fields__}
        table["fall"] = Fall(**raw["fall"])
        table["shifts"] = tuple(Shift(**one) for one in raw["shifts"])
        table["new"], table["failed"] = tuple(raw["new"]), tuple(raw["failed"])
        return cls(**table)


def history_of(rows: Sequence[MonitoringRow]) -> list[Look]:
    """The looks that are over, oldest first."""
    return [Look.of_json(json.loads(row.body)) for row in rows if row.done]


def look_at(
    deployment: Deployment,
    row: MonitoringRow,
    cases: Sequence[Example],
    results: Mapping[str, CaseResult],
    before: Sequence[Look],
    *,
    margin: float,
    usd: float | None,
) -> Look:
    """What the results of fresh cases say.

    Args:
        results: by case id, one for each case.
        before: earlier looks, oldest first.
        margin: fall that does not matter.
    """
    ordered = [results[case.id] for case in cases]
    now = _scores(ordered)
    within = now.within(0.95)
    fall = fall_between(deployment.then, now, margin)
    categories = failures_in(ordered)
    height = _height(deployment, [*_last_of_each(before, row.digest), (within.mean, within.n)])
    verdict, reason = _verdict(deployment, ordered, fall, height)
    return Look(
        n=row.n,
        at=row.created_at,
        source=row.source,
        digest=row.digest,
        run_id=row.eval_run,
        score=within.mean,
        low=within.low,
        high=within.high,
        cases=within.n,
        passed=sum(result.passed for result in ordered),
        errors=sum(bool(result.error) for result in ordered),
        fall=fall,
        verdict=verdict,
        reason=reason,
        height=height,
        categories=categories,
        new=tuple(name for name in categories if name not in deployment.categories),
        shifts=tuple(shifts(deployment.profile, cases)),
        known=_known(deployment, cases),
        failed=tuple(one_line(r.case_id, 60) for r in ordered if not r.passed)[:MOST_SHOWN],
        usd=usd,
        simulated=deployment.simulated,
    )


def _verdict(
    deployment: Deployment, results: Sequence[CaseResult], fall: Fall, height: float
) -> tuple[Watch, str]:
    """The verdict and its reason; calls without an answer are no proof of a fall."""
    margin = f"{fall.margin * 100:g} points"
    errors = sum(bool(result.error) for result in results)
    answered = _scores([result for result in results if not result.error])
    if fall.verdict == "has fallen":
        if errors and (
            not answered.n or fall_between(deployment.then, answered, fall.margin).verdict != "has fallen"
        ):
            return "can't tell", (
                f"{errors} of {len(results)} calls had no answer; the answers that came show no fall "
                f"beyond {margin}"
            )
        return "has fallen", f"the fall is beyond the margin of {margin} (one-sided p = {fall.p_value:.2g})"
    score = _scores(results).mean
    if height >= ALARM and score < deployment.figure.low:
        return "has fallen", (
            f"again and again below {deployment.figure.low:.1%}, the lower bound of the test: the running "
            f"sum of the looks is {height:.1f}, and {ALARM:.1f} is an alarm"
        )
    if fall.verdict == "holds":
        return "holds", f"a fall beyond {margin} is ruled out (one-sided p = {fall.p_holds:.2g})"
    return "can't tell", _too_few(deployment, fall, len(results))


def _too_few(deployment: Deployment, fall: Fall, n: int) -> str:
    shows = "no fall at all"
    if fall.detectable is not None:
        shows = f"a fall of {fall.detectable * 100:.0f} points at best"
    needed = fall.cases_to_hold
    margin = f"{fall.margin * 100:g} points"
    if needed is None:
        more = (
            f"that it holds within {margin} can't be shown by any number, as its test had "
            f"{deployment.figure.n}; --threshold sets another margin"
        )
    else:
        more = f"about {needed} would show that it holds within {margin}"
    return f"{n} fresh cases can show {shows}; {more}"


def _last_of_each(before: Sequence[Look], digest: str) -> list[tuple[float, int]]:
    """Score and size of the looks so far; of equal cases the last one, as they are no new evidence."""
    last = {look.digest: look for look in before if look.digest != digest}
    return [(look.score, look.cases) for look in sorted(last.values(), key=lambda look: look.n)]


def _height(deployment: Deployment, looks: Sequence[tuple[float, int]]) -> float:
    return running_sums(deployment.figure.low, looks)[-1]


def _scores(results: Sequence[CaseResult]) -> Scores:
    weights = [result.weight for result in results]
    return Scores([result.score for result in results], None if len(set(weights)) < 2 else weights)


def _known(deployment: Deployment, cases: Sequence[Example]) -> dict[str, int]:
    found: dict[str, int] = {}
    for case in cases:
        split = deployment.seen.get(inputs_of(case))
        if split is not None:
            found[split] = found.get(split, 0) + 1
    return found
