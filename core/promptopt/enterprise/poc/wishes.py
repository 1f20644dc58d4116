"""What people ask of whoever carries a proof of concept out: pause, stop, go on. Light to import."""

from promptopt.domain.errors import RunError
from promptopt.store.database import Database
from promptopt.store.pocs import PocRow, Pocs


def ask_for(database: Database, row: PocRow, wish: str) -> None:
    """Ask its driver to ``pause`` or to ``stop``; both end or hold its runs, too.

    Raises:
        RunError: nobody is at it.
    """
    if not row.live:
        fix = "" if row.status == "finished" else f"to go on: promptopt poc resume {row.id}"
        raise RunError(f"{row.id} is {row.status}: nobody is at it", fix=fix)
    Pocs(database).wish(row.id, wish)


def go_on(database: Database, row: PocRow) -> bool:
    """Let a paused one go on. False if nobody is at it: then it needs a driver."""
    if not row.live or row.status == "created":
        return False
    Pocs(database).wish(row.id, "")
    return True
