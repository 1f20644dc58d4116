"""One run in a cell and in a terminal at once: what is done in the one is seen in the other."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.kernels import OLDER, Cells, kernel

pytest.importorskip("ipykernel")
pytest.importorskip("ipywidgets")
pytest.importorskip("termios")

from tests.notebook.terminals import terminal

BERT = "import os\nos.environ['LOGNAME'] = 'bert'"
START = """
import promptopt
cases = [{"input": f"ticket {n}", "expected": ["bug", "billing"][n % 2]} for n in range(40)]
models = {"target": {"model": "sim/target", "latency": 0.1}, "optimizer": {"model": "sim/optimizer"}}
run = promptopt.start(
    dataset=cases, task="Label the ticket.", models=models, simulate=True,
    optimizer={"name": "refine", "max_iterations": 60}, budget={"calls": 20000},
)
from promptopt.notebook.live import _lives
controls = _lives[run.id]._controls
"""
WAIT = "print('waiting')\nrun.wait()"
CLICK = {"method": "custom", "content": {"event": "click"}}
CTRL_S = "\x13"


@pytest.fixture(params=["this", "ipykernel 6"])
def cells(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Cells]:
    python = {"this": sys.executable, "ipykernel 6": OLDER}[request.param]
    if not python:
        pytest.skip("PROMPTOPT_IPYKERNEL6 names no Python with ipykernel 6")
    with kernel(python, tmp_path) as cells:
        yield cells


@pytest.mark.timeout(240)
def test_a_run_of_a_cell_is_paused_and_edited_in_a_terminal_and_the_other_way_round(cells: Cells) -> None:
    cells.run(BERT)
    cells.run(START)
    run_id = cells.run("print(run.id)").strip()
    pause = cells.run("print(controls.pause.comm.comm_id)").strip()
    waiting = cells.send(WAIT)
    cells.until(waiting, "waiting")
    with terminal("attach", run_id) as screen:
        screen.until("phase search", "● running")
        cells.shows("● running", "searching")

        # The cell waits, and shows what the terminal does.
        screen.press(" ")
        screen.until("‖ paused")
        cells.shows("‖ paused")
        screen.press("e")
        screen.until("Edit the current prompt")
        screen.press("In lower case: ")
        screen.until("In lower case: ")
        screen.press(CTRL_S)
        screen.until("Send this change?")
        screen.press("y")
        screen.until("Your edit was scored")
        cells.shows(
            "prompt edited by anna; scoring the edit", "an edit waits for your answer", "In lower case: "
        )
        screen.answer("y", gone="Your edit was scored")
        cells.shows("the run goes on from the edit (anna)", "‖ paused")
        screen.press(" ")
        screen.until("● running")
        cells.shows("● running")

        # The terminal shows what the cell does: by its button, and by its words.
        cells.click(pause, CLICK)
        screen.until("‖ paused")
        cells.shows("‖ paused")
        cells.click(pause, CLICK)
        screen.until("● running")
        cells.shows("● running")
        cells.manager.interrupt_kernel()
        assert cells.reply(waiting)["ename"] == "KeyboardInterrupt"
        cells.run("run.pause('lunch')")
        screen.until("‖ paused")
        cells.run("run.resume()")
        screen.until("● running")

        # Who leaves ends nothing.
        screen.press("q")
        screen.until_left()
    assert cells.run("print(run.status)") == "running\n"
    # Who did what is kept, however many lines of calls in flight come after it.
    deeds = cells.run(
        "with run.reading() as state:\n    for deed in state.deeds: print(deed.text, deed.reason)"
    )
    for each in ("paused by anna", "resumed by anna", "paused by bert", "resumed by bert", "lunch"):
        assert each in deeds
    cells.run("run.stop(now=True)")
    cells.shows("■ stopped")
