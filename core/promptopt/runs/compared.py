"""Comparing prompts on the cases that the store has of them: nothing is sent, nothing is paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from promptopt.domain.dataset import Example, Split
from promptopt.domain.errors import RunError
from promptopt.domain.mending import Mend
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult, Comparison, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.runner import gathered
from promptopt.evaluation.statistics import compare_several
from promptopt.runs.candidates import find_candidate
from promptopt.runs.state import RunState, fold
from promptopt.runs.summary import DIGITS, comparison_summary
from promptopt.store.cells import Cells, scored_in
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs


@dataclass(frozen=True)
class Side:
    """A prompt with what a run knows of it.

    Attributes:
        label: as the person named it.
        chosen_on: the splits by whose scores it was chosen among others.
        mends: cases that people mended in the run: it was judged by them as they are since.
    """

    label: str
    row: RunRow
    settings: ProjectSettings
    prompt_id: str
    chosen_on: tuple[Split, ...] = ()
    mends: tuple[Mend, ...] = ()


@dataclass(frozen=True)
class Compared:
    """Prompts against the first of them, each on the cases that it has in common with it.

    Attributes:
        pairs: of each comparison the evaluations of both, on their common cases.
        notices: what limits the comparison, in words.
    """

    base: Side
    others: tuple[Side, ...]
    comparisons: tuple[Comparison, ...]
    pairs: tuple[tuple[Evaluation, Evaluation], ...]
    notices: tuple[str, ...]


def side_of_run(database: Database, reference: str) -> Side:
    """A prompt of a run: ``RUN`` (its best one), or ``RUN:CANDIDATE``.

    Raises:
        RunError: there is no such run or candidate.
    """
    run, _, wanted = reference.partition(":")
    row = Runs(database).find(run)
    state = fold(RunLog(database, row.id))
    prompt_id = find_candidate(state, row.id, wanted or None)
    return _side(database, reference, row, prompt_id, state)


def side_of_prompt(database: Database, label: str, prompt: Prompt, prefer: Sequence[str] = ()) -> Side:
    """A prompt that a run of this store has scored; if several have, one of ``prefer``, else the newest.

    Raises:
        RunError: none has.
    """
    runs = scored_in(database, prompt.id)
    if not runs:
        raise RunError(
            "this prompt has not been scored", where=label, fix="promptopt eval PROJECT --prompt FILE"
        )
    chosen = next((run_id for run_id in prefer if run_id in runs), runs[0])
    return _side(database, label, Runs(database).find(chosen), prompt.id)


def compare_sides(
    database: Database, base: Side, others: Sequence[Side], splits: Sequence[Split]
) -> Compared:
    """Compare each of ``others`` with ``base`` on the cases that both were scored on.

    Cases are the same if inputs, expected output and own checks are; equal ids alone are not enough.

    Raises:
        RunError: a side has no case in common with the base on these splits.
    """
    pairs = [_common(database, base, other, splits) for other in others]
    return Compared(
        base=base,
        others=tuple(others),
        comparisons=tuple(compare_several(pairs)),
        pairs=tuple(pairs),
        notices=tuple(_notices(base, others, splits)),
    )


def _side(database: Database, label: str, row: RunRow, prompt_id: str, state: RunState | None = None) -> Side:
    chosen = state is not None and prompt_id == state.best_id != state.seed_id
    folded = state or fold(RunLog(database, row.id))
    return Side(
        label=label,
        row=row,
        settings=Runs(database).settings(row.id),
        prompt_id=prompt_id,
        chosen_on=("train", "validation") if chosen else (),
        mends=tuple(folded.mends.values()),
    )


def _common(
    database: Database, base: Side, other: Side, splits: Sequence[Split]
) -> tuple[Evaluation, Evaluation]:
    first, second = _scored(database, base, splits), _scored(database, other, splits)
    shared = [key for key in first if key in second and _same(first[key][0], second[key][0])]
    if not shared:
        raise RunError(
            f"{base.label} and {other.label} have no scored {' or '.join(splits)} case in common",
            fix="choose another --split, or score both on the same cases: promptopt eval PROJECT",
        )
    return (
        _evaluation(base, [first[key][1] for key in shared], splits[0]),
        _evaluation(other, [second[key][1] for key in shared], splits[0]),
    )


def _scored(database: Database, side: Side, splits: Sequence[Split]) -> dict[str, tuple[Example, CaseResult]]:
    """Cases and results by id, in the order of the cases."""
    cells, runs = Cells(database, side.row.id), Runs(database)
    found: dict[str, tuple[Example, CaseResult]] = {}
    for split in splits:
        results = cells.results(side.prompt_id, split)
        cases = tuple(runs.cases(side.row.id, split)) if results else ()
        for mend in side.mends if split != "test" else ():
            cases = mend.applied(cases)
        found.update((case.id, (case, results[case.id])) for case in cases if case.id in results)
    return found


def _same(first: Example, second: Example) -> bool:
    return first.fingerprint() == second.fingerprint() and first.checks == second.checks


def _evaluation(side: Side, results: Sequence[CaseResult], split: Split) -> Evaluation:
    return gathered(side.prompt_id, split, results)


def _notices(base: Side, others: Sequence[Side], splits: Sequence[Split]) -> list[str]:
    told: list[str] = []
    for other in others:
        first, second = base.settings, other.settings
        if (first.checks, first.task.constraints) != (second.checks, second.task.constraints):
            told.append(f"{base.label} and {other.label} were judged by different checks")
        if first.models["target"] != second.models["target"]:
            told.append(f"{base.label} and {other.label} were answered by models with different settings")
        if base.row.simulated or other.row.simulated:
            told.append("simulated models: these figures say nothing about a real one")
    chosen: dict[str, list[str]] = {}
    for side in (base, *others):
        seen = " and ".join(split for split in splits if split in side.chosen_on)
        if seen and side.label not in chosen.setdefault(seen, []):
            chosen[seen].append(side.label)
    for seen, labels in chosen.items():
        was, its, it = ("was", "its", "it") if len(labels) == 1 else ("were", "their", "them")
        told.append(
            f"{_listed(labels)} {was} chosen by {its} {seen} scores, which flatters {it} here; "
            "the sealed test does not"
        )
    return list(dict.fromkeys(told))


def _listed(labels: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(part for part in (", ".join(labels[:-1]), labels[-1]) if part)


def compared_summary(compared: Compared) -> dict[str, Any]:
    """A comparison in JSON values."""
    return {
        "base": _side_summary(compared.base),
        "comparisons": [
            {
                **_side_summary(other),
                "base_score": _score(pair[0]),
                "score": _score(pair[1]),
                **comparison_summary(comparison),
            }
            for other, pair, comparison in zip(
                compared.others, compared.pairs, compared.comparisons, strict=True
            )
        ],
        "simulated": any(side.row.simulated for side in (compared.base, *compared.others)),
        "notices": list(compared.notices),
    }


def _side_summary(side: Side) -> dict[str, Any]:
    return {"prompt": side.label, "run_id": side.row.id, "candidate_id": side.prompt_id}


def _score(evaluation: Evaluation) -> dict[str, Any]:
    score = evaluation.score
    return {
        "score": round(score.mean, DIGITS),
        "low": round(score.low, DIGITS),
        "high": round(score.high, DIGITS),
        "passed": evaluation.passed,
    }
