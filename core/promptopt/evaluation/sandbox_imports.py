"""Imports of a project's modules from memory: what its owner trusted, whatever the disk has by now.

Loaded by ``sandbox_worker.py`` in the worker only; needs nothing but the standard library. Every folder of
the project that is on the path, or becomes so, is searched in what was handed over, and never on the disk;
only extension modules, which the system loads from a file, stay there, and are refused if they were changed.
"""

import base64
import hashlib
import os
import sys
from collections.abc import Iterable, Mapping
from importlib.abc import PathEntryFinder
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
    all_suffixes,
)
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any


def install(told: Mapping[str, Any], paths: Iterable[str]) -> None:
    """Import the modules of a project from what is ``told`` of them (see ``sandbox.py``).

    Args:
        told: ``folder``, ``sources`` (name below it to content in base 64), ``binaries`` (name to hash of
            content, SHA-256), ``left_out`` (folders below it that were not read).
        paths: folders to import from; those that are left out are left to Python.
    """
    code = _Code(told, paths)

    def hook(entry: str) -> "_Finder":
        inside = code.place(entry)
        if inside is None:
            raise ImportError("not a folder of the project")
        return _Finder(code, entry, inside)

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()


class _Code:
    """What was handed over of a project's folder."""

    def __init__(self, told: Mapping[str, Any], paths: Iterable[str]) -> None:
        self._folders = _names(told["folder"])
        self.sources = {name: base64.b64decode(text) for name, text in told["sources"].items()}
        self.binaries: dict[str, str] = told["binaries"]
        self._environments = {path for path in paths if _within(path, told["left_out"])}
        self._spaces = {
            "/".join(parts[:depth])
            for parts in (name.split("/") for name in (*self.sources, *self.binaries))
            for depth in range(1, len(parts))
        }

    def place(self, entry: str) -> str | None:
        """Where a folder is below the project's (``""``: itself); None if it is not, or is left to Python."""
        if _within(entry, self._environments):
            return None
        for path in _names(entry):
            for folder in self._folders:
                if _within(path, [folder]):
                    return path[len(folder) :].strip(os.sep).replace(os.sep, "/")
        return None

    def is_folder(self, name: str) -> bool:
        """Whether code was handed over from a folder of that name."""
        return name in self._spaces


def _names(folder: str) -> list[str]:
    """A folder as it is written, and as it is without links."""
    return [name(folder) for name in (os.path.abspath, os.path.realpath)]


def _within(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


class _Finder(PathEntryFinder):
    """Finds the modules of one folder, as Python's own finder does on the disk."""

    def __init__(self, code: _Code, entry: str, inside: str) -> None:
        self._code = code
        self._entry = entry
        self._prefix = f"{inside}/" if inside else ""

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        tail = fullname.rpartition(".")[2]
        for base, package in ((f"{tail}/__init__", True), (tail, False)):
            for suffix in (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES):
                name, path = self._prefix + base + suffix, str(Path(self._entry, base + suffix))
                loader = self._loader(fullname, name, path, suffix)
                if loader is not None:
                    below = [str(Path(self._entry, tail))] if package else None
                    return spec_from_file_location(
                        fullname, path, loader=loader, submodule_search_locations=below
                    )
        if not self._code.is_folder(self._prefix + tail):
            return None
        spec = ModuleSpec(fullname, None, is_package=True)  # a folder without __init__
        spec.submodule_search_locations = [str(Path(self._entry, tail))]
        return spec

    def _loader(self, module: str, name: str, path: str, suffix: str) -> Any:
        if name in self._code.binaries:
            return _Extension(module, path, self._code.binaries[name])
        if name not in self._code.sources:
            return None
        kind = _Sourceless if suffix in BYTECODE_SUFFIXES else _Source
        return kind(module, path, self._code.sources[name])


class _InMemory:
    """Gives a module's own content from memory, other code never, and other files from the disk."""

    def __init__(self, module: str, path: str, content: bytes) -> None:
        super().__init__(module, path)  # type: ignore[call-arg]  # of Python's loader beside it
        self._path = path
        self._content = content

    def get_data(self, path: str) -> bytes:
        if path == self._path:
            return self._content
        if path.endswith(tuple(all_suffixes())):
            raise OSError(f"{path} is not read from the disk")
        return super().get_data(path)  # type: ignore[misc,no-any-return]


class _Source(_InMemory, SourceFileLoader):
    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError("no byte code is kept")


class _Sourceless(_InMemory, SourcelessFileLoader):
    pass


class _Extension(ExtensionFileLoader):
    """An extension module, which the system loads from its file; not if that was changed."""

    def __init__(self, module: str, path: str, digest: str) -> None:
        super().__init__(module, path)
        self._digest = digest

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        with open(self.path, "rb") as file:  # noqa: PTH123
            if hashlib.sha256(file.read()).hexdigest() != self._digest:
                raise ImportError(f"{self.path} was changed after it was trusted")
        return super().create_module(spec)
