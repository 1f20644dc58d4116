"""Texts of old runs leave the disk, scores stay; what is sent is taken down, for nobody to change unseen."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from promptopt.domain.errors import RunError
from promptopt.domain.events import EVENT
from promptopt.runs.launch import may_resume
from promptopt.runs.summary import summarize
from promptopt.store import audit, purging
from promptopt.store.cells import Cells
from promptopt.store.runs import Runs
from promptopt.store.schema import runs
from tests.engine.bench import Bench
from tests.engine.test_resume import kill_after
from tests.loopback import API_KEY, LoopbackServer, write_project
from tests.unit.test_state import story

WARM = True

PLANT = "Xylophonkatze"
"""A word that is in nothing but what tests plant."""

SMALL = {"name": "refine", "max_iterations": 1}


def planted(folder: Path, server: LoopbackServer, **more: Any) -> Path:
    settings: dict[str, Any] = {
        "prompt": f"Label the support ticket as billing, bug, account or feature. {PLANT}",
        "task": {"description": f"Label tickets of {PLANT}."},
        "demonstrations": [{"inputs": {"input": f"a {PLANT}"}, "output": "bug"}],
        "optimizer": SMALL,
    }
    path = write_project(folder, server, (8, 8, 8), **{**settings, **more})
    for split in ("train", "val", "test"):
        file = folder / f"{split}.jsonl"
        file.write_text(file.read_text("utf-8").replace("please help", f"please help {PLANT}"), "utf-8")
    return path


def on_disk(home: Path, word: str) -> list[str]:
    """Files of the data directory that hold a word."""
    return [
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and word.encode() in path.read_bytes()
    ]


def test_every_event_can_be_read_without_its_texts() -> None:
    for event in story():
        body = event.model_dump_json(exclude_defaults=True)
        blank = json.loads(purging._event(body))
        assert type(EVENT.validate_python({"kind": event.kind, **blank})) is type(event)


def age(bench: Bench, run_id: str, days: float) -> None:
    then = time.time() - days * purging.DAY
    bench.database.write(
        update(runs).where(runs.c.id == run_id).values(heartbeat_at=then, created_at=then)
    ).result()


def test_texts_leave_every_file_and_scores_stay(
    bench: Bench, home: Path, loopback: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(planted(tmp_path / "p", loopback))
    before = summarize(state)
    spent = {name: meter.spent for name, meter in state.meters.items()}
    assert on_disk(home, PLANT)
    purging.remove_texts(bench.database, [state.run_id])
    assert on_disk(home, PLANT) == []
    after = bench.state(state.run_id)
    told = summarize(after)
    for candidate in ("seed", "best"):
        for split in ("train", "validation", "test"):
            assert told[candidate][split] == before[candidate][split]
    assert told["comparison"] == before["comparison"]
    assert {name: meter.spent for name, meter in after.meters.items()} == spent
    results = Cells(bench.database, state.run_id).results(state.seed_id, "validation")
    assert results and all(not result.output for result in results.values())
    assert after.texts_removed and len([*Runs(bench.database).dataset(state.run_id).cases()]) == 24
    with pytest.raises(RunError, match="come to its end"):
        may_resume(bench.database, state.run_id)


def test_other_runs_keep_the_cases_that_they_share(
    bench: Bench, home: Path, loopback: LoopbackServer, tmp_path: Path
) -> None:
    path = planted(tmp_path / "p", loopback)
    first, second = bench.run(path), bench.run(path)
    purging.remove_texts(bench.database, [first.run_id])
    cases = [*Runs(bench.database).dataset(second.run_id).cases()]
    assert any(PLANT in case.input_text for case in cases)
    purging.remove_texts(bench.database, [second.run_id])
    assert on_disk(home, PLANT) == []
    third = bench.run(path)  # the same cases anew are the cases, not what was left of them
    assert any(PLANT in case.input_text for case in Runs(bench.database).dataset(third.run_id).cases())


def test_what_is_due_is_told_by_the_runs_own_projects(
    bench: Bench, home: Path, loopback: LoopbackServer, tmp_path: Path
) -> None:
    kept = bench.create(planted(tmp_path / "kept", loopback))
    short = bench.create(planted(tmp_path / "short", loopback, compliance={"retention_days": 7}))
    for run_id in (kept, short):
        age(bench, run_id, 10)
    assert [run.id for run in purging.due(bench.database)] == [short]
    assert {run.id for run in purging.due(bench.database, older_than=9)} == {kept, short}
    assert purging.due(bench.database, older_than=11) == []
    purging.remove_texts(bench.database, [short])
    assert purging.due(bench.database) == []


def test_a_worker_removes_what_its_project_has_kept_too_long(
    bench: Bench, home: Path, loopback: LoopbackServer, tmp_path: Path
) -> None:
    path = planted(tmp_path / "p", loopback, compliance={"retention_days": 7})
    old = bench.run(path)
    age(bench, old.run_id, 8)
    new = bench.run(path)
    assert bench.state(old.run_id).texts_removed and not bench.state(new.run_id).texts_removed


def test_each_request_is_taken_down_and_nothing_of_its_text(
    bench: Bench, home: Path, loopback: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(planted(tmp_path / "p", loopback, compliance={"audit": True, "names": [PLANT]}))
    entries = [*audit.entries(state.run_id)]
    sent = [entry for entry in entries if entry["what"] == "sent"]
    ended = [entry for entry in entries if entry["what"] == "ended"]
    assert len(sent) == len(ended) == len(loopback.records())
    assert {entry["role"] for entry in sent} == {"target", "optimizer"}
    assert {entry["host"] for entry in sent} == {loopback.url.removeprefix("http://")}
    assert sum(entry["tokens_in"] + entry["tokens_out"] for entry in ended) == state.meters["tokens"].spent
    assert any(entry.get("found", {}).get("name") for entry in sent)
    assert entries[0]["user"] == audit.user() and entries[-1]["what"] == "closed"
    text = "".join(path.read_text("utf-8") for path in (home / "audit").glob("*.jsonl"))
    assert PLANT not in text and API_KEY not in text
    checked = audit.verify()
    assert checked.faults == () and checked.entries >= len(entries)


def test_a_killed_worker_s_log_goes_on_as_one_chain(
    bench: Bench, home: Path, loopback: LoopbackServer, tmp_path: Path
) -> None:
    loopback.latency = 0.01
    run_id = bench.create(planted(tmp_path / "p", loopback, compliance={"audit": True}))
    bench.start(run_id)
    kill_after(bench, loopback, run_id, 8)
    bench.start(run_id)
    bench.end(run_id)
    assert audit.verify().faults == ()
    sent = [entry["id"] for entry in audit.entries(run_id) if entry["what"] == "sent"]
    assert len(sent) == len(set(sent)) == len(loopback.records())


@pytest.mark.parametrize("deed", ["change", "remove", "swap", "cut", "delete", "forge"])
def test_whatever_is_done_to_a_log_shows(
    bench: Bench, home: Path, loopback: LoopbackServer, tmp_path: Path, deed: str
) -> None:
    log = audit.AuditLog("run-1", project="p")
    for number in range(5):
        log.sent(f"i{number}", role="target", bytes=100 + number)
    log.close("finished")
    assert audit.verify().faults == ()
    path = home / "audit" / "run-1.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    if deed == "change":
        lines[2] = lines[2].replace('"bytes":101', '"bytes":1')
    elif deed == "remove":
        del lines[3]
    elif deed == "swap":
        lines[2], lines[3] = lines[3], lines[2]
    elif deed == "cut":
        del lines[4:]
    path.write_text("".join(lines), "utf-8")
    if deed == "delete":
        path.unlink()
    if deed == "forge":
        path.unlink()
        forged = audit.AuditLog("run-1", project="p")
        for _ in range(9):
            forged.sent("i", role="target", bytes=1)
    assert audit.verify().faults


def test_half_an_entry_is_told_and_does_not_spoil_the_next(home: Path) -> None:
    audit.AuditLog("run-2", project="p").sent("i", role="target")
    path = home / "audit" / "run-2.jsonl"
    path.write_text(path.read_text("utf-8") + '{"n":3,"what":"se', "utf-8")
    audit.AuditLog("run-2", project="p").close("finished")
    faults = audit.verify().faults
    assert [fault.line for fault in faults] == [3]
    assert [entry["n"] for entry in audit.entries("run-2")] == [1, 2, 3, 4]
    assert json.loads(path.read_text("utf-8").splitlines()[-1])["what"] == "closed"
