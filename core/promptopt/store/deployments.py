"""Prompts that are in use, and what watching them has found."""

import secrets
import time
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from promptopt.domain.errors import RunError
from promptopt.store.database import Database
from promptopt.store.schema import deployments, monitorings


@dataclass(frozen=True)
class DeploymentRow:
    """A prompt in use. ``settings`` and ``reference`` are JSON texts that the room of deployments reads."""

    id: str
    name: str
    source_run: str
    prompt_id: str
    settings: str
    project_dir: str
    reference: str
    simulated: bool
    created_at: float


@dataclass(frozen=True)
class MonitoringRow:
    """One look at a prompt in use, number ``n`` of its deployment.

    Attributes:
        digest: of the cases.
        source: the file that these came from.
        eval_run: the run that scores them.
        body: JSON text of what came out; empty while it is under way.
    """

    deployment_id: str
    n: int
    digest: str
    source: str
    eval_run: str
    created_at: float
    body: str

    @property
    def done(self) -> bool:
        return bool(self.body)


class Deployments:
    """All deployments of a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, row: DeploymentRow) -> DeploymentRow:
        """Keep a new deployment."""
        self._db.write(insert(deployments), vars(row)).result()
        return row

    def list(self, limit: int = 200) -> list[DeploymentRow]:
        """Newest first."""
        query = select(deployments).order_by(deployments.c.created_at.desc()).limit(limit)
        with self._db.read() as connection:
            return [_deployment(found) for found in connection.execute(query).mappings()]

    def find(self, reference: str) -> DeploymentRow:
        """The deployment with this id or name (the newest one), or whose id has it, or the ``latest``.

        Raises:
            RunError: none, or several.
        """
        query = select(deployments).order_by(deployments.c.created_at.desc())
        if reference != "latest":
            escaped = reference.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            query = query.where(
                or_(deployments.c.name == reference, deployments.c.id.like(f"%{escaped}%", escape="\\"))
            )
        with self._db.read() as connection:
            found = [_deployment(row) for row in connection.execute(query.limit(6)).mappings()]
        named = [row for row in found if reference in ("latest", row.id, row.name)]
        if named or len(found) == 1:
            return (named or found)[0]
        if not found:
            none = f"there is no deployment {reference!r}"
            raise RunError(
                none if reference != "latest" else "there is no deployment yet",
                fix="promptopt deployments lists them; promptopt deploy RUN makes one",
            )
        raise RunError(
            f"{reference!r} fits several deployments: {', '.join(row.id for row in found)}",
            fix="give more of the id",
        )

    def history(self, deployment_id: str) -> "list[MonitoringRow]":
        """All looks at a deployment, oldest first, those under way included."""
        query = select(monitorings).where(monitorings.c.deployment_id == deployment_id)
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(monitorings.c.n)).mappings()
            return [_monitoring(found) for found in rows]

    def begin(self, deployment_id: str, digest: str, source: str, run_id: str) -> MonitoringRow:
        """Make a run the next look at a deployment; returns it, or one at the same cases that is under way.

        Of two processes that begin with the same cases at once, the second gets the first one's.
        """

        def put(connection: Connection) -> MonitoringRow:
            mine = monitorings.c.deployment_id == deployment_id
            query = select(monitorings).where(mine).order_by(monitorings.c.n.desc())
            known = [_monitoring(found) for found in connection.execute(query).mappings()]
            under_way = next((row for row in known if row.digest == digest and not row.done), None)
            if under_way is not None:
                return under_way
            row = MonitoringRow(
                deployment_id=deployment_id,
                n=known[0].n + 1 if known else 1,
                digest=digest,
                source=source,
                eval_run=run_id,
                created_at=time.time(),
                body="",
            )
            connection.execute(insert(monitorings), vars(row))
            return row

        return self._db.transact(put).result()

    def conclude(self, row: MonitoringRow, body: str) -> None:
        """Keep what came out of a look."""
        where = (monitorings.c.deployment_id == row.deployment_id) & (monitorings.c.n == row.n)
        self._db.write(update(monitorings).where(where).values(body=body)).result()

    def begin_anew(self, row: MonitoringRow, run_id: str) -> None:
        """Give a look that is under way another run, for its own is gone or can't go on."""
        where = (monitorings.c.deployment_id == row.deployment_id) & (monitorings.c.n == row.n)
        self._db.write(update(monitorings).where(where).values(eval_run=run_id)).result()


def new_id() -> str:
    """An id for a new deployment."""
    return "d" + time.strftime("%y%m%d-") + secrets.token_hex(3)


def _deployment(found: RowMapping) -> DeploymentRow:
    return DeploymentRow(**{name: found[name] for name in DeploymentRow.__dataclass_fields__})


def _monitoring(found: RowMapping) -> MonitoringRow:
    return MonitoringRow(**{name: found[name] for name in MonitoringRow.__dataclass_fields__})
