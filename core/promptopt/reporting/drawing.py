"""Which pictures there are of an experiment and of runs, drawn and written."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from promptopt.domain.dataset import Split
from promptopt.reporting.canvas import FORMATS, save
from promptopt.reporting.comparison import optimizer_comparison
from promptopt.reporting.curves import learning_curves
from promptopt.reporting.tournaments import tournament_brackets, tournament_of
from promptopt.reporting.tradeoffs import pareto_frontier, performance_vs_cost, performance_vs_time
from promptopt.runs.outcomes import outcome_of
from promptopt.runs.scoreboard import NONE, Entry, Scoreboard, scoreboard
from promptopt.runs.state import fold
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs


def board_of_runs(
    database: Database, rows: Sequence[RunRow], split: Split = "test"
) -> tuple[Scoreboard, list[Entry]]:
    """Runs side by side, each under its optimizer and id; of a single one also the prompt to start from."""
    entries = [
        Entry("runs", f"{row.optimizer} {row.id}", 0, outcome_of(database, row, split)) for row in rows
    ]
    if len(entries) == 1 and entries[0].outcome and entries[0].outcome.first:
        run = entries[0].outcome
        start = replace(
            run, results=run.first, kind="eval", usd=0.0, calls={}, course=(), best_id=run.seed_id
        )
        entries.insert(0, Entry("runs", NONE, 0, start))
    return scoreboard(entries, split), entries


def draw_board(
    board: Scoreboard,
    entries: Sequence[Entry],
    folder: Path,
    title: str,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Draw what there is to draw of a scoreboard; returns the files.

    Raises:
        RunError: there is no matplotlib, or the folder can't be written.
    """
    written: list[Path] = []
    if any(row.score for row in board.rows):
        written += save(optimizer_comparison(board, title), folder, "comparison", formats)
    if len({row.label for row in board.rows if row.score and not row.baseline}) > 1:
        pictures = {
            "cost": performance_vs_cost(board, f"{title} · score against cost"),
            "time": performance_vs_time(board, f"{title} · score against time"),
            "pareto": pareto_frontier(board, title=f"{title} · Pareto front"),
        }
        for name, made in pictures.items():
            written += save(made, folder, name, formats)
    if any(entry.outcome and entry.outcome.course and entry.outcome.kind == "optimize" for entry in entries):
        written += save(learning_curves(entries, f"{title} · learning curves"), folder, "curves", formats)
    return written


def draw_tournaments(
    database: Database, run_ids: Sequence[str], folder: Path, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Draw the last tournament of each of the runs that held one; returns the files.

    Raises:
        RunError: as :func:`draw_board`.
    """
    written: list[Path] = []
    for run_id in run_ids:
        state = fold(RunLog(database, run_id))
        if state.tournament is not None and state.tournament.ratings:
            title = f"Tournament of run {run_id}, {Runs(database).find(run_id).optimizer}"
            made = tournament_brackets(tournament_of(state), title)
            written += save(made, folder, f"tournament-{run_id}", formats)
    return written
