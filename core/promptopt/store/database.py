"""The connection to the store, and its one writer thread.

Writes are queued and committed in groups: a call waits for its own commit, and everything that came in
meanwhile shares the next one. In WAL mode a committed row survives ``kill -9`` of any process; readers in
other processes never wait for a writer.
"""

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Executable, create_engine, event, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from promptopt.domain.errors import PromptoptError
from promptopt.store.home import home
from promptopt.store.schema import REVISION, metadata

GROUP = 1000
"""Most writes in one transaction."""

T = TypeVar("T")

BUSY_MS = 10_000
"""How long a write waits for another process's transaction."""


class StoreError(PromptoptError):
    """The store can't be opened, read or written."""


class Database:
    """One store. Open it with :meth:`open`; share it between threads; close it at the end.

    Args:
        url: SQLAlchemy URL; by default ``store.db`` in the data directory.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = url or f"sqlite:///{home() / 'store.db'}"
        self.engine = _engine(self.url)
        self._writer: _Writer | None = None
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str | None = None) -> "Database":
        """Open the store, create or migrate its tables if need be.

        Raises:
            StoreError: no access, not a store, or written by a newer promptopt.
        """
        database = cls(url)
        try:
            _make_private(database.engine)
            _bring_up_to_date(database.engine)
        except (OSError, SQLAlchemyError) as error:
            raise StoreError(
                f"the store can't be opened: {_reason(error)}",
                where=database.where,
                fix="mend that, or set PROMPTOPT_HOME to another folder, where a new store is made",
            ) from error
        return database

    @property
    def where(self) -> str:
        """The file of the store, or its address without the password."""
        if self.engine.url.drivername.startswith("sqlite"):
            return str(self.engine.url.database)
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A connection for reading."""
        with self.engine.connect() as connection:
            yield connection

    def write(self, statement: Executable, rows: Any = None) -> "Future[None]":
        """Queue one statement; the future is done when it is durable. Writes keep their order.

        Args:
            statement: insert, update or delete.
            rows: a mapping, or a list of them, of values to bind.
        """
        return self.transact(lambda connection: connection.execute(statement, rows) and None)

    def transact(self, work: Callable[[Connection], T]) -> "Future[T]":
        """Queue several statements that must hold together; the future has what ``work`` returns.

        ``work`` may be called again if another write of its group failed; it must do nothing but use the
        connection.
        """
        with self._lock:
            if self._writer is None:
                self._writer = _Writer(self.engine)
        return self._writer.submit(work)

    def close(self) -> None:
        """Finish the queued writes and let go of the file."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer:
            writer.stop()
        self.engine.dispose()


class _Writer:
    """A thread that commits whatever has queued up, group by group."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[tuple[Callable[[Connection], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T]) -> "Future[T]":
        future: Future[T] = Future()
        # Who waits for a write may be cancelled, the write may not.
        future.set_running_or_notify_cancel()
        self._queue.put((work, future))
        return future

    def stop(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            group = [self._queue.get()]
            while len(group) < GROUP and not self._queue.empty():
                group.append(self._queue.get())
            running = None not in group
            self._commit([item for item in group if item is not None])

    def _commit(self, group: list[tuple[Callable[[Connection], Any], "Future[Any]"]]) -> None:
        """Commit the group in one transaction; if a write in it fails, each on its own."""
        try:
            with self._engine.begin() as connection:
                values = [work(connection) for work, _ in group]
        except Exception as error:
            if len(group) == 1:
                group[0][1].set_exception(_as_store_error(error))
                return
            for item in group:
                self._commit([item])
            return
        for (_, future), value in zip(group, values, strict=True):
            future.set_result(value)


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_MS / 1000, "check_same_thread": False})

    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    event.listen(engine, "connect", prepare)
    return engine


def _make_private(engine: Engine) -> None:
    """Let a new store be its owner's alone from the start: SQLite's side files take its mode over.

    One that is there must not be opened: closing it again would take the locks off it that SQLite holds for
    other connections of this process, and a store without its locks is destroyed by the next process.
    """
    place = engine.url.database
    if engine.dialect.name == "sqlite" and place and place != ":memory:":
        with contextlib.suppress(FileExistsError):
            os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _bring_up_to_date(engine: Engine) -> None:
    found = _revision(engine)
    if found == REVISION:
        return
    if found is None:
        _create(engine)
        return
    # Imported here: a quarter of a second that only an upgrade has to pay.
    from promptopt.store.migrations import upgrade

    upgrade(engine)


def _revision(engine: Engine) -> str | None:
    asked = text("SELECT version_num FROM alembic_version")
    with engine.connect() as connection:
        try:
            return connection.execute(asked).scalar()
        except SQLAlchemyError:
            connection.rollback()
            if not inspect(connection).get_table_names():
                return None
            # Another process may have made them all between the two looks.
            return connection.execute(asked).scalar()


def _create(engine: Engine) -> None:
    """Make the tables of a new store. Two processes may do so at once: the second finds them made."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        if not inspect(connection).has_table("alembic_version"):
            metadata.create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})
        connection.commit()


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, OperationalError | SQLAlchemyError):
        return str(getattr(error, "orig", None) or error).splitlines()[0]
    return f"{type(error).__name__}: {error}"


def _as_store_error(error: Exception) -> Exception:
    if isinstance(error, SQLAlchemyError):
        return StoreError(f"the store can't be written: {_reason(error)}", fix="see `promptopt doctor`")
    return error
