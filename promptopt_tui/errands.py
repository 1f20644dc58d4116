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
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt.domain.errors import PromptoptError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 120.0
"""Seconds after which a command is given up."""


class ErrandFailed(PromptoptError):
    """The command was refused, in its words."""


def ask(*arguments: str, text: str = "", patience: float = PATIENCE) -> Any:
    """What a command says with ``--json``; waits for it.

    Args:
        arguments: the command and its arguments.
        text: given to it on its standard input.
        patience: seconds after which it is given up.

    Raises:
        ErrandFailed: it gave no JSON value, or took too long.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "promptopt", *arguments, "--json"],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=patience,
            check=False,
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONIOENCODING": "utf-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise ErrandFailed(f"no answer within {patience:g} s", where=f"promptopt {arguments[0]}") from error
    try:
        return json.loads(done.stdout.decode("utf-8").splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise _told(done.stderr.decode("utf-8", "replace"), arguments[0]) from error


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
