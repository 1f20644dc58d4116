"""Packages made for a test: modules and entry points, as an installer would leave them."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    modules: Mapping[str, str],
    optimizers: Mapping[str, str],
) -> None:
    """Put a package into ``folder`` and that on the path of this process and of its children.

    Args:
        modules: module name to its source.
        optimizers: entry points of the group ``promptopt.optimizers``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
        monkeypatch.delitem(sys.modules, module, raising=False)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    lines = ["[promptopt.optimizers]", *(f"{key} = {value}" for key, value in optimizers.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
