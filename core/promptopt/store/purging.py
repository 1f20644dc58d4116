"""Taking the texts out of old runs: inputs, prompts and answers go, scores and what they cost stay.

What is taken out leaves the file, too: it is overwritten where it stood, and the file is written anew.
"""

import json
import shutil
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Table, delete, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from promptopt.domain.compliance import ComplianceSettings
from promptopt.store.database import Database
from promptopt.store.home import place
from promptopt.store.receipts import receipts_dir
from promptopt.store.runs import LIVE, SILENCE
from promptopt.store.schema import (
    attempts,
    calls,
    cells,
    checkpoints,
    commands,
    dataset_cases,
    datasets,
    events,
    prompts,
    reviews,
    runs,
    snapshots,
)

DAY = 86_400.0
REMOVED = "(removed)"
EVENT = "texts_removed"
"""The kind of the event that says so, the last one of a run."""

_TEXTS = frozenset(
    (
        "text",
        "reasoning",
        "reason",
        "detail",
        "suggestions",
        "note",
        "notes",
        "label",
        "expected",
        "test_note",
    )
)
"""What events hold of texts, by key. Numbers, ids, names of kinds and of models stay."""

_NUMBERS = frozenset(
    (
        "case_id",
        "score",
        "passed",
        "category",
        "weight",
        "prompt_tokens",
        "completion_tokens",
        "cost",
        "latency",
    )
)
"""What stays of a result, beside what its judging took."""


@dataclass(frozen=True)
class Old:
    """A run whose texts are to go. ``days``: how old it is; ``keep``: how long it was to keep them."""

    id: str
    project: str
    days: float
    keep: int


def due(
    database: Database,
    *,
    older_than: int | None = None,
    project: str | None = None,
    project_dir: str | None = None,
    now: float | None = None,
) -> list[Old]:
    """Runs that are over and older than they may keep their texts, oldest first.

    Args:
        older_than: days, for every run; None: what each run's own project said when it began, and nothing
            for those whose project said nothing.
        project: only runs of a project of this name; ``project_dir``: in this folder.
    """
    now = time.time() if now is None else now
    gone = select(events.c.run_id).where(events.c.kind == EVENT)
    last = func.coalesce(runs.c.heartbeat_at, runs.c.created_at)
    query = (
        select(runs.c.id, runs.c.project, runs.c.settings, runs.c.status, last.label("last"))
        .where(runs.c.id.not_in(gone))
        .order_by(runs.c.created_at)
    )
    if project is not None:
        query = query.where(runs.c.project == project)
    if project_dir is not None:
        query = query.where(runs.c.project_dir == project_dir)
    found: list[Old] = []
    with database.read() as connection:
        for row in connection.execute(query):
            keep = _kept_for(row.settings) if older_than is None else older_than
            alive = row.status in LIVE and now - row.last < SILENCE
            if keep is not None and not alive and now - row.last >= keep * DAY:
                found.append(Old(row.id, row.project, (now - row.last) / DAY, keep))
    return found


def remove_texts(database: Database, ids: Collection[str]) -> None:
    """Take the texts of runs out of the store and off the disk; cases go if no other run has them.

    Raises:
        StoreError: the store can't be written.
    """
    chosen = list(ids)
    for run_id in chosen:
        database.transact(lambda connection, run_id=run_id: _one(connection, run_id)).result()
        shutil.rmtree(receipts_dir(run_id), ignore_errors=True)
        with suppress(OSError):
            (place() / "logs" / f"{run_id}.log").unlink(missing_ok=True)
    if chosen:
        database.transact(lambda connection: _orphaned_cases(connection, chosen)).result()
        compact(database)


def compact(database: Database) -> bool:
    """Write the file anew, so that what was deleted leaves it; False if another process is at it just now."""
    if database.engine.dialect.name != "sqlite":
        return True
    try:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
            connection.execute(text("VACUUM"))
            # What the file was before is in its log until that is cut.
            busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).scalar()
            return not busy
    except SQLAlchemyError:
        return False


def _kept_for(settings: str) -> int | None:
    """Days that a run's project keeps texts; None for ever."""
    said: Any = json.loads(settings).get("compliance") or {}
    try:
        return ComplianceSettings.model_validate(said).policy().retention_days
    except ValueError:
        return None


def _one(connection: Connection, run_id: str) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA secure_delete = ON"))
    for table in (prompts, snapshots, checkpoints):
        connection.execute(delete(table).where(table.c.run_id == run_id))
    connection.execute(update(attempts).where(attempts.c.run_id == run_id).values(error=""))
    connection.execute(update(commands).where(commands.c.run_id == run_id).values(body="{}", outcome=""))
    connection.execute(update(reviews).where(reviews.c.run_id == run_id).values(body="", reason=""))
    _rewrite(connection, calls, run_id, ("id",), {"request": _nothing, "response": _answer, "error": _mark})
    _rewrite(connection, cells, run_id, ("prompt_id", "split", "case_id"), {"body": _result})
    _rewrite(connection, events, run_id, ("n",), {"body": _event})
    settings = connection.execute(select(runs.c.settings).where(runs.c.id == run_id)).scalar_one()
    own = update(runs).where(runs.c.id == run_id)
    connection.execute(own.values(settings=without_texts(settings), detail=""))
    last = connection.execute(select(func.max(events.c.n)).where(events.c.run_id == run_id)).scalar() or 0
    row = {"run_id": run_id, "n": last + 1, "at": time.time(), "kind": EVENT, "body": "{}"}
    connection.execute(insert(events), row)


def _rewrite(
    connection: Connection, table: Table, run_id: str, keys: tuple[str, ...], columns: Mapping[str, Any]
) -> None:
    """Rewrite columns of a run's rows."""
    wanted = [table.c[name] for name in (*keys, *columns)]
    rows = connection.execute(select(*wanted).where(table.c.run_id == run_id)).mappings().all()
    for row in rows:
        here = [table.c.run_id == run_id, *(table.c[key] == row[key] for key in keys)]
        values = {name: change(row[name]) for name, change in columns.items()}
        connection.execute(update(table).where(*here).values(**values))


def _orphaned_cases(connection: Connection, ids: Collection[str]) -> None:
    """Blank the cases that only runs without texts have. Their id was a hash of what is gone."""
    removed = select(events.c.run_id).where(events.c.kind == EVENT)
    in_use = select(runs.c.dataset_id).where(runs.c.id.not_in(removed))
    mine = select(runs.c.dataset_id).where(runs.c.id.in_(ids), runs.c.dataset_id.not_in(in_use)).distinct()
    for dataset_id in list(connection.execute(mine).scalars()):
        held_back = connection.execute(
            select(datasets.c.held_back).where(datasets.c.id == dataset_id)
        ).scalar_one()
        new = f"removed-{time.time_ns():x}"[:32]
        connection.execute(insert(datasets), {"id": new, "held_back": held_back})
        rows = connection.execute(select(dataset_cases).where(dataset_cases.c.dataset_id == dataset_id))
        blank = [{**row, "dataset_id": new, "body": _case(row["body"])} for row in rows.mappings().all()]
        if blank:
            connection.execute(insert(dataset_cases), blank)
        connection.execute(update(runs).where(runs.c.dataset_id == dataset_id).values(dataset_id=new))
        connection.execute(delete(dataset_cases).where(dataset_cases.c.dataset_id == dataset_id))
        connection.execute(delete(datasets).where(datasets.c.id == dataset_id))


def _nothing(_: str) -> str:
    return "{}"


def _mark(error: str) -> str:
    return REMOVED if error else ""


def _answer(body: str | None) -> str | None:
    if body is None:
        return None
    known: dict[str, Any] = json.loads(body).get("metadata") or {}
    kept = {key: value for key, value in known.items() if isinstance(value, bool | int | float)}
    names = {
        key: known[key] for key in ("model", "finish_reason", "reused_from", "redirected") if key in known
    }
    return json.dumps({"text": "", "metadata": {**kept, **names}})


def _result(body: str) -> str:
    found: dict[str, Any] = json.loads(body)
    kept = {key: value for key, value in found.items() if key in _NUMBERS}
    kept |= {key: found[key] for key in ("judging", "embedding") if key in found}
    if found.get("error"):
        kept["error"] = REMOVED
    kept["checks"] = [{**check, "reason": ""} for check in found.get("checks", ())]
    kept["samples"] = [
        {key: value for key, value in sample.items() if isinstance(value, bool | int | float)}
        for sample in found.get("samples", ())
    ]
    return json.dumps(kept)


def _event(body: str) -> str:
    return json.dumps(_blank(json.loads(body)))


def _blank(value: Any) -> Any:
    if isinstance(value, list):
        return [_blank(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for key, item in cast("dict[str, Any]", value).items():
        if key == "demonstrations":
            continue
        if key == "case" and isinstance(item, dict):  # one that was made up
            kept[key] = bare_case(cast("dict[str, Any]", item))
        elif key in _TEXTS and isinstance(item, str | list | None):
            kept[key] = [] if isinstance(item, list) else None if item is None else REMOVED
        else:
            kept[key] = _blank(item)
    return kept


def without_texts(body: str) -> str:
    """Frozen settings (JSON text) without prompt, task, demonstrations and given names."""
    said: dict[str, Any] = json.loads(body)
    task: dict[str, Any] = said.get("task") or {}
    task |= {"description": REMOVED, "input_format": {}, "output_format": {}}
    for rule in cast("list[dict[str, Any]]", task.get("constraints") or []):
        rule["description"] = ""
    said |= {"prompt": REMOVED, "demonstrations": [], "task": task}
    for name in ("checks", "judges"):
        said[name] = bare_checks(said.get(name) or [])
    optimizer: dict[str, Any] = said.get("optimizer") or {}
    plan: dict[str, Any] = optimizer.get("plan") or {}
    if plan.get("company"):  # of a run that makes cases up
        plan["company"] = REMOVED
    if plan.get("scenario"):
        plan["scenario"] = bare_scenario(plan["scenario"])
    if compliance := said.get("compliance"):
        compliance |= {"names": [], "public": []}
    return json.dumps(said, ensure_ascii=False)


def _case(body: str) -> str:
    return json.dumps(bare_case(json.loads(body)))


def bare_case(case: dict[str, Any]) -> dict[str, Any]:
    """A case (JSON values) without its texts."""
    kept = {key: case[key] for key in ("id", "weight", "tags", "must_pass") if key in case}
    return {**kept, "inputs": dict.fromkeys(case.get("inputs", {"input": ""}), REMOVED)}


def bare_checks(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Checks or judges (JSON values) without what a judge is told: that may be all about a company."""
    return [{**check, "rubric": REMOVED} if check.get("rubric") else check for check in checks]


def bare_scenario(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """A scenario (JSON values) without its task and prompts; its grid and its rules by name stay."""
    bare: dict[str, Any] = {**scenario, "description": REMOVED, "prompt": "{input}"}
    parts = cast("list[dict[str, Any]]", scenario.get("parts") or [])
    bare["parts"] = [{**part, "description": REMOVED, "prompt": "{input}"} for part in parts]
    return bare
