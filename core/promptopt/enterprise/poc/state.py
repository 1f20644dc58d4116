"""Where a proof of concept stands, computed from the store: the one view that every face shows."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from promptopt.enterprise.poc.spending import Spent, own_runs, runs_aside, spent_by
from promptopt.store.database import Database
from promptopt.store.experiments import ExperimentRow, Experiments
from promptopt.store.pocs import Part, PocRow, Pocs
from promptopt.store.runs import RunRow, Runs

StageStatus = Literal["waiting", "running", "done", "left out", "held", "failed"]

TITLES = {
    "data": "cases",
    "gate": "quality gate",
    "comparison": "comparison",
    "consistency": "consistency",
    "case": "business case and package",
}
"""The stages, in order, as people read them."""

WEIGHTS = {"data": 0.2, "gate": 0.02, "comparison": 0.55, "consistency": 0.18, "case": 0.05}
"""Of the time that all takes, as is usual."""

NO_CASE = "no case was made"

_OVER = ("finished", "stopped", "failed")


@dataclass(frozen=True)
class StageState:
    """One stage.

    Attributes:
        share: done, in [0, 1].
        figures: what is known of it so far, in words.
        note: why it waits, is held, has failed, or was left out.
        runs: ids of its runs; ``experiment`` is the id of its experiment.
    """

    name: str
    title: str
    status: StageStatus
    share: float
    figures: str = ""
    note: str = ""
    runs: tuple[str, ...] = ()
    experiment: str = ""


@dataclass(frozen=True)
class POCState:
    """Where it stands.

    Attributes:
        status: as the row's; ``detail`` says why.
        share: of all that is to be done, in [0, 1].
        headline: the recommendation, once there is one.
        files: what was written, relative to ``output_dir``.
        limits: caps of everything.
        notes: what could not be written, and what to do about it.
    """

    id: str
    name: str
    status: str
    detail: str
    simulated: bool
    created_at: float
    share: float
    stages: tuple[StageState, ...]
    spent: Spent
    limits: dict[str, float]
    output_dir: str
    headline: str = ""
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Nobody is at it any more."""
        return self.status in ("finished", "stopped", "failed", "held", "interrupted")

    @property
    def stage(self) -> StageState | None:
        """The stage that is under way or held; None if none is."""
        return next((one for one in self.stages if one.status in ("running", "held")), None)

    @property
    def run_ids(self) -> tuple[str, ...]:
        return tuple(run for stage in self.stages for run in stage.runs)

    def as_json(self) -> dict[str, Any]:
        """In JSON values."""
        return asdict(self) | {"poc_id": self.id}


def state_of(database: Database, row: PocRow) -> POCState:
    """Where a proof of concept stands."""
    parts = Pocs(database).parts(row.id)
    look = _Look(database, row, parts)
    stages = (look.data(), look.gate(), look.comparison(), look.consistency(), look.case())
    summary: dict[str, Any] = json.loads(parts["summary"].body) if "summary" in parts else {}
    finished = row.status == "finished"
    share = sum(WEIGHTS[stage.name] * stage.share for stage in stages)
    return POCState(
        id=row.id,
        name=row.name,
        status=row.status,
        detail=row.detail,
        simulated=row.simulated,
        created_at=row.created_at,
        share=1.0 if finished else min(0.99, share),
        stages=stages,
        spent=spent_by(database, own_runs(database, row.id)),
        limits=_limits(row),
        output_dir=row.output_dir,
        headline=summary.get("headline", "") if finished else "",
        files=tuple(summary.get("files", ())),
        notes=tuple(summary.get("notes", ())),
    )


def _limits(row: PocRow) -> dict[str, float]:
    caps: dict[str, float | None] = json.loads(row.plan).get("budget", {})
    return {name: float(value) for name, value in caps.items() if value is not None}


class _Look:
    """A look at all stages of one."""

    def __init__(self, database: Database, row: PocRow, parts: dict[str, Part]) -> None:
        self._db = database
        self._row = row
        self._parts = parts
        self._runs = Runs(database)

    def data(self) -> StageState:
        if "gate" in self._parts and "data" not in self._parts:
            return _stage("data", "done", 1.0, "your own cases")
        part = self._parts.get("data")
        if part is None:
            return _stage("data", "running" if self._row.live else "waiting", 0.0)
        row = self._runs.find(part.ref)
        done, asked = row.made or 0, row.asked or 0
        over = row.status in _OVER
        runs = (row.id, *(aside.ref for aside in runs_aside(self._db, self._row.id)))
        if over and not done:
            return _stage("data", "waiting" if row.status == "stopped" else "failed", 0.0, NO_CASE, runs=runs)
        figures = f"{done} of {asked} made" if asked else ""
        if part.body:
            figures += ", found made already: free"
        share = 1.0 if over else min(1.0, done / asked) if asked else 0.0
        return _stage("data", "done" if over else "running", share, figures, runs=runs)

    def gate(self) -> StageState:
        part = self._parts.get("gate")
        if part is None:
            begun = self._row.live and self.data().status == "done"
            return _stage("gate", "running" if begun else "waiting", 0.0)
        body = json.loads(part.body)
        sizes = body["sizes"]
        figures = (
            f"quality {body['score']:.1f} of 10, {sum(sizes.values())} cases, {sizes['test']} of them sealed"
        )
        if self._row.status == "held":
            return _stage("gate", "held", 0.5, figures, "; ".join(body["reasons"]) or "waits for a review")
        return _stage("gate", "done", 1.0, figures)

    def comparison(self) -> StageState:
        part = self._parts.get("comparison")
        if part is None:
            return _stage("comparison", "waiting", 0.0)
        if part.kind != "experiment":
            return _stage("comparison", "left out", 1.0, note=json.loads(part.body)["why"])
        row = Experiments(self._db).find(part.ref)
        cells, rows = self._cells(row)
        done = sum(one.status in _OVER for one in rows)
        best = [one for one in rows if one.best_score is not None and one.optimizer != "none"]
        figures = f"{done} of {cells} runs"
        if best:
            top = max(best, key=lambda one: one.best_score or 0.0)
            figures += f", best on validation so far {top.best_score:.0%} ({top.optimizer})"
        over = done == cells
        ids = tuple(one.id for one in rows)
        share = done / max(1, cells)
        return _stage("comparison", "done" if over else "running", share, figures, "", ids, row.id)

    def _cells(self, row: ExperimentRow) -> tuple[int, list[RunRow]]:
        assigned = Experiments(self._db).runs(row.id)
        return len(json.loads(row.plan)["cells"]), [self._runs.find(run_id) for run_id in assigned.values()]

    def consistency(self) -> StageState:
        part = self._parts.get("consistency")
        if part is not None:
            return _stage("consistency", "left out", 1.0, note=json.loads(part.body)["why"])
        names = ("phrasings", "consistency/today", "consistency/new")
        rows = [self._runs.find(self._parts[name].ref) for name in names if name in self._parts]
        if not rows:
            return _stage("consistency", "waiting", 0.0)
        done = sum(one.status in _OVER for one in rows)
        over = "summary" in self._parts or done == len(names)
        ids = tuple(one.id for one in rows)
        share = 1.0 if over else done / len(names)
        figures = f"{done} of {len(rows) if over else len(names)} runs"
        return _stage("consistency", "done" if over else "running", share, figures, runs=ids)

    def case(self) -> StageState:
        if self._row.status == "finished" and "summary" in self._parts:
            return _stage(
                "case", "done", 1.0, f"{len(json.loads(self._parts['summary'].body)['files'])} files"
            )
        begun = self.consistency().status in ("done", "left out") and self._row.live
        return _stage("case", "running" if begun else "waiting", 0.0)


def _stage(
    name: str,
    status: StageStatus,
    share: float,
    figures: str = "",
    note: str = "",
    runs: tuple[str, ...] = (),
    experiment: str = "",
) -> StageState:
    return StageState(name, TITLES[name], status, share, figures, note, runs, experiment)
