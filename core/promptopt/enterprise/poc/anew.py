"""The making of cases that brought none: it is put aside, and begun anew under what is left of its budget."""

import json
from collections.abc import Mapping

from promptopt.domain.errors import RunError
from promptopt.enterprise.poc.spending import ASIDE, DATA, is_reused, runs_aside, spent_by
from promptopt.runs.generating import NAME
from promptopt.runs.state import fold
from promptopt.store.database import Database
from promptopt.store.pocs import Pocs
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs


def is_barren(database: Database, row: RunRow) -> bool:
    """Whether a run is over that was answered, and got no case: taken up, it would read the same answers."""
    if row.kind != NAME or row.status not in ("failed", "finished"):
        return False
    made = fold(RunLog(database, row.id)).generation
    return made is not None and bool(made.batches) and not made.done


def put_aside(database: Database, poc_id: str) -> None:
    """Put the run that was to make the cases aside if it got none: another one is begun in its place."""
    pocs = Pocs(database)
    part = pocs.parts(poc_id).get(DATA)
    if part is None or not is_barren(database, Runs(database).find(part.ref)):
        return
    body = json.dumps({"reused": is_reused(part.body), ASIDE: True})
    pocs.put_aside(poc_id, DATA, part.ref, body)


def left_of_stage(database: Database, poc_id: str, caps: Mapping[str, float]) -> dict[str, float]:
    """Caps of the stage, less what the runs put aside have spent: together they keep to the first one's."""
    aside = [part for part in runs_aside(database, poc_id) if not is_reused(part.body)]
    if not aside:
        return dict(caps)
    first = Runs(database).settings(aside[0].ref).budget.limits()
    spent = spent_by(database, [part.ref for part in aside]).by_cap()
    return {name: max(0.0, min(cap, first.get(name, cap) - spent[name])) for name, cap in caps.items()}


def no_case(row: RunRow, poc_id: str, *, barren: bool) -> RunError:
    """That a run has made no case, and what helps."""
    again = f"promptopt poc resume {poc_id}"
    why = row.detail.splitlines()[0] if row.detail else row.status
    return RunError(
        f"no case was made: {why}",
        where=f"run {row.id}",
        fix=f"{again} begins them anew, once the model's server is mended; another model takes a new "
        "promptopt poc run, with --generator-model"
        if barren
        else f"mend that, then: {again}",
    )
