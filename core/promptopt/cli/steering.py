"""pause, step, stop, edit, inject: asking something of a run's worker."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from promptopt.cli.arguments import ReasonOption, RunArgument
from promptopt.cli.editor import edited
from promptopt.cli.output import say
from promptopt.domain.errors import SettingsError

if TYPE_CHECKING:
    from promptopt.store.commands import Command
    from promptopt.store.database import Database
    from promptopt.store.runs import RunRow

LARGEST_PROMPT = 1_000_000
"""Bytes; a prompt file larger than this is taken for a mistake."""

_FILE = (
    "file with the new prompt, taken as it is; - reads standard input. Without file and text your editor "
    "($VISUAL, $EDITOR) opens on the current prompt."
)


def pause(reference: RunArgument = "latest", /, *, reason: ReasonOption = "") -> None:
    """Pause a run: no new call starts, calls in flight finish."""
    from promptopt.runs.asking import alive
    from promptopt.store.commands import Pause
    from promptopt.store.database import Database

    with closing(Database.open()) as database:
        row = alive(database, reference, "pause")
        if row.status == "paused":
            say(f"run {row.id} is paused already; promptopt resume {row.id} lets it go on")
            return
        tell(database, row, Pause(reason=reason), "pause")


def step(reference: RunArgument = "latest", /, *, reason: ReasonOption = "") -> None:
    """Let a run go on until its next iteration begins, and pause there."""
    from promptopt.runs.asking import alive
    from promptopt.store.commands import Step
    from promptopt.store.database import Database

    with closing(Database.open()) as database:
        tell(database, alive(database, reference, "step"), Step(reason=reason), "step")


def stop(
    reference: RunArgument = "latest",
    /,
    *,
    now: bool = False,
    after_iteration: bool = False,
    reason: ReasonOption = "",
) -> None:
    """End a run. The sealed test is still scored, so that there is a verdict.

    Args:
        now: leave the sealed test out.
        after_iteration: let the iteration that is under way come to its end first.
    """
    from promptopt.runs.asking import alive
    from promptopt.store.commands import Stop
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    if now and after_iteration:
        raise SettingsError("found both --now and --after-iteration, expected one of them")
    with closing(Database.open()) as database:
        row = Runs(database).find(reference)
        if row.status in ("finished", "stopped", "failed"):
            say(f"run {row.id} is over already ({row.status})")
            return
        command = Stop(now=now, after_iteration=after_iteration, reason=reason)
        tell(database, alive(database, row.id, "stop"), command, "stop")


def edit(
    reference: RunArgument = "latest",
    /,
    *,
    file: Annotated[str | None, Parameter(help=_FILE, allow_leading_hyphen=True)] = None,
    text: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    if_not_worse: bool = False,
    ask_first: Annotated[bool, Parameter(name="--ask")] = False,
    reason: ReasonOption = "",
) -> None:
    """Rewrite the prompt of a run: your text is scored against the current one, and the run goes on from it.

    Args:
        text: the new prompt.
        if_not_worse: go on from it only if it is not significantly worse.
        ask_first: score it, then let the run's owner decide (in the terminal UI).
    """
    from promptopt.runs.asking import alive
    from promptopt.store.commands import Edit
    from promptopt.store.database import Database

    if if_not_worse and ask_first:
        raise SettingsError("found both --if-not-worse and --ask, expected one of them")
    adopt: Literal["always", "if_not_worse", "ask"] = (
        "ask" if ask_first else "if_not_worse" if if_not_worse else "always"
    )
    with closing(Database.open()) as database:
        row = alive(database, reference, "edit")
        wanted = _written(database, row, file, text)
        if wanted is not None:
            # The editor may have been open for long.
            command = Edit(text=wanted, adopt=adopt, reason=reason)
            tell(database, alive(database, row.id, "edit"), command, "edit")


def inject(
    reference: RunArgument = "latest",
    /,
    *,
    file: Annotated[str | None, Parameter(help=_FILE, allow_leading_hyphen=True)] = None,
    text: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    reason: ReasonOption = "",
) -> None:
    """Put a prompt of yours in the running: it is scored and can win, and the search goes on as before.

    Args:
        text: the prompt.
    """
    from promptopt.runs.asking import alive
    from promptopt.store.commands import Inject
    from promptopt.store.database import Database

    with closing(Database.open()) as database:
        row = alive(database, reference, "inject into")
        wanted = _written(database, row, file, text)
        if wanted is not None:
            row = alive(database, row.id, "inject into")
            tell(database, row, Inject(text=wanted, reason=reason), "inject")


def tell(database: "Database", row: "RunRow", command: "Command", verb: str) -> None:
    """Ask something of a run's worker, and say what came of it."""
    from promptopt.runs.asking import ask

    for line in ask(database, row, command, verb):
        say(f"run {row.id}: {line}")


def _written(database: "Database", row: "RunRow", file: str | None, text: str | None) -> str | None:
    """The prompt that a person gives or writes; None if it is the current one.

    Raises:
        SettingsError: it is given twice, is empty, or can't be read.
    """
    if file is not None and text is not None:
        raise SettingsError("found both --file and --text, expected one of them")
    current = _current_prompt(database, row)
    wanted = text if text is not None else _read(file) if file is not None else None
    if wanted is None:
        wanted = edited(current, "give --file FILE or --text TEXT", "prompt.md")
    if not wanted.strip():
        raise SettingsError("the new prompt is empty; nothing was sent")
    if wanted == current:
        say("that is the current prompt already; nothing was sent")
        return None
    return wanted


def _current_prompt(database: "Database", row: "RunRow") -> str:
    from promptopt.runs.asking import fold_of
    from promptopt.store.runs import Runs

    state = fold_of(database, row)
    candidate = state.candidates.get(state.current_id)
    return candidate.text if candidate else Runs(database).settings(row.id).prompt


def _read(file: str) -> str:
    if file == "-":
        import sys

        return _decoded(sys.stdin.buffer.read(LARGEST_PROMPT + 1), "standard input")
    return read_prompt(Path(file))


def read_prompt(path: Path) -> str:
    """A prompt from a file, exactly as it is there (UTF-8).

    Raises:
        SettingsError: it can't be read, is not UTF-8, or is too large to be a prompt.
    """
    try:
        with path.expanduser().open("rb") as file:
            data = file.read(LARGEST_PROMPT + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(f"the prompt can't be read: {reason}", where=str(path)) from error
    return _decoded(data, str(path))


def _decoded(data: bytes, where: str) -> str:
    if len(data) > LARGEST_PROMPT:
        raise SettingsError(f"found more than {LARGEST_PROMPT:,} bytes, expected a prompt", where=where)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"the prompt is not UTF-8 text (byte {error.start})", where=where, fix="save it as UTF-8"
        ) from None
