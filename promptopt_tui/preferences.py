"""What this UI remembers of its user: one small file, ``tui.toml`` in the data directory.

A person may edit it, too: keys that are not known here stay as they are, and a value of the wrong kind counts
as not given.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from promptopt.domain.errors import PromptoptError

FILE = "tui.toml"

T = TypeVar("T")


class Preferences:
    """The file's keys.

    Args:
        folder: where the file is; None remembers nothing beyond this process.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._values: dict[str, Any] = {}
        self.reload()

    def reload(self) -> None:
        """Read the file again; one that can't be read changes nothing."""
        if self.folder is None:
            return
        try:
            self._values = tomllib.loads((self.folder / FILE).read_text("utf-8"))
        except FileNotFoundError:
            self._values = {}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            return

    def get(self, key: str, default: T) -> T:
        """The value of a key, if it is of the kind of ``default``; else ``default``."""
        value = self._values.get(key, default)
        return value if isinstance(value, type(default)) else default

    def set(self, key: str, value: object) -> None:
        """Keep a value; a data directory that can't be written is no reason to stop."""
        self.reload()  # another terminal may have chosen something since
        self._values[key] = value
        if self.folder is None:
            return
        try:
            (self.folder / FILE).write_text(tomli_w.dumps(self._values), "utf-8")
        except OSError:
            return


def data_folder() -> Path | None:
    """The data directory; None if there can't be one."""
    from promptopt.store.home import home

    try:
        return home()
    except PromptoptError:
        return None
