"""A click acts while a cell waits; cells to come keep their order, and what they put out its place."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptopt.notebook.pumping import pumping
from tests.notebook.kernels import OLDER, Cells, kernel

pytest.importorskip("ipykernel")
pytest.importorskip("jupyter_client")

PREPARE = """
import asyncio, time
from comm import create_comm
from promptopt.notebook.pumping import pumping
seen = []
channel = create_comm(target_name="tried")
channel.on_msg(lambda message: (seen.append(message["content"]["data"]), print("clicked")))
print(channel.comm_id)
"""
WAITS = {
    "blocking": "time.sleep(0.02)",
    "awaiting": "await asyncio.sleep(0.02)",
}
WAIT = """
print("waiting")
with pumping() as turn:
    with pumping() as inner:
        inner()
    while len(seen) < {wanted}:
        turn()
        {rest}
print("seen", seen)
"""


@pytest.fixture(params=["this", "ipykernel 6"])
def cells(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cells]:
    python = {"this": sys.executable, "ipykernel 6": OLDER}[request.param]
    if not python:
        pytest.skip("PROMPTOPT_IPYKERNEL6 names no Python with ipykernel 6")
    with kernel(python, tmp_path) as cells:
        yield cells


@pytest.mark.parametrize("way", list(WAITS))
def test_a_click_acts_while_a_cell_waits(cells: Cells, way: str) -> None:
    comm_id = cells.run(PREPARE).strip()
    for turn in (1, 2):  # the kernel is as before after that
        waiting = cells.send(WAIT.format(wanted=2 * turn, rest=WAITS[way]))
        cells.until(waiting, "waiting")
        first = cells.send("print('first', len(seen))")
        cells.click(comm_id, {"a": turn})
        second = cells.send("print('second', len(seen))")
        cells.click(comm_id, {"b": turn})
        assert cells.reply(waiting)["status"] == "ok"
        assert cells.reply(second)["status"] == "ok"
        cells.until(second, "second")
        assert cells.order[-3:] == [waiting, first, second]
        assert cells.out[first] == f"first {2 * turn}\n" and cells.out[second] == f"second {2 * turn}\n"
        assert "seen [{'a': 1}, {'b': 1}" in cells.out[waiting]
    clicked = sum(text.count("clicked") for text in cells.out.values())
    assert clicked == 4
    cells.click(comm_id, {"c": 3})
    assert cells.run("print(seen[-1])") == "{'c': 3}\n"


def test_an_interrupt_ends_the_waiting_and_loses_nothing(cells: Cells) -> None:
    cells.run(PREPARE)
    waiting = cells.send(WAIT.format(wanted=99, rest=WAITS["blocking"]))
    cells.until(waiting, "waiting")
    cells.manager.interrupt_kernel()
    assert cells.reply(waiting)["ename"] == "KeyboardInterrupt"
    assert cells.run("print('well')") == "well\n"


def test_outside_of_a_kernel_there_is_nothing_to_do() -> None:
    with pumping() as turn:
        turn()
