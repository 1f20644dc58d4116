"""Runs: their frozen settings and cases, their summary, and who works on them."""

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, RowMapping, and_, delete, insert, literal, or_, select, update

from promptopt.domain.errors import RunError
from promptopt.domain.words import SPLITS, Split
from promptopt.store.database import Database
from promptopt.store.processes import alive
from promptopt.store.schema import dataset_cases, datasets, experiment_runs, metadata, poc_stages, runs

if TYPE_CHECKING:
    from promptopt.domain.dataset import Dataset, Example
    from promptopt.domain.settings import ProjectSettings

SILENCE = 5.0
"""Seconds without a heartbeat after which a worker counts as dead."""

ARRIVAL = 30.0
"""Seconds that a worker has to come to a new run: what it imports takes long on a small or busy machine."""

CASES = 1000
"""Cases that are read at once."""

LIVE = ("created", "running", "paused")

GROUP = 500
"""Runs that one statement names at most."""

_THERE = runs.c.deleted_at.is_(None)

_SUMMARY = [column for column in runs.c if column.name != "settings"]


@dataclass(frozen=True)
class RunRow:
    """A run as lists show it. ``status`` is ``interrupted`` if its worker died."""

    id: str
    project: str
    project_dir: str
    optimizer: str
    kind: str
    status: str
    simulated: bool
    created_at: float
    iteration: int
    seed_score: float | None
    best_score: float | None
    usd: float | None
    calls: int
    detail: str
    dataset_id: str
    pid: int | None
    heartbeat_at: float | None
    active_seconds: float
    course: tuple[float, ...] = ()
    """The best validation score, in [0, 1], after each candidate that was scored."""
    archived: bool = False
    made: int | None = None
    """Cases that it has made up; None: it makes none, or has not begun."""
    asked: int | None = None
    """Cases that it was asked for."""

    @property
    def live(self) -> bool:
        """A worker is at it."""
        return self.status in LIVE


class Runs:
    """All runs of a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def create(
        self, settings: "ProjectSettings", dataset: "Dataset", project_dir: Path, kind: str = "optimize"
    ) -> str:
        """Freeze ``settings`` and ``dataset`` as a new run, and return its id."""
        run_id = time.strftime("%y%m%d-") + secrets.token_hex(3)
        dataset_id = dataset.fingerprint()
        self._keep_dataset(dataset_id, dataset)
        row = {
            "id": run_id,
            "project": settings.name,
            "project_dir": str(project_dir),
            "optimizer": settings.optimizer.name,
            "kind": kind,
            "settings": settings.model_dump_json(exclude={"data": {"cases"}}),
            "dataset_id": dataset_id,
            "simulated": settings.simulated,
            "created_at": time.time(),
            "status": "created",
        }
        self._db.write(insert(runs), row).result()
        return run_id

    def list(self, project: str | None = None, limit: int = 200, *, archived: bool = False) -> list[RunRow]:
        """Newest first, without deleted ones.

        Args:
            archived: archived ones, too.
        """
        query = select(*_SUMMARY).where(_THERE).order_by(runs.c.created_at.desc()).limit(limit)
        if project is not None:
            query = query.where(runs.c.project == project)
        if not archived:
            query = query.where(runs.c.archived.is_(False))
        with self._db.read() as connection:
            return [_row(found) for found in connection.execute(query).mappings()]

    def find(self, reference: str, *, deleted: bool = False) -> RunRow:
        """The run with this id, or the only one whose id starts with or ends in it, or the ``latest``.

        Args:
            deleted: look among the deleted ones, in place of those that are there.

        Raises:
            RunError: none, or several.
        """
        query = select(*_SUMMARY).where(~_THERE if deleted else _THERE).order_by(runs.c.created_at.desc())
        if reference != "latest":
            escaped = reference.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            query = query.where(
                or_(runs.c.id.like(f"{escaped}%", escape="\\"), runs.c.id.like(f"%{escaped}", escape="\\"))
            )
        with self._db.read() as connection:
            found = [_row(row) for row in connection.execute(query.limit(6)).mappings()]
        if reference == "latest" or len(found) == 1:
            if found:
                return found[0]
            raise RunError("there is no run yet", fix="start one: promptopt run PROJECT")
        if not found:
            raise RunError(f"there is no run {reference!r}", fix="promptopt runs lists them")
        exact = [row for row in found if row.id == reference]
        if exact:
            return exact[0]
        raise RunError(
            f"{reference!r} fits several runs: {', '.join(row.id for row in found)}",
            fix="give more of the id",
        )

    def settings(self, run_id: str) -> "ProjectSettings":
        """The frozen settings (without inline cases; see :meth:`dataset`)."""
        # Imported here, as the cases are below: lists of runs need none of them.
        from promptopt.domain.settings import ProjectSettings

        with self._db.read() as connection:
            body = connection.execute(select(runs.c.settings).where(runs.c.id == run_id)).scalar_one()
        return ProjectSettings.model_validate_json(body)

    def dataset(self, run_id: str) -> "Dataset":
        """The frozen cases."""
        from promptopt.domain.dataset import Dataset

        with self._db.read() as connection:
            query = select(datasets.c.held_back).join(runs, runs.c.dataset_id == datasets.c.id)
            held_back = connection.execute(query.where(runs.c.id == run_id)).scalar_one()
        parts = {split: tuple(self.cases(run_id, split)) for split in SPLITS}
        return Dataset(**parts, held_back=held_back)

    def cases(self, run_id: str, split: Split) -> "Iterator[Example]":
        """The frozen cases of one split, in order."""
        from promptopt.domain.dataset import Example

        for _, body in self.case_bodies(run_id, split):
            yield Example.model_validate_json(body)

    def case_bodies(self, run_id: str, split: Split) -> Iterator[tuple[str, str]]:
        """Ids of the same cases, and each as JSON: who only lists them need not make them all."""
        query = (
            select(dataset_cases.c.case_id, dataset_cases.c.body)
            .join(runs, runs.c.dataset_id == dataset_cases.c.dataset_id)
            .where(runs.c.id == run_id, dataset_cases.c.split == split)
            .order_by(dataset_cases.c.position)
        )
        with self._db.read() as connection:
            for row in connection.execution_options(yield_per=CASES).execute(query):
                yield row.case_id, row.body

    def claim(self, run_id: str, worker: str) -> bool:
        """Make ``worker`` the only one on the run. False if another one is alive on it."""
        now = time.time()
        current = self.find(run_id)
        free = or_(
            runs.c.worker.is_(None),
            runs.c.status.notin_(LIVE),
            runs.c.heartbeat_at.is_(None),
            runs.c.heartbeat_at < now - SILENCE,
            # Its process is gone from this machine: no need to wait for the silence.
            and_(runs.c.heartbeat_at == current.heartbeat_at, literal(current.status == "interrupted")),
        )
        statement = (
            update(runs)
            .where(runs.c.id == run_id, free)
            .values(
                worker=worker,
                pid=os.getpid(),
                host=socket.gethostname(),
                heartbeat_at=now,
                # Of a run that had ended, no second worker may take it for free.
                status="running",
                detail="",
            )
        )
        return self._db.transact(lambda connection: connection.execute(statement).rowcount == 1).result()

    def beat(self, run_id: str, worker: str, active_seconds: float) -> bool:
        """Say that ``worker`` is alive. False if the run was taken over."""
        statement = (
            update(runs)
            .where(runs.c.id == run_id, runs.c.worker == worker)
            .values(heartbeat_at=time.time(), active_seconds=active_seconds)
        )
        return self._db.transact(lambda connection: connection.execute(statement).rowcount == 1).result()

    def summarize(self, run_id: str, **values: Any) -> None:
        """Update the summary that lists show (queued, not waited for)."""
        self._db.write(update(runs).where(runs.c.id == run_id).values(**values))

    def release(self, run_id: str, worker: str, **values: Any) -> None:
        """Let go of the run, with its last summary."""
        statement = update(runs).where(runs.c.id == run_id, runs.c.worker == worker)
        self._db.write(statement.values(worker=None, pid=None, **values)).result()

    def archive(self, run_id: str, archived: bool = True) -> None:
        """Leave a run out of lists, or take it in again; nothing else about it changes."""
        self._db.write(update(runs).where(runs.c.id == run_id).values(archived=archived)).result()

    def delete(self, run_id: str) -> None:
        """Take a run out of sight. It can be restored until it is purged; see :meth:`purge`.

        Raises:
            RunError: there is no such run, a worker is at it, or an experiment is made of it.
        """
        if self.find(run_id).live:
            raise RunError(
                f"run {run_id} is under way, and is not deleted", fix=f"end it first: promptopt stop {run_id}"
            )
        query = select(experiment_runs.c.experiment_id).where(experiment_runs.c.run_id == run_id)
        stage = select(poc_stages.c.poc_id).where(poc_stages.c.kind == "run", poc_stages.c.ref == run_id)
        with self._db.read() as connection:
            experiment = connection.execute(query).scalar()
            poc = connection.execute(stage).scalar()
        if experiment is not None:
            raise RunError(
                f"run {run_id} is part of the experiment {experiment}, and is not deleted",
                fix="archive it, to have it out of the list",
            )
        if poc is not None:
            raise RunError(
                f"run {run_id} is part of the proof of concept {poc}, and is not deleted",
                fix="archive it, to have it out of the list",
            )
        self._db.write(update(runs).where(runs.c.id == run_id).values(deleted_at=time.time())).result()

    def restore(self, run_id: str) -> None:
        """Take a deleted run back.

        Raises:
            RunError: it was destroyed meanwhile.
        """
        statement = update(runs).where(runs.c.id == run_id).values(deleted_at=None)
        if not self._db.transact(lambda connection: connection.execute(statement).rowcount).result():
            raise RunError(f"run {run_id} was deleted so long ago that nothing is left of it")

    def purge(self, before: float) -> int:
        """Destroy all that is kept of the runs that were deleted before a time (seconds since the epoch).

        Their cases stay, which other runs may share. Returns how many runs it were.
        """

        def work(connection: Connection) -> int:
            gone = select(runs.c.id).where(runs.c.deleted_at < before)
            ids = list(connection.execute(gone).scalars())
            for table in reversed(metadata.sorted_tables):
                for start in range(0, len(ids) if "run_id" in table.c else 0, GROUP):
                    connection.execute(delete(table).where(table.c.run_id.in_(ids[start : start + GROUP])))
            for start in range(0, len(ids), GROUP):
                connection.execute(delete(runs).where(runs.c.id.in_(ids[start : start + GROUP])))
            return len(ids)

        return self._db.transact(work).result()

    def _keep_dataset(self, dataset_id: str, dataset: "Dataset") -> None:
        rows = [
            {"dataset_id": dataset_id, "split": split, "position": position, "case_id": case.id,
             "body": case.model_dump_json(exclude_defaults=True)}
            for split in SPLITS
            for position, case in enumerate(dataset[split])
        ]  # fmt: skip
        with self._db.read() as connection:
            if connection.execute(select(datasets.c.id).where(datasets.c.id == dataset_id)).first():
                return

        def keep(connection: Any) -> None:
            connection.execute(insert(datasets), {"id": dataset_id, "held_back": dataset.held_back})
            if rows:  # who makes cases up begins with none
                connection.execute(insert(dataset_cases), rows)

        self._db.transact(keep).result()


def _row(found: RowMapping) -> RunRow:
    values = {name: found[name] for name in RunRow.__dataclass_fields__}
    values["course"] = tuple(json.loads(values["course"] or "[]"))
    if values["status"] in LIVE and _silent(found):
        values["status"] = "interrupted"
    return RunRow(**values)


def _silent(found: RowMapping) -> bool:
    """Whether nobody works on a run that is not over: its worker is gone, or none came in time."""
    heard, patience = found["heartbeat_at"], SILENCE
    if heard is None:
        heard, patience = found["created_at"], ARRIVAL
    if time.time() - heard > patience:
        return True
    return bool(found["pid"]) and found["host"] == socket.gethostname() and not alive(found["pid"])
