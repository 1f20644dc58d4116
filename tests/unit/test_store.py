"""The store: group commit, one writer of a run, journal, commands, cells, migrations."""

import itertools
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, inspect, select, text, update
from sqlalchemy.exc import OperationalError

from promptopt.domain import events as ev
from promptopt.domain.chat import ChatRequest, LLMResponse
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import RunError
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult
from promptopt.domain.settings import ProjectSettings
from promptopt.store.cells import Cells
from promptopt.store.commands import Commands, Edit, Pause, Resume
from promptopt.store.database import Database, StoreError
from promptopt.store.journal import READ_AHEAD, Journal
from promptopt.store.receipts import Place
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from promptopt.store.schema import commands as command_table
from promptopt.store.schema import events, metadata


@pytest.fixture
def database(tmp_path: Path):
    database = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield database
    database.close()


def new_run(database: Database, name: str = "tickets") -> str:
    settings = ProjectSettings.model_validate(
        {"name": name, "prompt": "Sort.", "models": {"target": {"model": "sim/target"}}}
    )
    case = Example(id="1", inputs={"text": "a"}, expected="b")
    return Runs(database).create(settings, Dataset(train=(case,), validation=(case,)), Path("/nowhere"))


def request(text: str = "hello") -> ChatRequest:
    return ChatRequest(model="m", messages=(Message(role="user", content=text),))


def test_a_run_comes_back_as_it_was_frozen(database: Database) -> None:
    run_id = new_run(database)
    runs = Runs(database)
    assert runs.settings(run_id).prompt == "Sort."
    assert runs.dataset(run_id).train[0].expected == "b"
    assert [row.id for row in runs.list()] == [run_id]


def test_runs_on_the_same_cases_share_one_copy(database: Database) -> None:
    first, second = new_run(database), new_run(database)
    assert Runs(database).find(first).dataset_id == Runs(database).find(second).dataset_id


def test_find_takes_a_part_of_the_id_and_refuses_what_is_ambiguous(database: Database) -> None:
    first, second = new_run(database), new_run(database)
    runs = Runs(database)
    assert runs.find(first[-6:]).id == first
    assert runs.find("latest").id == second
    with pytest.raises(RunError, match="fits several"):
        runs.find(first[:7])
    with pytest.raises(RunError, match="there is no run"):
        runs.find("%")


def test_events_keep_their_order_and_come_back_equal(database: Database) -> None:
    log = RunLog(database, new_run(database))
    sent: list[ev.Event] = [
        ev.IterationStarted(iteration=1),
        ev.Notice(text="\x1b[31mred [/x] \u202e"),
        ev.BudgetMoved(meters={"usd": ev.Meter(spent=0.5, limit=1.0)}),
        ev.StopRequested(by="a"),
    ]
    for event in sent:
        log.append(event)
    database.write(select(1)).result()
    assert [stored.event for stored in log.after(0)] == sent
    assert [stored.n for stored in log.after(2)] == [3, 4]


def test_a_second_writer_of_one_run_fails_loudly(database: Database) -> None:
    run_id = new_run(database)
    first, second = RunLog(database, run_id), RunLog(database, run_id)
    first.append(ev.IterationStarted(iteration=1))
    second._next = 1  # it looked before the first one wrote
    second.append(ev.IterationStarted(iteration=1))
    database.write(select(1)).result()
    with pytest.raises(StoreError):
        second.append(ev.IterationStarted(iteration=2))


def test_one_failing_write_does_not_take_its_group_down(database: Database) -> None:
    run_id = new_run(database)
    gate = threading.Event()
    database.transact(lambda _: gate.wait(5))
    row = {"run_id": run_id, "n": 1, "at": 0.0, "kind": "notice", "body": "{}"}
    good = database.write(insert(events), row)
    bad = database.write(insert(events), row)
    other = database.write(insert(events), {**row, "n": 2})
    gate.set()
    assert good.exception(5) is None and other.exception(5) is None
    assert isinstance(bad.exception(5), StoreError)


def test_who_waits_for_a_write_may_be_cancelled_the_write_may_not(database: Database) -> None:
    free = threading.Event()
    database.transact(lambda _: free.wait(5) and None)
    assert not database.write(text("SELECT 1")).cancel()
    free.set()
    assert database.transact(lambda _: "alive").result(5) == "alive"


def test_a_store_that_takes_no_connection_fails_the_write_and_not_the_writer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OperationalError("connect", {}, Exception("too many connections"))

    with monkeypatch.context() as patch:
        patch.setattr(database.engine, "connect", refuse)
        with pytest.raises(StoreError, match="too many connections"):
            database.write(text("SELECT 1")).result(5)
    assert database.transact(lambda _: "alive").result(5) == "alive"


def test_a_command_that_cannot_be_read_is_answered_and_holds_up_no_other(database: Database) -> None:
    run_id = new_run(database)
    commands = Commands(database, run_id)
    number = commands.send(Pause())
    database.write(update(command_table).values(body='{"kind":"dance"}')).result()
    commands.send(Resume())
    assert [sent.command for sent in commands.waiting()] == [Resume()]
    database.transact(lambda _: None).result()
    assert "no such command" in (commands.outcome(number) or "")


def test_only_one_worker_gets_a_run(database: Database) -> None:
    run_id = new_run(database)
    runs = Runs(database)
    assert runs.claim(run_id, "a")
    assert not runs.claim(run_id, "b")
    assert runs.beat(run_id, "a", 1.0)
    assert not runs.beat(run_id, "b", 1.0)
    runs.release(run_id, "a", status="stopped")
    assert runs.claim(run_id, "b")
    assert not runs.claim(run_id, "c")


def test_a_run_whose_worker_was_killed_shows_as_interrupted_and_can_be_claimed(database: Database) -> None:
    run_id = new_run(database)
    code = (
        "import sys\nfrom promptopt.store.database import Database\nfrom promptopt.store.runs import Runs\n"
        "Runs(Database.open(sys.argv[1])).claim(sys.argv[2], 'dead')\nimport os; os.kill(os.getpid(), 9)"
    )
    path = os.pathsep.join(sys.path)
    subprocess.run(
        [sys.executable, "-c", code, database.url, run_id],
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    runs = Runs(database)
    assert runs.find(run_id).status == "interrupted"
    assert runs.claim(run_id, "new")


def test_the_journal_answers_what_was_recorded_and_counts_what_was_lost(database: Database) -> None:
    run_id = new_run(database)
    journal = Journal(database, run_id)
    place = (request().content_key(), "", 0)
    response = LLMResponse(
        text="hi",
        usage={"prompt_tokens": 3, "completion_tokens": 2},
        cost=0.01,
        latency=0.5,
        metadata={"a": 1},
    )
    journal.intend("i1", "target", 0.1, 100)
    journal.record("i1", "target", request(), place, response)
    journal.intend("i2", "target", 0.1, 100)  # killed in flight
    journal.intend("i3", "optimizer", 0.2, 50)
    journal.settle("i3", "optimizer", "unknown", 0.2, 50, "timed out")
    journal.intend("i4", "optimizer", 0.2, 50)
    journal.settle("i4", "optimizer", "unsent", 0.0, 0, "").result()

    again = Journal(database, run_id)
    found = again.load()
    assert (found.answered, found.lost) == (1, 1)
    target, optimizer = found.spending["target"], found.spending["optimizer"]
    assert (target.calls, target.tokens, target.usd) == (1, 5, pytest.approx(0.01))
    assert (target.uncertain_calls, target.uncertain_tokens) == (1, 100)
    assert (optimizer.calls, optimizer.uncertain_calls) == (0, 1)
    assert optimizer.uncertain_usd == pytest.approx(0.2)
    assert [tokens for _, tokens in again.recent("target", 60)] == [5, 100]
    assert again.recent("judge", 60) == again.recent("target", 0) == []
    recorded = again.take(*place)
    assert recorded and recorded.response and recorded.response.text == "hi"
    assert recorded.response.metadata == {"a": 1, "replayed": True}
    assert again.take(place[0], "elsewhere", 0) is None


@pytest.mark.parametrize("seed", range(3))
def test_answers_are_read_a_few_times_only_whatever_order_they_came_in(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """64 calls at once: some answers come long after those that were asked for later."""
    number, chance = 2500, random.Random(seed)
    answered = sorted(range(number), key=lambda at: at + chance.expovariate(1 / 64))
    times = itertools.count()
    monkeypatch.setattr("promptopt.store.journal.time.time", lambda: float(next(times)))
    journal = Journal(database, new_run(database))
    places = [(request(str(at)).content_key(), "", 0) for at in range(number)]
    for at in answered:
        reply = LLMResponse(text=str(at), usage={"prompt_tokens": 1, "completion_tokens": 1}, latency=0.1)
        journal.record(f"i{at}", "target", request(str(at)), places[at], reply)
    database.write(select(1)).result()
    reads = 0
    read_ahead = Journal._read_ahead

    def counted(journal: Journal, place: Place) -> None:
        nonlocal reads
        reads += 1
        read_ahead(journal, place)

    monkeypatch.setattr(Journal, "_read_ahead", counted)
    again = Journal(database, journal._run_id)
    again.load()
    for at in range(number):
        recorded = again.take(*places[at])
        assert recorded and recorded.response and recorded.response.text == str(at)
    assert reads < 5 * number / READ_AHEAD


def test_an_error_that_is_taken_back_is_asked_for_again(database: Database) -> None:
    journal = Journal(database, new_run(database))
    place = (request().content_key(), "", 0)
    journal.record("i", "target", request(), place, "boom").result()
    assert journal.take(*place).error == "boom"  # type: ignore[union-attr]
    journal.forget([place])
    assert journal.take(*place) is None
    database.write(select(1)).result()
    assert journal.load().answered == 0


def test_an_unknown_price_is_not_counted_as_zero(database: Database) -> None:
    journal = Journal(database, new_run(database))
    response = LLMResponse(text="x", usage={"prompt_tokens": 1, "completion_tokens": 1}, cost=None)
    journal.intend("i", "target", 0.0, 10)
    journal.record("i", "target", request(), ("k", "", 0), response).result()
    assert journal.load().spending["target"].unpriced_calls == 1


def test_commands_wait_until_they_are_done(database: Database) -> None:
    commands = Commands(database, new_run(database))
    first = commands.send(Pause(), "anna")
    commands.send(Edit(text="new"), "ben")
    assert [sent.author for sent in commands.waiting()] == ["anna", "ben"]
    commands.done(first, "paused")
    database.write(select(1)).result()
    assert [sent.command for sent in commands.waiting()] == [Edit(text="new")]


def test_cells_prompts_and_checkpoint(database: Database) -> None:
    cells = Cells(database, new_run(database))
    result = CaseResult(case_id="1", output="o", score=0.5, category="other")
    cells.keep("p", "train", [result])
    cells.keep("p", "train", [result.model_copy(update={"score": 0.75})])
    cells.keep_prompt(Prompt(text="t"))
    cells.save_checkpoint(1, "one")
    cells.save_checkpoint(2, "two")
    database.write(select(1)).result()
    assert cells.result("p", "train", "1").score == 0.75  # type: ignore[union-attr]
    assert cells.marks("p", "train")["1"].category == "other"
    assert cells.prompt(Prompt(text="t").id) == Prompt(text="t")
    assert cells.checkpoint() == "two"


def test_migrations_make_the_same_tables_as_the_schema(tmp_path: Path) -> None:
    from promptopt.store.migrations import upgrade

    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    upgrade(engine)
    found = inspect(engine)
    made = {
        table: {column["name"] for column in found.get_columns(table)}
        for table in found.get_table_names()
        if table != "alembic_version"
    }
    assert made == {table.name: {column.name for column in table.columns} for table in metadata.sorted_tables}


def test_a_store_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    from promptopt.store.migrations import upgrade

    url = f"sqlite:///{tmp_path / 'store.db'}"
    engine = create_engine(url)
    upgrade(engine, "0002")
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO datasets VALUES ('d', 1)")
        connection.exec_driver_sql(
            "INSERT INTO runs (id, project, project_dir, optimizer, kind, settings, dataset_id, simulated, "
            "created_at, status, iteration, calls, detail, active_seconds) "
            "VALUES ('r', 'p', '/p', 'refine', 'optimize', '{}', 'd', 0, 1.0, 'finished', 0, 0, '', 0.0)"
        )
        connection.exec_driver_sql(
            "INSERT INTO calls (id, run_id, key, path, occurrence, role, model, request, response, error, "
            "usd, prompt_tokens, completion_tokens, latency, at) "
            "VALUES ('i', 'r', 'k', '', 0, 'target', 'm', '{}', "
            '\'{"text": "hello", "metadata": {}}\', \'\', 0.5, 7, 3, 0.1, 1.0)'
        )
    engine.dispose()
    database = Database.open(url)
    journal = Journal(database, "r")
    found = journal.load()
    assert (found.answered, found.spending["target"].calls, found.spending["target"].usd) == (1, 1, 0.5)
    recorded = journal.take("k", "", 0)
    assert recorded and recorded.response and recorded.response.text == "hello"
    indexes = {index["name"] for index in inspect(database.engine).get_indexes("calls")}
    database.close()
    assert {"calls_in_time", "calls_by_key"} <= indexes


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    database = Database.open(url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(Exception, match="newer version"):
        Database.open(url)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("this is not a database, it is a text that is long enough" * 50)
    with pytest.raises(StoreError, match="can't be opened"):
        Database.open(f"sqlite:///{tmp_path / 'store.db'}")


def test_two_processes_may_make_the_store_at_once(tmp_path: Path) -> None:
    code = "import sys\nfrom promptopt.store.database import Database\nDatabase.open(sys.argv[1]).close()"
    url = f"sqlite:///{tmp_path / 'store.db'}"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    makers = [subprocess.Popen([sys.executable, "-c", code, url], env=env) for _ in range(3)]
    assert [maker.wait(60) for maker in makers] == [0, 0, 0]


def test_a_reader_in_another_connection_sees_a_write_once_it_is_done(database: Database) -> None:
    log = RunLog(database, new_run(database))
    other = Database.open(database.url)
    before = time.time()
    assert log.append(ev.IterationStarted(iteration=1)) >= before
    database.write(select(1)).result()
    assert RunLog(other, log._run_id).length() == 1
    other.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_nobody_else_can_read_a_store_not_even_while_it_is_open(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
        new_run(database)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm"), 0o600)


SHARED_FIRST, SHARED_SIZE = 0x40000002, 510
"""Where SQLite keeps its shared lock, and on how many bytes, as its source names them."""


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX go with any file handle that is closed")
def test_opening_a_store_again_takes_no_locks_off_it(tmp_path: Path) -> None:
    """Without its locks, another process may take the side files away, and the store is destroyed."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    script = (
        "import fcntl, sys\n"
        "with open(sys.argv[1], 'r+b') as file:\n"
        f"    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, {SHARED_SIZE}, {SHARED_FIRST})\n"
    )

    def locked() -> bool:
        found = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "store.db")], capture_output=True, text=True
        )
        return "BlockingIOError" in found.stderr

    first = Database.open(url)
    assert locked()
    second = Database.open(url)
    assert locked()
    second.close()
    assert locked()
    first.close()
    assert not locked()
