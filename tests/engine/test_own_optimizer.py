"""The optimizer that the README shows, installed as a package, through whole runs."""

import re
from pathlib import Path

import pytest

from promptopt.runs.state import RunState
from promptopt.store.commands import Edit, Pause, Resume, Stop
from tests.engine.bench import Bench
from tests.loopback import LoopbackServer, write_project
from tests.packages import install
from tests.unit.test_readme import section

WARM = True
SIZES = (12, 16, 12)
MINE = "Label the support ticket as billing, bug, account or feature. Answer with one word. That is all."


@pytest.fixture
def climb(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", section("An optimizer of your own"), re.DOTALL)
    install(tmp_path / "site", monkeypatch, "climb", {"climb": code}, {"climb": "climb:Climb"})


def project(loopback: LoopbackServer, folder: Path, **overrides: object) -> Path:
    return write_project(folder, loopback, SIZES, optimizer={"name": "climb", "rounds": 4}, **overrides)


def course(state: RunState) -> list[tuple[str, bool | None, str]]:
    return [(c.id, c.accepted, c.judgement) for c in state.candidates.values()]


def test_killed_and_resumed_it_ends_as_if_nothing_had_been(
    climb: None, bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    calm = bench.run(project(loopback, tmp_path / "calm"))
    assert calm.status == "finished", bench.said(calm.run_id)
    assert calm.optimizer == "climb" and calm.iteration == 4 and calm.best_id != calm.seed_id
    assert calm.finished and calm.finished.comparison
    sent = loopback.count()
    loopback.clear()
    loopback.latency = 0.02
    run_id = bench.create(project(loopback, tmp_path / "killed"))
    bench.start(run_id)
    for answers in (10, 60):
        bench.wait(lambda answers=answers: loopback.count(answered=True) >= answers)
        bench.kill(run_id)
        bench.start(run_id)
    killed = bench.end(run_id)
    assert killed.status == "finished", bench.said(run_id)
    assert course(killed) == course(calm)
    assert killed.finished and killed.finished.comparison == calm.finished.comparison
    assert loopback.answered_twice() == {} and loopback.count(answered=True) == sent


def test_it_pauses_takes_an_edit_up_and_stops(
    climb: None, bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    loopback.latency = 0.01
    run_id = bench.create(project(loopback, tmp_path / "p"))
    bench.start(run_id)
    bench.until(run_id, lambda state: state.phase == "search")
    bench.send(run_id, Pause())
    bench.until(run_id, lambda state: state.status == "paused")
    bench.send(run_id, Edit(text=MINE))
    bench.until(run_id, lambda state: state.edit and state.edit.adopted)
    bench.send(run_id, Resume())
    state = bench.until(run_id, lambda state: any(MINE in c.text for c in state.candidates.values()))
    edit_id = state.edit.candidate_id  # type: ignore[union-attr]
    bench.until(run_id, lambda s: [c for c in s.candidates.values() if c.parent_id == edit_id])
    bench.send(run_id, Stop())
    state = bench.end(run_id)
    assert state.status in ("stopped", "finished")
    assert "test" in state.candidates[state.seed_id].scores


def test_a_cap_ends_it_with_the_best_so_far(
    climb: None, bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(project(loopback, tmp_path / "p", budget={"calls": 80}))
    assert state.finished and state.finished.stop_reason == "budget", bench.said(state.run_id)
    assert loopback.count() <= 80 and "test" in state.candidates[state.seed_id].scores


def test_its_settings_are_checked(
    climb: None, bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    path = write_project(tmp_path / "p", loopback, SIZES, optimizer={"name": "climb", "round": 3})
    state = bench.run(path)
    assert state.status == "failed" and state.finished
    assert "optimizer.round" in state.finished.detail and "rounds" in state.finished.detail


def test_it_runs_on_the_simulator(
    climb: None, bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    swift = {role: {"latency": 0.0} for role in ("target", "optimizer")}
    state = bench.run(project(loopback, tmp_path / "p", models=swift), simulate=True)
    assert state.status == "finished" and state.simulated, bench.said(state.run_id)
    assert len(state.candidates) > 2
