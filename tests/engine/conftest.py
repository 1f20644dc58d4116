"""A bench for whole runs."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptopt.runs import launch
from tests.engine.bench import Bench
from tests.engine.warm import WarmBench, prepare


@pytest.fixture(scope="session")
def forking(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Workers can be forked."""
    prepare(tmp_path_factory.mktemp("dspy"))


@pytest.fixture
def bench(home: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A store of the test's own; its workers find the packages also in a bare checkout.

    In a module that says ``WARM = True`` they are forked from a process that has imported everything.
    """
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    warm = getattr(request.module, "WARM", False)
    if warm:
        request.getfixturevalue("forking")
    bench = WarmBench() if warm else Bench()
    if isinstance(bench, WarmBench):
        monkeypatch.setattr(launch, "start_worker", bench.fork)
    yield bench
    bench.close()
