"""Projects that are put away: archived ones stay where they are, deleted ones go into the trash for a while.

The trash is a folder of the data directory; what lies in it for longer than ``KEPT`` is destroyed when the
next thing is deleted.
"""

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from promptopt.domain.errors import RunError, SettingsError
from promptopt.store.database import Database
from promptopt.store.home import home, projects_dir
from promptopt.store.projects import ARCHIVED
from promptopt.store.runs import Runs

KEPT = 30 * 86400.0
"""Seconds for which a deleted project or run can be restored."""

TRASH = "trash"


@dataclass(frozen=True)
class Trashed:
    """A deleted project: its folder's name, where it lies now, and since when (seconds since the epoch)."""

    slug: str
    place: Path
    at: float


def archive(path: Path, archived: bool = True) -> None:
    """Leave a project (its file) out of lists, or take it in again; it can be used as before.

    Raises:
        SettingsError: its folder can't be written.
    """
    mark = path.parent / ARCHIVED
    try:
        if archived:
            mark.touch()
        else:
            mark.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(
            f"the folder can't be written ({error.strerror or error})", where=str(path.parent)
        ) from error


def delete(path: Path, database: Database) -> Trashed:
    """Move the folder of a project of the data directory into the trash; its runs stay.

    Raises:
        SettingsError: it is no project of the data directory, or can't be moved.
        RunError: a run of it is under way.
    """
    folder = path.parent
    if folder.parent.resolve() != projects_dir().resolve():
        raise SettingsError(
            "only projects of the data directory are deleted here", where=str(folder), fix="remove its folder"
        )
    own = str(folder.resolve())
    for run in Runs(database).list(limit=1000, archived=True):
        if run.live and run.project_dir == own:
            raise RunError(
                f"run {run.id} of the project is under way", fix=f"end it first: promptopt stop {run.id}"
            )
    stamp = int(time.time() * 1000)
    place = _trash() / f"{stamp}-{folder.name}"
    try:
        folder.rename(place)
    except OSError as error:
        raise SettingsError(
            f"the project can't be moved ({error.strerror or error})", where=str(folder)
        ) from error
    return Trashed(folder.name, place, stamp / 1000)


def restore(trashed: Trashed) -> Path:
    """Take a deleted project back; returns its folder.

    Raises:
        SettingsError: another project has its name now, or it is gone.
    """
    folder = projects_dir() / trashed.slug
    if folder.exists():
        raise SettingsError(
            "there is another project of that name now",
            where=str(folder),
            fix="delete or duplicate that one under another name first",
        )
    try:
        trashed.place.rename(folder)
    except OSError as error:
        raise SettingsError(
            f"the project can't be moved back ({error.strerror or error})", where=str(trashed.place)
        ) from error
    return folder


def trashed() -> list[Trashed]:
    """Deleted projects, the last one first."""
    found: list[Trashed] = []
    for place in _trash().iterdir():
        stamp, _, slug = place.name.partition("-")
        if stamp.isdecimal() and slug:
            found.append(Trashed(slug, place, int(stamp) / 1000))
    return sorted(found, key=lambda each: each.at, reverse=True)


def empty(database: Database, before: float) -> int:
    """Destroy the projects and runs that were deleted before a time; returns how many it were."""
    old = [each for each in trashed() if each.at < before]
    for each in old:
        shutil.rmtree(each.place, ignore_errors=True)
    return len(old) + Runs(database).purge(before)


def tidy(database: Database) -> None:
    """Destroy what has been deleted for longer than ``KEPT``."""
    with suppress(OSError):
        empty(database, time.time() - KEPT)


def _trash() -> Path:
    place = home() / TRASH
    try:
        place.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"the trash can't be made ({error.strerror or error})", where=str(place)
        ) from error
    return place
