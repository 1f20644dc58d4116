"""The code in a project's folder, read once: what is shown, trusted and run is the same content."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES, all_suffixes
from pathlib import Path

from promptopt.domain.errors import PromptoptError

MOST_FILES = 2000
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class ProjectCode:
    """Every file of a folder that Python, and so a function of the project, could import.

    Attributes:
        folder: the folder.
        sources: name below ``folder`` (with ``/``) to content, of Python source and byte code.
        binaries: the same to the hash of the content (SHA-256), of extension modules, which stay on the disk.
        listed: hash and name of each file, in order.
        left_out: folders below ``folder`` that were not read: hidden ones, environments, kept byte code.
    """

    folder: Path
    sources: Mapping[str, bytes]
    binaries: Mapping[str, str]
    listed: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names of all files, in order."""
        return [line.split(" ", 1)[1] for line in self.listed]


def read_code(folder: Path) -> ProjectCode:
    """Read all code in ``folder``.

    Raises:
        PromptoptError: there is too much of it.
        OSError: a file can't be read.
    """
    seen: set[str] = set()
    sources: dict[str, bytes] = {}
    binaries: dict[str, str] = {}
    listed: list[str] = []
    left_out: list[str] = []
    size = 0
    for root, folders, files in os.walk(folder, followlinks=True):
        left_out += [str(Path(root, name)) for name in folders if _skipped(name)]
        folders[:] = sorted(name for name in folders if not _skipped(name))
        real = os.path.realpath(root)
        if real in seen or "pyvenv.cfg" in files:
            if "pyvenv.cfg" in files:
                left_out.append(root)
            folders.clear()
            continue
        seen.add(real)
        for name in sorted(files):
            path = Path(root, name)
            if name.endswith(tuple(all_suffixes())) and path.is_file():
                size += path.stat().st_size
                if len(listed) >= MOST_FILES or size > MOST_BYTES:
                    raise _too_much(folder)
                content, inside = path.read_bytes(), path.relative_to(folder).as_posix()
                digest = hashlib.sha256(content).hexdigest()
                listed.append(f"{digest} {inside}")
                if name.endswith(tuple(EXTENSION_SUFFIXES)):
                    binaries[inside] = digest
                else:
                    sources[inside] = content
    return ProjectCode(folder, sources, binaries, tuple(listed), tuple(left_out))


def _skipped(name: str) -> bool:
    """Whether nothing is imported from a folder of that name; what Python keeps of a source is not used."""
    return name.startswith(".") or name == "__pycache__"


def _too_much(folder: Path) -> PromptoptError:
    return PromptoptError(
        f"the folder has more code than can be looked at for its callable checks (most: {MOST_FILES} files, "
        f"{MOST_BYTES // 2**20} MB)",
        where=str(folder),
        fix="put the project and its modules into a folder of their own",
    )
