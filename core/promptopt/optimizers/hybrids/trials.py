"""What configurations came to in cross-validation, and which of them is chosen, with its uncertainty."""

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptopt.domain.dataset import Example
from promptopt.domain.events import TrialMark, TrialsUpdated
from promptopt.domain.results import CaseResult, Comparison, Evaluation
from promptopt.evaluation.statistics import compare, compare_several, interval

FEWEST = 2
"""Configurations that play on until the last fold: one alone would be compared with nothing."""


@dataclass(frozen=True)
class Scored:
    """A case of a fold: its scores under the prompt to start from and under the one that was found."""

    before: float
    after: float
    weight: float


@dataclass
class Trial:
    """A configuration and what it came to, case by case, on the folds that it played.

    Attributes:
        cases: by id.
        folds: gain on each fold.
        used: target calls.
        given_up: the fold after which it was given up.
    """

    config: Mapping[str, Any]
    cases: dict[str, Scored] = field(default_factory=dict[str, Scored])
    folds: list[float] = field(default_factory=list[float])
    used: int = 0
    given_up: int | None = None

    @property
    def name(self) -> str:
        return str(self.config["name"])

    @property
    def settings(self) -> dict[str, Any]:
        return {key: value for key, value in self.config.items() if key != "name"}

    @property
    def mean(self) -> float:
        """Weighted mean gain."""
        return _mean(self.cases.values())

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        gains = [case.after - case.before for case in self.cases.values()]
        return statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else 0.0

    def add(
        self, fold: Sequence[Example], before: Mapping[str, float], after: Mapping[str, float], used: int
    ) -> None:
        """Add what it came to on a fold; scores by case id."""
        played = {
            case.id: Scored(before[case.id], after[case.id], case.weight) for case in fold if case.id in after
        }
        self.cases |= played
        self.folds.append(_mean(played.values()))
        self.used += used

    def evaluation(self, *, found: bool = True) -> Evaluation:
        """Scores of the prompts that it found, or of the prompt to start from, as an evaluation."""
        results = tuple(
            CaseResult(
                case_id=case_id,
                score=case.after if found else case.before,
                passed=(case.after if found else case.before) >= 1,
                weight=case.weight,
            )
            for case_id, case in self.cases.items()
        )
        score = interval([result.score for result in results], [result.weight for result in results])
        return Evaluation(prompt_id="", split="train", results=results, score=score)

    def mark(self) -> TrialMark:
        """The same as it is told."""
        told = TrialMark(optimizer=self.name, settings=self.settings, calls=self.used, given_up=self.given_up)
        if not self.cases:
            return told
        found = self.evaluation()
        gain = compare(self.evaluation(found=False), found).difference
        return told.model_copy(update={"folds": self.folds, "score": found.score, "gain": gain})


def stay(racing: int) -> int:
    """How many of so many configurations play another fold."""
    return min(racing, max(FEWEST, math.ceil(racing / 2)))


def give_up(racing: Sequence[Trial], fold: int) -> list[Trial]:
    """The better half, at least :data:`FEWEST`, of equals the cheaper; others end after ``fold`` (from 1)."""
    ranked = sorted(racing, key=lambda trial: (-trial.mean, trial.used))
    for trial in ranked[stay(len(ranked)) :]:
        trial.given_up = fold
    return ranked[: stay(len(ranked))]


def choose(trials: Sequence[Trial]) -> Trial:
    """The cheapest of those that played most folds and are within one standard error of the best."""
    finalists = _finalists(trials)
    best = max(finalists, key=lambda trial: trial.mean)
    near = [trial for trial in finalists if trial.mean >= best.mean - best.error]
    return min(near, key=lambda trial: (trial.used, -trial.mean))


def progress(trials: Sequence[Trial], played: int, folds: int) -> TrialsUpdated:
    """Where the trials stand after a fold."""
    return TrialsUpdated(trials=[trial.mark() for trial in trials], played=played, folds=folds)


def decision(trials: Sequence[Trial], played: int, folds: int) -> TrialsUpdated:
    """What is chosen, why, and how surely it is better than the runner-up."""
    chosen = choose(trials)
    others = [trial for trial in trials if trial is not chosen]
    runner_up = max(others, key=lambda trial: (len(trial.folds), trial.mean))
    against = _against(chosen, others)
    return progress(trials, played, folds).model_copy(
        update={
            "chosen": trials.index(chosen),
            "runner_up": trials.index(runner_up),
            "comparison": against[others.index(runner_up)],
            "reason": _reason(chosen, _finalists(trials)),
        }
    )


def _finalists(trials: Sequence[Trial]) -> list[Trial]:
    most = max(len(trial.folds) for trial in trials)
    return [trial for trial in trials if len(trial.folds) == most]


def _against(chosen: Trial, others: Sequence[Trial]) -> list[Comparison]:
    """The chosen one against each other, on the cases that both played; all played the first fold."""
    found = chosen.evaluation()
    return compare_several([(other.evaluation(), found) for other in others])


def _reason(chosen: Trial, finalists: Sequence[Trial]) -> str:
    best = max(finalists, key=lambda trial: trial.mean)
    among = f"{len(finalists)} that played all {len(chosen.folds)} folds"
    if chosen.mean == best.mean:
        gained = "gained most" if best.mean > 0 else "gained nothing, as none did"
        return f"of the {among}, it {gained}" + (
            " and is the cheapest of equals" if chosen is not best else ""
        )
    gap = f"{(best.mean - chosen.mean) * 100:.1f} points"
    cheaper = f"{chosen.used} target calls in place of {best.used}"
    return f"of the {among}, the best gained {gap} more, within a standard error; this one took {cheaper}"


def _mean(cases: Collection[Scored]) -> float:
    total = math.fsum(case.weight for case in cases)
    return math.fsum(case.weight * (case.after - case.before) for case in cases) / total if total else 0.0
