"""A bench for whole runs."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.bench import Bench


@pytest.fixture
def bench(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A store of the test's own; its workers find the packages also in a bare checkout."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    bench = Bench()
    yield bench
    bench.close()
