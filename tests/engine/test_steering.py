"""Pause, edit and stop a run from outside, by commands alone."""

from pathlib import Path

import pytest

from promptopt.store.commands import Decide, Edit, Pause, Resume, Stop
from promptopt.store.runlog import RunLog
from tests.engine.bench import Bench
from tests.loopback import LoopbackServer, write_project

WARM = True

SIZES = (12, 16, 12)
MINE = "Label the support ticket as billing, bug, account or feature. Answer with one word. That is all."


@pytest.fixture
def run_id(bench: Bench, loopback: LoopbackServer, tmp_path: Path) -> str:
    """A run whose baseline is scored and whose search waits for the first proposal."""
    run_id = bench.create(write_project(tmp_path / "project", loopback, SIZES))
    loopback.latency = 0.01
    bench.start(run_id)
    bench.until(run_id, lambda state: state.phase == "search")
    return run_id


def test_nothing_is_sent_while_paused(bench: Bench, loopback: LoopbackServer, run_id: str) -> None:
    bench.send(run_id, Pause())
    bench.until(run_id, lambda state: state.status == "paused")
    bench.wait(lambda: bench.state(run_id).in_flight == 0)
    sent = loopback.count()
    bench.send(run_id, Edit(text="unchanged", adopt="ask"))
    bench.until(run_id, lambda state: state.edit and state.edit.waiting)
    assert loopback.count() == sent + 16  # a person's edit is scored all the same, and nothing else is sent
    bench.send(run_id, Decide(candidate_id=bench.state(run_id).edit.candidate_id, adopt=False))  # type: ignore[union-attr]
    bench.send(run_id, Resume())
    state = bench.end(run_id)
    assert state.status == "finished"
    assert state.edit and state.edit.adopted is False


def test_the_search_goes_on_from_an_adopted_edit(bench: Bench, run_id: str) -> None:
    bench.send(run_id, Pause())
    bench.until(run_id, lambda state: state.status == "paused")
    bench.send(run_id, Edit(text=MINE, adopt="ask"))
    state = bench.until(run_id, lambda state: state.edit and state.edit.waiting)
    edit = state.edit
    assert edit and edit.comparison and edit.comparison.verdict in ("better", "not distinguishable")
    bench.send(run_id, Decide(candidate_id=edit.candidate_id, adopt=True), author="ben")
    bench.send(run_id, Resume())
    state = bench.end(run_id)
    children = [c for c in state.candidates.values() if c.parent_id == edit.candidate_id]
    assert children and all(MINE in child.text for child in children)
    assert state.candidates[edit.candidate_id].source == "human"


def test_an_adopted_edit_survives_a_kill(bench: Bench, loopback: LoopbackServer, run_id: str) -> None:
    bench.send(run_id, Pause())
    bench.until(run_id, lambda state: state.status == "paused")
    bench.send(run_id, Edit(text=MINE, adopt="always"))
    state = bench.until(run_id, lambda state: state.edit and state.edit.adopted)
    bench.kill(run_id)
    bench.start(run_id)
    edit_id = state.edit.candidate_id  # type: ignore[union-attr]
    state = bench.end(run_id)
    assert [c for c in state.candidates.values() if c.parent_id == edit_id]
    assert loopback.answered_twice() == {}


def test_an_edit_that_is_worse_is_put_aside_if_asked_so(bench: Bench, run_id: str) -> None:
    bench.until(
        run_id, lambda state: state.candidates.get(state.current_id) and state.current_id != state.seed_id
    )
    bench.send(run_id, Edit(text="Say something nice.", adopt="if_not_worse"))
    state = bench.until(run_id, lambda state: state.edit and state.edit.adopted is not None)
    comparison = state.edit.comparison  # type: ignore[union-attr]
    assert comparison and state.edit.adopted is (comparison.verdict != "worse")  # type: ignore[union-attr]


def test_a_run_stopped_at_once_does_not(bench: Bench, loopback: LoopbackServer, run_id: str) -> None:
    bench.send(run_id, Stop(now=True))
    state = bench.end(run_id)
    assert state.status == "stopped"
    assert all("test" not in candidate.scores for candidate in state.candidates.values())
    assert bench.status(run_id) == "stopped"


def test_a_paused_run_can_be_stopped(bench: Bench, run_id: str) -> None:
    bench.send(run_id, Pause())
    bench.until(run_id, lambda state: state.status == "paused")
    bench.send(run_id, Stop())
    assert bench.end(run_id).status == "stopped"


def test_a_search_that_ends_waits_for_the_decision_on_an_edit(bench: Bench, run_id: str) -> None:
    bench.send(run_id, Edit(text=MINE, adopt="ask"))
    bench.until(run_id, lambda state: state.edit and state.edit.waiting)
    state = bench.until(run_id, lambda state: state.in_flight == 0 and state.course()[-1].source != "human")
    assert not state.over
    bench.send(run_id, Decide(candidate_id=state.edit.candidate_id, adopt=True))  # type: ignore[union-attr]
    assert bench.end(run_id).status == "finished"


def test_every_command_is_answered_once(bench: Bench, run_id: str) -> None:
    for command in (Pause(), Pause(), Resume(), Resume()):
        bench.send(run_id, command)
    bench.end(run_id)
    kinds = [stored.event.kind for stored in RunLog(bench.database, run_id).after(0)]
    assert (kinds.count("paused"), kinds.count("resumed")) == (1, 1)


def test_a_newer_edit_takes_the_place_of_one_that_waits(bench: Bench, run_id: str) -> None:
    bench.send(run_id, Pause())
    bench.until(run_id, lambda state: state.status == "paused")
    bench.send(run_id, Edit(text=MINE, adopt="ask"))
    first = bench.until(run_id, lambda state: state.edit and state.edit.waiting).edit
    bench.send(run_id, Edit(text=f"{MINE} Really.", adopt="ask"))
    state = bench.until(run_id, lambda state: state.edit != first and state.edit and state.edit.waiting)
    assert first and state.candidates[first.candidate_id].judgement == "a newer edit took its place"
    bench.send(run_id, Decide(candidate_id=state.edit.candidate_id, adopt=False))  # type: ignore[union-attr]
    bench.send(run_id, Stop(now=True))
    assert bench.end(run_id).status == "stopped"
