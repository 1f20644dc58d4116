"""Every built-in optimizer in whole runs over real HTTP: paused, edited, stopped, out of budget, killed.

Each acts on a task that no prompt solves whole, with as little to do as shows what it does.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.events import EditDecided, Event, StageStarted
from promptopt.runs.state import RunState
from promptopt.store.commands import Edit, Pause, Resume, Stop
from promptopt.store.runlog import RunLog
from tests.engine.bench import Bench
from tests.engine.test_resume import story
from tests.everyone import MINE, NAMES, small
from tests.loopback import LabelTask, LoopbackServer, Record, write_project

WARM = True

TRAIN, VALIDATION, TEST = SIZES = (10, 8, 6)
TASK = LabelTask(base=0.2, ceiling=0.85)
LATENCY = 0.004
"""Seconds: a kill finds requests on their way."""


def project(folder: Path, server: LoopbackServer, name: str, **overrides: Any) -> Path:
    optimizer = small(name)
    return write_project(folder, server, SIZES, optimizer=optimizer, **overrides)


def answered(server: LoopbackServer) -> Counter[str]:
    """How often each request body was answered."""
    return Counter(record.body_hash for record in server.records() if record.answered)


def told(bench: Bench, run_id: str) -> list[Event]:
    return [stored.event for stored in RunLog(bench.database, run_id).after(0)]


def stages(events: list[Event]) -> list[StageStarted]:
    """Each once, in the order in which they began."""
    return list({event.number: event for event in events if isinstance(event, StageStarted)}.values())


def descends(state: RunState, candidate_id: str, from_id: str) -> bool:
    """Whether a prompt is another one, or was made of it."""
    while candidate_id != from_id and candidate_id:
        candidate_id = state.candidates[candidate_id].parent_id or ""
    return bool(candidate_id)


def all_arrived(state: RunState, server: LoopbackServer) -> bool:
    """Whether what is in flight, as the run says, is what the server holds back."""
    return state.in_flight == server.count(answered=False) > 0


def is_sealed(record: Record) -> bool:
    """Whether it asks about a case of the sealed test."""
    return any(f"Ticket {TRAIN + VALIDATION + n}:" in str(record.body) for n in range(TEST))


@dataclass(frozen=True)
class Calm:
    """A run that nobody disturbs: how it ended, its requests, and its stages."""

    name: str
    state: RunState
    requests: Counter[str]
    stages: list[StageStarted]

    @property
    def calls(self) -> int:
        return self.requests.total()

    @property
    def middle(self) -> int:
        """Requests until the search is half done."""
        return VALIDATION + (self.calls - VALIDATION - 2 * TEST) // 2


_CALM: dict[tuple[str, Callable[..., Path]], Calm] = {}


def undisturbed(
    name: str, project: Callable[..., Path], bench: Bench, server: LoopbackServer, folder: Path
) -> Calm:
    """The run of an optimizer that nobody disturbs, made once in a process."""
    key = name, project
    if key not in _CALM:
        state = bench.run(project(folder, server, name))
        assert state.status == "finished", bench.said(state.run_id)
        _CALM[key] = Calm(name, state, answered(server), stages(told(bench, state.run_id)))
        server.clear()
    return _CALM[key]


@pytest.fixture
def server(loopback: LoopbackServer) -> LoopbackServer:
    loopback.behaviour, loopback.latency = TASK, LATENCY
    return loopback


@pytest.fixture(params=NAMES)
def calm(request: pytest.FixtureRequest, bench: Bench, server: LoopbackServer, tmp_path: Path) -> Calm:
    return undisturbed(request.param, project, bench, server, tmp_path / "calm")


def test_it_runs_to_its_end(calm: Calm) -> None:
    state = calm.state
    assert state.optimizer == calm.name and state.finished
    assert calm.calls == state.meters["calls"].spent
    assert len(state.candidates) > 1 and "test" in state.candidates[state.best_id].scores


def test_killed_at_three_points_it_asks_nothing_twice_and_ends_the_same(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    dice = random.Random(f"kills of {calm.name}")
    run_id = bench.create(project(tmp_path / "killed", server, calm.name))
    bench.start(run_id)
    for point in sorted(dice.sample(range(1, calm.calls - TEST), 3)):
        bench.wait(lambda point=point: server.count(answered=True) >= point, lambda: bench.said(run_id))
        bench.kill(run_id)
        bench.start(run_id)
    state = bench.end(run_id)
    assert answered(server) - calm.requests == Counter(), "answered requests were sent again"
    assert answered(server) == calm.requests, bench.said(run_id)
    assert story(state) == story(calm.state), bench.said(run_id)
    assert stages(told(bench, run_id)) == calm.stages


def test_paused_it_sends_nothing_and_an_edit_is_what_it_goes_on_from(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = bench.create(project(tmp_path / "steered", server, calm.name))
    with server.holding(after=calm.middle):
        bench.start(run_id)
        server.wait_for(calm.middle + 1)
        bench.send(run_id, Pause())
        bench.until(run_id, lambda state: state.status == "paused" and all_arrived(state, server))
    bench.until(run_id, lambda state: state.in_flight == 0)
    sent = server.count()
    bench.send(run_id, Edit(text=MINE, adopt="always"))
    state = bench.until(run_id, lambda state: state.edit and state.edit.adopted)
    assert state.edit
    rescored = server.count() - sent
    assert rescored == VALIDATION, "the edit was scored, and nothing else was sent"
    bench.send(run_id, Resume())
    edit_id = state.edit.candidate_id
    state = bench.end(run_id)
    assert state.status == "finished", bench.said(run_id)
    events = told(bench, run_id)
    adopted = next(n for n, event in enumerate(events) if isinstance(event, EditDecided))
    later = stages(events[adopted:])
    assert all(descends(state, stage.start_id, edit_id) for stage in later), bench.said(run_id)
    children = [c for c in state.candidates.values() if c.parent_id == edit_id]
    assert children or later, bench.said(run_id)
    assert "test" in state.candidates[state.best_id].scores


def test_out_of_budget_it_ends_with_its_best_so_far(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    cap = calm.middle + 2 * TEST
    state = bench.run(project(tmp_path / "capped", server, calm.name, budget={"calls": cap}))
    ends = (
        {"budget", "max_iterations"} if calm.name == "auto" else {"budget"}
    )  # it fits itself into few calls
    assert state.finished and state.finished.stop_reason in ends, bench.said(state.run_id)
    assert state.status == "finished" and server.count() <= cap
    best = state.candidates[state.best_id]
    assert best.validation and "test" in best.scores and (best.accepted or best.source == "seed")


@pytest.mark.parametrize("name", ["dspy-copro", "dspy-simba"])
def test_what_was_tried_on_training_cases_alone_is_scored_when_a_cap_ends_it(
    name: str, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(project(tmp_path / "capped", server, name, budget={"calls": 2 * TEST + 8 * VALIDATION}))
    assert state.finished and state.finished.stop_reason == "budget", bench.said(state.run_id)
    scored = [c for c in state.candidates.values() if c.source == "optimizer" and c.validation]
    assert scored and all(c.accepted is not None for c in scored), bench.said(state.run_id)
    assert server.count() <= 2 * TEST + 8 * VALIDATION


def test_stopped_it_scores_the_sealed_test_and_nothing_else(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = bench.create(project(tmp_path / "stopped", server, calm.name))
    with server.holding(after=calm.middle):
        bench.start(run_id)
        server.wait_for(calm.middle + 1)
        bench.send(run_id, Stop())
        bench.until(run_id, lambda state: state.stop_requested)
    state = bench.end(run_id)
    assert (state.status, state.finished and state.finished.stop_reason) == ("stopped", "user")
    prompts = {state.seed_id, state.best_id}
    assert all("test" in state.candidates[each].scores for each in prompts), bench.said(run_id)
    sealed = [is_sealed(record) for record in server.records()]
    assert sealed == sorted(sealed) and sum(sealed) == TEST * len(prompts)
