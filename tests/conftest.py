"""Fixtures for all tests. No test reaches a network or a real key."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.loopback import API_KEY, API_KEY_ENV, LoopbackServer

if TYPE_CHECKING:
    from tests.unit.command_line import CommandLine

# Set for the whole session, since litellm reads it once, at import; worker processes inherit it.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

# Some containers say so; the processes that tests start would each compile the whole package again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes says more of a busy machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_SECRET_ENDINGS = ("_API_KEY", "_API_TOKEN", "_AUTH_TOKEN", "_ACCESS_KEY", "_ACCESS_KEY_ID", "_SESSION_TOKEN")
_ENDPOINT_ENDINGS = ("_API_BASE", "_BASE_URL")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Whole runs wait for each other a good deal: two tests at once for each core."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_finish() -> None:
    """What was imported until now stays: no collection need look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True)
def no_real_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every provider key and endpoint out of the environment."""
    for name in list(os.environ):
        if name.endswith(_SECRET_ENDINGS + _ENDPOINT_ENDINGS) or name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("PROMPTOPT_HOME", str(folder))
    return folder


@pytest.fixture
def cli(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "CommandLine":
    """The command line, called in this process, with a data directory of the test's own."""
    from tests.unit.command_line import CommandLine

    return CommandLine(monkeypatch, capsys)


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """A started model server; the key that its projects name is in the environment."""
    monkeypatch.setenv(API_KEY_ENV, API_KEY)
    with LoopbackServer() as server:
        yield server
