"""The stream of one run's events."""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from promptopt.domain.events import EVENT, Event
from promptopt.store.database import Database
from promptopt.store.schema import events, snapshots


@dataclass(frozen=True)
class Stored:
    """An event with its place in the stream (from 1) and when it was stored, seconds since the epoch."""

    n: int
    at: float
    event: Event


class RunLog:
    """Reads a run's stream; the run's worker, and nobody else, appends to it."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._db = database
        self._run_id = run_id
        self._next: int | None = None
        self._failure: BaseException | None = None

    def append(self, event: Event) -> float:
        """Queue one event and return its time. Call from one thread only.

        Raises:
            StoreError: an event before this one could not be written.
        """
        if self._failure:
            raise self._failure
        if self._next is None:
            self._next = self.length() + 1
        at = time.time()
        row = {"run_id": self._run_id, "n": self._next, "at": at, "kind": event.kind}
        row["body"] = event.model_dump_json(exclude_defaults=True)
        self._next += 1
        self._db.write(insert(events), row).add_done_callback(self._written)
        return at

    def _written(self, future: "Future[None]") -> None:
        self._failure = self._failure or future.exception()

    def length(self) -> int:
        """How many events there are."""
        query = select(func.max(events.c.n)).where(events.c.run_id == self._run_id)
        with self._db.read() as connection:
            return connection.execute(query).scalar() or 0

    @property
    def last(self) -> int:
        """Number of the last event that was queued here."""
        return (self._next or 1) - 1

    def snapshot(self, digest: str) -> tuple[int, str] | None:
        """The newest snapshot of the fold with this digest: after how many events, and what was kept."""
        query = select(snapshots.c.n, snapshots.c.body).where(
            snapshots.c.run_id == self._run_id, snapshots.c.digest == digest
        )
        with self._db.read() as connection:
            found = connection.execute(query).first()
        return (found.n, found.body) if found else None

    def keep_snapshot(self, n: int, digest: str, body: str) -> "Future[None]":
        """Queue a snapshot, in the place of the one before if that is older or of another digest."""
        here = snapshots.c.run_id == self._run_id
        row = {"run_id": self._run_id, "n": n, "digest": digest, "body": body}

        def put(connection: Connection) -> None:
            newer = (snapshots.c.digest == digest) & (snapshots.c.n >= n)
            if connection.execute(select(snapshots.c.n).where(here, newer)).first() is None:
                connection.execute(delete(snapshots).where(here))
                connection.execute(insert(snapshots), row)

        return self._db.transact(put)

    def after(self, n: int = 0, limit: int = 2000) -> Sequence[Stored]:
        """The next events after the ``n``-th, at most ``limit``."""
        query = (
            select(events.c.n, events.c.at, events.c.kind, events.c.body)
            .where(events.c.run_id == self._run_id, events.c.n > n)
            .order_by(events.c.n)
            .limit(limit)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return [Stored(row.n, row.at, _parse(row.kind, row.body)) for row in rows]

    def of_kinds(self, kinds: Sequence[str], limit: int, after: int = 0) -> Sequence[Stored]:
        """The first events of these kinds after the ``after``-th of all, in order, at most ``limit``."""
        query = (
            select(events.c.n, events.c.at, events.c.kind, events.c.body)
            .where(events.c.run_id == self._run_id, events.c.n > after, events.c.kind.in_(kinds))
            .order_by(events.c.n)
            .limit(limit)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return [Stored(row.n, row.at, _parse(row.kind, row.body)) for row in rows]


def _parse(kind: str, body: str) -> Event:
    # ``kind`` is a default and therefore not in the body.
    return EVENT.validate_json(f'{{"kind":"{kind}",{body[1:]}' if body != "{}" else f'{{"kind":"{kind}"}}')
