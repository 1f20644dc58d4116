"""Comparisons in a process of their own: what needs scipy, for a face that must not import it.

``python -m promptopt.runs.apart`` reads one job as JSON from standard input and prints its answer as JSON:
``{"job": "runs", "url": …, "runs": [id, …], "split": …}`` or ``{"job": "again", "url": …, "run": id}``.
"""

import json
import subprocess
import sys
from contextlib import closing
from typing import Any

from promptopt.domain.errors import PromptoptError, RunError
from promptopt.store.database import Database

PATIENCE = 120.0
"""Seconds for a comparison."""


def in_its_own_process(database: Database, job: dict[str, Any]) -> Any:
    """Have a job done by another process; returns its answer.

    Raises:
        PromptoptError: as it was raised there, or that there was no answer.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "promptopt.runs.apart"],
            input=json.dumps({**job, "url": database.url}),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise RunError("the comparison could not be made", fix="try: promptopt compare") from error
    if "what" in answer:
        raise RunError(answer["what"], where=answer["where"], fix=answer["fix"])
    return answer["answer"]


def answer(job: dict[str, Any]) -> Any:
    """Do a job here."""
    from promptopt.runs.aftermath import scored_before
    from promptopt.runs.rescoring import again_summary
    from promptopt.runs.sidebyside import side_by_side
    from promptopt.runs.state import fold
    from promptopt.store.runlog import RunLog
    from promptopt.store.runs import Runs

    with closing(Database(job["url"])) as database:
        if job["job"] == "runs":
            return side_by_side(database, job["runs"], job["split"])
        row = Runs(database).find(job["run"])
        found = scored_before(database, row, fold(RunLog(database, row.id)))
        return again_summary(found) if found else None


def main() -> None:
    """Read a job, print its answer."""
    try:
        told = {"answer": answer(json.load(sys.stdin))}
    except PromptoptError as error:
        told = {"what": error.what, "where": error.where, "fix": error.fix}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
