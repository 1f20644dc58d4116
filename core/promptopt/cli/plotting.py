"""plot: pictures of runs and of experiments."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from promptopt.cli.output import emit, note, say

if TYPE_CHECKING:
    from promptopt.store.database import Database

PlotArgument = Annotated[
    str, Parameter(name="RUN", help="a run, or an experiment by its id (they begin with x).")
]


def plot(
    first: PlotArgument = "latest",
    /,
    *more: PlotArgument,
    output: Path = Path("plots"),
    form: Annotated[Literal["png", "svg", "both"], Parameter(name="--format")] = "both",
    split: Literal["train", "validation", "test"] = "test",
    json: bool = False,
) -> int:
    """Draw what runs reached, how they got there and what it cost; and their tournaments, if they held any.

    Args:
        output: folder for the pictures, made if it is not there.
        form: file format.
        split: the cases whose scores are compared.
        json: print one JSON list of the files.
    """
    from promptopt.reporting.canvas import FORMATS
    from promptopt.store.database import Database

    formats = FORMATS if form == "both" else (form,)
    with closing(Database.open()) as database:
        written = _drawn(database, [first, *more], output, formats, split)
    if json:
        emit([str(path) for path in written])
    for path in [] if json else written:
        say(str(path))
    if not written:
        note("there is nothing to draw yet: no prompt was scored")
    return 0 if written else 1


def _drawn(
    database: "Database",
    references: list[str],
    folder: Path,
    formats: tuple[str, ...],
    split: Literal["train", "validation", "test"],
) -> list[Path]:
    from promptopt.experiments.results import results_of
    from promptopt.reporting.drawing import board_of_runs, draw_board, draw_tournaments
    from promptopt.store.experiments import Experiments
    from promptopt.store.runs import Runs

    if len(references) == 1 and references[0].startswith("x"):
        experiment = Experiments(database).find(references[0])
        board, entries = results_of(database, experiment)
        title = experiment.name
    else:
        rows = {row.id: row for row in map(Runs(database).find, references)}
        board, entries = board_of_runs(database, list(rows.values()), split)
        title = "Runs side by side" if len(rows) > 1 else f"Run {next(iter(rows))}"
    written = draw_board(board, entries, folder, title, formats)
    ids = [entry.outcome.run_id for entry in entries if entry.outcome]
    return [*written, *draw_tournaments(database, ids, folder, formats)]
