"""Work in a process of its own: what needs libraries that a face must not import, and optimizers of others.

``python -m promptopt.runs.apart`` reads one job as JSON from standard input and prints its answer as JSON:
``{"job": "runs", "url": …, "runs": [id, …], "split": …}``, ``{"job": "again", "url": …, "run": id}``,
``{"job": "look over", "url": …, "run": id}`` or ``{"job": "check", "project": path}``.
"""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from promptopt.domain.errors import PromptoptError, RunError
from promptopt.store.database import Database

PATIENCE = 120.0
"""Seconds for a job."""


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
        raise RunError("a process that was started for it gave no answer", where=job["job"]) from error
    if "what" in answer:
        raise RunError(answer["what"], where=answer["where"], fix=answer["fix"])
    return answer["answer"]


def answer(job: dict[str, Any]) -> Any:
    """Do a job here."""
    if job["job"] == "check":
        return _check(Path(job["project"]))
    if job["job"] == "look over":
        return _look_over(job["url"], job["run"])
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


def _look_over(url: str, run_id: str) -> dict[str, Any]:
    """Of the cases that a run made up: ``private`` has the ids of those with private data, ``alike`` says
    which are like which. That takes about a second for a thousand.
    """
    from promptopt.domain.dataset import Example
    from promptopt.runs.draftlog import read_drafts
    from promptopt.store.runlog import RunLog
    from promptopt.synthetic.lookover import alike_among, has_private

    with closing(Database(url)) as database:
        drafts = read_drafts(RunLog(database, run_id))
    cases = [Example.model_validate(draft.case) for draft in drafts.cases.values()]
    return {"private": [case.id for case in cases if has_private(case)], "alike": alike_among(cases)}


def _check(path: Path) -> dict[str, Any]:
    """Raise what is wrong with a project, before a run is made of it; else what it would send of personal
    data and secrets, as ``promptopt check`` says it.

    Beside that ``chosen`` says whether somebody has decided on what it may send, ``away`` whether any of it
    leaves this machine.
    """
    from promptopt.domain.compliance import is_local, said
    from promptopt.runs.checking import check_cases, check_runnable
    from promptopt.runs.compliance import MOST_CASES, examine
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.projects import load_project

    project = load_project(path)
    to_try = "let sim/target and sim/optimizer stand for its models"
    check_runnable(project.settings, project.dir, to_try=to_try)
    dataset = load_dataset(project.settings, project.dir).dataset
    compliance = project.settings.compliance
    policy = compliance.policy()
    found = examine(project.settings, dataset, most_cases=MOST_CASES if policy.pii == "allow" else None)
    if not found.counts("block"):
        check_cases(project.settings, dataset, project.dir, to_try=to_try)
    models = [model for _, _, model in project.settings.every_model()]
    return {
        **said(policy),
        **found.as_json(),
        "chosen": bool(compliance.pii or compliance.profile),
        "away": any(
            not model.simulated and not (policy.local and is_local(model.base_url)) for model in models
        ),
    }


def main() -> None:
    """Read a job, print its answer."""
    try:
        told = {"answer": answer(json.load(sys.stdin))}
    except PromptoptError as error:
        told = {"what": error.what, "where": error.where, "fix": error.fix}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
