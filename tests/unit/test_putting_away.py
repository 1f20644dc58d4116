"""Runs that are archived, deleted, restored and purged; the course of a score."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import RunError
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Interval
from promptopt.domain.settings import ProjectSettings
from promptopt.runs.standings import MOST_POINTS, Candidate, Score, best_course
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.experiments import Experiments
from promptopt.store.runs import Runs
from promptopt.store.schema import prompts


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


def ended_run(database: Database) -> str:
    settings = ProjectSettings.model_validate(
        {"name": "tickets", "prompt": "Sort.", "models": {"target": {"model": "sim/target"}}}
    )
    case = Example(id="1", inputs={"text": "a"}, expected="b")
    runs = Runs(database)
    run_id = runs.create(settings, Dataset(train=(case,), validation=(case,)), Path("/nowhere"))
    Cells(database, run_id).keep_prompt(Prompt(text="Sort."))
    told(database, run_id, status="finished")
    return run_id


def told(database: Database, run_id: str, **summary: object) -> None:
    """Summaries are queued: they are there when a later write is."""
    Runs(database).summarize(run_id, **summary)
    database.transact(lambda _: None).result()


def test_an_archived_run_is_listed_only_when_it_is_asked_for(database: Database) -> None:
    runs, run_id = Runs(database), ended_run(database)
    runs.archive(run_id)
    assert runs.list() == []
    assert [(row.id, row.archived) for row in runs.list(archived=True)] == [(run_id, True)]
    assert runs.find(run_id[-4:]).id == run_id
    runs.archive(run_id, False)
    assert [row.id for row in runs.list()] == [run_id]


def test_a_deleted_run_is_out_of_sight_and_can_be_restored(database: Database) -> None:
    runs, run_id = Runs(database), ended_run(database)
    runs.delete(run_id)
    assert runs.list(archived=True) == []
    with pytest.raises(RunError, match="there is no run yet"):
        runs.find("latest")
    runs.restore(runs.find(run_id, deleted=True).id)
    assert [row.id for row in runs.list()] == [run_id]


def test_a_live_run_is_not_deleted(database: Database) -> None:
    runs, run_id = Runs(database), ended_run(database)
    runs.claim(run_id, "w1")
    with pytest.raises(RunError, match="under way") as refused:
        runs.delete(run_id)
    assert f"promptopt stop {run_id}" in refused.value.fix
    assert runs.find(run_id).live


def test_a_run_of_an_experiment_is_not_deleted(database: Database) -> None:
    run_id = ended_run(database)
    experiments = Experiments(database)
    row = experiments.create("e", digest="d", plan="{}", output_dir="/nowhere", simulated=True)
    experiments.assign(row.id, "cell", run_id)
    with pytest.raises(RunError, match="part of the experiment"):
        Runs(database).delete(run_id)


def test_purging_destroys_what_was_deleted_long_enough_ago(database: Database) -> None:
    runs, gone, kept = Runs(database), ended_run(database), ended_run(database)
    runs.delete(gone)
    assert runs.purge(before=time.time() - 60) == 0
    assert runs.purge(before=time.time() + 60) == 1
    with pytest.raises(RunError):
        runs.find(gone, deleted=True)
    with pytest.raises(RunError, match="nothing is left"):
        runs.restore(gone)
    assert runs.find(kept).id == kept
    assert len(runs.dataset(kept)) == 1
    with database.read() as connection:
        assert connection.execute(select(prompts.c.run_id)).scalars().all() == [kept]


def test_the_course_comes_back_as_it_was_told(database: Database) -> None:
    runs, run_id = Runs(database), ended_run(database)
    assert runs.find(run_id).course == ()
    told(database, run_id, course="[0.5, 0.75]")
    assert runs.find(run_id).course == (0.5, 0.75)


def scored(mean: float | None, accepted: bool | None) -> Candidate:
    found = Candidate(id="x", text="x", source="seed" if accepted is None else "optimizer", accepted=accepted)
    if mean is not None:
        interval = Interval(mean=mean, low=0.0, high=1.0, n=4)
        found.scores["validation"] = Score(interval, 0, 0)
    return found


def test_the_course_goes_by_what_could_win() -> None:
    seen = [scored(0.5, None), scored(0.9, False), scored(0.7, True), scored(0.6, True)]
    assert best_course(seen) == [0.5, 0.5, 0.7, 0.7]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=200))
def test_a_course_never_falls_and_ends_at_the_best(others: list[tuple[float, bool]]) -> None:
    course = best_course([scored(0.25, None), *(scored(mean, taken) for mean, taken in others)])
    assert len(course) <= MOST_POINTS
    assert course == sorted(course)
    assert course[0] == 0.25
    assert course[-1] == round(max([0.25, *(mean for mean, taken in others if taken)]), 4)
