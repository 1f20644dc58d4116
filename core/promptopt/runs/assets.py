"""A candidate as an asset: the prompt as it was scored, with its origin and figures."""

from promptopt.domain.prompt import Prompt
from promptopt.runs.candidates import find_candidate
from promptopt.runs.state import RunState
from promptopt.runs.summary import score_on, summarize
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.export import Exported
from promptopt.store.runs import RunRow, Runs


def asset_of(database: Database, row: RunRow, state: RunState, candidate: str | None = None) -> Exported:
    """A candidate of a run, to be exported.

    Args:
        row: the run.
        state: its fold.
        candidate: as :func:`promptopt.runs.candidates.find_candidate` takes it; None is the best.

    Raises:
        RunError: no candidate fits, or several do.
    """
    runs = Runs(database)
    chosen = find_candidate(state, row.id, candidate)
    found = state.candidates[chosen]
    summary = summarize(state)
    record = {
        "run_id": row.id,
        "project": row.project,
        "status": row.status if row.status == "interrupted" else state.status,
        "simulated": row.simulated,
        "source": found.source,
        "iteration": found.iteration,
        "scores": {split: score_on(found, split) for split in ("validation", "test")},
    }
    if chosen == state.best_id:
        record["comparison"] = summary["comparison"]
    settings = runs.settings(row.id)
    return Exported(
        prompt=Cells(database, row.id).prompt(chosen) or Prompt(text=found.text),
        columns=columns_of(database, row.id),
        model=settings.models["target"],
        record=record,
        output=output_name(settings.task.signature),
    )


def columns_of(database: Database, run_id: str) -> tuple[str, ...]:
    """Names of the columns of a run's cases."""
    runs = Runs(database)
    case = next((case for split in ("train", "validation") for case in runs.cases(run_id, split)), None)
    return tuple(case.inputs) if case else ("input",)


def output_name(signature: str) -> str:
    """What a signature (``text -> label``) calls its output; ``output`` if it names none, or several."""
    outputs = signature.partition("->")[2]
    names = [name.partition(":")[0].strip() for name in outputs.split(",")]
    return names[0] if len(names) == 1 and names[0] else "output"
