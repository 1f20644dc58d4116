"""archive, delete, restore, purge: what lists show of projects and runs, and what is kept of them."""

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
_DAYS = "days since a run was last at work; without it, what the project of each run says (retention_days)."
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


def purge(
    *,
    older_than: Annotated[int | None, Parameter(name="--older-than", help=_DAYS)] = None,
    project: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
) -> int:
    """Remove inputs, prompts and answers of old runs; scores, costs and verdicts stay. Nothing takes it back.

    Args:
        project: only runs of a project of this name.
        dry_run: only tell which runs it would be.
        yes: do not ask.
    """
    from promptopt.store import audit, purging
    from promptopt.store.database import Database

    if older_than is not None and older_than < 0:
        raise SettingsError(f"--older-than must be 0 or more days; found {older_than}")
    with closing(Database.open()) as database:
        old = purging.due(database, older_than=older_than, project=project)
        for run in old:
            say(f"{run.id} of {run.project}, {run.days:.0f} days old")
        if not old or dry_run:
            note(f"{len(old):,} run{'s' * (len(old) != 1)} with texts that are older than they may be")
            return 0
        if not (yes or _agreed(f"remove the texts of {len(old):,} run{'s' * (len(old) != 1)} for good?")):
            note("nothing was removed")
            return 2
        purging.remove_texts(database, [run.id for run in old])
        audit.note("texts removed", runs=[run.id for run in old])
        say(f"removed the texts of {len(old):,} run{'s' * (len(old) != 1)}; their scores are kept")
        if not purging.compact(database):
            note("another process has the store open: its file gets smaller when it is purged again")
    return 0


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
