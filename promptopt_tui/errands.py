"""What the UI asks of the engine beyond its store: the command line, in a process of its own, with JSON.

So model libraries and checks never come into the process that draws, and whatever the UI shows a script can
ask for, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt.domain.errors import PromptoptError

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_IT_IS: Mapping[str, str] = {}

PATIENCE = 120.0
"""Seconds after which a command is given up."""


class ErrandFailed(PromptoptError):
    """The command was refused, in its words."""


def about(path: Path, text: str, *arguments: str, stdin: str = "", patience: float = PATIENCE) -> Any:
    """As :func:`ask`, of a project as if its file said ``text``; the argument ``{}`` stands for that file.

    Raises:
        ErrandFailed: as :func:`ask`, or nothing can be written beside the project's file.
    """
    with draft(path, text) as place:
        filled = [str(place) if argument == "{}" else argument for argument in arguments]
        # What is said of the draft is said of the file that it stands for.
        return ask(*filled, stdin=stdin, patience=patience, called={str(place): str(path)})


def ask(
    *arguments: str, stdin: str = "", patience: float = PATIENCE, called: Mapping[str, str] = AS_IT_IS
) -> Any:
    """What a command says with ``--json``; waits for it.

    Args:
        arguments: the command and its arguments.
        stdin: given to it on its standard input.
        patience: seconds after which it is given up.
        called: paths in its answer to what they are called here.

    Raises:
        ErrandFailed: it gave no JSON value, or took too long.
    """
    try:
        done = subprocess.run(
            _line(arguments),
            input=stdin.encode("utf-8", "replace"),
            capture_output=True,
            timeout=patience,
            check=False,
            env=_surroundings(),
        )
    except subprocess.TimeoutExpired as error:
        raise ErrandFailed(f"no answer within {patience:g} s", where=f"promptopt {arguments[0]}") from error
    out, said = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    for place, name in called.items():
        out = out.replace(json.dumps(place)[1:-1], json.dumps(name)[1:-1])
        said = said.replace(place, name)
    return _answer(out, said, arguments[0])


class Errand:
    """A command that may take long: it is carried out beside the UI, and goes on if that is left."""

    def __init__(self, *arguments: str) -> None:
        from promptopt.runs.launch import ON_ITS_OWN

        self._command = arguments[0]
        # Files and no pipes: there may be nobody left at the other end.
        self._out, self._said = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            _line(arguments),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._said,
            start_new_session=True,
            creationflags=ON_ITS_OWN,
            env=_surroundings(),
        )

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self._process.poll() is not None

    def answer(self) -> Any:
        """What it has said, once it is over; asked for once.

        Raises:
            ErrandFailed: it gave no JSON value.
        """
        with self._out as out, self._said as said:
            for file in (out, said):
                file.seek(0)
            printed, told = out.read().decode("utf-8", "replace"), said.read().decode("utf-8", "replace")
        return _answer(printed, told, self._command)


def _line(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-P", "-m", "promptopt", *arguments, "--json"]


def _surroundings() -> dict[str, str]:
    return {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONIOENCODING": "utf-8"}


def _answer(out: str, said: str, command: str) -> Any:
    try:
        return json.loads(out.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise _told(said, command) from error


@contextmanager
def draft(path: Path, text: str) -> Iterator[Path]:
    """A project file beside ``path`` that says ``text`` for a while: what is not saved yet can be tried.

    Raises:
        ErrandFailed: nothing can be written there.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=".draft-", suffix=".toml", dir=path.parent)
    except OSError as error:
        raise ErrandFailed(
            f"the folder can't be written ({error.strerror or error})", where=str(path.parent)
        ) from error
    place = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        yield place
    finally:
        place.unlink(missing_ok=True)


def _told(said: str, command: str) -> ErrandFailed:
    """The error that a command told: its last complaint, with the fix after the arrow."""
    _, _, complaint = said.rpartition("promptopt: ")
    what, _, fix = (complaint or said).strip().partition("\n  → ")
    return ErrandFailed(what or "it said nothing", where=f"promptopt {command}", fix=fix)
