"""export: the scored prompt, for other programs."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from promptopt.cli.arguments import RunArgument
from promptopt.cli.output import counted, note
from promptopt.domain.errors import SettingsError
from promptopt.domain.text import sanitize
from promptopt.store.export import FORMATS, Exported, Format
from promptopt.store.export import export as write

if TYPE_CHECKING:
    from promptopt.store.database import Database

_FORM = "; ".join(f"{name}: {what}" for name, (_, what) in FORMATS.items()) + "."


def export(
    reference: RunArgument = "latest",
    /,
    *,
    form: Annotated[Format, Parameter(name="--format", help=_FORM)] = "messages",
    candidate: str | None = None,
    output: Path | None = None,
) -> None:
    """Write out the scored prompt, byte for byte.

    Args:
        candidate: a prompt of the run: its id or the beginning of it, seed, or #3 for that of iteration 3;
            without it, the best.
        output: file to write, replacing one that is there; without it, standard output.
    """
    from promptopt.store.database import Database

    with closing(Database.open()) as database:
        text = write(_gather(database, reference, candidate, form), form)
    data = text.encode("utf-8", "surrogatepass")
    if output is not None:
        _save(data, output)
    elif sys.stdout.isatty():
        print(sanitize(text))
    else:
        sys.stdout.buffer.write(data)


def _gather(database: "Database", reference: str, candidate: str | None, form: str) -> Exported:
    from promptopt.runs.assets import asset_of
    from promptopt.runs.state import fold
    from promptopt.store.runlog import RunLog
    from promptopt.store.runs import Runs

    row = Runs(database).find(reference)
    state = fold(RunLog(database, row.id))
    found = asset_of(database, row, state, candidate)
    if not state.over:
        note(f"note: run {row.id} is {row.status}; this is the best prompt so far")
    if form == "text" and found.prompt.demonstrations:
        number = counted(len(found.prompt.demonstrations), "demonstration")
        note(f"note: the prompt has {number}, which a text can't carry; --format messages has all of it")
    if row.simulated:
        note("note: this run used simulated models; its scores say nothing about a real one")
    return found


def _save(data: bytes, path: Path) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SettingsError(f"the file can't be written: {error.strerror}", where=str(path)) from error
    note(f"written: {path}")
