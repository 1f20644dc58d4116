"""Snapshots of the fold: from one on, the rest of the stream leads where all of it does."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain import events as ev
from promptopt.domain.words import Split
from promptopt.runs import snapshots, written
from promptopt.runs.snapshots import Keeper, Snapshots, digest, from_json, to_json
from promptopt.runs.state import RunState, fold
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from tests.unit.finished_run import DATASET, settings
from tests.unit.test_state import story

EVENTS = story()


@pytest.fixture
def log(home: Path) -> RunLog:
    database = Database.open()
    return RunLog(database, Runs(database).create(settings(), DATASET, home))


def folded(events: Sequence[ev.Event], state: RunState | None = None, begin: int = 0) -> RunState:
    state = state or RunState()
    for n, event in enumerate(events, begin):
        state.apply(event, 100.0 + n)
    return state


def picture(state: RunState) -> object:
    """All of a state but the marks, which a snapshot leaves to the store."""
    values = {name: value for name, value in vars(state).items() if name not in ("marks", "forgotten")}
    return json.dumps(written.write(values), sort_keys=True)


def test_the_stream_that_is_tried_has_every_kind_of_event() -> None:
    kinds = {event.kind for event in EVENTS}
    assert len(kinds) > 20


@pytest.mark.parametrize("cut", range(len(EVENTS) + 1))
def test_a_snapshot_and_the_rest_are_the_whole(cut: int) -> None:
    again = from_json(to_json(folded(EVENTS[:cut])))
    assert picture(again) == picture(folded(EVENTS[:cut]))
    assert picture(folded(EVENTS[cut:], again, cut)) == picture(folded(EVENTS))


@given(st.lists(st.sampled_from(EVENTS), max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_in_whatever_order_the_events_come_and_however_often_it_is_cut(
    events: list[ev.Event], cuts: list[int]
) -> None:
    whole = folded(events)
    state, done = RunState(), 0
    for cut in sorted({min(cut, len(events)) for cut in cuts}):
        state, done = from_json(to_json(folded(events[done:cut], state, done))), cut
    state = folded(events[done:], state, done)
    assert picture(state) == picture(whole)
    for place, marks in whole.marks.items():
        held = state.marks.get(place)
        if place not in state.forgotten:
            assert held is not None and dict(held) == dict(marks), "all of it, or known to be a part"


def test_marks_of_what_is_not_under_way_are_left_to_the_store() -> None:
    marks = [ev.CaseMark(case_id=str(n), score=1.0, passed=True) for n in range(5)]
    validation: Split = "validation"
    state = folded(
        [
            ev.EvaluationStarted(candidate_id="a", split=validation, total=5),
            ev.CasesFinished(candidate_id="a", split=validation, cases=marks),
        ]
    )
    assert dict(from_json(to_json(state)).marks["a", validation]) == dict(state.marks["a", validation])
    state.evaluations.clear()
    again = from_json(to_json(state))
    assert not again.marks and again.forgotten == {("a", validation)}


def test_one_object_with_two_names_is_one_object_again() -> None:
    state = folded(EVENTS)
    one = next(iter(state.candidates.values()))
    first, second = written.read(json.loads(json.dumps(written.write([one, one]))))
    assert first is second and first.text == one.text


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        "no json",
        '{"version": 1}',
        '{"$": "subprocess:Popen", "v": {"args": ["true"]}}',
        '{"$": "promptopt.runs.launch:start_worker", "v": {}}',
        '{"$": "promptopt.runs.nowhere:X", "v": {}}',
    ],
)
def test_what_is_no_snapshot_is_not_used(log: RunLog, body: str) -> None:
    log.append(ev.Notice(text="hello"))
    log.keep_snapshot(1, digest(), body).result()
    assert Snapshots(log).latest() is None
    assert fold(log).version == 1


def test_a_snapshot_of_other_code_is_not_read(log: RunLog, monkeypatch: pytest.MonkeyPatch) -> None:
    Snapshots(log).keep(folded(EVENTS), len(EVENTS))
    log.keep_snapshot(0, "x", "").result()  # all queued writes are done
    monkeypatch.setattr(snapshots, "digest", lambda: "other")
    assert Snapshots(log).latest() is None


def test_an_older_snapshot_does_not_take_a_newer_ones_place(log: RunLog) -> None:
    keep = Snapshots(log).keep
    keep(folded(EVENTS[:9]), 9)
    keep(folded(EVENTS[:5]), 5)
    found = _waited(log)
    assert found is not None and found[1] == 9 and found[0].version == 9


def _waited(log: RunLog) -> tuple[RunState, int] | None:
    log._db.transact(lambda _: None).result()
    return Snapshots(log).latest()


def test_a_worker_keeps_one_when_nothing_is_under_way_and_at_the_end(
    log: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "EVERY", 5)
    state = RunState()
    keeper = Keeper(log, state)
    at: list[int | None] = []
    for event in EVENTS:
        state.apply(event, log.append(event))
        keeper.moved()
        found = _waited(log)
        at.append(found[1] if found else None)
        assert found is None or not found[0].evaluations
    assert at[3] is None and len(set(at)) > 3
    assert at[-1] == len(EVENTS) or not state.over


def test_who_folded_all_of_a_long_run_that_is_over_keeps_what_came_of_it(
    log: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "EVERY", 5)
    end = ev.RunFinished(status="finished", stop_reason="plateau", seed_id="s", best_id="s", iterations=1)
    events = [*EVENTS, end]
    for event in events:
        log.append(event)
    log._db.transact(lambda _: None).result()
    whole = fold(log)
    found = _waited(log)
    assert found is not None and found[1] == len(events)
    asked = _counted(log, monkeypatch)
    assert picture(fold(log)) == picture(whole)
    assert asked == [len(events)], "nothing before the snapshot is read again"


def _counted(log: RunLog, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    asked: list[int] = []
    after: Callable[..., object] = log.after
    monkeypatch.setattr(log, "after", lambda n=0, limit=2000: (asked.append(n), after(n, limit))[1])
    return asked


def test_the_digest_is_of_the_folds_own_modules() -> None:
    assert digest() == digest() and len(digest()) == 32
