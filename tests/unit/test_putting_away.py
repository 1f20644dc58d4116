"""Runs that are archived, deleted, restored and purged; the course of a score."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from promptopt.domain.dataset import Dataset, Example, split_cases
from promptopt.domain.errors import RunError
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Interval
from promptopt.domain.settings import ModelSettings, ProjectSettings
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.enterprise.poc.planning import Wanted, create, plan_for
from promptopt.runs.standings import MOST_POINTS, Candidate, Score, best_course
from promptopt.store import forgetting
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.deployments import DeploymentRow, Deployments
from promptopt.store.experiments import Experiments
from promptopt.store.pocs import Pocs
from promptopt.store.runs import Runs
from promptopt.store.schema import monitorings, poc_stages, pocs, prompts
from tests.unit.command_line import CommandLine


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


PLANT = "Xylophon"


def old_poc(home: Path, days: float, **more: Any) -> str:
    """A proof of concept that stopped so many days ago, with a planted word wherever a text may be."""
    own = split_cases(
        [Example(id=str(n), inputs={"input": f"{PLANT} {n}"}, expected=PLANT) for n in range(9)]
    )
    context = BusinessContext(company="Acme", about=PLANT, audience=PLANT)
    said = {"prompt": f"{PLANT} {{input}}", "compliance": {"names": [PLANT], **more}}
    models = {
        role: ModelSettings(model=f"sim/{role}") for role in ("target", "optimizer", "generator", "judge")
    }
    plan = plan_for(
        Wanted("customer_support", context=context, own_cases=own, models=models, more=said)  # type: ignore[arg-type]
    )
    then = time.time() - days * 86_400
    with closing(Database.open()) as database:
        row, _ = create(database, plan, home / "out", own)
        values = {"status": "stopped", "created_at": then}
        database.write(update(pocs).where(pocs.c.id == row.id).values(**values)).result()
        database.write(update(poc_stages).where(poc_stages.c.poc_id == row.id).values(at=then)).result()
        return row.id


def test_texts_of_a_proof_of_concept_go_and_its_place_stays(cli: CommandLine, home: Path) -> None:
    poc_id = old_poc(home, 40)
    assert poc_id not in cli("purge").out, "its plan says nothing"
    told = cli("purge", "--older-than", "30", "--dry-run")
    assert poc_id in told.out and "0 runs and 1 proof of concept" in told.err
    assert "removed the texts" in cli("purge", "--older-than", "30", "--yes").out
    for path in home.rglob("*"):
        assert not path.is_file() or PLANT.encode() not in path.read_bytes(), path
    assert cli("purge", "--older-than", "30").status == 0, "once is enough"
    assert cli("poc", "show", poc_id).status == 0
    refused = cli("poc", "resume", poc_id)
    assert refused.status == 2 and "it can't go on" in refused.err
    with closing(Database.open()) as database:
        row = Pocs(database).find(poc_id)
        plan = POCPlan.model_validate_json(row.plan)
        assert (plan.name, plan.organization) == ("Acme: Customer support", "Acme")
        dataset = Dataset.model_validate_json(Pocs(database).body(poc_id, "own cases"))
        assert sorted(case.id for case in dataset.cases()) == sorted(map(str, range(9)))
    assert old_poc(home, 0) != poc_id, "the same again begins anew"


def test_a_plan_that_keeps_texts_for_some_days_is_due_then(cli: CommandLine, home: Path) -> None:
    young, old = old_poc(home, 5, retention_days=7), old_poc(home, 8, retention_days=7, audit=True)
    with closing(Database.open()) as database:
        assert [poc.id for poc in forgetting.pocs_due(database)] == [old]
        assert {poc.id for poc in forgetting.pocs_due(database, older_than=1)} == {young, old}
        assert forgetting.pocs_due(database, older_than=1, name="another") == []


def test_a_deployed_prompt_is_named_and_goes_only_if_somebody_says_so(
    cli: CommandLine, home: Path, tmp_path: Path
) -> None:
    settings = ProjectSettings.model_validate(
        {"name": "letters", "prompt": PLANT, "models": {"target": {"model": "sim/target"}},
         "demonstrations": [{"inputs": {"input": PLANT}, "output": PLANT}],
         "checks": [{"type": "judge", "rubric": PLANT}],
         "compliance": {"retention_days": 7}}
    )  # fmt: skip
    figure = {"score": 0.5, "low": 0.2, "high": 0.8, "n": 4, "passed": 2, "errors": 0, "split": "test",
              "run_id": "r1", "simulated": True}  # fmt: skip
    profile = {
        "lengths": [8],
        "labels": {PLANT: 1},
        "tags": {},
        "words": {"ab": 1},
        "unseen": [0.0],
        "cases": 1,
    }
    reference = {
        "form": 1, "figure": figure, "scores": [1.0, 0.0], "weights": None, "categories": {},
        "profile": profile, "seen": {"ab": "test"}, "per_use": None, "columns": ["input"],
        "teams": [], "advice": "Deploy.",
    }  # fmt: skip
    row = DeploymentRow(
        "d1", "Letters", "r1", settings.seed_prompt.id, settings.model_dump_json(), str(home),
        json.dumps(reference), True, time.time() - 8 * 86_400,
    )  # fmt: skip
    shift = {"what": "labels", "then": PLANT, "now": PLANT}
    with closing(Database.open()) as database:
        store = Deployments(database)
        store.create(row)
        look = store.begin("d1", "x", "fresh.csv", "r2")
        store.conclude(look, json.dumps({"verdict": "holds", "shifts": [shift]}))
        database.write(update(monitorings).values(created_at=time.time() - 8 * 86_400)).result()
    told = cli("purge").err
    assert "left, since it is in use: the prompt of d1, Letters with 1 case in it, 8 days" in told
    assert cli("purge", "--deployment", "Letters", "--dry-run").status == 0
    assert cli("purge", "--deployment", "Letters", "--yes").status == 0
    for path in home.rglob("*"):
        assert not path.is_file() or PLANT.encode() not in path.read_bytes(), path
    assert "left" not in cli("purge").err
    cases = tmp_path / "fresh.csv"
    cases.write_text("input\nhello\n")
    refused = cli("monitor", "d1", "--cases", str(cases))
    assert refused.status != 0 and "can't be monitored any more" in refused.err
    (listed,) = cli("deployments", "--json").objects[0]
    assert (listed["score"], listed["verdict"]) == (0.5, "holds")


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
