"""The part of the fold that is about cases which a run makes up."""

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import singledispatch
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, Any

from promptopt.domain.drafted import CaseRated, CasesDrafted, DatasetMeasured, GenerationStarted

if TYPE_CHECKING:
    from promptopt.runs.state import RunState

REPETITIONS = ("repeated", "nearly repeated")

FEWEST = 5
"""Ratings from which on their mean has an interval."""


@dataclass
class Generation:
    """How far the making of cases is.

    Attributes:
        plan: what is made.
        batches: numbers of the requests that were folded in, in the order in which they were taken in.
        done: cases that were taken.
        replies: that the model gave.
        coverage: cases of each cell of the grid, as ``plan.wanted``.
        left_out: drafts that were not taken, by why.
        noted: cases of which something was left out.
        ratings: how real each case seems, by its id; None: the judge gave no verdict.
        quality: figures of all cases, once they are made.
        ends: how many cases there were whenever the run had ended, and they were dealt to splits.
    """

    plan: GenerationStarted
    batches: dict[int, None] = field(default_factory=dict[int, None])
    done: int = 0
    replies: int = 0
    coverage: list[int] = field(default_factory=list[int])
    left_out: dict[str, int] = field(default_factory=dict[str, int])
    noted: int = 0
    ratings: dict[str, float | None] = field(default_factory=dict[str, float | None])
    quality: dict[str, Any] | None = None
    ends: list[int] = field(default_factory=list[int])

    @property
    def repetitions(self) -> int:
        """Drafts that were left out since such a case was there."""
        return sum(self.left_out.get(fault, 0) for fault in REPETITIONS)

    @property
    def realism(self) -> float | None:
        """Mean of the ratings so far, from 0 to 10; None without any."""
        rated = [score for score in self.ratings.values() if score is not None]
        return fmean(rated) if rated else None

    @property
    def realism_bounds(self) -> tuple[float, float] | None:
        """95 % interval of that mean (Student's t), within [0, 10]; None of fewer than ``FEWEST`` ratings.

        The quantile is by Abramowitz and Stegun 26.7.5, good to 0.01 from so many on: who watches a run has
        no scipy. Once all is made, ``quality`` has the interval of record.
        """
        rated = [score for score in self.ratings.values() if score is not None]
        if len(rated) < FEWEST:
            return None
        mean = fmean(rated)
        spread = math.fsum((score - mean) ** 2 for score in rated) / (len(rated) - 1)
        half = _quantile(len(rated) - 1) * math.sqrt(spread / len(rated))
        return max(0.0, mean - half), min(10.0, mean + half)

    def by_dimension(self) -> dict[str, dict[str, tuple[int, int]]]:
        """For each dimension: value to how many cases there are, and how many are wanted."""
        plan = self.plan
        names = {"persona": plan.personas, "difficulty": plan.difficulties, "situation": plan.situations}
        found: dict[str, dict[str, tuple[int, int]]] = {}
        sizes = [len(listed) for listed in names.values()]
        for number, (dimension, listed) in enumerate(names.items()):
            after = 1
            for size in sizes[number + 1 :]:
                after *= size
            there: Counter[int] = Counter()
            wanted: Counter[int] = Counter()
            for cell, (have, want) in enumerate(zip(self.coverage, plan.wanted, strict=True)):
                value = cell // after % sizes[number]
                there[value] += have
                wanted[value] += want
            found[dimension] = {name: (there[at], wanted[at]) for at, name in enumerate(listed)}
        return found


def _quantile(freedom: int) -> float:
    """Of Student's t with so many degrees of freedom, that of a 95 % interval."""
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


@singledispatch
def fold_draft(event: object, state: "RunState", at: float) -> bool:
    """Fold an event about cases that are made up into ``state``; False: it is not about that."""
    return False


@fold_draft.register(GenerationStarted)
def _(event: GenerationStarted, state: "RunState", at: float) -> bool:
    if state.generation is None:
        state.generation = Generation(event, coverage=[0] * len(event.wanted))
        state.log(at, f"{event.count} cases are made up: {event.title or event.scenario}")
    return True


@fold_draft.register(CasesDrafted)
def _(event: CasesDrafted, state: "RunState", at: float) -> bool:
    made = state.generation
    if made is None or event.batch in made.batches:
        return True
    made.batches[event.batch] = None
    made.done += len(event.cases)
    made.replies += event.replies
    for drafted in event.cases:
        made.coverage[drafted.cell] += 1
        made.noted += bool(drafted.note)
    for left in event.left_out:
        made.left_out[left.fault] = made.left_out.get(left.fault, 0) + 1
    why = Counter(left.fault for left in event.left_out)
    lost = ", ".join(f"{count} {fault}" for fault, count in why.items())
    left_out = f"; left out: {lost}" if lost else ""
    state.log(at, f"{made.done} of {made.plan.count} cases are there{left_out}")
    return True


@fold_draft.register(CaseRated)
def _(event: CaseRated, state: "RunState", at: float) -> bool:
    if state.generation is not None:
        state.generation.ratings[event.case_id] = event.score
    return True


@fold_draft.register(DatasetMeasured)
def _(event: DatasetMeasured, state: "RunState", at: float) -> bool:
    if state.generation is not None:
        state.generation.quality = event.quality
        if state.generation.done not in state.generation.ends:
            state.generation.ends.append(state.generation.done)
        state.log(at, f"quality {event.quality['quality_score']:.1f} of 10")
    return True


def generation_figures(state: "RunState") -> dict[str, Any] | None:
    """What was made up, in figures; None for a run that makes no cases up."""
    made = state.generation
    if made is None:
        return None
    return {
        "scenario": made.plan.scenario,
        "title": made.plan.title,
        "wanted": made.plan.count,
        "cases": made.done,
        "replies": made.replies,
        "requests": len(made.batches),
        "left_out": dict(made.left_out),
        "noted": made.noted,
        "realism": made.realism,
        "rated": sum(score is not None for score in made.ratings.values()),
        "coverage": {
            dimension: {name: {"cases": have, "wanted": want} for name, (have, want) in values.items()}
            for dimension, values in made.by_dimension().items()
        },
        "quality": made.quality,
    }


def result(made: Generation) -> str:
    """What was made, in a sentence."""
    said = f"{made.done:,} of {made.plan.count:,} cases made"
    if made.quality:
        said += f", quality {made.quality['quality_score']:.1f} of 10"
    if made.realism is not None:
        said += f", realism {made.realism:.1f} of 10"
    return said
