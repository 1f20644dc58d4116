"""Killed at any point, a run resumes: nothing answered is asked again, and the end is the same."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from promptopt.domain.errors import RunError
from promptopt.runs.launch import resume_run
from promptopt.runs.snapshots import Snapshots, digest
from promptopt.runs.state import RunState
from promptopt.store.commands import Stop
from promptopt.store.runlog import RunLog
from promptopt.store.schema import events as event_rows
from tests.engine.bench import Bench
from tests.loopback import API_KEY, API_KEY_ENV, LoopbackServer, write_project

WARM = True

SIZES = (12, 16, 12)


def story(state: RunState) -> dict[str, Any]:
    """All of a run's outcome that does not depend on the clock."""
    assert state.finished
    return {
        "candidates": {
            c.id: (c.text, c.parent_id, c.accepted, {split: s.interval for split, s in c.scores.items()})
            for c in state.candidates.values()
        },
        "end": (state.finished.stop_reason, state.finished.best_id, state.finished.iterations),
        "comparison": state.finished.comparison,
        "spent": {name: state.meters[name].spent for name in ("usd", "calls", "tokens")},
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The story of a run that nobody kills."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch, LoopbackServer() as server:
        patch.setenv("PROMPTOPT_HOME", str(folder / "home"))
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        patch.setenv(API_KEY_ENV, API_KEY)
        bench = Bench()
        state = bench.run(write_project(folder / "project", server, SIZES))
        assert state.status == "finished", bench.said(state.run_id)
        bench.close()
    return story(state)


def kill_after(bench: Bench, server: LoopbackServer, run_id: str, answers: int) -> None:
    """Kill the worker when at least so many requests are answered and more are in flight."""
    bench.wait(lambda: server.count(answered=True) >= answers, lambda: bench.said(run_id))
    with server.holding():
        # What the server has answered is on its way to the journal; then only unanswered calls are out.
        bench.wait(lambda: bench.answered(run_id) == server.count(answered=True), lambda: bench.said(run_id))
        bench.kill(run_id)


@pytest.mark.parametrize("points", [(1,), (30, 31, 45), (70, 100, 150)])
def test_a_killed_run_asks_nothing_twice_and_ends_the_same(
    bench: Bench,
    loopback: LoopbackServer,
    tmp_path: Path,
    undisturbed: dict[str, Any],
    points: tuple[int, ...],
) -> None:
    loopback.latency = 0.01
    run_id = bench.create(write_project(tmp_path / "project", loopback, SIZES))
    bench.start(run_id)
    for answers in points:
        kill_after(bench, loopback, run_id, answers)
        assert bench.status(run_id) == "interrupted"
        bench.start(run_id)
    state = bench.end(run_id)
    assert loopback.answered_twice() == {}
    assert story(state) == undisturbed, bench.said(run_id)


def test_killed_at_any_moment_a_run_asks_nothing_twice_and_ends_the_same(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    """The kill comes when it comes: requests are on their way out, answers on their way back."""
    loopback.latency = 0.03
    run_id = bench.create(write_project(tmp_path / "project", loopback, SIZES))
    bench.start(run_id)
    for answers in (1, 25, 50, 80):
        bench.wait(
            lambda answers=answers: loopback.count(answered=True) >= answers, lambda: bench.said(run_id)
        )
        bench.kill(run_id)
        bench.start(run_id)
    state = bench.end(run_id)
    assert loopback.answered_twice() == {}
    assert story(state) == undisturbed, bench.said(run_id)
    assert {name: state.meters[name].uncertain for name in ("calls", "tokens")} == {"calls": 0, "tokens": 0}
    assert not list((Path(os.environ["PROMPTOPT_HOME"]) / "receipts").glob("*/*"))


def test_stopped_at_once_and_resumed_a_run_takes_the_answers_that_came_meanwhile(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    run_id = bench.create(write_project(tmp_path / "project", loopback, SIZES))
    bench.start(run_id)
    with loopback.holding():
        bench.until(run_id, lambda state: state.phase == "baseline")
        loopback.wait_for(16)
        bench.send(run_id, Stop(now=True))
        assert bench.end(run_id).status == "stopped"
    bench.start(run_id)
    state = bench.until(run_id, lambda state: state.status == "finished")
    assert story(state) == undisturbed, bench.said(run_id)
    assert loopback.answered_twice() == {}


def test_once_the_test_has_begun_a_killed_run_searches_no_more(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    run_id = bench.create(write_project(tmp_path / "project", loopback, SIZES))
    loopback.latency = 0.01
    bench.start(run_id)
    bench.until(run_id, lambda state: state.phase == "search")
    bench.send(run_id, Stop())
    bench.until(run_id, lambda state: state.phase == "test")
    with loopback.holding():
        bench.wait(lambda: bench.answered(run_id) == loopback.count(answered=True))
        bench.kill(run_id)
    proposed = loopback.count(model="opus")
    bench.start(run_id)
    state = bench.end(run_id)
    assert (state.status, loopback.count(model="opus")) == ("stopped", proposed)
    assert loopback.answered_twice() == {}
    with pytest.raises(RunError, match="come to its end"):
        resume_run(bench.database, run_id)


def test_two_workers_never_work_on_one_run(bench: Bench, loopback: LoopbackServer, tmp_path: Path) -> None:
    run_id = bench.create(write_project(tmp_path / "project", loopback, SIZES))
    with loopback.holding():
        bench.start(run_id)
        first = bench.workers[run_id]
        bench.until(run_id, lambda state: state.phase == "baseline")
        bench.start(run_id)
        assert bench.workers[run_id].wait(30) == 3
        bench.workers[run_id] = first
    assert bench.end(run_id).status == "finished"


def test_a_resume_that_fails_forgets_no_cost(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = bench.create(write_project(tmp_path / "project", loopback, SIZES))
    bench.start(run_id)
    bench.until(run_id, lambda state: state.phase == "search")
    bench.send(run_id, Stop(now=True))
    spent = bench.end(run_id).meters["usd"].spent
    monkeypatch.delenv(API_KEY_ENV)
    bench.start(run_id)
    bench.workers[run_id].wait(60)
    state = bench.state(run_id)
    assert state.status == bench.status(run_id) == "failed"
    assert state.meters["usd"].spent == spent > 0


def test_a_run_that_could_not_start_tells_its_models_when_it_can(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = bench.create(write_project(tmp_path / "project", loopback, SIZES))
    with monkeypatch.context() as patch:
        patch.delenv(API_KEY_ENV)
        bench.start(run_id)
        bench.workers[run_id].wait(60)
    assert bench.state(run_id).status == "failed" and not bench.state(run_id).models
    bench.start(run_id)
    bench.workers[run_id].wait(60)
    state = bench.end(run_id)
    assert state.status == "finished" and set(state.models) == {"target", "optimizer"}
    assert state.max_iterations is not None


def test_a_run_is_taken_up_from_its_snapshot_alone(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    loopback.latency = 0.01
    run_id = bench.create(write_project(tmp_path / "project", loopback, SIZES))
    bench.start(run_id)
    kill_after(bench, loopback, run_id, 70)
    log = RunLog(bench.database, run_id)
    events = log.length()
    Snapshots(log).keep(bench.state(run_id), events)
    # What it stands for is gone: whoever read it again would find a run that never began.
    earlier = (event_rows.c.run_id == run_id) & (event_rows.c.n < events)
    bench.database.write(delete(event_rows).where(earlier)).result()

    bench.start(run_id)
    state = bench.end(run_id)

    assert loopback.answered_twice() == {}
    assert story(state) == undisturbed, bench.said(run_id)
    kept = log.snapshot(digest())
    assert kept is not None and kept[0] == log.length(), "at the end there is one of all of it"
