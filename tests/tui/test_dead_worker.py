"""A worker that is killed: the cockpit says so by itself, and offers to go on."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from textual.pilot import Pilot

from promptopt.runs.following import LOOK, POLL
from tests.tui.look import text

Make = Callable[..., Any]

PROMISED = 3.0
"""Seconds within which it is said."""


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def test_the_run_is_looked_up_often_enough() -> None:
    """Each look asks the operating system whether the worker's process is there."""
    assert LOOK + POLL <= PROMISED / 2


async def test_it_is_said_without_a_key_and_a_key_takes_the_run_up(
    story: Make, make_app: Make, settle: Make, worker: subprocess.Popen[bytes], started: list[str]
) -> None:
    told = story().live()
    told.summarize(pid=worker.pid, host=socket.gethostname(), heartbeat_at=4e9)
    async with make_app(told.run_id).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "● running" in text(pilot, "header")

        worker.kill()
        await until(pilot, lambda: "! interrupted" in text(pilot, "header"))

        assert "worker died; press R to resume" in text(pilot, "banners")
        assert "resume" in text(pilot, "keys")
        await pilot.press("R")
        await settle(pilot)
        assert started == [told.run_id]


async def until(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
        await pilot.pause()
