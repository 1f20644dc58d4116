"""``grpo`` in whole runs over real HTTP: pause, edit, stop, the budget's end, and kills."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from promptopt import examples
from promptopt.runs.state import RunState
from promptopt.store.commands import Edit, Pause
from tests.engine.bench import Bench
from tests.loopback import API_KEY, API_KEY_ENV, PHRASES, FaultPlan, LabelTask, LoopbackServer, write_project
from tests.loopback.faults import Fault

WARM = True

SIZES = (16, 16, 10)
TASK = LabelTask(base=0.2, ceiling=0.85)
"""A task that no prompt solves whole, so that a search goes on."""

MINE = "Label the support ticket as billing, bug, account or feature. That is all there is to say of it."
GRPO = {"name": "grpo", "max_iterations": 3, "group": 4, "batch": 12, "widest": 12, "fewest": 6}


def project(folder: Path, server: LoopbackServer, **overrides: Any) -> Path:
    return write_project(folder, server, SIZES, **{"optimizer": GRPO, **overrides})


@pytest.fixture
def server(loopback: LoopbackServer) -> LoopbackServer:
    loopback.behaviour = TASK
    loopback.latency = 0.01
    return loopback


@pytest.fixture
def run_id(bench: Bench, server: LoopbackServer, tmp_path: Path) -> str:
    """A run whose first group is in the race."""
    run_id = bench.create(project(tmp_path / "project", server))
    bench.start(run_id)
    bench.until(run_id, lambda state: any(c.iteration == 1 for c in state.candidates.values()))
    return run_id


def story(state: RunState) -> dict[str, Any]:
    """All of a run's outcome that does not depend on the clock."""
    assert state.finished
    return {
        "candidates": {
            c.id: (
                c.text,
                c.parent_id,
                c.accepted,
                c.judgement,
                {split: s.interval for split, s in c.scores.items()},
            )
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
    with pytest.MonkeyPatch.context() as patch, LoopbackServer(TASK) as server:
        patch.setenv("PROMPTOPT_HOME", str(folder / "home"))
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        patch.setenv(API_KEY_ENV, API_KEY)
        bench = Bench()
        state = bench.run(project(folder / "project", server))
        assert state.status == "finished", bench.said(state.run_id)
        bench.close()
    return story(state)


def test_a_run_ends_with_a_better_prompt_and_shows_its_groups(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(project(tmp_path / "project", server))
    assert state.status == "finished", bench.said(state.run_id)
    seed, best = state.candidates[state.seed_id], state.candidates[state.best_id]
    assert best.scores["validation"].interval.mean > seed.scores["validation"].interval.mean
    assert "test" in best.scores and any(phrase in best.text for phrase in PHRASES)
    names = [state.name(name) for name in state.candidates]
    assert len(set(names)) == len(names) and any(name.startswith("#1b ") for name in names)
    for candidate in state.candidates.values():
        assert "train" in candidate.scores or candidate.source == "seed"
        assert candidate.accepted is not None or candidate.source == "seed"
    assert not state.evaluations, "no measuring is left under way"
    assert state.meters["calls"].spent == server.count() and not server.answered_twice()
    assert state.replayed == 0


def test_the_group_restarts_from_an_adopted_edit(bench: Bench, server: LoopbackServer, run_id: str) -> None:
    bench.send(run_id, Edit(text=MINE, adopt="always"))
    state = bench.until(run_id, lambda state: state.edit and state.edit.adopted)
    edit_id = state.edit.candidate_id  # type: ignore[union-attr]
    state = bench.end(run_id)
    assert state.status == "finished", bench.said(run_id)
    children = [c for c in state.candidates.values() if c.parent_id == edit_id]
    assert len(children) >= 3 and all(child.text.startswith(MINE) for child in children)


def test_an_adopted_edit_survives_a_kill(bench: Bench, server: LoopbackServer, run_id: str) -> None:
    bench.send(run_id, Pause())
    bench.until(run_id, lambda state: state.status == "paused")
    bench.send(run_id, Edit(text=MINE, adopt="always"))
    state = bench.until(run_id, lambda state: state.edit and state.edit.adopted)
    bench.kill(run_id)
    bench.start(run_id)
    edit_id = state.edit.candidate_id  # type: ignore[union-attr]
    state = bench.end(run_id)
    assert [c for c in state.candidates.values() if c.parent_id == edit_id], bench.said(run_id)
    assert server.answered_twice() == {}


@pytest.mark.parametrize("budget", [{"target_calls": 80}, {"optimizer_calls": 2}])
def test_a_budget_ends_a_run_with_the_best_so_far(
    bench: Bench, server: LoopbackServer, tmp_path: Path, budget: dict[str, float]
) -> None:
    state = bench.run(project(tmp_path / "project", server, budget=budget))
    assert state.finished and state.finished.stop_reason == "budget", bench.said(state.run_id)
    assert state.status == "finished" and "test" in state.candidates[state.best_id].scores
    for name, meter in state.meters.items():
        if meter.limit is not None:
            assert meter.spent + meter.uncertain <= meter.limit, name


def test_faults_that_pass_do_not_change_the_result(
    bench: Bench, server: LoopbackServer, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    server.faults = FaultPlan(
        rates={Fault.RATE_LIMIT: 0.1, Fault.SERVER_ERROR: 0.05, Fault.RESET: 0.03}, retry_after="0"
    )
    state = bench.run(project(tmp_path / "project", server))
    assert story(state)["end"] == undisturbed["end"], bench.said(state.run_id)


def test_few_cases_that_are_not_split_are_enough(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    cases = [{"input": f"Ticket {n}: about refund", "expected": "billing"} for n in range(4)]
    data = {"train": None, "validation": None, "test": None, "cases": cases}
    state = bench.run(project(tmp_path / "project", server, data=data))
    assert state.status == "finished", bench.said(state.run_id)


def test_on_the_simulator_a_run_is_labelled_as_simulated(bench: Bench, tmp_path: Path) -> None:
    demo = Path(examples.__file__).parent / "demo"
    text = (demo / "project.toml").read_text(encoding="utf-8")
    text = re.sub(r"latency = [\d.]+", "latency = 0.0", text.replace('name = "refine"', 'name = "grpo"'))
    (tmp_path / "project.toml").write_text(text, encoding="utf-8")
    (tmp_path / "cases.jsonl").write_bytes((demo / "cases.jsonl").read_bytes())
    state = bench.run(tmp_path / "project.toml")
    assert state.status == "finished" and state.simulated, bench.said(state.run_id)
    assert state.optimizer == "grpo"
    seed, best = state.candidates[state.seed_id], state.candidates[state.best_id]
    assert seed.validation and best.validation and best.validation.mean > seed.validation.mean
