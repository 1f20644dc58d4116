"""archive, delete, restore: what lists show of projects and runs."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from promptopt.cli.output import note, on_terminal, say
from promptopt.domain.errors import SettingsError

if TYPE_CHECKING:
    from promptopt.store.database import Database

Kind = Literal["run", "project"]

_WHICH = "a run's id, a part of it, or: latest; a project's name, or the path of its folder."
Reference = Annotated[str, Parameter(name="WHICH", help=_WHICH)]


def archive(kind: Kind, which: Reference, /, *, undo: bool = False) -> None:
    """Leave a run or a project out of lists. It stays where it is, and can be used as before.

    Args:
        kind: run or project.
        undo: take it into lists again.
    """
    done = "in the lists again" if undo else "archived; --all lists it, --undo takes it back"
    if kind == "project":
        from promptopt.store import shelf

        path = _project(which)
        shelf.archive(path, not undo)
        say(f"{path.parent.name}: {done}")
        return
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    with closing(Database.open()) as database:
        row = Runs(database).find(which)
        Runs(database).archive(row.id, not undo)
    say(f"{row.id}: {done}")


def delete(kind: Kind, which: Reference, /, *, yes: bool = False) -> int:
    """Delete a run or a project of the data directory. For 30 days it can be restored.

    Args:
        kind: run or project.
        yes: do not ask.
    """
    from promptopt.store import shelf
    from promptopt.store.database import Database

    with closing(Database.open()) as database:
        what, work = _deletion(kind, which, database)
        if not (yes or _agreed(f"delete {what}?")):
            note("nothing was deleted")
            return 2
        work()
        say(f"deleted {what}; for {shelf.KEPT / 86400:g} days promptopt restore takes it back")
        shelf.tidy(database)
    return 0


def restore(kind: Kind, which: Reference, /) -> None:
    """Take back what was deleted.

    Args:
        kind: run or project.
    """
    from promptopt.store import shelf
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    if kind == "project":
        found = next((each for each in shelf.trashed() if which in (each.slug, each.place.name)), None)
        if found is None:
            there = ", ".join(dict.fromkeys(each.slug for each in shelf.trashed())) or "none"
            raise SettingsError(f"no deleted project is called {which!r}", fix=f"there are: {there}")
        say(f"restored {shelf.restore(found)}")
        return
    with closing(Database.open()) as database:
        row = Runs(database).find(which, deleted=True)
        Runs(database).restore(row.id)
    say(f"restored run {row.id}")


def _deletion(kind: Kind, which: str, database: "Database") -> tuple[str, Callable[[], object]]:
    """What would be deleted, in words, and the deed."""
    from promptopt.store import shelf
    from promptopt.store.runs import Runs

    if kind == "project":
        path = _project(which)
        return f"the project {path.parent}", lambda: shelf.delete(path, database)
    row = Runs(database).find(which)
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created_at))
    return f"run {row.id} of {row.project}, begun {began}", lambda: Runs(database).delete(row.id)


def _project(which: str) -> Path:
    from promptopt.store.projects import find_project

    return find_project(which)


def _agreed(question: str) -> bool:
    if not on_terminal():
        raise SettingsError("without a terminal nobody can be asked", fix="give --yes")
    note(f"{question} [y/N]")
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        return False
