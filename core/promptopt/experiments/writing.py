"""Writing what an experiment came to into its output folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from promptopt.domain.errors import RunError
from promptopt.experiments.tables import as_json, as_markdown, as_sheet
from promptopt.reporting.sheet import sheet_page
from promptopt.runs.outcomes import Outcome
from promptopt.runs.scoreboard import Entry, Scoreboard
from promptopt.runs.summary import DIGITS
from promptopt.store.experiments import ExperimentRow


def write_report(
    folder: Path,
    row: ExperimentRow,
    board: Scoreboard,
    entries: Sequence[Entry],
    notices: Sequence[str] = (),
    pictures: Sequence[str] = (),
) -> list[Path]:
    """Write ``results.json``, ``results.md`` and ``results.html``; returns their paths.

    Args:
        pictures: file names of plots beside them; the page holds those that are there as SVG, too.

    Raises:
        RunError: the folder can't be written.
    """
    files = {
        "results.json": json.dumps(whole(row, board, entries, notices), ensure_ascii=False, indent=2) + "\n",
        "results.md": as_markdown(board, row.name, notices, pictures),
        "results.html": sheet_page(
            as_sheet(board, row.name, f"experiment {row.id}", notices),
            [(folder / name).with_suffix(".svg") for name in pictures],
        ),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(
            f"the results can't be written: {error.strerror}",
            where=str(folder),
            fix=f"mend that, then: promptopt experiment show {row.id}",
        ) from error
    return [folder / name for name in files]


def whole(
    row: ExperimentRow, board: Scoreboard, entries: Sequence[Entry], notices: Sequence[str] = ()
) -> dict[str, Any]:
    """An experiment in JSON values: its scoreboard, and each run."""
    return {
        "experiment_id": row.id,
        "name": row.name,
        **as_json(board),
        "runs": [_run(entry) for entry in entries],
        "notices": list(dict.fromkeys([*board.notices, *notices])),
    }


def _run(entry: Entry) -> dict[str, Any]:
    place = {"dataset": entry.dataset, "optimizer": entry.label, "seed": entry.seed}
    return {**place, **(_outcome(entry.outcome) if entry.outcome else {"run_id": None, "status": "not run"})}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    results = outcome.results
    weight = sum(result.weight for result in results)
    return {
        "run_id": outcome.run_id,
        "status": outcome.status,
        "stop_reason": outcome.stop_reason,
        "detail": outcome.detail,
        "score": round(sum(r.weight * r.score for r in results) / weight, DIGITS) if results else None,
        "validation": round(outcome.validation.mean, DIGITS) if outcome.validation else None,
        "passed": sum(result.passed for result in results),
        "cost_usd": None if outcome.usd is None else round(outcome.usd, DIGITS),
        "uncertain_usd": round(outcome.uncertain, DIGITS),
        "calls": dict(outcome.calls),
        "tokens": outcome.tokens,
        "seconds": round(outcome.seconds, 2),
        "iterations": outcome.iterations,
        "best_at": outcome.best_at,
        "converged": bool(outcome.converged),
        "candidate_id": outcome.best_id,
        "prompt": outcome.prompt,
    }
