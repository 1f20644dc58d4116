"""What a worker does once, when all is imported: before any request, and not a second time."""

from pathlib import Path

from sqlalchemy import func, select

from promptopt.domain import events as ev
from promptopt.runs.engine import Engine
from promptopt.runs.launch import create_run
from promptopt.store import schema
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from tests.engine.test_must_pass import project


def calls(database: Database, run_id: str) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).where(schema.calls.c.run_id == run_id)) or 0


async def test_ready_is_called_once_and_before_the_first_request(home: Path, tmp_path: Path) -> None:
    database = Database.open()
    run_id, _ = create_run(database, project(tmp_path / "p", optimizer="refine"))
    answered: list[int] = []
    engine = Engine(
        database,
        Runs(database).find(run_id),
        ready=lambda: answered.append(calls(database, run_id)),
    )
    await engine.run()
    database.transact(lambda _: None).result()
    told = [stored.event for stored in RunLog(database, run_id).after(limit=100_000)]
    database.close()
    assert answered == [0]
    assert calls(database, run_id) > 0
    assert any(isinstance(event, ev.RunFinished) for event in told)
