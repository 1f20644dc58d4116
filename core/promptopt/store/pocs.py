"""Proofs of concept: what they were planned to be, what carries out their stages, and who drives them."""

import os
import secrets
import socket
import time
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, and_, insert, literal, or_, select, update

from promptopt.domain.errors import RunError
from promptopt.store.database import Database
from promptopt.store.processes import alive
from promptopt.store.runs import ARRIVAL, SILENCE
from promptopt.store.schema import experiment_runs, poc_stages, pocs

PartKind = Literal["run", "experiment", "result", "cases"]

LIVE = ("created", "running", "paused")
"""A driver is at it; ``interrupted``: it was, and is gone."""


@dataclass(frozen=True)
class PocRow:
    """A proof of concept. ``plan`` is JSON text that the room of proofs of concept reads and writes.

    Attributes:
        organization: whose monthly budget it counts to, in small letters; empty: nobody's.
        status: ``created``, ``running``, ``paused``, ``held`` (it waits for a person's word), ``stopped``,
            ``failed``, ``finished``; ``interrupted`` if its driver died.
        detail: why it stands there.
        wish: what a person asked of it: ``pause``, ``stop`` or nothing.
    """

    id: str
    name: str
    organization: str
    digest: str
    plan: str
    output_dir: str
    simulated: bool
    created_at: float
    status: str
    detail: str
    wish: str
    pid: int | None
    heartbeat_at: float | None

    @property
    def live(self) -> bool:
        """A driver is at it."""
        return self.status in LIVE


@dataclass(frozen=True)
class Part:
    """A stage, or a part of one: the run or experiment that carries it out, or what came of it.

    Attributes:
        ref: id of the run or the experiment.
        body: JSON text.
    """

    part: str
    kind: PartKind
    ref: str
    body: str
    at: float


_SHOWN = [pocs.c[name] for name in (*PocRow.__dataclass_fields__, "host")]


class Pocs:
    """All proofs of concept of a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def create(
        self, name: str, organization: str, digest: str, plan: str, output_dir: str, *, simulated: bool
    ) -> PocRow:
        """Keep a new one; nothing is sent yet."""
        row: dict[str, Any] = {
            "id": "p" + time.strftime("%y%m%d-") + secrets.token_hex(3),
            "name": name,
            "organization": organization.strip().casefold(),
            "digest": digest,
            "plan": plan,
            "output_dir": output_dir,
            "simulated": simulated,
            "created_at": time.time(),
            "status": "created",
        }
        self._db.write(insert(pocs), row).result()
        return self.find(row["id"])

    def like(self, digest: str) -> PocRow | None:
        """The newest of that digest."""
        query = select(*_SHOWN).where(pocs.c.digest == digest).order_by(pocs.c.created_at.desc())
        with self._db.read() as connection:
            found = connection.execute(query).mappings().first()
        return _row(found) if found else None

    def list(self, limit: int = 200) -> list[PocRow]:
        """Newest first."""
        query = select(*_SHOWN).order_by(pocs.c.created_at.desc()).limit(limit)
        with self._db.read() as connection:
            return [_row(found) for found in connection.execute(query).mappings()]

    def of(self, organization: str) -> "list[PocRow]":
        """Those of an organization."""
        query = select(*_SHOWN).where(pocs.c.organization == organization.strip().casefold())
        with self._db.read() as connection:
            return [_row(found) for found in connection.execute(query).mappings()]

    def find(self, reference: str) -> PocRow:
        """The one with this id or name (the newest one), or whose id has it, or the ``latest``.

        Raises:
            RunError: none, or several.
        """
        query = select(*_SHOWN).order_by(pocs.c.created_at.desc())
        if reference != "latest":
            escaped = reference.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            query = query.where(or_(pocs.c.name == reference, pocs.c.id.like(f"%{escaped}%", escape="\\")))
        with self._db.read() as connection:
            found = [_row(row) for row in connection.execute(query.limit(6)).mappings()]
        named = [row for row in found if reference in ("latest", row.id, row.name)]
        if named or len(found) == 1:
            return (named or found)[0]
        if not found:
            raise RunError(
                f"there is no proof of concept {reference!r}"
                if reference != "latest"
                else "there is no proof of concept yet",
                fix="promptopt poc list lists them; promptopt poc run starts one",
            )
        raise RunError(
            f"{reference!r} fits several proofs of concept: {', '.join(row.id for row in found)}",
            fix="give more of the id",
        )

    def parts(self, poc_id: str) -> dict[str, Part]:
        """What its stages have, in the order in which it came; without its cases, which are many."""
        mine = and_(poc_stages.c.poc_id == poc_id, poc_stages.c.kind != "cases")
        query = select(poc_stages).where(mine).order_by(poc_stages.c.at)
        with self._db.read() as connection:
            return {row["part"]: _part(row) for row in connection.execute(query).mappings()}

    def assign(self, poc_id: str, part: str, kind: PartKind, ref: str = "", body: str = "") -> Part:
        """Give a part what carries it out, or came of it; returns what it has, which came first."""

        def put(connection: Connection) -> Part:
            query = select(poc_stages).where(poc_stages.c.poc_id == poc_id, poc_stages.c.part == part)
            there = connection.execute(query).mappings().first()
            if there is not None:
                return _part(there)
            made = Part(part=part, kind=kind, ref=ref, body=body, at=time.time())
            connection.execute(insert(poc_stages), {"poc_id": poc_id, **vars(made)})
            return made

        return self._db.transact(put).result()

    def body(self, poc_id: str, part: str) -> str:
        """What came of a part, or its cases, as JSON text; empty if there is nothing."""
        query = select(poc_stages.c.body).where(poc_stages.c.poc_id == poc_id, poc_stages.c.part == part)
        with self._db.read() as connection:
            return connection.execute(query).scalar() or ""

    def freeze(self, poc_id: str, part: str, cases: str) -> str:
        """Keep cases (JSON text); returns those that it has, which came first."""
        return self.assign(poc_id, part, "cases", body=cases).body

    def keep(self, poc_id: str, part: str, body: str) -> None:
        """Keep what came of a part, in the place of what was kept of it."""
        place = and_(poc_stages.c.poc_id == poc_id, poc_stages.c.part == part)

        def put(connection: Connection) -> None:
            if connection.execute(update(poc_stages).where(place).values(body=body)).rowcount:
                return
            row = {"poc_id": poc_id, "part": part, "kind": "result", "body": body, "at": time.time()}
            connection.execute(insert(poc_stages), row)

        self._db.transact(put).result()

    def put_aside(self, poc_id: str, part: str, ref: str, body: str) -> None:
        """Give a part's place free: what carried it out is kept as ``part/1``, ``part/2`` and so on."""

        def move(connection: Connection) -> None:
            mine = poc_stages.c.poc_id == poc_id
            names = set(connection.execute(select(poc_stages.c.part).where(mine)).scalars())
            name = next(name for number in count(1) if (name := f"{part}/{number}") not in names)
            here = and_(mine, poc_stages.c.part == part, poc_stages.c.ref == ref)
            connection.execute(update(poc_stages).where(here).values(part=name, body=body))

        self._db.transact(move).result()

    def run_ids(self, poc_id: str) -> "list[str]":
        """All its runs: those of its own, and those of its experiments."""
        own = select(poc_stages.c.ref).where(poc_stages.c.poc_id == poc_id, poc_stages.c.kind == "run")
        cells = (
            select(experiment_runs.c.run_id)
            .join(poc_stages, poc_stages.c.ref == experiment_runs.c.experiment_id)
            .where(poc_stages.c.poc_id == poc_id, poc_stages.c.kind == "experiment")
        )
        with self._db.read() as connection:
            found = [*connection.execute(own).scalars(), *connection.execute(cells).scalars()]
        return list(dict.fromkeys(found))

    def wish(self, poc_id: str, wish: str) -> None:
        """Ask something of its driver: ``pause``, ``stop``, or with an empty wish nothing any more."""
        self._db.write(update(pocs).where(pocs.c.id == poc_id).values(wish=wish)).result()

    def replan(self, poc_id: str, plan: str) -> None:
        """Keep another plan, to which a person has agreed."""
        self._db.write(update(pocs).where(pocs.c.id == poc_id).values(plan=plan)).result()

    def say(self, poc_id: str, status: str, detail: str = "") -> None:
        """Say where it stands."""
        self._db.write(update(pocs).where(pocs.c.id == poc_id).values(status=status, detail=detail)).result()

    def claim(self, poc_id: str, driver: str) -> bool:
        """Make ``driver`` the only one. False if another one is alive on it."""
        now = time.time()
        current = self.find(poc_id)
        free = or_(
            pocs.c.driver.is_(None),
            pocs.c.heartbeat_at.is_(None),
            pocs.c.heartbeat_at < now - SILENCE,
            and_(pocs.c.heartbeat_at == current.heartbeat_at, literal(current.status == "interrupted")),
        )
        mine = {
            "driver": driver,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "heartbeat_at": now,
            "status": "running",
            "detail": "",
        }
        statement = update(pocs).where(pocs.c.id == poc_id, free).values(**mine)
        return self._db.transact(lambda connection: connection.execute(statement).rowcount == 1).result()

    def beat(self, poc_id: str, driver: str) -> bool:
        """Say that ``driver`` is alive. False if it was taken over."""
        statement = update(pocs).where(pocs.c.id == poc_id, pocs.c.driver == driver)
        statement = statement.values(heartbeat_at=time.time())
        return self._db.transact(lambda connection: connection.execute(statement).rowcount == 1).result()

    def release(self, poc_id: str, driver: str, status: str, detail: str = "") -> None:
        """Let go of it, and say where it stands."""
        statement = update(pocs).where(pocs.c.id == poc_id, pocs.c.driver == driver)
        let_go = {"driver": None, "pid": None, "status": status, "detail": detail}
        self._db.write(statement.values(**let_go)).result()


def _row(found: RowMapping) -> PocRow:
    values = {name: found[name] for name in PocRow.__dataclass_fields__}
    if values["status"] in LIVE and _silent(found):
        values["status"] = "interrupted"
    return PocRow(**values)


def _part(found: RowMapping) -> Part:
    return Part(**{name: found[name] for name in Part.__dataclass_fields__})


def _silent(found: RowMapping) -> bool:
    """Whether nobody drives it: its driver is gone, or none came in time."""
    heard, patience = found["heartbeat_at"], SILENCE
    if heard is None:
        heard, patience = found["created_at"], ARRIVAL
    if time.time() - heard > patience:
        return True
    return bool(found["pid"]) and found["host"] == socket.gethostname() and not alive(found["pid"])
