"""The live view in a kernel: updated in place, steered by its buttons, and there in the saved notebook."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.kernels import OLDER, Cells, kernel

pytest.importorskip("ipykernel")
pytest.importorskip("ipywidgets")

START = """
import promptopt
cases = [{"input": f"ticket {n}", "expected": ["bug", "billing"][n % 2]} for n in range(40)]
models = {"target": {"model": "sim/target", "latency": LATENCY}, "optimizer": {"model": "sim/optimizer"}}
how = dict(dataset=cases, task="Label the ticket.", models=models, simulate=True)
run = promptopt.start(optimizer={"name": "refine", "max_iterations": 1}, **how)
"""


@pytest.fixture(params=["this", "ipykernel 6"])
def cells(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Cells]:
    python = {"this": sys.executable, "ipykernel 6": OLDER}[request.param]
    if not python:
        pytest.skip("PROMPTOPT_IPYKERNEL6 names no Python with ipykernel 6")
    with kernel(python, tmp_path) as cells:
        yield cells


def press(cells: Cells, button: str) -> str:
    """The id by which a page clicks a button."""
    return cells.run(f"print(controls.{button}.comm.comm_id)").strip()


CLICK = {"method": "custom", "content": {"event": "click"}}


@pytest.mark.timeout(240)
def test_buttons_act_while_the_cell_waits_and_the_last_frame_stays(cells: Cells) -> None:
    cells.run(START.replace("LATENCY", "0.4"))
    cells.run("from promptopt.notebook.live import _lives\ncontrols = _lives[run.id]._controls")
    pause, stop = press(cells, "pause"), press(cells, "stop")
    now = cells.run("print(controls.stopping.children[2].comm.comm_id)").strip()
    waiting = cells.send("print('waiting')\nbest = run.wait()")
    cells.until(waiting, "waiting")
    cells.shows("● running")
    cells.click(pause, CLICK)
    cells.shows("‖ paused")
    cells.click(pause, CLICK)
    cells.shows("● running")
    cells.click(stop, CLICK)
    assert "● running" in cells.view()  # it asks once more
    cells.click(now, CLICK)
    cells.reply(waiting)
    assert cells.run("print(run.status)") == "stopped\n"
    assert "■ stopped" in cells.view() and "⚠ SIMULATED" in cells.view()
    buttons = [data for name, data in cells.shown.items() if name.endswith("-buttons")]
    assert buttons == [{"text/plain": "", "text/html": ""}]
    threads = "import threading\nprint([t.name for t in threading.enumerate() if t.name == 'live view'])"
    assert cells.run(threads) == "[]\n"


@pytest.mark.timeout(240)
def test_an_interrupt_leaves_the_run_and_the_cell_comes_back_to_it(cells: Cells) -> None:
    cells.run(START.replace("LATENCY", "0.4"))
    for wait in ("run.wait()", "await run"):
        waiting = cells.send(f"print('waiting')\n{wait}")
        cells.until(waiting, "waiting")
        cells.shows("● running")
        cells.manager.interrupt_kernel()
        assert cells.reply(waiting)["status"] == "error"
        assert cells.run("print(run.status)") == "running\n"
    said = cells.run(START.replace("LATENCY", "0.4"))
    assert "is under way already: this is it" in said
    assert len([name for name in cells.shown if name.endswith("-buttons")]) == 1
    cells.run(
        "print(run.stop(now=True))\ntry:\n    run.wait()\nexcept promptopt.domain.errors.RunError: pass"
    )


@pytest.mark.timeout(240)
def test_a_saved_notebook_has_the_last_frame(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    import os

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    sources = [
        START.replace("LATENCY", "0.0"),
        "best = await run\nbest",
        "promptopt.list_runs()",
        "%load_ext promptopt\n%promptopt attach",
        "%%prompt mine --on cases --how scoring --simulate\nSay bug.",
        "%promptopt walk",
    ]
    sources.insert(4, "scoring = {'models': models}")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    made = nbclient.NotebookClient(made, timeout=120, kernel_name="python3", allow_errors=True).execute()
    started, awaited, listed, attached, _, scored, wrong = [cell.outputs for cell in made.cells]
    first = next(out.data["text/html"] for out in started if "data" in out and "text/html" in out.data)
    assert "✓ finished" in first and "⚠ SIMULATED" in first and "<svg" in first
    assert (
        "OptimizedPrompt" in awaited[0].data["text/plain"]
        and "<strong>Prompt" in awaited[0].data["text/html"]
    )
    assert "✓ finished" in listed[0].data["text/html"]
    assert "✓ finished" in attached[0].data["text/html"]
    assert "cases pass" in scored[-1].data["text/html"]
    assert "UsageError" in str(wrong) and "walk" in str(wrong)
    assert not any(out.output_type == "error" for cell in made.cells[:-1] for out in cell.outputs)
