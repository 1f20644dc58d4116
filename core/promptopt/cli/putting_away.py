"""archive, delete, restore, purge: what lists show of projects and runs, and what is kept of them."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from promptopt.cli.output import note, on_terminal, say
from promptopt.domain.errors import SettingsError
from promptopt.domain.figures import plural
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.store.database import Database
    from promptopt.store.forgetting import OldPoc

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
    deployment: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
) -> int:
    """Remove inputs, prompts and answers of old runs and proofs of concept; scores, costs and verdicts stay.

    Nothing takes it back. Deployed prompts are in use, and files that were written for you are yours: those
    that are older than they may be are named, and left. promptopt purge --older-than 90 --dry-run tells what
    it would be.

    Args:
        project: only runs and proofs of concept of this name.
        deployment: take the texts out of this deployment, and nothing else: it can't be monitored then.
        dry_run: only tell what it would be.
        yes: do not ask.
    """
    from promptopt.store import audit, forgetting, purging
    from promptopt.store.database import Database

    if older_than is not None and older_than < 0:
        raise SettingsError(f"--older-than must be 0 or more days; found {older_than}")
    with closing(Database.open()) as database:
        if deployment is not None:
            return _forget_deployment(database, deployment, dry_run=dry_run, yes=yes)
        old = purging.due(database, older_than=older_than, project=project)
        pocs = forgetting.pocs_due(database, older_than=older_than, name=project)
        for run in old:
            say(f"{run.id} of {run.project}, {run.days:.0f} days old")
        for poc in pocs:
            say(f"{poc.id}, {one_line(poc.name, 90)}, {poc.days:.0f} days old")
        counted = plural(len(old), "run")
        if pocs:
            counted += f" and {plural(len(pocs), 'proof of concept', 'proofs of concept')}"
        if not (old or pocs) or dry_run:
            note(f"{counted} with texts that are older than they may be")
            _tell_left(database, older_than, pocs)
            return 0
        if not (yes or _agreed(f"remove the texts of {counted} for good?")):
            note("nothing was removed")
            return 2
        forgetting.forget_pocs(database, [poc.id for poc in pocs])
        purging.remove_texts(database, [run.id for run in old])
        removed = {"runs": [run.id for run in old], "pocs": [poc.id for poc in pocs]}
        audit.note("texts removed", **{kind: ids for kind, ids in removed.items() if ids})
        say(f"removed the texts of {counted}; their scores are kept")
        _tell_left(database, older_than, pocs)
        if not purging.compact(database):
            note("another process has the store open: its file gets smaller when it is purged again")
    return 0


def _tell_left(database: "Database", older_than: int | None, pocs: "Sequence[OldPoc]") -> None:
    """What is left with texts in it, and why."""
    from promptopt.store import forgetting

    for poc in pocs:
        if poc.files:
            names = ", ".join(path.name for path in poc.files)
            note(f"left, since they are yours: files of {poc.id} in {poc.files[0].parent}: {names}")
    for held in forgetting.deployments_held(database, older_than=older_than):
        shown = f" with {plural(held.demonstrations, 'case')} in it" if held.demonstrations else ""
        note(
            f"left, since it is in use: the prompt of {held.id}, {one_line(held.name, 60)}{shown}, "
            f"{held.days:.0f} days since it was last looked at; promptopt purge --deployment {held.id} "
            "removes it"
        )


def _forget_deployment(database: "Database", wanted: str, *, dry_run: bool, yes: bool) -> int:
    from promptopt.store import audit, forgetting
    from promptopt.store.deployments import Deployments

    row = Deployments(database).find(wanted)
    say(f"{row.id}, {one_line(row.name, 90)}")
    if dry_run:
        return 0
    if not (yes or _agreed("remove its prompt for good, so that it can't be monitored any more?")):
        note("nothing was removed")
        return 2
    forgetting.forget_deployment(database, row.id)
    audit.note("texts removed", deployments=[row.id])
    say(f"removed the texts of {row.id}; its figures are kept, and what was given to people is theirs")
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
