"""Hybrids as runs: the shares of their stages, edits that come late, and what is refused."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.errors import SettingsError
from promptopt.domain.events import StageStarted
from promptopt.optimizers import registry
from promptopt.store.commands import Decide, Edit
from promptopt.store.runlog import RunLog
from tests.engine.bench import Bench, Desk
from tests.loopback import write_project

WARM = True

SIZES = (12, 12, 8)

GEPA = {"max_metric_calls": 60}

SMALL: dict[str, dict[str, Any]] = {
    "sequential": {"stages": ["dspy-gepa", "refine"]},
    "ensemble": {"optimizers": ["refine", "dspy-bootstrap", "dspy-gepa"], "rungs": 2, "calls": 300},
    "feedback": {"optimizer": "dspy-gepa", "rounds": 2},
    "cost-aware": {"optimizers": ["refine", "dspy-bootstrap", "dspy-gepa"], "max_slices": 4},
    "auto": {"configs": [{"name": "refine"}, {"name": "dspy-bootstrap"}], "folds": 2},
}

HYBRIDS = sorted(SMALL)

MINE = "Label the support ticket as billing, bug, account or feature. Answer with one word. That is all."


def settings(name: str) -> dict[str, Any]:
    parts: dict[str, Any] = {"dspy-gepa": GEPA, "refine": {"max_iterations": 3}}
    members = registry.find(name).from_options({"name": name, **SMALL[name]}).members()  # type: ignore[attr-defined]
    return {"name": name, "settings": {each: parts[each] for each in parts if each in members}, **SMALL[name]}


def stages(bench: Bench, run_id: str) -> list[tuple[int, str]]:
    """Number and optimizer of each stage, each once, in the order in which they began."""
    events = [stored.event for stored in RunLog(bench.database, run_id).after(0)]
    return list(dict.fromkeys((e.number, e.optimizer) for e in events if isinstance(e, StageStarted)))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Any]:
    def make(name: str, optimizer: dict[str, Any] | None = None, **overrides: Any) -> Path:
        models = {
            "target": {"model": "sim/target", "latency": 0.01, "max_concurrency": 8},
            "optimizer": {"model": "sim/optimizer", "latency": 0.01},
        }
        return write_project(
            tmp_path / name,
            "http://127.0.0.1:9",
            SIZES,
            models=models,
            optimizer=optimizer or settings(name),
            **overrides,
        )

    yield make


@pytest.mark.parametrize("name", HYBRIDS)
async def test_an_edit_adopted_after_the_last_stage_is_searched_from(
    bench: Bench, project: Any, name: str
) -> None:
    run_id = bench.create(project(name))
    desk = Desk(bench, run_id)
    running = asyncio.create_task(desk.engine.run())
    await desk.until(lambda: desk.state.stage is not None)
    bench.send(run_id, Edit(text=MINE, adopt="ask"))
    await desk.until(lambda: desk.state.edit and desk.state.edit.waiting)
    await desk.until(lambda: not desk.engine.watch.runs)  # the search is over, and waits for the answer
    before = len(stages(bench, run_id))
    edit_id = desk.state.edit.candidate_id  # type: ignore[union-attr]
    bench.send(run_id, Decide(candidate_id=edit_id, adopt=True))
    await running
    assert desk.state.status == "finished", [line.text for line in desk.state.activity]
    assert len(stages(bench, run_id)) > before
    assert desk.state.stage and desk.state.stage.start_id == edit_id


async def test_stages_keep_to_their_share(bench: Bench, project: Any) -> None:
    optimizer = {"name": "sequential", "stages": ["dspy-gepa", "refine"], "calls": 60, "shares": [2, 1]}
    run_id = bench.create(project("shares", optimizer))
    desk = Desk(bench, run_id)
    await desk.engine.run()
    baseline, test = SIZES[1], 2 * SIZES[2]
    assert desk.calls <= 60 + baseline + test + desk.ledger.spent("optimizer").calls
    assert [name for _, name in stages(bench, run_id)] == ["dspy-gepa", "refine"]


def test_what_a_hybrid_can_not_run_is_refused_before_anything_is_spent(bench: Bench, project: Any) -> None:
    from promptopt.optimizers import registry
    from promptopt.store.projects import load_project

    wrong = {"name": "sequential", "stages": ["dspy-gepa", "refin"]}
    with pytest.raises(SettingsError, match="there is no optimizer 'refin'"):
        registry.make(load_project(project("a", wrong)).settings)
    bad = {"name": "sequential", "stages": ["refine"], "settings": {"refine": {"plateaux": 3}}}
    with pytest.raises(SettingsError, match=r"optimizer.settings.refine.plateaux"):
        registry.make(load_project(project("b", bad)).settings)
