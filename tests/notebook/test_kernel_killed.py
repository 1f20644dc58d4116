"""A kernel is killed in the middle of a run: the same cells in a new kernel come back to it, and nothing
that was answered is sent again."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.engine.bench import Bench
from tests.loopback import LoopbackServer, write_project
from tests.notebook.kernels import Cells, kernel

pytest.importorskip("ipykernel")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills a process as Linux and macOS do")
SIZES = (12, 16, 12)
CELLS = [
    "import promptopt",
    "def short(output: str) -> bool:\n    return len(output) < 20",
    "run = promptopt.start(PROJECT, checks=['exact', MORE])",
]
WAIT = "best = run.wait()\nprint(best.metadata['test']['n'], run.status)"


@pytest.fixture
def cells_of(loopback: LoopbackServer, tmp_path: Path) -> list[str]:
    """The cells of a notebook whose run goes on in a worker."""
    project = write_project(tmp_path / "p", loopback, SIZES, optimizer={"max_iterations": 3})
    return [cell.replace("PROJECT", repr(str(project))) for cell in CELLS]


def carried_out(cells: Cells, sources: list[str]) -> str:
    """Carry cells out as a reader does who opens the notebook; returns the run's id."""
    for source in sources:
        cells.run(source)
    return cells.run("print(run.id)").strip()


def kill(cells: Cells) -> None:
    process = cells.manager.provisioner.process
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)


@pytest.mark.parametrize("takes_part", [False, True], ids=["in a worker", "in the kernel"])
def test_it_is_come_back_to_and_nothing_is_sent_twice(
    bench: Bench, loopback: LoopbackServer, cells_of: list[str], tmp_path: Path, takes_part: bool
) -> None:
    more = "short" if takes_part else "'contains'"
    sources = [cell.replace("MORE", more) for cell in cells_of]
    loopback.latency = 0.05
    with kernel(sys.executable, tmp_path / "first") as cells:
        run_id = carried_out(cells, sources)
        bench.wait(lambda: loopback.count(answered=True) >= 30)
        kill(cells)
    answered = loopback.count(answered=True)
    assert not bench.state(run_id).over
    if takes_part:
        bench.wait(lambda: bench.status(run_id) == "interrupted")
    else:  # it goes on without the notebook
        bench.wait(lambda: loopback.count(answered=True) > answered + 10)
    loopback.latency = 0.0
    with kernel(sys.executable, tmp_path / "second") as cells:
        assert carried_out(cells, sources) == run_id
        assert cells.run(WAIT).splitlines()[-1] == f"{SIZES[2]} finished"
        said = "\n".join(cells.out.values())
        assert ("died; it goes on" if takes_part else "this is it") in said
    assert loopback.count(answered=True) > answered and not loopback.answered_twice()
    assert bool(bench.state(run_id).replayed) is takes_part
