"""The per-user data directory: the store, the projects, the logs."""

import os
import shutil
from pathlib import Path

from promptopt.domain.errors import SettingsError

VARIABLE = "PROMPTOPT_HOME"

LITTLE_ROOM = 10_000_000
"""Free bytes below which a run can't be expected to be kept."""


def home() -> Path:
    """The data directory, made if it is not there (readable by its owner only).

    It is what ``PROMPTOPT_HOME`` says (``~`` is expanded), else the platform's place for user data.

    Raises:
        SettingsError: it can't be made or written.
    """
    path = place()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise _refused("there is a file where the data directory should be", path) from None
    except (OSError, ValueError) as error:
        raise _refused(f"the data directory can't be made ({_reason(error)})", path) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise _refused("the data directory can't be written", path)
    return path


def projects_dir() -> Path:
    """The folder of the projects in :func:`home`, made if it is not there."""
    path = home() / "projects"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        raise _refused("there is a file where the projects folder should be", path) from None
    except OSError as error:
        raise _refused(f"the projects folder can't be made ({_reason(error)})", path) from error
    return path


def room(path: Path) -> int:
    """Free bytes on the disk that ``path`` (which is there) is on."""
    return shutil.disk_usage(path).free


def place() -> Path:
    """Where the data directory is, or would be; nothing is made."""
    chosen = os.environ.get(VARIABLE, "").strip()
    if not chosen:
        from platformdirs import user_data_path

        return user_data_path("promptopt", appauthor=False)
    try:
        return Path(chosen).expanduser().absolute()
    except RuntimeError as error:
        raise _refused(f"{VARIABLE} can't be expanded ({error})", Path(chosen)) from error


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _refused(what: str, path: Path) -> SettingsError:
    return SettingsError(what, where=str(path), fix=f"set {VARIABLE} to a folder that you can write")
