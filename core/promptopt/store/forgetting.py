"""Taking the texts out of what outlives its runs: plans and cases of proofs of concept, deployed prompts.

Of a proof of concept go its cases, today's prompt, what was said of the company, and the task in words; its
stages, figures and what it cost stay. Of a deployed prompt, only if somebody asks for that very one: it is in
use, and can't be monitored without its texts. Files that were written for people are theirs: they are named.
"""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, func, insert, select, text, update

from promptopt.domain.compliance import ComplianceSettings
from promptopt.store.database import Database
from promptopt.store.pocs import Pocs
from promptopt.store.purging import (
    DAY,
    REMOVED,
    bare_case,
    bare_checks,
    bare_scenario,
    compact,
    without_texts,
)
from promptopt.store.runs import LIVE, SILENCE
from promptopt.store.schema import deployments, monitorings, poc_stages, pocs

MARK = "texts removed"
"""The part of a proof of concept, and the key of a deployment's reference, that says so."""


@dataclass(frozen=True)
class OldPoc:
    """A proof of concept whose texts are to go. ``files``: what it wrote and is still there."""

    id: str
    name: str
    days: float
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Held:
    """A deployment whose texts are older than they may be, and stay since it is in use.

    Attributes:
        demonstrations: of its prompt; they are cases, word for word.
    """

    id: str
    name: str
    days: float
    demonstrations: int


def pocs_due(
    database: Database, *, older_than: int | None = None, name: str | None = None, now: float | None = None
) -> list[OldPoc]:
    """Proofs of concept that nobody is at and that are older than they may keep their texts, oldest first.

    Args:
        older_than: days, for all; None: what each one's own plan said, and nothing where it said nothing.
        name: only those of this name.
    """
    now = time.time() if now is None else now
    gone = select(poc_stages.c.poc_id).where(poc_stages.c.part == MARK)
    last_part = select(func.max(poc_stages.c.at)).where(poc_stages.c.poc_id == pocs.c.id).scalar_subquery()
    query = select(pocs, last_part.label("last_part")).where(pocs.c.id.not_in(gone))
    if name is not None:
        query = query.where(pocs.c.name == name)
    found: list[OldPoc] = []
    with database.read() as connection:
        rows = connection.execute(query.order_by(pocs.c.created_at)).mappings().all()
    for row in rows:
        last = max(row["created_at"], row["heartbeat_at"] or 0.0, row["last_part"] or 0.0)
        keep = _kept_for(json.loads(row["plan"])) if older_than is None else older_than
        alive = row["status"] in LIVE and now - last < SILENCE
        if keep is not None and not alive and now - last >= keep * DAY:
            files = _files(database, row["id"], Path(row["output_dir"]))
            found.append(OldPoc(row["id"], row["name"], (now - last) / DAY, files))
    return found


def forget_pocs(database: Database, ids: Collection[str]) -> None:
    """Take the texts of proofs of concept out of the store, but for their runs (``store.purging``).

    The same command begins a new one from then on.

    Raises:
        StoreError: the store can't be written.
    """
    for poc_id in ids:
        database.transact(lambda connection, poc_id=poc_id: _one_poc(connection, poc_id)).result()
    if ids:
        compact(database)


def deployments_held(
    database: Database, *, older_than: int | None = None, now: float | None = None
) -> list[Held]:
    """Deployments whose texts are older than they may be; as :func:`pocs_due`, but nothing is due of them.

    Their age is that of the last look at them.
    """
    now = time.time() if now is None else now
    looked = (
        select(func.max(monitorings.c.created_at))
        .where(monitorings.c.deployment_id == deployments.c.id)
        .scalar_subquery()
    )
    query = select(deployments, looked.label("looked")).order_by(deployments.c.created_at)
    found: list[Held] = []
    with database.read() as connection:
        rows = connection.execute(query).mappings().all()
    for row in rows:
        if MARK in json.loads(row["reference"]):
            continue
        settings: dict[str, Any] = json.loads(row["settings"])
        keep = _kept_for(settings) if older_than is None else older_than
        days = (now - max(row["created_at"], row["looked"] or 0.0)) / DAY
        if keep is not None and days >= keep:
            found.append(Held(row["id"], row["name"], days, len(settings.get("demonstrations") or ())))
    return found


def forget_deployment(database: Database, deployment_id: str) -> None:
    """Take the texts out of a deployment that is no longer in use: it can't be monitored from then on.

    Its test figure, the verdicts of all looks and what they cost stay.

    Raises:
        StoreError: the store can't be written.
    """
    database.transact(lambda connection: _one_deployment(connection, deployment_id)).result()
    compact(database)


def _one_poc(connection: Connection, poc_id: str) -> None:
    _overwriting(connection)
    mine = poc_stages.c.poc_id == poc_id
    rows = connection.execute(select(poc_stages).where(mine, poc_stages.c.body != "")).mappings().all()
    for row in rows:
        body: Any = json.loads(row["body"])
        if row["kind"] == "cases" or row["part"] == "dataset":
            here = (mine, poc_stages.c.part == row["part"])
            connection.execute(update(poc_stages).where(*here).values(body=json.dumps(_bare_cases(body))))
    plan = connection.execute(select(pocs.c.plan).where(pocs.c.id == poc_id)).scalar_one()
    values = {"plan": json.dumps(_bare_plan(json.loads(plan))), "digest": f"removed-{poc_id}"[:32]}
    connection.execute(update(pocs).where(pocs.c.id == poc_id).values(**values))
    mark = {"poc_id": poc_id, "part": MARK, "kind": "result", "body": "{}", "at": time.time()}
    connection.execute(insert(poc_stages), mark)


def _one_deployment(connection: Connection, deployment_id: str) -> None:
    _overwriting(connection)
    mine = deployments.c.id == deployment_id
    row = connection.execute(select(deployments).where(mine)).mappings().one()
    reference: dict[str, Any] = json.loads(row["reference"])
    profile: dict[str, Any] = {**reference["profile"], "labels": {}, "tags": {}, "words": {}}
    bare = {**reference, "seen": {}, "profile": profile, MARK: time.time()}
    values = {"settings": without_texts(row["settings"]), "reference": json.dumps(bare)}
    connection.execute(update(deployments).where(mine).values(**values))
    looks = select(monitorings).where(monitorings.c.deployment_id == deployment_id, monitorings.c.body != "")
    for look in connection.execute(looks).mappings().all():
        told: dict[str, Any] = json.loads(look["body"])
        shifts = cast("list[dict[str, Any]]", told.get("shifts") or [])
        told["shifts"] = [{**shift, "then": REMOVED, "now": REMOVED} for shift in shifts]
        here = (monitorings.c.deployment_id == deployment_id, monitorings.c.n == look["n"])
        connection.execute(update(monitorings).where(*here).values(body=json.dumps(told)))


def _overwriting(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA secure_delete = ON"))


def _bare_cases(body: Any) -> Any:
    """A dataset in JSON values without the texts of its cases."""
    if isinstance(body, list):
        return [bare_case(case) for case in cast("list[dict[str, Any]]", body)]
    if not isinstance(body, dict):
        return body
    table = cast("dict[str, Any]", body)
    return {name: _bare_cases(part) if isinstance(part, list) else part for name, part in table.items()}


def _bare_plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    bare: dict[str, Any] = {**plan, "context": {}}
    bare["prompt"] = REMOVED if plan.get("prompt") else ""
    bare["checks"] = bare_checks(list(plan.get("checks") or []))
    bare["scenario"] = bare_scenario(plan["scenario"])
    if compliance := plan.get("compliance"):
        bare["compliance"] = {**compliance, "names": [], "public": []}
    return bare


def _kept_for(said: Mapping[str, Any]) -> int | None:
    try:
        return ComplianceSettings.model_validate(said.get("compliance") or {}).policy().retention_days
    except ValueError:
        return None


def _files(database: Database, poc_id: str, folder: Path) -> tuple[Path, ...]:
    body = Pocs(database).body(poc_id, "summary")
    names: list[str] = json.loads(body)["files"] if body else []
    return tuple(folder / name for name in names if (folder / name).exists())
