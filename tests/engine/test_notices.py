"""What a run says to its people, it says once."""

from pathlib import Path

from promptopt.domain import events as ev
from promptopt.runs.engine import NOTICES, Engine
from promptopt.runs.launch import create_run
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from tests.engine.test_must_pass import project


def notices(database: Database, run_id: str) -> list[tuple[str, str]]:
    database.transact(lambda _: None).result()
    said = [stored.event for stored in RunLog(database, run_id).after(limit=2 * NOTICES)]
    return [(event.level, event.text) for event in said if isinstance(event, ev.Notice)]


def test_a_notice_is_told_once_in_the_life_of_a_run(home: Path, tmp_path: Path) -> None:
    database = Database.open()
    run_id, _ = create_run(database, project(tmp_path / "p", optimizer="refine"))
    row = Runs(database).find(run_id)
    for _ in ("the first worker", "the one that takes the run up"):
        engine = Engine(database, row)
        engine._fold()
        for _ in range(3):
            engine._warn("slow")
            engine.emit(ev.Notice(level="info", text="few cases"))
        database.transact(lambda _: None).result()  # what a worker said is there before the next one comes
    assert notices(database, run_id) == [("warning", "slow"), ("info", "few cases")]
    for number in range(2 * NOTICES):
        engine._warn(f"case {number} is odd")
    assert len(notices(database, run_id)) == NOTICES
    database.close()
