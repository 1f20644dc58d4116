"""Whole runs side by side: what each reached and took, and their winners against the first one's."""

from collections.abc import Sequence
from typing import Any

from promptopt.domain.dataset import Split
from promptopt.domain.errors import RunError
from promptopt.runs.compared import Side, compare_sides, compared_summary, side_of_run
from promptopt.runs.outcomes import Outcome, outcome_of
from promptopt.runs.state import RunState, fold
from promptopt.runs.summary import score_on
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs


def side_by_side(database: Database, run_ids: Sequence[str], split: Split) -> dict[str, Any]:
    """Runs in JSON values, the first of them as the base of the comparisons.

    Returns:
        ``runs``: of each what it was, its winner (``prompt`` has its demonstrations, too) with its scores on
        validation and test (``seed`` has those of the prompt it began with), what it spent. ``pairs``: of
        each but the first its winner against the first one's, on the cases of ``split`` that both were
        scored on, as :func:`promptopt.runs.compared.compared_summary` has them; or ``why`` there is no such
        comparison.
        ``notices``: what limits the comparisons.

    Raises:
        RunError: there is no such run.
    """
    rows = [Runs(database).find(run_id) for run_id in run_ids]
    pairs, notices = _pairs(database, rows, split)
    return {
        "split": split,
        "runs": [_run(database, row, split) for row in rows],
        "pairs": pairs,
        "notices": notices,
    }


def _run(database: Database, row: RunRow, split: Split) -> dict[str, Any]:
    state, settings = fold(RunLog(database, row.id)), Runs(database).settings(row.id)
    outcome: Outcome = outcome_of(database, row, split)
    best = state.candidates.get(state.best_id)
    return {
        "run_id": row.id,
        "project": row.project,
        "optimizer": row.optimizer if row.kind == "optimize" else row.kind,
        "status": row.status,
        "stop_reason": outcome.stop_reason,
        "simulated": row.simulated,
        "created_at": row.created_at,
        "models": {role: model.model for role, model in settings.models.items()},
        "best_id": state.best_id,
        "best": state.name(state.best_id),
        "prompt": best.in_words if best else "",
        "scores": _scores(state, state.best_id),
        "seed": _scores(state, state.seed_id),
        "cost_usd": outcome.usd,
        "calls": outcome.total_calls,
        "tokens": outcome.tokens,
        "seconds": outcome.seconds,
        "iterations": outcome.iterations,
        "best_at": outcome.best_at,
    }


def _scores(state: RunState, candidate_id: str) -> dict[str, Any]:
    found = state.candidates.get(candidate_id)
    return {split: score_on(found, split) if found else None for split in ("validation", "test")}


def _pairs(
    database: Database, rows: Sequence[RunRow], split: Split
) -> tuple[list[dict[str, Any]], list[str]]:
    """The comparisons, corrected together for their number, and what limits them."""
    sides: list[Side | str] = [_side(database, row) for row in rows]
    base = sides[0]
    why = ["" for _ in rows]
    able: list[tuple[int, Side]] = []
    for place, other in enumerate(sides[1:], 1):
        if isinstance(base, str) or isinstance(other, str):
            why[place] = base if isinstance(base, str) else str(other)
            continue
        try:
            compare_sides(database, base, [other], (split,))
            able.append((place, other))
        except RunError as error:
            why[place] = error.what
    found: dict[int, dict[str, Any]] = {}
    notices: list[str] = []
    if able and not isinstance(base, str):
        summary = compared_summary(compare_sides(database, base, [side for _, side in able], (split,)))
        found = {place: pair for (place, _), pair in zip(able, summary["comparisons"], strict=True)}
        notices = summary["notices"]
    return [found.get(place, {"why": why[place]}) for place in range(1, len(rows))], notices


def _side(database: Database, row: RunRow) -> Side | str:
    try:
        return side_of_run(database, row.id)
    except RunError as error:
        return error.what
