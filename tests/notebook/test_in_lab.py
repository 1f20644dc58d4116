"""Notebooks in JupyterLab: the live view and its buttons; the terminal UI seen, typed into, loaded again."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import promptopt
from promptopt.cli.creating import make_demo
from promptopt.store.commands import Pause
from tests.engine.bench import Bench
from tests.notebook.jupyter import appeared, carry_out, lab, needs_browser, opened, write_notebook

pytestmark = [needs_browser, pytest.mark.timeout(600)]
WARM = True
HOME = "import os\nos.environ['PROMPTOPT_HOME'] = {!r}"
START = """
import promptopt
cases = [{"input": f"$1 or $2, ticket {n}?", "expected": ["bug", "billing"][n % 2]} for n in range(40)]
models = {"target": {"model": "sim/target", "latency": 0.1}, "optimizer": {"model": "sim/optimizer"}}
run = promptopt.start(
    dataset=cases, task="Label it: $a_1$ or $b_2$.", models=models, simulate=True,
    optimizer={"name": "refine", "max_iterations": 60}, budget={"usd": 1.0},
)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder of notebooks, and where JupyterLab shows it."""
    folder = tmp_path_factory.mktemp("lab")
    with lab(folder) as address:
        yield folder, address


@pytest.fixture
def paused(bench: Bench) -> str:
    """A run of simulated models that waits, for as long as a browser may take to begin."""
    run_id = bench.create(make_demo())
    bench.start(run_id)
    bench.until(run_id, lambda state: state.phase == "search")
    bench.send(run_id, Pause())
    bench.until(run_id, lambda state: state.status == "paused")
    return run_id


def test_the_view_and_a_terminal_in_a_frame_show_what_is_done_in_the_other(
    bench: Bench, home: Path, served: tuple[Path, str]
) -> None:
    folder, address = served
    cells = [HOME.format(str(home)) + START, "run.tui(way='frame')", "run.wait()"]
    write_notebook(folder / "view.ipynb", cells)
    with opened(address, "view", text=True) as (page, elsewhere):
        carry_out(page, 0)
        view = page.locator(".jp-Cell").first
        shown(view, "● running")
        carry_out(page, 1)
        screen = _screen(page, "frame")
        carry_out(page, 2)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=busy]")
        # Its button pauses, and both show it; a key in the terminal goes on, and both show that.
        view.get_by_role("button", name="Pause").click()
        shown(view, "‖ paused")
        shown(screen, "‖ paused")
        assert promptopt.attach().status == "paused"
        page.screenshot(path=folder / "paused.png")
        _press_space(screen)
        shown(screen, "● running")
        shown(view, "● running")
        _press_space(screen)
        shown(view, "‖ paused")
        # An edit that is sent from below the view.
        view.get_by_role("button", name="Edit").click()
        view.locator("textarea").fill("In lower case: $x$, bug or billing?")
        view.get_by_role("button", name="Send").click()
        view.get_by_role("button", name="Accept").click()
        state = bench.until(promptopt.attach().id, lambda state: state.adopted)
        mine = state.name(state.adopted[0])
        shown(view, mine)
        shown(screen, mine)
        # Nothing is taken for a formula.
        shown(view, "Label it: $a_1$ or $b_2$.")
        assert page.locator("mjx-container").count() == 0
        view.get_by_role("button", name="Stop").click()
        view.get_by_role("button", name="Stop now, without it").click()
        shown(view, "■ stopped")
        shown(screen, "■ stopped")
        assert view.get_by_role("button", name="Stop").count() == 0
        assert [url for url in elsewhere if not url.startswith("http://127.0.0.1:")] == []


@pytest.mark.parametrize("way", ["widget", "frame"])
def test_a_run_is_watched_and_steered(
    bench: Bench, home: Path, paused: str, served: tuple[Path, str], tmp_path: Path, way: str
) -> None:
    folder, address = served
    notebook = folder / f"{way}.ipynb"
    session = "shown.session" if way == "widget" else "shown.server.session"
    noted = tmp_path / "pid"
    begin = HOME.format(str(home)) + "\nimport pathlib, promptopt\n"
    call = f"{begin}shown = promptopt.tui({paused!r}, way={way!r})\nshown"
    note = f"pathlib.Path({str(noted)!r}).write_text(str({session}.process.pid))"
    wait = f"promptopt.attach({paused!r}, live=False).wait()"
    write_notebook(notebook, [call, note, wait])
    with opened(address, way) as (page, elsewhere):
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
        before = notebook.stat().st_mtime_ns  # it may have saved itself, with less in it
        page.keyboard.press("Control+s")
        bench.wait(lambda: notebook.stat().st_mtime_ns > before)
        bench.wait(lambda: "promptopt" in notebook.read_text().partition('"outputs": [')[2])
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


def test_a_form_is_filled_in_and_waited_for(home: Path, served: tuple[Path, str]) -> None:
    folder, address = served
    ask = "context = promptopt.ColabManager().create_business_context_wizard(path='c.yaml')"
    cells = ["import promptopt", ask, "print(context.company, context.max_words)"]
    write_notebook(folder / "form.ipynb", cells)
    with opened(address, "form") as (page, elsewhere):
        carry_out(page, 0)
        carry_out(page, 1)
        form = page.locator(".jp-OutputArea")
        shown(form, "What a model will be told")
        form.locator("[title='Company'] input, input[title='Company']").fill("Zoe <b>& Co</b>")
        number = form.locator("[title='Most words'] input, input[title='Most words']")
        number.press_sequentially("many")
        shown(form, "expected a whole number")
        use = form.get_by_role("button", name="Use this")
        assert use.is_disabled()
        number.fill("12")
        shown(form, "Rule: at most 12 words")
        use.click()
        shown(form, "✓ Business context")
        carry_out(page, 2)
        shown(page, "Zoe <b>& Co</b> 12")
        assert elsewhere == []
    assert promptopt.BusinessContext.load(folder / "c.yaml").company == "Zoe <b>& Co</b>"


def _screen(page: Any, way: str) -> Any:
    ready, frame = ".promptopt-tui[aria-busy=false]", "iframe[title=promptopt]"
    appeared(page, page.locator(ready if way == "widget" else frame))
    where = page if way == "widget" else page.frame_locator(frame)
    where.locator(ready).wait_for()
    return where.locator(".xterm-screen")


def shown(where: Any, text: str) -> None:
    """Wait until it shows a text."""
    where.get_by_text(text).first.wait_for()


def _press_space(screen: Any) -> None:
    screen.click(position={"x": 200, "y": 100})
    screen.page.keyboard.press("Space")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
