"""The terminal UI in a notebook of JupyterLab: seen, typed into, loaded again, left."""

import os
from pathlib import Path
from typing import Any

import pytest

from promptopt.cli.creating import make_demo
from promptopt.store.commands import Pause
from tests.engine.bench import Bench
from tests.notebook.jupyter import carry_out, lab, needs_browser, opened, write_notebook

pytestmark = [needs_browser, pytest.mark.timeout(300)]
WARM = True


@pytest.fixture
def paused(bench: Bench) -> str:
    """A run of simulated models that waits, for as long as a browser may take to begin."""
    run_id = bench.create(make_demo())
    bench.start(run_id)
    bench.until(run_id, lambda state: state.phase == "search")
    bench.send(run_id, Pause())
    bench.until(run_id, lambda state: state.status == "paused")
    return run_id


@pytest.mark.parametrize("way", ["widget", "frame"])
def test_a_run_is_watched_and_steered(bench: Bench, paused: str, tmp_path: Path, way: str) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    session = "shown.session" if way == "widget" else "shown.server.session"
    noted = folder / "pid"
    call = f"import pathlib, promptopt\nshown = promptopt.tui({paused!r}, way={way!r})\nshown"
    note = f"pathlib.Path({str(noted)!r}).write_text(str({session}.process.pid))"
    wait = f"promptopt.attach({paused!r}, live=False).wait()"
    write_notebook(folder / "a.ipynb", [call, note, wait])
    with lab(folder) as address, opened(address, "a.ipynb") as (page, elsewhere):
        carry_out(page, 0)
        screen = _screen(page, way)
        carry_out(page, 1)
        bench.wait(noted.exists)
        pid = int(noted.read_text())
        _press_space(screen)
        bench.until(paused, lambda state: state.status == "running")
        _press_space(screen)
        bench.until(paused, lambda state: state.status == "paused")
        page.locator(".jp-Cell").first.locator(".cm-content").click()
        page.keyboard.press("Control+s")
        bench.wait(lambda: "promptopt" in (folder / "a.ipynb").read_text().partition('"outputs": [')[2])
        page.reload()
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        _press_space(_screen(page, way))
        bench.until(paused, lambda state: state.status == "running")
        noted.unlink()
        carry_out(page, 1)
        bench.wait(noted.exists)
        assert int(noted.read_text()) == pid
        carry_out(page, 2)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=busy]")
        # Also while a cell waits.
        _press_space(_screen(page, way))
        bench.until(paused, lambda state: state.status == "paused")
        page.screenshot(path=folder / f"{way}.png")
        _press_space(_screen(page, way))
        bench.until(paused, lambda state: state.status == "running")
        assert [url for url in elsewhere if not url.startswith("http://127.0.0.1:")] == []
        if way == "widget":
            assert elsewhere == []
    bench.wait(lambda: not _alive(pid))
    assert bench.state(paused).status == "running" and bench.status(paused) == "running"


def _screen(page: Any, way: str) -> Any:
    where = page if way == "widget" else page.frame_locator("iframe[title=promptopt]")
    where.locator(".promptopt-tui[aria-busy=false]").wait_for()
    return where.locator(".xterm-screen")


def _press_space(screen: Any) -> None:
    screen.click(position={"x": 200, "y": 100})
    screen.page.keyboard.press("Space")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
