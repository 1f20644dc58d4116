"""Experiments: what they were planned to be, and which run is which cell of one."""

import secrets
import time
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, insert, or_, select

from promptopt.domain.errors import RunError
from promptopt.store.database import Database
from promptopt.store.schema import experiment_runs, experiments


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment. ``plan`` is JSON text that the room of experiments reads and writes."""

    id: str
    name: str
    digest: str
    plan: str
    output_dir: str
    simulated: bool
    created_at: float


class Experiments:
    """All experiments of a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, name: str, digest: str, plan: str, output_dir: str, simulated: bool) -> ExperimentRow:
        """Keep a new experiment."""
        row = ExperimentRow(
            id="x" + time.strftime("%y%m%d-") + secrets.token_hex(3),
            name=name,
            digest=digest,
            plan=plan,
            output_dir=output_dir,
            simulated=simulated,
            created_at=time.time(),
        )
        self._db.write(insert(experiments), vars(row)).result()
        return row

    def like(self, digest: str) -> ExperimentRow | None:
        """The newest experiment of that digest."""
        query = select(experiments).where(experiments.c.digest == digest)
        with self._db.read() as connection:
            found = connection.execute(query.order_by(experiments.c.created_at.desc())).mappings().first()
        return _row(found) if found else None

    def list(self, limit: int = 200) -> list[ExperimentRow]:
        """Newest first."""
        query = select(experiments).order_by(experiments.c.created_at.desc()).limit(limit)
        with self._db.read() as connection:
            return [_row(found) for found in connection.execute(query).mappings()]

    def find(self, reference: str) -> ExperimentRow:
        """The experiment with this id or name (the newest one), or whose id has it, or the ``latest``.

        Raises:
            RunError: none, or several.
        """
        query = select(experiments).order_by(experiments.c.created_at.desc())
        if reference != "latest":
            escaped = reference.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            query = query.where(
                or_(experiments.c.name == reference, experiments.c.id.like(f"%{escaped}%", escape="\\"))
            )
        with self._db.read() as connection:
            found = [_row(row) for row in connection.execute(query.limit(6)).mappings()]
        named = [row for row in found if reference in ("latest", row.id, row.name)]
        if named or len(found) == 1:
            return (named or found)[0]
        if not found:
            raise RunError(
                f"there is no experiment {reference!r}"
                if reference != "latest"
                else "there is no experiment yet",
                fix="promptopt experiment list lists them",
            )
        raise RunError(
            f"{reference!r} fits several experiments: {', '.join(row.id for row in found)}",
            fix="give more of the id",
        )

    def runs(self, experiment_id: str) -> dict[str, str]:
        """Cell to the id of its run, for those that have one."""
        query = select(experiment_runs.c.cell, experiment_runs.c.run_id)
        with self._db.read() as connection:
            rows = connection.execute(query.where(experiment_runs.c.experiment_id == experiment_id))
            return {row.cell: row.run_id for row in rows}

    def assign(self, experiment_id: str, cell: str, run_id: str) -> str:
        """Make a run the one of a cell; returns the id of the run that it has, which came first."""
        key = {"experiment_id": experiment_id, "cell": cell}

        def put(connection: Connection) -> str:
            query = select(experiment_runs.c.run_id).where(
                experiment_runs.c.experiment_id == experiment_id, experiment_runs.c.cell == cell
            )
            there = connection.execute(query).scalar()
            if there is None:
                connection.execute(insert(experiment_runs), {**key, "run_id": run_id})
            return there or run_id

        return self._db.transact(put).result()


def _row(found: RowMapping) -> ExperimentRow:
    return ExperimentRow(**{name: found[name] for name in ExperimentRow.__dataclass_fields__})
