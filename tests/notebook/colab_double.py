"""Colab's modules as far as they are used, with the shapes that Google's have."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class SecretNotFoundError(Exception):
    pass


class NotebookAccessError(Exception):
    pass


class Colab:
    """What a test says that Colab has, and what was asked of it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.secrets: dict[str, str | Exception] = {}
        self.uploads: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.mounted: list[str] = []
        self.downloaded: list[str] = []
        self.scripts: list[str] = []

    def get(self, key: str) -> str:
        self.asked.append(key)
        found = self.secrets.get(key, SecretNotFoundError(key))
        if isinstance(found, Exception):
            raise found
        return found

    def upload(self, target_dir: str = "") -> dict[str, bytes]:
        for name, data in self.uploads.items():
            (Path(target_dir) / name).write_bytes(data)
        return dict(self.uploads)

    def download(self, path: str) -> None:
        if not Path(path).exists():
            raise FileNotFoundError(path)
        self.downloaded.append(path)

    def mount(
        self, mountpoint: str, force_remount: bool = False, timeout_ms: int = 120000, readonly: bool = False
    ) -> None:
        self.mounted.append(mountpoint)
        (Path(mountpoint) / "MyDrive").mkdir(parents=True)

    def eval_js(self, script: str, ignore_result: bool = False, timeout_sec: float | None = None) -> Any:
        self.scripts.append(script)
        return "https://8000-colab.example/"


def install(monkeypatch: pytest.MonkeyPatch, place: Path) -> Colab:
    """Be in Colab until the test is over."""
    colab = Colab(place)
    parts: dict[str, dict[str, Callable[..., Any]]] = {
        "userdata": {
            "get": colab.get,
            "SecretNotFoundError": SecretNotFoundError,
            "NotebookAccessError": NotebookAccessError,
        },
        "files": {"upload": colab.upload, "download": colab.download},
        "drive": {"mount": colab.mount},
        "output": {"eval_js": colab.eval_js},
    }
    package = types.ModuleType("google.colab")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "google.colab", package)
    for name, members in parts.items():
        module = types.ModuleType(f"google.colab.{name}")
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-test")
    return colab
