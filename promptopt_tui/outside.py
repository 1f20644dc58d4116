"""Opening a file with the program that the desktop has for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def opener() -> list[str]:
    """The command that opens a file; empty where there is no desktop, as over SSH."""
    if sys.platform == "win32":
        return ["explorer"]
    if sys.platform == "darwin":
        return ["open"]
    seen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    for name in ("xdg-open", "wslview"):
        if shutil.which(name) and (seen or name == "wslview"):
            return [name]
    return []


def open_outside(path: Path) -> bool:
    """Open a file or folder, and do not wait for it; False where nothing can."""
    command = opener()
    if not command:
        return False
    try:
        subprocess.Popen(
            [*command, str(path.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True
