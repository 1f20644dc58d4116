"""Answers that earlier runs of a project paid for."""

import json
import secrets
from typing import Any

from sqlalchemy import Connection, insert, select

from promptopt.domain.chat import LLMResponse
from promptopt.domain.settings import ModelSettings
from promptopt.store.database import Database
from promptopt.store.receipts import Place
from promptopt.store.runs import RunRow
from promptopt.store.schema import calls, runs

REDIRECTED = "redirected"
"""In an answer's metadata: mark of the address that the environment, not the project, sent the request to."""


class EarlierAnswers:
    """What the target model answered in earlier runs of the same project.

    Of the same project are the runs of the same folder: a copy of a project starts afresh, and two projects
    of one name share nothing. A run counts if its target had the same ``base_url``. An equal request is one
    of equal content (model, messages, temperature, max_tokens, params), path and number of the draw, so that
    a second sample is never the first one again.

    Args:
        target: the model as this run calls it.
        redirected: mark of the address that the environment sends requests to, if it does.
    """

    def __init__(self, database: Database, row: RunRow, target: ModelSettings, redirected: str) -> None:
        self._db = database
        self._redirected = redirected
        self._runs = _runs_like(database, row, target.base_url)

    def find(self, place: Place) -> tuple[LLMResponse, str] | None:
        """The last answer to an equal request, and the run that paid for it."""
        if not self._runs:
            return None
        key, path, occurrence = place
        query = (
            select(
                calls.c.run_id,
                calls.c.reused_from,
                calls.c.response,
                calls.c.prompt_tokens,
                calls.c.completion_tokens,
                calls.c.latency,
            )
            .where(
                calls.c.key == key,
                calls.c.path == path,
                calls.c.occurrence == occurrence,
                calls.c.role == "target",
                calls.c.response.is_not(None),
            )
            .order_by(calls.c.at.desc())
        )
        with self._db.read() as connection:
            found = connection.execute(query).all()
        for row in found:
            if row.run_id in self._runs:
                reply: dict[str, Any] = json.loads(row.response)
                metadata: dict[str, Any] = reply["metadata"]
                if metadata.get(REDIRECTED, "") != self._redirected or metadata.get("simulated"):
                    continue
                usage = {"prompt_tokens": row.prompt_tokens, "completion_tokens": row.completion_tokens}
                response = LLMResponse(
                    text=reply["text"], usage=usage, latency=row.latency, metadata=metadata
                )
                return response, row.reused_from or row.run_id
        return None


def carry_over(database: Database, source: str, run_id: str) -> int:
    """Give a new run the answers that another one of the same settings and cases paid for.

    It replays them, free, and says from which run they are. Returns how many there are.
    """

    def copy(connection: Connection) -> int:
        paid = (
            select(calls).where(calls.c.run_id == source, calls.c.response.is_not(None)).order_by(calls.c.at)
        )
        rows = [dict(found) for found in connection.execute(paid).mappings()]
        for row in rows:
            row["reused_from"] = row["reused_from"] or source
            row |= {"id": secrets.token_hex(16), "run_id": run_id, "usd": 0.0}
        if rows:
            connection.execute(insert(calls), rows)
        return len(rows)

    return database.transact(copy).result()


def _runs_like(database: Database, row: RunRow, base_url: str | None) -> frozenset[str]:
    """Earlier runs of the project in the same folder whose target was at the same address."""
    query = select(runs.c.id, runs.c.settings).where(
        runs.c.project_dir == row.project_dir, runs.c.id != row.id, runs.c.created_at <= row.created_at
    )
    with database.read() as connection:
        found = connection.execute(query).all()
    return frozenset(
        other.id
        for other in found
        if json.loads(other.settings)["models"]["target"].get("base_url") == base_url
    )
