"""Cells (what a prompt did on a case, once each), the prompts, and the optimizer's checkpoint."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select

from promptopt.domain.marks import Marks
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult
from promptopt.domain.words import Split
from promptopt.store.database import Database
from promptopt.store.schema import cells, checkpoints, prompts, runs

BATCH = 2000
"""Rows that are read at once."""


class Cells:
    """Results, prompts and the checkpoint of one run."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._db = database
        self._run_id = run_id

    def keep(self, prompt_id: str, split: Split, results: Iterable[CaseResult]) -> None:
        """Store results (queued); a cell that is there already is replaced."""
        rows = [
            {
                "run_id": self._run_id,
                "prompt_id": prompt_id,
                "split": split,
                "case_id": result.case_id,
                "score": result.score,
                "passed": result.passed,
                "category": result.category,
                "body": result.model_dump_json(exclude_defaults=True),
            }
            for result in results
        ]
        if rows:
            keys = ("run_id", "prompt_id", "split", "case_id")
            self._db.transact(lambda connection: _put(connection, cells, keys, rows))

    def settled(self) -> Future[None]:
        """Is done once all that was queued before is in the store."""
        return self._db.transact(lambda _: None)

    def result(self, prompt_id: str, split: Split, case_id: str) -> CaseResult | None:
        """One cell, with output and reasons."""
        query = select(cells.c.body).where(*self._at(prompt_id, split), cells.c.case_id == case_id)
        with self._db.read() as connection:
            body = connection.execute(query).scalar()
        return CaseResult.model_validate_json(body) if body else None

    def results(self, prompt_id: str, split: Split) -> dict[str, CaseResult]:
        """All cells of a prompt on a split, by case id."""
        query = select(cells.c.body).where(*self._at(prompt_id, split))
        with self._db.read() as connection:
            found = [CaseResult.model_validate_json(body) for (body,) in connection.execute(query)]
        return {result.case_id: result for result in found}

    def marks(self, prompt_id: str, split: Split) -> Marks:
        """All cells of a prompt on a split without their outputs."""
        marks = Marks()
        for found in self.outcomes(prompt_id, split):
            marks.put(*found)
        return marks

    def outcomes(self, prompt_id: str, split: Split) -> Iterator[tuple[str, float, bool, str]]:
        """Case id, score, whether it passed, and category of each cell of a prompt, read as asked for."""
        query = select(cells.c.case_id, cells.c.score, cells.c.passed, cells.c.category)
        with self._db.read() as connection:
            rows = connection.execution_options(yield_per=BATCH).execute(
                query.where(*self._at(prompt_id, split))
            )
            for row in rows:
                yield row.case_id, row.score, row.passed, row.category

    def keep_prompt(self, prompt: Prompt) -> None:
        """Store a prompt (queued)."""
        row = {"run_id": self._run_id, "prompt_id": prompt.id, "body": prompt.model_dump_json()}
        self._db.transact(lambda connection: _put(connection, prompts, ("run_id", "prompt_id"), [row]))

    def prompt(self, prompt_id: str) -> Prompt | None:
        """A prompt of this run."""
        query = select(prompts.c.body).where(
            prompts.c.run_id == self._run_id, prompts.c.prompt_id == prompt_id
        )
        with self._db.read() as connection:
            body = connection.execute(query).scalar()
        return Prompt.model_validate_json(body) if body else None

    def prompts(self) -> list[Prompt]:
        """All prompts of this run."""
        query = select(prompts.c.body).where(prompts.c.run_id == self._run_id)
        with self._db.read() as connection:
            return [Prompt.model_validate_json(body) for (body,) in connection.execute(query)]

    def save_checkpoint(self, iteration: int, body: str) -> None:
        """Store the optimizer's state (queued, in order with the events); it replaces the one before."""
        row = {"run_id": self._run_id, "iteration": iteration, "body": body, "at": time.time()}
        self._db.transact(lambda connection: _put(connection, checkpoints, ("run_id",), [row]))

    def checkpoint(self) -> str | None:
        """The optimizer's last state."""
        query = select(checkpoints.c.body).where(checkpoints.c.run_id == self._run_id)
        with self._db.read() as connection:
            return connection.execute(query).scalar()

    def _at(self, prompt_id: str, split: Split) -> tuple[Any, ...]:
        return cells.c.run_id == self._run_id, cells.c.prompt_id == prompt_id, cells.c.split == split


def scored_in(database: Database, prompt_id: str) -> list[str]:
    """Ids of the runs that have results of a prompt, newest first."""
    having = select(cells.c.run_id).where(cells.c.prompt_id == prompt_id)
    query = select(runs.c.id).where(runs.c.id.in_(having)).order_by(runs.c.created_at.desc())
    with database.read() as connection:
        return list(connection.execute(query).scalars())


def _put(connection: Connection, table: Table, keys: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Insert rows, each in place of the one with the same keys (works the same in every SQL dialect)."""
    same = [table.c[key] == bindparam(f"same_{key}") for key in keys]
    connection.execute(
        delete(table).where(*same), [{f"same_{key}": row[key] for key in keys} for row in rows]
    )
    connection.execute(insert(table), rows)
