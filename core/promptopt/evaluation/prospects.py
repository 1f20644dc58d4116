"""What a run can find out at all: the smallest gain its cases can show, and how much room there is for one.

All of it is said before money goes into the search. Nothing here reads an output on the test split.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.results import Evaluation
from promptopt.evaluation.checks import Judge
from promptopt.evaluation.checks.reasons import shorten
from promptopt.evaluation.statistics import smallest_detectable

FEWEST_DIFFERING = 6
"""Cases that must differ, all in one direction, until an exact paired test gives p < 0.05."""

PLAUSIBLE_GAIN = 0.2
"""A gain that a better prompt often brings; a run that can't show even that is told so."""

MOST_REFERENCES = 400
"""Expected outputs that are put to the cases' own checks."""

AT_ONCE = 16
MOST_NAMED = 4


@dataclass(frozen=True)
class Prospect:
    """One thing to know beforehand; a ``warning`` limits what the run can find."""

    level: Literal["info", "warning"]
    text: str


def outlook(n: int, split: str = "test") -> Prospect:
    """The smallest gain that comparing two prompts on ``n`` cases can show with 80 % power, in words."""
    where = f"the {n} sealed test cases" if split == "test" else f"these {n} cases"
    if n < FEWEST_DIFFERING:
        few = f"on {where} no gain can be proven" if n else "without sealed test cases no gain can be proven"
        return Prospect(
            "warning", f"{few}: a verdict needs {FEWEST_DIFFERING} cases that differ, all in one direction"
        )
    gain = smallest_detectable(n)
    text = (
        f"what {where} can show: a difference of about {gain * 100:.0f} points between two prompts "
        "(80 % power, if they differ on 30 % of the cases)"
    )
    if gain <= PLAUSIBLE_GAIN:
        return Prospect("info", text)
    enough = math.ceil(0.3 * (2.8 / PLAUSIBLE_GAIN) ** 2)
    return Prospect(
        "warning",
        f"{text}. A smaller gain may be real, but can only be suggested, not proven; for "
        f"{PLAUSIBLE_GAIN * 100:.0f} points it takes about {enough} such cases",
    )


def data_faults(dataset: Dataset, failing: Mapping[str, str]) -> list[Prospect]:
    """Cases that no prompt can pass: equal inputs with different expectations, references that fail.

    Args:
        dataset: all cases.
        failing: id of a case to why its own checks refuse its expected output (:func:`failing_references`).
    """
    found: list[Prospect] = []
    conflicts = _conflicts(dataset.cases())
    if conflicts:
        doomed = sum(_doomed(group) for group in conflicts)
        total = len(dataset)
        named = "; ".join(" and ".join(_names(group)) for group in conflicts[:MOST_NAMED])
        more = f" and {len(conflicts) - MOST_NAMED} more" if len(conflicts) > MOST_NAMED else ""
        found.append(
            Prospect(
                "warning",
                f"equal inputs with different expected outputs: {named}{more}. At least {doomed} of {total} "
                "cases must fail whatever the prompt says; mend the data",
            )
        )
    if failing:
        case_id, reason = next(iter(failing.items()))
        found.append(
            Prospect(
                "warning",
                f"{len(failing)} expected outputs fail their own checks, so that an output equal to them "
                f"counts as wrong, as in {case_id}: {shorten(reason)}",
            )
        )
    return found


def headroom(baseline: Evaluation, dataset: Dataset) -> list[Prospect]:
    """How much the prompt to start from can still gain, judged by its validation cases, in words.

    Args:
        baseline: the prompt to start from on the validation cases.
        dataset: all cases; of the test cases only the number counts.
    """
    score, total, tested = baseline.score, len(baseline.results), len(dataset.test)
    if not total:
        return []
    failed = total - baseline.passed
    if not failed:
        return [
            Prospect("warning", "every validation case passes: on these cases no better prompt can be told")
        ]
    found: list[Prospect] = []
    cases = {case.id: case for case in dataset.validation}
    doomed = sum(_doomed(group) for group in _conflicts(cases.values()))
    ceiling = 1 - doomed / total
    if score.high >= ceiling - 1e-9:
        found.append(
            Prospect(
                "warning",
                f"little room: the best possible score on the validation cases, {ceiling:.1%}, lies within "
                f"the interval [{score.low:.1%}, {score.high:.1%}] of the prompt to start from",
            )
        )
    to_win = failed / total * tested
    if tested >= FEWEST_DIFFERING and to_win < FEWEST_DIFFERING:
        found.append(
            Prospect(
                "warning",
                f"little room: {failed} of {total} validation cases fail, so even a perfect prompt would "
                f"win only about {to_win:.1f} of the {tested} sealed test cases, and a verdict needs "
                f"{FEWEST_DIFFERING}; harder or more cases would tell more",
            )
        )
    return found


async def failing_references(judge: Judge, cases: Iterable[Example]) -> dict[str, str]:
    """Cases whose expected output fails their own checks, with the reason; at most the first 400 are tried.

    None are told if more than half of them fail: then the expected outputs are no outputs, but patterns or
    notes for the checks; nor if a check asks a model, which would cost something.
    """
    if judge.asks:
        return {}
    known = [case for case in cases if (case.expected or "").strip()][:MOST_REFERENCES]
    failing: dict[str, str] = {}
    for start in range(0, len(known), AT_ONCE):
        some = known[start : start + AT_ONCE]
        opinions = await asyncio.gather(
            *(judge.judge(case, case.expected or "", _free(case)) for case in some)
        )
        for case, checks in zip(some, opinions, strict=True):
            refused = [check for check in checks if not check.passed]
            if refused:
                failing[case.id] = f"{refused[0].name}: {refused[0].reason}"
    return failing if len(failing) * 2 <= len(known) else {}


def _free(case: Example) -> LLMResponse:
    """The expected output as an answer that took no time and cost nothing."""
    return LLMResponse(text=case.expected or "", cost=0.0)


def _conflicts(cases: Iterable[Example]) -> list[list[Example]]:
    """Cases of equal inputs (but for case and space) that expect different outputs."""
    groups: dict[tuple[tuple[str, str], ...], list[Example]] = {}
    for case in cases:
        if case.expected is not None:
            key = tuple(sorted((name, _plain(value)) for name, value in case.inputs.items()))
            groups.setdefault(key, []).append(case)
    return [group for group in groups.values() if len({_plain(case.expected or "") for case in group}) > 1]


def _doomed(group: Sequence[Example]) -> int:
    """How many of a group fail at least, if all get the same output."""
    counts = Counter(_plain(case.expected or "") for case in group)
    return len(group) - max(counts.values())


def _names(group: Sequence[Example]) -> list[str]:
    return [case.id for case in group[:MOST_NAMED]]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
