"""Proofs of concept in the store: one driver, one run of a stage, found again by what they are."""

import time
from pathlib import Path

import pytest

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import RunError
from promptopt.domain.settings import ProjectSettings
from promptopt.store.database import Database
from promptopt.store.pocs import PocRow, Pocs
from promptopt.store.runs import Runs


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.open(f"sqlite:///{tmp_path / 'store.db'}")


def made(database: Database, digest: str = "d") -> PocRow:
    return Pocs(database).create("acme: support", " Acme Corp ", digest, "{}", "/out", simulated=True)


def a_run(database: Database) -> str:
    settings = ProjectSettings.model_validate(
        {"name": "x", "prompt": "p", "models": {"target": {"model": "sim/target"}}}
    )
    case = Example(id="1", inputs={"input": "a"}, expected="b")
    return Runs(database).create(settings, Dataset(train=(case,), validation=()), Path("/"))


def test_of_two_that_begin_a_stage_both_get_the_first_ones(database: Database) -> None:
    pocs, row = Pocs(database), made(database)
    assert pocs.assign(row.id, "cases", "run", "r1").ref == "r1"
    assert pocs.assign(row.id, "cases", "run", "r2").ref == "r1"
    assert pocs.parts(row.id)["cases"].ref == "r1"
    pocs.keep(row.id, "cases", '{"n": 1}')
    pocs.keep(row.id, "gate", "{}")
    pocs.keep(row.id, "gate", '{"passed": true}')
    found = pocs.parts(row.id)
    assert found["cases"].ref == "r1" and found["cases"].body == '{"n": 1}'
    assert found["gate"].body == '{"passed": true}' and list(found) == ["cases", "gate"]


def test_only_one_drives_and_another_one_takes_over_when_it_is_silent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pocs, row = Pocs(database), made(database)
    assert pocs.claim(row.id, "one") and not pocs.claim(row.id, "two")
    assert pocs.beat(row.id, "one") and not pocs.beat(row.id, "two")
    assert pocs.find(row.id).status == "running"
    later = time.time() + 60
    monkeypatch.setattr("promptopt.store.pocs.time.time", lambda: later)
    assert pocs.find(row.id).status == "interrupted"
    assert pocs.claim(row.id, "two") and not pocs.beat(row.id, "one")
    pocs.release(row.id, "one", "failed")
    assert pocs.find(row.id).status == "running", "who lost it has no say"
    pocs.release(row.id, "two", "finished", "all done")
    assert (pocs.find(row.id).status, pocs.find(row.id).detail) == ("finished", "all done")


def test_it_is_found_by_name_part_of_the_id_digest_and_organization(database: Database) -> None:
    pocs, first = Pocs(database), made(database)
    second = made(database, "e")
    assert pocs.find(first.id[-6:]).id == first.id
    assert pocs.find("latest").id == second.id == pocs.find("acme: support").id
    assert {row.id for row in pocs.of("ACME corp")} == {first.id, second.id}
    found = pocs.like("d")
    assert found and found.id == first.id and pocs.like("nothing") is None
    with pytest.raises(RunError, match="no proof of concept 'zzz'"):
        pocs.find("zzz")


def test_a_run_that_is_put_aside_stays_one_of_its_own_and_leaves_its_place_free(database: Database) -> None:
    pocs, row = Pocs(database), made(database)
    for number in (1, 2):
        pocs.assign(row.id, "data", "run", f"r{number}")
        pocs.put_aside(row.id, "data", "another", "{}")
        assert pocs.parts(row.id)["data"].ref == f"r{number}"  # only what was meant
        pocs.put_aside(row.id, "data", f"r{number}", "{}")
    pocs.assign(row.id, "data", "run", "r3")
    assert {name: part.ref for name, part in pocs.parts(row.id).items()} == {
        "data/1": "r1",
        "data/2": "r2",
        "data": "r3",
    }
    assert sorted(pocs.run_ids(row.id)) == ["r1", "r2", "r3"]


def test_its_runs_are_listed_and_can_not_be_deleted(database: Database) -> None:
    pocs, row, run = Pocs(database), made(database), a_run(database)
    pocs.assign(row.id, "cases", "run", run)
    assert pocs.run_ids(row.id) == [run]
    Runs(database).claim(run, "w")
    Runs(database).release(run, "w", status="finished")
    with pytest.raises(RunError, match="part of the proof of concept"):
        Runs(database).delete(run)
