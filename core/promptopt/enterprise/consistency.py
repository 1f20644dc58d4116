"""How far outputs agree for one task that several people put in their own words, or that is sent often.

Each task (the cases of one group, or the draws of one case) gives the mean likeness of all pairs of its
outputs; the figure is the mean over the tasks, and its interval is about the tasks (bootstrap): pairs within
a task are not independent of each other.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import combinations
from statistics import fmean, pstdev
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.results import CaseResult, Interval
from promptopt.domain.words import Split
from promptopt.evaluation.checks.texts import MOST_CHARS, rouge
from promptopt.evaluation.statistics import mean_interval
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runs import Runs

Measure = Literal["label", "words", "chrf"]

MEASURES: dict[Measure, str] = {
    "label": "same answer, but for case and white space",
    "words": "F1 of the words in common",
    "chrf": "chrF, character n-grams in common",
}
"""How alike two outputs are."""

GOAL = 0.85

LABEL_WORDS = 5
"""If no output is longer, outputs are taken for labels."""

MOST_OUTPUTS = 40
"""Outputs of one task whose pairs are compared; more are left out."""


class Consistency(BaseModel):
    """Agreement of outputs.

    Attributes:
        measure: how alike two outputs are told to be.
        agreement: mean over the tasks, in [0, 1], with its 95 % interval.
        tasks, outputs: how many there were.
        score_spread: mean standard deviation of the scores within a task; None if there are no scores.
        goal: what is to be reached.
        simulated: says nothing about a real model.
        source: where the outputs come from.
    """

    model_config = ConfigDict(frozen=True)

    measure: Measure
    agreement: Interval
    tasks: int
    outputs: int
    score_spread: float | None = None
    goal: float = GOAL
    simulated: bool = False
    source: str = ""

    @property
    def verdict(self) -> Literal["reached", "missed", "not distinguishable"]:
        """Whether the goal is reached, as far as the whole interval tells."""
        if self.agreement.low >= self.goal:
            return "reached"
        return "missed" if self.agreement.high < self.goal else "not distinguishable"


def consistency(
    tasks: Mapping[str, Sequence[str]],
    *,
    measure: Measure | None = None,
    scores: Mapping[str, Sequence[float]] | None = None,
    goal: float = GOAL,
    simulated: bool = False,
    source: str = "",
) -> Consistency:
    """How far the outputs of each task agree.

    Args:
        tasks: task to its outputs; those with fewer than two tell nothing and are left out.
        measure: default is ``label`` if all outputs are short, else ``words``.
        scores: task to the scores of its outputs.
        goal: agreement that is to be reached, in (0, 1].

    Raises:
        SettingsError: no task has two outputs, or ``chrf`` is asked for and sacrebleu is not there.
    """
    told = {task: list(outputs)[:MOST_OUTPUTS] for task, outputs in tasks.items() if len(outputs) > 1}
    if not told:
        raise SettingsError(
            "no task has two outputs to compare", fix="give several phrasings of each task, or set repeats"
        )
    if not 0 < goal <= 1:
        raise SettingsError(f"the goal is a share in (0, 1], not {goal:g}", where="goal")
    chosen = measure or _measure(told)
    alike = _likeness(chosen)
    means = [fmean(alike(one, other) for one, other in combinations(outputs, 2)) for outputs in told.values()]
    spreads = [pstdev(scores[task]) for task in told if scores and len(scores.get(task, ())) > 1]
    return Consistency(
        measure=chosen,
        agreement=mean_interval(means, 0.0, 1.0),
        tasks=len(told),
        outputs=sum(map(len, told.values())),
        score_spread=fmean(spreads) if spreads else None,
        goal=goal,
        simulated=simulated,
        source=source,
    )


def consistency_of_run(
    database: Database,
    reference: str,
    split: Split = "test",
    *,
    measure: Measure | None = None,
    goal: float = GOAL,
) -> Consistency:
    """How far the outputs of a run's best prompt agree, for each group of cases or case sent several times.

    The phrasings of a case (:mod:`promptopt.enterprise.agreeing` has them made) are one group.

    Raises:
        RunError: no such run, or its best prompt was not scored on that split.
        SettingsError: as :func:`consistency`.
    """
    from promptopt.runs.state import fold
    from promptopt.store.runlog import RunLog

    row = Runs(database).find(reference)
    state = fold(RunLog(database, row.id))
    results = Cells(database, row.id).results(state.best_id or state.seed_id, split)
    if not results:
        raise RunError(f"its best prompt was not scored on {split}", where=f"run {row.id}")
    groups = {case.id: case.group or case.id for case in Runs(database).cases(row.id, split)}
    outputs: dict[str, list[str]] = {}
    scores: dict[str, list[float]] = {}
    for case_id, result in results.items():
        for output, score in _answers(result):
            outputs.setdefault(groups.get(case_id, case_id), []).append(output)
            scores.setdefault(groups.get(case_id, case_id), []).append(score)
    return consistency(
        outputs,
        measure=measure,
        scores=scores,
        goal=goal,
        simulated=row.simulated,
        source=f"run {row.id}, {split}",
    )


def _answers(result: CaseResult) -> list[tuple[str, float]]:
    """Outputs with their scores; calls that failed gave none."""
    if result.samples:
        return [(sample.output, sample.score) for sample in result.samples if not sample.error]
    return [] if result.error else [(result.output, result.score)]


def _measure(tasks: Mapping[str, Sequence[str]]) -> Measure:
    short = all(len(output.split()) <= LABEL_WORDS for outputs in tasks.values() for output in outputs)
    return "label" if short else "words"


def _likeness(measure: Measure) -> Callable[[str, str], float]:
    if measure == "label":
        return _same_label
    if measure == "words":
        return _same_words
    if find_spec("sacrebleu") is None:
        raise SettingsError("chrF needs the package sacrebleu", fix="pip install 'promptopt[metrics]'")
    metrics: Any = import_module("sacrebleu.metrics")
    chrf = metrics.CHRF()

    def both_ways(one: str, other: str) -> float:
        texts = one.strip()[:MOST_CHARS], other.strip()[:MOST_CHARS]
        if texts[0] == texts[1]:
            return 1.0
        there, back = (
            chrf.sentence_score(a, [b]).score / 100 if a and b else 0.0 for a, b in (texts, texts[::-1])
        )
        return min(1.0, (there + back) / 2)

    return both_ways


def _same_label(one: str, other: str) -> float:
    return float(_plain(one) == _plain(other))


def _same_words(one: str, other: str) -> float:
    return rouge(one, other, "rouge1")[2]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
