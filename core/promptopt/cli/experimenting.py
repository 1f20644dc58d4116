"""experiment run, show, list: optimizers side by side."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.output import emit, note, say, table
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptopt.experiments.planning import Plan
    from promptopt.runs.scoreboard import Entry, Scoreboard
    from promptopt.store.database import Database
    from promptopt.store.experiments import ExperimentRow

SHOWN = 6
"""Differences between optimizers that are shown of each dataset; ``--json`` and the report have all."""

ExperimentArgument = Annotated[
    str, Parameter(name="EXPERIMENT", help="its id, a part of it, its name, or: latest.")
]


@Parameter(name="*")
@dataclass(frozen=True)
class Models:
    """Models in the place of those of the file and the projects.

    Attributes:
        model: the target model, in place of the file's and of the projects' own.
        optimizer_model: the model that writes prompts, likewise.
        simulate: put the built-in simulator in the place of every model; costs nothing.
        fast: let simulated models answer at once; times and curves over time then tell nothing.
    """

    model: str | None = None
    optimizer_model: str | None = None
    simulate: bool = False
    fast: bool = False


NO_MODELS = Models()


def run(
    file: Annotated[str, Parameter(name="FILE", help="an experiment file, or: examples.")],
    /,
    *,
    models: Models = NO_MODELS,
    usd: Annotated[float | None, Parameter(validator=Number(gt=0, lt=float("inf")))] = None,
    parallel: Annotated[int | None, Parameter(validator=Number(gte=1, lte=64))] = None,
    fresh: bool = False,
    json: bool = False,
    trust: bool = False,
) -> int:
    """Run optimizers on datasets and seeds under one budget, and tell what each reaches at what cost.

    Each is an ordinary run: it is in promptopt runs, and can be watched and steered. An experiment that was
    interrupted goes on if it is started again with the same file; what is done is not done again.

    Args:
        usd: cap on all spending in USD, in place of the file's.
        parallel: runs at once, in place of the file's.
        fresh: start anew, also if the same experiment is there already.
        json: print one JSON object at the end, and nothing else.
        trust: you have looked at the projects' code and endpoints, and trust them from now on.
    """
    from promptopt.domain.settings import OPTIMIZER_MODEL, ModelSettings
    from promptopt.experiments.config import load_experiment
    from promptopt.experiments.planning import make_plan

    given: dict[str, ModelSettings] = {}
    if models.model is not None:
        given["target"] = ModelSettings(model=models.model)
    if models.optimizer_model is not None:
        raw = {**OPTIMIZER_MODEL, "model": models.optimizer_model}
        given["optimizer"] = ModelSettings.model_validate(raw)
    changes = {"models": given, "usd": usd, "parallel": parallel}
    plan = make_plan(load_experiment(file), simulate=models.simulate, fast=models.fast, changes=changes)
    return carry_out(plan, f"promptopt experiment run {file}", fresh=fresh, json=json, trust=trust)


def carry_out(
    plan: "Plan",
    again: str,
    *,
    fresh: bool,
    json: bool,
    trust: bool,
    more: "Callable[..., dict[str, Any]] | None" = None,
) -> int:
    """Carry an experiment out, or go on with it, and tell what came out; returns the exit status.

    Args:
        again: what goes on with it, for people.
        more: called with the scoreboard and ``quiet`` at the end: what else there is to say, and in JSON.
    """
    from promptopt.cli.progressing import progress
    from promptopt.experiments.driving import Driver
    from promptopt.store.database import Database

    with closing(Database.open()) as database:
        row, new = _row(database, plan, fresh=fresh)
        if not json:
            _announce(row, plan, new=new)
        try:
            with progress(quiet=json) as watch:
                states = Driver(database, row, plan, watch, trusted=trust).run()
        except KeyboardInterrupt:
            note(f"interrupted; what is done is kept. To go on: {again}")
            return 130
        done = _report(database, row, plan, json=json, more=more)
    failed = [s for s in states.values() if s.note and not (s.run and s.run.status == "finished")]
    for state in failed:
        cell = state.cell
        what = f"{cell.label}{f' by {cell.judge}' if cell.judge else ''} on {cell.dataset}, seed {cell.seed}"
        note(f"{what}: {one_line(state.note, 300)}")
    return 0 if done and not failed else 1


def show(reference: ExperimentArgument = "latest", /, *, json: bool = False) -> None:
    """Show the table of an experiment, finished or under way.

    Args:
        json: print one JSON object.
    """
    from promptopt.experiments.results import results_of
    from promptopt.experiments.writing import whole
    from promptopt.store.database import Database
    from promptopt.store.experiments import Experiments

    with closing(Database.open()) as database:
        row = Experiments(database).find(reference)
        board, entries = results_of(database, row)
    if json:
        emit(whole(row, board, entries))
        return
    say(f"experiment {row.id}, {one_line(row.name, 80)}{' (simulated models)' if row.simulated else ''}")
    say_board(board)
    say(f"\nresults and plots: {row.output_dir}")


def list_all(*, json: bool = False) -> None:
    """List experiments, newest first.

    Args:
        json: print one JSON list; times are seconds since the epoch.
    """
    import time

    from promptopt.experiments.results import planned
    from promptopt.store.database import Database
    from promptopt.store.experiments import Experiments

    with closing(Database.open()) as database:
        experiments = Experiments(database)
        found = [(row, len(planned(row)), len(experiments.runs(row.id))) for row in experiments.list()]
    if json:
        emit(
            [
                {
                    "experiment_id": row.id,
                    "name": row.name,
                    "runs": cells,
                    "begun": begun,
                    "simulated": row.simulated,
                    "output_dir": row.output_dir,
                    "created_at": row.created_at,
                }
                for row, cells, begun in found
            ]
        )
        return
    if not found:
        note("no experiment yet. promptopt experiment run FILE carries one out; examples is one.")
        return
    rows = [
        [
            row.id,
            row.name,
            f"{begun} of {cells}{' (simulated)' if row.simulated else ''}",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created_at)),
            row.output_dir,
        ]
        for row, cells, begun in found
    ]
    for line in table(["experiment", "name", "runs begun", "started", "results"], rows):
        say(line)


def say_board(board: "Scoreboard") -> None:
    """Print a scoreboard."""
    from promptopt.experiments.tables import HEADER, block, differences, heading, legend, measures

    for dataset in board.datasets():
        say(f"\n{heading(board, dataset)}")
        for line in table(HEADER, block(board, dataset)):
            say(f"  {line}")
        more = measures(board, dataset)
        if more:
            say("")
            for line in table(*more):
                say(f"  {line}")
        told = differences(board, dataset)
        for line in told[:SHOWN]:
            say(f"  · {line}")
        if len(told) > SHOWN:
            say(f"  · and {len(told) - SHOWN} more")
    say("")
    _wrapped(legend(board))
    for notice in board.notices:
        note(f"note: {notice}")


def _wrapped(text: str) -> None:
    import shutil
    import textwrap

    for line in textwrap.wrap(text, max(60, min(110, shutil.get_terminal_size().columns))):
        say(line)


def _row(database: "Database", plan: "Plan", *, fresh: bool) -> "tuple[ExperimentRow, bool]":
    """The experiment of a plan in the store, and whether it is new."""
    from promptopt.experiments.results import frozen_plan
    from promptopt.store.experiments import Experiments

    experiments = Experiments(database)
    digest = plan.digest()
    known = None if fresh else experiments.like(digest)
    if known is not None:
        return known, False
    output = str(plan.output_dir.absolute())
    return experiments.create(plan.name, digest, frozen_plan(plan), output, plan.simulated), True


def _announce(row: "ExperimentRow", plan: "Plan", *, new: bool) -> None:
    for notice in plan.notices:
        note(f"note: {notice}")
    simulated = " (simulated models)" if plan.simulated else ""
    goes_on = "" if new else "; it goes on where it was"
    say(f"experiment {row.id}, {one_line(plan.name, 80)}{simulated}: {len(plan.cells)} runs{goes_on}")
    if not plan.limits:
        note("note: no budget for the whole experiment; each run has its own limits only")


def _report(
    database: "Database",
    row: "ExperimentRow",
    plan: "Plan",
    *,
    json: bool,
    more: "Callable[..., dict[str, Any]] | None",
) -> bool:
    """Write and tell what came out; returns whether every cell has a score."""
    from promptopt.experiments.results import results_of
    from promptopt.experiments.writing import whole, write_report

    board, entries = results_of(database, row)
    folder = Path(row.output_dir)
    pictures = _draw(database, row, board, entries, folder)
    shown = [path.name for path in pictures if path.suffix == ".png"]
    written = write_report(folder, row, board, entries, plan.notices, shown)
    if json:
        emit(whole(row, board, entries, plan.notices) | (more(board, quiet=True) if more else {}))
    else:
        say_board(board)
        if more:
            more(board, quiet=False)
        drawn = f", and {len(pictures)} pictures" if pictures else ""
        say(f"\nwritten: {', '.join(map(str, written))}{drawn}")
    return all(entry.outcome and entry.outcome.results for entry in entries)


def _draw(
    database: "Database",
    row: "ExperimentRow",
    board: "Scoreboard",
    entries: "Sequence[Entry]",
    folder: Path,
) -> "list[Path]":
    """Draw the plots; without matplotlib say what to do about it."""
    from promptopt.domain.errors import RunError
    from promptopt.reporting.drawing import draw_board, draw_tournaments

    ids = [entry.outcome.run_id for entry in entries if entry.outcome]
    try:
        drawn = draw_board(board, entries, folder, row.name)
        return [*drawn, *draw_tournaments(database, ids, folder)]
    except RunError as error:
        note(f"no plots: {error.what}. {error.fix}; then: promptopt plot {row.id}")
        return []
