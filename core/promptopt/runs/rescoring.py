"""Scoring an asset again: the same prompt, on the same cases, by the same checks, with fresh answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptopt.domain.dataset import Split
from promptopt.domain.demonstrations import Demonstration
from promptopt.domain.errors import RunError
from promptopt.domain.mending import Mend, mended
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Comparison, Interval
from promptopt.domain.settings import CacheSettings, OptimizerSettings
from promptopt.evaluation.runner import gathered
from promptopt.evaluation.statistics import compare
from promptopt.runs.assets import columns_of
from promptopt.runs.candidates import find_candidate
from promptopt.runs.launch import Frozen, create_frozen
from promptopt.runs.state import RunState, fold
from promptopt.runs.summary import DIGITS, comparison_summary
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.export import Exported
from promptopt.store.export.reading import format_of, holds, run_of
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs

MOST_SEARCHED = 200
"""Runs that are looked through, newest first, for the prompt of a file that names none."""


@dataclass(frozen=True)
class Scored:
    """A prompt of a run, and the figure that it had there on a split.

    Attributes:
        mends: cases that people mended in that run: the figure is of the cases as they are since.
    """

    row: RunRow
    prompt: Prompt
    split: Split
    score: Interval
    mends: tuple[Mend, ...] = ()


@dataclass(frozen=True)
class Again:
    """A figure and the same measured again.

    Attributes:
        earlier: the run in which it was scored first.
        comparison: the new answers against the old ones, case by case.
    """

    earlier: str
    before: Interval
    after: Interval
    comparison: Comparison
    split: Split

    @property
    def holds(self) -> bool:
        """The new score is not distinguishable from the old one, or better."""
        return self.comparison.verdict != "worse"


def scored_prompt(
    database: Database, row: RunRow, candidate: str | None = None, split: Split | None = None
) -> Scored:
    """A candidate of a run and its figure: on the sealed test if it has one there, else on validation.

    Args:
        candidate: as :func:`promptopt.runs.candidates.find_candidate` takes it; None is the best.
        split: the split whose figure is meant.

    Raises:
        RunError: there is no such candidate, or it was not scored there.
    """
    state = fold(RunLog(database, row.id))
    chosen = find_candidate(state, row.id, candidate)
    found = state.candidates[chosen]
    splits: tuple[Split, ...] = (split,) if split else ("test", "validation", "train")
    where: Split | None = next((each for each in splits if each in found.scores), None)
    if where is None:
        raise RunError(
            f"{state.name(chosen)} of run {row.id} was not scored on {split or 'any split'}",
            fix=f"promptopt show {row.id} tells what was scored",
        )
    prompt = Cells(database, row.id).prompt(chosen) or Prompt(text=found.text)
    return Scored(row, prompt, where, found.scores[where].interval, tuple(state.mends.values()))


def prompt_in_file(database: Database, text: str, where: str, run: str | None = None) -> tuple[RunRow, str]:
    """The run and the candidate's id whose prompt an exported file holds, byte for byte.

    Args:
        where: the file, for messages.
        run: the run that it was exported from, if the file does not say so.

    Raises:
        RunError: no run of this store has scored what the file holds.
    """
    named = run or run_of(text)
    runs = Runs(database)
    # What was scored again is in more runs than one: the one that found it comes first.
    rows = [runs.find(named)] if named else sorted(runs.list(limit=MOST_SEARCHED), key=_only_scores)
    for row in rows:
        columns = columns_of(database, row.id)
        model = runs.settings(row.id).models["target"]
        for prompt in _newest_first(database, row):
            if holds(text, Exported(prompt, columns, model)):
                return row, prompt.id
    what = f"run {named} has" if named else f"of the {MOST_SEARCHED} newest runs none has"
    raise RunError(
        f"{what} scored no prompt that is byte for byte the one in this file (read as {format_of(text)})",
        where=where,
        fix="if it was changed, score it as a new prompt: promptopt eval PROJECT --prompt FILE",
    )


def _only_scores(row: RunRow) -> bool:
    return row.kind == "eval"


def _newest_first(database: Database, row: RunRow) -> Iterator[Prompt]:
    yield from reversed(Cells(database, row.id).prompts())


def rescore(database: Database, scored: Scored, *, trusted: bool = False) -> str:
    """Make a run that scores a prompt again on the split, with the run's frozen settings and cases.

    No answer of an earlier run is used. Nothing is sent yet.

    Returns:
        The new run's id.

    Raises:
        TrustError: the run has code or an endpoint of its own that its owner has not trusted.
    """
    runs, folder = Runs(database), Path(scored.row.project_dir)
    shown = [Demonstration(inputs=d.inputs, output=d.expected or "") for d in scored.prompt.demonstrations]
    changes: dict[str, Any] = {
        "prompt": scored.prompt.text,
        "demonstrations": shown,
        "optimizer": OptimizerSettings.model_validate({"name": "none", "split": scored.split}),
        "cache": CacheSettings(reuse=False),
    }
    settings = runs.settings(scored.row.id).model_copy(update=changes)
    frozen = Frozen(settings, mended(runs.dataset(scored.row.id), scored.mends), folder, folder)
    return create_frozen(database, frozen, kind="eval", trusted=trusted)


def again(database: Database, scored: Scored, run_id: str) -> Again | None:
    """What came out when it was scored again; None if not every case was."""
    state: RunState = fold(RunLog(database, run_id))
    found = state.candidates.get(scored.prompt.id)
    score = found.scores.get(scored.split) if found else None
    if score is None:
        return None
    order = [case.id for case in Runs(database).cases(run_id, scored.split)]
    first, second = (
        [results[case_id] for case_id in order if case_id in results]
        for results in (
            Cells(database, owner).results(scored.prompt.id, scored.split)
            for owner in (scored.row.id, run_id)
        )
    )
    compared = compare(
        gathered(scored.prompt.id, scored.split, first), gathered(scored.prompt.id, scored.split, second)
    )
    return Again(scored.row.id, scored.score, score.interval, compared, scored.split)


def again_summary(found: Again) -> dict[str, Any]:
    """The same in JSON values."""

    def figures(score: Interval) -> dict[str, Any]:
        return {
            "score": round(score.mean, DIGITS),
            "low": round(score.low, DIGITS),
            "high": round(score.high, DIGITS),
            "n": score.n,
        }

    return {
        "scored_in": found.earlier,
        "split": found.split,
        "before": figures(found.before),
        "after": figures(found.after),
        "holds": found.holds,
        **comparison_summary(found.comparison),
    }
