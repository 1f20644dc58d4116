"""DSPy's optimizers as runs: killed and resumed, paused, edited, stopped, and ended by the budget."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from promptopt.store.commands import Edit, Pause, Resume, Stop
from tests.engine.bench import Bench, Desk
from tests.engine.test_resume import story
from tests.loopback import LoopbackServer, write_project

SIZES = (12, 12, 8)

SMALL: dict[str, dict[str, Any]] = {
    "dspy-bootstrap": {},
    "dspy-bootstrap-random-search": {"num_candidates": 4},
    "dspy-mipro": {},
    "dspy-copro": {"breadth": 3, "depth": 2},
    "dspy-simba": {"batch_size": 8, "num_candidates": 3, "max_steps": 2},
    "dspy-gepa": {"max_metric_calls": 90},
}
"""Each of them, with as little to do as shows what it does."""

OPTIMIZERS = sorted(SMALL)

MINE = "Label the support ticket as billing, bug, account or feature. Answer with one word. That is all."


def settings(name: str) -> dict[str, Any]:
    return {"name": name, "threads": 4, **SMALL[name]}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_killed_and_resumed_it_repeats_no_call_and_ends_the_same(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path, name: str
) -> None:
    project = write_project(tmp_path / "project", loopback, SIZES, optimizer=settings(name))
    undisturbed = bench.run(project)
    assert undisturbed.status == "finished", bench.said(undisturbed.run_id)
    needed = loopback.count(answered=True)
    assert needed == undisturbed.meters["calls"].spent
    loopback.clear()
    loopback.latency = 0.02
    run_id = bench.create(project)
    bench.start(run_id)
    bench.wait(lambda: loopback.count(answered=True) >= needed // 2, lambda: bench.said(run_id))
    bench.kill(run_id)
    bench.start(run_id)
    state = bench.end(run_id)
    assert loopback.count(answered=True) == needed
    assert story(state) == story(undisturbed), bench.said(run_id)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Any]:
    def make(name: str, **overrides: Any) -> Path:
        models = {
            "target": {"model": "sim/target", "latency": 0.01, "max_concurrency": 4},
            "optimizer": {"model": "sim/optimizer", "latency": 0.01},
        }
        place = tmp_path / name
        return write_project(
            place, "http://127.0.0.1:9", SIZES, models=models, optimizer=settings(name), **overrides
        )

    yield make


@pytest.mark.parametrize("name", OPTIMIZERS)
async def test_paused_it_sends_nothing_and_after_an_edit_starts_from_the_persons_text(
    bench: Bench, project: Any, name: str
) -> None:
    run_id = bench.create(project(name))
    desk = Desk(bench, run_id)
    running = asyncio.create_task(desk.engine.run())
    await desk.until(lambda: desk.state.phase == "search")
    bench.send(run_id, Pause())
    await desk.until(lambda: desk.state.status == "paused" and desk.ledger.in_flight == 0)
    spent = desk.calls
    bench.send(run_id, Edit(text=MINE, adopt="always"))
    await desk.until(lambda: desk.state.edit and desk.state.edit.adopted)
    edit_id = desk.state.edit.candidate_id  # type: ignore[union-attr]
    assert desk.calls == spent + SIZES[1]  # the edit was scored, and nothing else
    bench.send(run_id, Resume())
    await running
    assert desk.state.status == "finished", [line.text for line in desk.state.activity]
    children = [c for c in desk.state.candidates.values() if c.parent_id == edit_id]
    assert children, "it has to go on from the edit"


@pytest.mark.parametrize("name", OPTIMIZERS)
async def test_at_the_cap_it_ends_in_order_with_its_best_so_far(
    bench: Bench, project: Any, name: str
) -> None:
    run_id = bench.create(project(name, budget={"calls": 60}))
    desk = Desk(bench, run_id)
    await desk.engine.run()
    finished = desk.state.finished
    assert finished and finished.status == "finished"
    assert desk.state.meters["calls"].spent <= 60
    assert "test" in desk.state.candidates[desk.state.seed_id].scores
    best = desk.state.candidates[finished.best_id]
    assert best.validation and (best.accepted or best.source == "seed")


@pytest.mark.parametrize("name", ["dspy-gepa", "dspy-simba"])
async def test_stopped_it_ends_at_once_and_scores_the_sealed_test(
    bench: Bench, project: Any, name: str
) -> None:
    run_id = bench.create(project(name))
    desk = Desk(bench, run_id)
    running = asyncio.create_task(desk.engine.run())
    await desk.tried(1)
    bench.send(run_id, Stop())
    await running
    assert desk.state.finished and desk.state.finished.stop_reason == "user"
    assert "test" in desk.state.candidates[desk.state.seed_id].scores
