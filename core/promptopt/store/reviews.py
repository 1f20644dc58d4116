"""What people decided on cases: kept beside them, so that a review goes on where it was left."""

import getpass
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select

from promptopt.domain.dataset import Example
from promptopt.domain.text import storable
from promptopt.store.database import Database
from promptopt.store.schema import reviews

Verdict = Literal["keep", "drop", "edit"]


def of_file(path: Path) -> str:
    """The source of reviews of a file's cases."""
    place = str(path.expanduser().resolve())
    return f"file {hashlib.sha256(place.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


@dataclass(frozen=True)
class Review:
    """A person's decision on a case.

    Attributes:
        fingerprint: of the case as it was looked at.
        edited: the case as it is to be, if it was edited.
        reason: in the person's words; may be empty.
    """

    case_id: str
    fingerprint: str
    verdict: Verdict
    edited: Example | None = None
    reason: str = ""
    author: str = ""
    at: float = 0.0


class Reviews:
    """The decisions on the cases of one source.

    Args:
        source: the id of a run that made cases up, or :func:`of_file`.
        run_id: that run; empty for a file.
    """

    def __init__(self, database: Database, source: str, run_id: str = "") -> None:
        self._db = database
        self._source = source
        self._run_id = run_id or None

    def decide(
        self,
        case: Example,
        verdict: Verdict,
        edited: Example | None = None,
        reason: str = "",
        author: str = "",
    ) -> Review:
        """Keep a decision on a case, in the place of an earlier one."""
        made = Review(
            case.id, case.fingerprint(), verdict, edited, storable(reason), author or _user(), time.time()
        )
        row = {
            "source": self._source,
            "case_id": made.case_id,
            "fingerprint": made.fingerprint,
            "run_id": self._run_id,
            "verdict": verdict,
            "body": edited.model_dump_json(exclude_defaults=True) if edited else "",
            "reason": made.reason,
            "author": made.author,
            "at": made.at,
        }

        def put(connection: Connection) -> None:
            connection.execute(delete(reviews).where(self._here(case)))
            connection.execute(insert(reviews), row)

        self._db.transact(put).result()
        return made

    def keep_all(self, cases: Sequence[Example], reason: str = "", author: str = "") -> list[Review]:
        """Keep a decision to keep each of these, all or none."""
        by, at = author or _user(), time.time()
        made = [Review(case.id, case.fingerprint(), "keep", None, storable(reason), by, at) for case in cases]
        rows = [
            {
                "source": self._source,
                "case_id": each.case_id,
                "fingerprint": each.fingerprint,
                "run_id": self._run_id,
                "verdict": "keep",
                "body": "",
                "reason": each.reason,
                "author": by,
                "at": at,
            }
            for each in made
        ]

        def put(connection: Connection) -> None:
            for case in cases:
                connection.execute(delete(reviews).where(self._here(case)))
            if rows:
                connection.execute(insert(reviews), rows)

        self._db.transact(put).result()
        return made

    def withdraw(self, case: Example) -> None:
        """Take a decision back."""
        self._db.write(delete(reviews).where(self._here(case))).result()

    def all(self) -> dict[tuple[str, str], Review]:
        """The decisions by case id and fingerprint."""
        with self._db.read() as connection:
            rows = connection.execute(select(reviews).where(reviews.c.source == self._source)).all()
        return {
            (row.case_id, row.fingerprint): Review(
                row.case_id,
                row.fingerprint,
                row.verdict,
                Example.model_validate_json(row.body) if row.body else None,
                row.reason,
                row.author,
                row.at,
            )
            for row in rows
        }

    def _here(self, case: Example) -> ColumnElement[bool]:
        return and_(
            reviews.c.source == self._source,
            reviews.c.case_id == case.id,
            reviews.c.fingerprint == case.fingerprint(),
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
