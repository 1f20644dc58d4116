"""A text in the editor of the person at the terminal (``$VISUAL``, ``$EDITOR``)."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from promptopt.cli import output
from promptopt.domain.errors import SettingsError


def edited(current: str, fix: str, name: str = "text.md") -> str:
    """What a person's editor makes of ``current``.

    Args:
        fix: what else can be done, if there is no editor or no terminal.
        name: of the file that is opened.

    Raises:
        SettingsError: there is no terminal or no editor, it failed, or what it wrote is no UTF-8 text.
    """
    if not output.on_terminal():
        raise SettingsError("there is no terminal to open an editor in", fix=fix)
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="promptopt-") as folder:
        path = Path(folder) / name
        path.write_bytes(current.encode("utf-8", "replace"))
        try:
            status = subprocess.call([*editor, str(path)])
        except OSError as error:
            raise SettingsError(
                f"the editor {editor[0]!r} can't be started: {error.strerror}", fix=f"set EDITOR, or {fix}"
            ) from error
        if status:
            raise SettingsError(f"the editor ended with status {status}; nothing was changed")
        text = text_of(path)
    # Editors end a file with a newline whether or not the text had one.
    return text.removesuffix("\n") if not current.endswith("\n") else text


def text_of(path: Path) -> str:
    """The text of a file, its line ends as they are. Raises SettingsError: it is none, or no UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"the file can't be read ({error.strerror})", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"it is not UTF-8 text (byte {error.start})", where=str(path), fix="save it as UTF-8"
        ) from None
