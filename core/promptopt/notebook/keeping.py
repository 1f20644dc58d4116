"""Keeping the store on another disk, and bringing it back: for machines that are taken away.

The store itself stays on the local disk. SQLite's write-ahead log needs locks and shared memory that network
drives do not have, so a store that lives there is destroyed sooner or later. What goes to the other disk are
snapshots: whole, consistent copies, one file each.
"""

import json
import os
import shutil
import sqlite3
import tempfile
import threading
import time
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from promptopt.domain.errors import PromptoptError, RunError, SettingsError
from promptopt.domain.text import sanitize
from promptopt.store.database import Database, StoreError
from promptopt.store.home import home, place, projects_dir
from promptopt.store.runs import Runs

FORMAT = 1
KEPT = 2
"""Snapshots that stay in the folder: the newest, and one before it in case that one is broken."""
STORE, ABOUT, PROJECTS = "store.db", "about.json", "projects"


@dataclass(frozen=True)
class Snapshot:
    """A copy of the store and the projects at one moment.

    Attributes:
        path: its file.
        made_at: seconds since the epoch.
        live: ids of the runs that were under way.
    """

    path: Path
    made_at: float
    live: tuple[str, ...]

    def __repr__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.made_at))
        return f"<Snapshot of {when}, {len(self.live)} runs under way: {sanitize(str(self.path))}>"


def take(folder: Path) -> Snapshot:
    """Copy the store and the projects into one new file in ``folder``, and remove all but the newest two.

    Answers that a run has had by then are in it. Keys, trust in code, and logs are not.

    Raises:
        SettingsError: the folder can't be written, or holds the store itself.
        StoreError: the store can't be read.
    """
    _refuse_own(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="promptopt-") as work:
            return _taken(folder, Path(work))
    except OSError as error:
        raise SettingsError(
            f"the snapshot can't be written: {error.strerror or error}",
            where=str(folder),
            fix="see that the folder is there and has room, then save again",
        ) from error
    except sqlite3.Error as error:
        raise StoreError(f"the store can't be read: {error}", where=str(place() / STORE)) from error


def bring_back(folder: Path, *, replace: bool = False) -> tuple[Snapshot, list[str]]:
    """Put the newest whole snapshot in the place of this machine's store; projects that are here stay.

    Args:
        replace: also if there are runs in the store here; they are gone then.

    Returns:
        The snapshot, and what is to be said.

    Raises:
        SettingsError: there is no snapshot, or there are runs here already.
        StoreError: the snapshot is of a newer promptopt.
    """
    _refuse_own(folder)
    _refuse_runs(replace)
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="promptopt-") as work:
        for path in _snapshots(folder):
            try:
                found = _opened(path, Path(work))
            except (OSError, ValueError, KeyError, zipfile.BadZipFile, sqlite3.Error) as error:
                said.append(f"{path.name} is broken ({type(error).__name__}); the one before it is taken")
                continue
            # Opened where it lies: a store of an older promptopt is brought up to date, of a newer refused.
            copy = Path(work) / STORE
            Database.open(f"sqlite:///{copy}").close()
            _into_place(copy)
            return found, [*said, *_projects_back(path)]
    more = "; ".join(said)
    raise SettingsError(
        f"there is no snapshot to bring back{f' ({more})' if more else ''}",
        where=str(folder),
        fix="name the folder that save_to_drive() wrote to",
    )


class Keeper:
    """Takes snapshots again and again, as long as there is something new, until :meth:`stop`.

    Args:
        every: seconds between two.

    Attributes:
        last: the newest snapshot.
        problem: why the last attempt failed; empty if it did not.
    """

    def __init__(self, folder: Path, every: float) -> None:
        self.folder = folder
        self.every = every
        self.problem = ""
        self._seen = _mark()
        self.last = take(folder)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="snapshots", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        failed = f"; the last attempt failed: {self.problem}" if self.problem else ""
        return f"<Keeper of {sanitize(str(self.folder))}, every {self.every:g} s, {self.last!r}{failed}>"

    def save(self) -> Snapshot:
        """Take a snapshot now, if anything is new."""
        with self._lock:
            mark = _mark()
            if mark != self._seen:
                self.last = take(self.folder)
                self._seen = mark
            self.problem = ""
            return self.last

    def stop(self) -> None:
        """Take a last one, and no more."""
        self._over.set()
        self._thread.join()
        self._try()

    def _go_on(self) -> None:
        while not self._over.wait(self.every):
            self._try()

    def _try(self) -> None:
        before = self.problem
        try:
            self.save()
        except PromptoptError as error:
            self.problem = error.what
            if self.problem != before:
                print(sanitize(f"note: {error}"))


def _taken(folder: Path, work: Path) -> Snapshot:
    with closing(Database.open()) as database:
        live = tuple(row.id for row in Runs(database).list(limit=10_000) if row.live)
    made_at = time.time()
    copy = work / STORE
    _backed_up(place() / STORE, copy)
    about = {"format": FORMAT, "made_at": made_at, "live": live}
    name = (
        time.strftime("snapshot-%Y%m%d-%H%M%S", time.gmtime(made_at))
        + f"-{int(made_at * 1000) % 1000:03d}.zip"
    )
    packed = work / name
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(copy, STORE)
        archive.writestr(ABOUT, json.dumps(about))
        root = projects_dir()
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.write(path, str(PurePosixPath(PROJECTS, *path.relative_to(root).parts)))
    # Under another name until it is whole: a machine may be taken away at any moment.
    partial = folder / f"{name}.partial"
    shutil.copyfile(packed, partial)
    final = folder / name
    partial.replace(final)
    for old in [*_snapshots(folder)[KEPT:], *folder.glob("snapshot-*.partial")]:
        old.unlink(missing_ok=True)
    return Snapshot(final, made_at, live)


def _backed_up(source: Path, target: Path) -> None:
    """A consistent copy of a store that others write to meanwhile, as one file without a log beside it."""
    with closing(sqlite3.connect(source, timeout=10)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def _into_place(copy: Path) -> None:
    """Fill the store here, whoever has it open."""
    Database.open().close()
    with (
        closing(sqlite3.connect(copy)) as source,
        closing(sqlite3.connect(place() / STORE, timeout=10)) as here,
    ):
        source.execute("PRAGMA journal_mode=DELETE")
        source.backup(here)
        here.execute("PRAGMA journal_mode=WAL")


def _opened(path: Path, work: Path) -> Snapshot:
    """Unpack the store of a snapshot that is whole."""
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            raise ValueError("a part is damaged")
        about: Any = json.loads(archive.read(ABOUT))
        if not isinstance(about, dict) or cast("dict[str, Any]", about).get("format") != FORMAT:
            raise ValueError("it is of another kind")
        with archive.open(STORE) as source, (work / STORE).open("wb") as target:
            shutil.copyfileobj(source, target)
    with closing(sqlite3.connect(work / STORE)) as store:
        if store.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise ValueError("its store is damaged")
    told = cast("dict[str, Any]", about)
    return Snapshot(path, float(told["made_at"]), tuple(map(str, told["live"])))


def _projects_back(path: Path) -> list[str]:
    """Unpack the projects that are not here; returns what is to be said."""
    root = projects_dir()
    here = {each.name for each in root.iterdir()}
    stayed: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            first, *parts = PurePosixPath(name).parts
            if first != PROJECTS or not parts or any(part in ("..", "/") or "\\" in part for part in parts):
                continue
            if parts[0] in here:
                stayed.add(parts[0])
                continue
            target = root.joinpath(*parts)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
    return [f"the project {sanitize(name)} is here already, and stays as it is" for name in sorted(stayed)]


def _snapshots(folder: Path) -> list[Path]:
    """Those in a folder, newest first."""
    return sorted(folder.glob("snapshot-*.zip"), reverse=True)


def _refuse_own(folder: Path) -> None:
    store, wanted = home().resolve(), folder.expanduser().resolve()
    if wanted == store or store in wanted.parents or wanted in store.parents:
        raise SettingsError(
            "the data directory and the folder of its snapshots lie one in the other",
            where=str(folder),
            fix="leave the data directory (PROMPTOPT_HOME) on the local disk, and save to another folder",
        )


def _refuse_runs(replace: bool) -> None:
    if replace or not (place() / STORE).exists():
        return
    with closing(Database.open()) as database:
        rows = Runs(database).list(limit=1, archived=True)
    if rows:
        raise RunError(
            f"there are runs in the store here already (the newest: {rows[0].id})",
            where=str(place()),
            fix="recover(replace=True) puts the copy in their place; or set PROMPTOPT_HOME to a new folder",
        )


def _mark() -> tuple[tuple[str, int, int], ...]:
    """Changes whenever the store or a project does."""
    files = [place() / STORE, place() / f"{STORE}-wal", *sorted((place() / PROJECTS).rglob("*"))]
    found: list[tuple[str, int, int]] = []
    for path in files:
        try:
            told = os.stat(path)  # noqa: PTH116
        except OSError:
            continue
        found.append((str(path), told.st_mtime_ns, told.st_size))
    return tuple(found)
