"""Runs in the hand of a program: started, steered, waited for, left and come back to."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import promptopt
from promptopt.domain.errors import RunError
from tests.engine.bench import Bench
from tests.loopback import Fault, FaultPlan, LoopbackServer, ticket_cases, write_project

WARM = True
SIZES = (12, 16, 12)
MINE = "Label the support ticket as billing, bug, account or feature. Answer with one word. That is all."


@pytest.fixture
def project(loopback: LoopbackServer, tmp_path: Path) -> Path:
    return write_project(tmp_path / "p", loopback, SIZES, optimizer={"max_iterations": 3})


@pytest.fixture(autouse=True)
def closed(bench: Bench) -> None:
    """The program's door to a store is the store's of one test."""
    from promptopt.notebook import starting

    starting._opened.cache_clear()


def test_it_is_started_waited_for_and_shown_again_for_nothing(
    bench: Bench, loopback: LoopbackServer, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = promptopt.start(project)
    best = run.wait(60)
    assert best.metadata["run_id"] == run.id and best.metadata["test"]["n"] == SIZES[2]
    assert run.status == "finished" and run.over and run.best == best
    assert run.summary()["calls"] == loopback.count() and run.id in repr(run)
    sent = loopback.count()
    again = promptopt.start(project)
    assert again.id == run.id and again.result() == best and loopback.count() == sent
    assert "has ended: this is it" in capsys.readouterr().out
    other = promptopt.start(project, fresh=True)
    assert other.id != run.id
    other.wait(60)
    assert promptopt.attach().id == other.id and promptopt.attach(run.id).result() == best
    assert [row.id for row in promptopt.list_runs().rows] == [other.id, run.id]
    assert promptopt.start(project, budget={"calls": 5000}).id not in (run.id, other.id)


def test_it_is_steered(bench: Bench, loopback: LoopbackServer, project: Path) -> None:
    loopback.latency = 0.03
    run = promptopt.start(project)
    bench.until(run.id, lambda state: state.phase == "search")
    assert "paused" in run.pause("a look")
    assert run.status == "paused" and "already" not in run.resume()
    run.pause()
    assert "your prompt is" in run.edit(MINE, adopt="always")
    assert "in force" in run.guide("word", "keep", "something to keep")
    run.limit(calls=4000)
    run.resume()
    assert run.resume() == "it is running already"
    best = run.wait(60)
    state = bench.state(run.id)
    assert [deed.reason for deed in state.deeds if deed.reason] == ["a look", "something to keep"]
    assert state.adopted and state.limits["calls"] == 4000
    assert "word" in best.text
    with pytest.raises(RunError, match="there is nothing to pause"):
        run.pause()


def test_its_worker_dies_and_the_same_call_goes_on(
    bench: Bench, loopback: LoopbackServer, project: Path
) -> None:
    loopback.latency = 0.03
    run = promptopt.start(project)
    bench.wait(lambda: loopback.count(answered=True) >= 30)
    pid = run.row.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RunError, match="its worker died"):
        run.wait(60)
    again = promptopt.start(project)
    assert again.id == run.id
    again.wait(60)
    assert not loopback.answered_twice()


def test_functions_of_the_program_take_part_and_it_goes_on_after_a_stop(
    bench: Bench, loopback: LoopbackServer, project: Path
) -> None:
    def short(output: str) -> bool:
        return len(output) < 20

    loopback.latency = 0.02
    run = promptopt.start(project, checks=["exact", short])
    bench.until(run.id, lambda state: state.phase == "search")
    assert promptopt.start(project, checks=["exact", short]).id == run.id
    run.stop(now=True)
    bench.wait(lambda: run.over)
    assert "it goes on" in run.resume()
    run.wait(60)
    assert run.status == "finished" and not loopback.answered_twice()


def test_it_is_awaited_beside_other_work(bench: Bench, project: Path) -> None:
    async def cell() -> tuple[Any, int]:
        run = promptopt.start(project)
        waiting = asyncio.ensure_future(run)
        turns = 0
        while not waiting.done():
            await asyncio.sleep(0)
            turns += 1
        return await waiting, turns

    best, turns = asyncio.run(cell())
    assert best.metadata["comparison"] is not None and turns > 10


def test_a_run_that_ended_early_goes_on_if_it_is_told_to(bench: Bench) -> None:
    how: Any = {"task": "Label it.", "models": "sim/target", "simulate": True}
    run = promptopt.start(dataset=ticket_cases(24), **how)
    bench.until(run.id, lambda state: state.phase == "search")
    with pytest.raises(TimeoutError, match="it goes on"):
        run.wait(0.0)
    with pytest.raises(RunError, match="it is not over"):
        run.result()
    run.stop(now=True)
    bench.wait(lambda: run.over)
    assert run.status == "stopped"
    assert promptopt.start(dataset=ticket_cases(24), **how).status == "stopped"
    run.resume()
    bench.wait(lambda: run.status == "running")
    run.stop(now=True)
    bench.wait(lambda: run.over)


def test_a_failed_run_says_why_and_the_same_call_goes_on(
    bench: Bench, loopback: LoopbackServer, project: Path
) -> None:
    loopback.faults = FaultPlan(rates={Fault.WRONG_KEY: 1.0})
    run = promptopt.start(project)
    with pytest.raises(RunError, match="LOOPBACK_API_KEY"):
        run.wait(60)
    loopback.faults = FaultPlan()
    again = promptopt.start(project)
    assert again.id == run.id
    if again.status == "paused":
        again.resume()
    assert again.wait(60).metadata["test"]
