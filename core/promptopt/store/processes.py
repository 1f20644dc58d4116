"""Whether a process that has something in hand is still there."""

import os
import sys
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether the process of this machine is there and works."""
    if sys.platform == "win32":
        return True  # asking would end the process there; its silence tells soon enough
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    """A killed child that its parent has not yet asked after is dead all the same (Linux)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]
