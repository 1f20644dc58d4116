"""Following a stream without Textual."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from promptopt.domain import events as ev
from promptopt.runs import following as module
from promptopt.runs.following import BATCH, Follower
from promptopt.runs.snapshots import EVERY
from promptopt.runs.state import RunState
from promptopt.store.runlog import RunLog, Stored
from promptopt.store.runs import RunRow, Runs

ROW = RunRow(
    id="r1",
    project="p",
    project_dir="/p",
    optimizer="refine",
    kind="optimize",
    status="running",
    simulated=True,
    created_at=1.0,
    iteration=0,
    seed_score=None,
    best_score=None,
    usd=None,
    calls=0,
    detail="",
    dataset_id="d",
    pid=7,
    heartbeat_at=1.0,
    active_seconds=0.0,
)


class Tape:
    """A stream in memory."""

    def __init__(self, events: Sequence[ev.Event] = ()) -> None:
        self.events = list(events)
        self.asked: list[int] = []

    def after(self, n: int = 0, limit: int = BATCH) -> list[Stored]:
        self.asked.append(n)
        return [Stored(n + i + 1, 100.0 + n + i, event) for i, event in enumerate(self.events[n : n + limit])]


def started() -> ev.RunStarted:
    return ev.RunStarted(run_id="r1", project="p", optimizer="refine", models={}, sizes={"validation": 2})


def test_it_folds_what_a_run_recorded(story: Callable[..., object], database: object) -> None:
    told = story().live()  # type: ignore[attr-defined]
    runs = Runs(told.database)
    follower = Follower(RunLog(told.database, told.run_id), lambda: runs.find(told.run_id))

    follower.look()
    follower.poll()

    state = follower.state
    assert (state.project, state.iteration, len(state.candidates)) == ("support tickets", 3, 4)
    assert state.progress and (state.progress.done, state.progress.total) == (15, 24)
    assert follower.status == "running"
    assert follower.caught_up.is_set()


def test_a_long_stream_is_read_in_batches_and_each_event_once() -> None:
    tape = Tape([started(), *(ev.Notice(text=str(n)) for n in range(2 * BATCH + 500))])
    follower = Follower(tape, lambda: ROW)

    read = []
    while got := follower.poll():
        read.append(got)
        assert follower.caught_up.is_set() == (got < BATCH)

    assert read == [BATCH, BATCH, 501]
    assert tape.asked == [0, BATCH, 2 * BATCH, 2 * BATCH + 501]
    assert follower.state.version == 2 * BATCH + 501
    assert follower.logged == 2 * BATCH + 501
    assert follower.state.activity[-1].text == str(2 * BATCH + 499)


def test_readers_get_the_lock_while_a_batch_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    follower = Follower(Tape([started(), *(ev.Notice(text="x") for _ in range(999))]), lambda: ROW)
    seen: list[int] = []

    def look_in(_: float) -> None:
        assert follower.lock.acquire(blocking=False)
        seen.append(follower.state.version)
        follower.lock.release()

    monkeypatch.setattr(module.time, "sleep", look_in)
    follower.poll()

    assert seen == list(range(module.SLICE, 1001, module.SLICE))


def test_a_dead_worker_is_seen_and_one_that_comes_back() -> None:
    rows = [replace(ROW, status="interrupted"), ROW]
    follower = Follower(Tape([started()]), lambda: rows.pop(0))
    follower.poll()

    follower.look()
    assert follower.status == "interrupted"
    follower.hurry()
    follower.look()
    assert follower.status == "running"


def test_a_run_that_is_over_is_not_called_interrupted() -> None:
    end = ev.RunFinished(status="stopped", stop_reason="user", seed_id="s", best_id="s", iterations=0)
    follower = Follower(Tape([started(), end]), lambda: replace(ROW, status="interrupted"))
    follower.poll()
    follower.look()

    assert follower.status == "stopped"


def test_a_run_that_never_began_has_the_status_of_its_row() -> None:
    follower = Follower(Tape(), lambda: replace(ROW, status="interrupted"))
    follower.poll()
    follower.look()

    assert follower.status == "interrupted"


def test_the_run_is_looked_up_once_a_second_not_with_every_read() -> None:
    looks: list[int] = []
    follower = Follower(Tape(), lambda: looks.append(1) or ROW)  # type: ignore[func-returns-value]

    for _ in range(5):
        follower.look()

    assert len(looks) == 1


def test_a_store_that_is_away_is_told_and_asked_again() -> None:
    back = threading.Event()

    class Flaky(Tape):
        def after(self, n: int = 0, limit: int = BATCH) -> list[Stored]:
            if not back.is_set():
                raise OSError("disk is gone")
            return super().after(n, limit)

    told = threading.Event()

    class Watched(Follower):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "error" and value:
                told.set()

    follower = Watched(Flaky([started()]), lambda: ROW)
    follower.start()
    try:
        assert told.wait(10)
        assert follower.error == "OSError: disk is gone"
        back.set()
        assert follower.caught_up.wait(10)
        assert follower.state.project == "p"
    finally:
        follower.stop()


def test_following_ends_when_told() -> None:
    follower = Follower(Tape([started()]), lambda: ROW)
    follower.start()
    assert follower.caught_up.wait(10)
    follower.stop()
    assert follower._thread
    follower._thread.join(10)

    assert not follower._thread.is_alive()


class Kept:
    """A snapshot in memory."""

    def __init__(self, found: tuple[RunState, int] | None = None) -> None:
        self.found = found
        self.kept: list[int] = []

    def latest(self) -> tuple[RunState, int] | None:
        return self.found

    def keep(self, state: RunState, n: int) -> None:
        self.kept.append(n)


def test_it_begins_where_the_snapshot_stands() -> None:
    state = RunState()
    state.apply(started(), 1.0)
    tape = Tape([started(), ev.Notice(text="new")])
    follower = Follower(tape, lambda: ROW, snapshots=Kept((state, 1)))

    follower.poll()

    assert tape.asked == [1]
    assert follower.state is state
    assert [line.text for line in state.activity][-1] == "new"
    assert follower.logged == 2


def test_who_has_folded_a_long_run_that_is_over_keeps_that_once() -> None:
    end = ev.RunFinished(status="stopped", stop_reason="user", seed_id="s", best_id="s", iterations=0)
    notices = [ev.Notice(text=str(n)) for n in range(EVERY)]
    for events, kept in (([started(), *notices, end], [EVERY + 2]), ([started(), *notices], []), ([end], [])):
        snapshots = Kept()
        follower = Follower(Tape(events), lambda: ROW, snapshots=snapshots)
        while follower.poll():
            pass
        follower.poll()
        assert snapshots.kept == kept
