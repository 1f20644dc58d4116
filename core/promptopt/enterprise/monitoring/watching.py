"""Watching a prompt in use: fresh cases are read, scored by an ordinary run, and looked at."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.enterprise.deployment.recording import Deployment
from promptopt.enterprise.monitoring.looks import Look, history_of, look_at
from promptopt.runs.checking import check_cases, check_runnable
from promptopt.runs.launch import Frozen, create_frozen, may_resume
from promptopt.runs.state import RunState, fold
from promptopt.runs.summary import spending
from promptopt.store.cells import Cells
from promptopt.store.columns import ColumnChoice
from promptopt.store.commands import Commands, SetLimits
from promptopt.store.database import Database
from promptopt.store.deployments import Deployments, MonitoringRow
from promptopt.store.importing import load_cases
from promptopt.store.reuse import carry_over
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs


@dataclass(frozen=True)
class Fresh:
    """Fresh cases, and what to tell of how they were read."""

    cases: tuple[Example, ...]
    source: str
    notices: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Equal for equal cases, in whatever order."""
        bodies = sorted(case.model_dump_json() for case in self.cases)
        return hashlib.sha256("\n".join(bodies).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class Begun:
    """A look that has begun, or one at the same cases that is over.

    Attributes:
        told: what came out, if it is over.
        work: a worker is to be started for the run.
    """

    row: MonitoringRow
    told: Look | None = None
    work: bool = False


def read_fresh(deployment: Deployment, path: Path) -> Fresh:
    """The cases of a file, with the columns that the prompt wants.

    A file whose only input has another name than the prompt's only column is taken for it.

    Raises:
        SettingsError: it can't be read, has no case, or lacks a column.
    """
    columns, data = deployment.columns, deployment.settings.data
    tried: list[SettingsError] = []
    for expected in dict.fromkeys((data.expected, None)):
        try:
            loaded, notices = load_cases(path, ColumnChoice(input=columns, expected=expected))
            return Fresh(tuple(loaded.dataset.cases()), path.name, tuple(notices))
        except SettingsError as error:
            tried.append(error)
    if len(columns) == 1:
        loaded, notices = _by_name(path, tried[-1])
        cases = tuple(_renamed(case, columns[0], path, tried[-1]) for case in loaded)
        return Fresh(cases, path.name, tuple(notices))
    raise tried[-1]


def begin(
    database: Database,
    deployment: Deployment,
    fresh: Fresh,
    *,
    again: bool = False,
    max_usd: float | None = None,
    trusted: bool = False,
) -> Begun:
    """Begin a look, or go on with the one at the same cases; what was answered is not paid for again.

    Args:
        again: ask anew, although a look at the same cases is over.
        max_usd: cap in place of the frozen one.

    Raises:
        PromptoptError: the run can't be made: no key, no price, code that nobody trusted, ….
    """
    if deployment.texts_removed:
        raise RunError(
            f"the texts of the deployment {deployment.id} were removed, so it can't be monitored any more",
            fix="deploy the prompt anew: promptopt deploy RUN",
        )
    store = Deployments(database)
    known = [row for row in store.history(deployment.id) if row.digest == fresh.digest]
    under_way = next((row for row in known if not row.done), None)
    if under_way is not None:
        return _gone_on(database, deployment, fresh, under_way, max_usd, trusted)
    if known and not again:
        return Begun(known[-1], history_of(known)[-1])
    run_id = _run(database, deployment, fresh.cases, max_usd, trusted)
    row = store.begin(deployment.id, fresh.digest, fresh.source, run_id)
    if row.eval_run != run_id:  # somebody else was quicker
        Runs(database).archive(run_id)
        return _gone_on(database, deployment, fresh, row, max_usd, trusted)
    return Begun(row, work=True)


def conclude(
    database: Database, deployment: Deployment, row: MonitoringRow, fresh: Fresh, margin: float
) -> Look | None:
    """Look at what a run has scored, and keep it; None if not every case was scored."""
    state = fold(RunLog(database, row.eval_run))
    candidate = state.candidates.get(state.seed_id)
    if candidate is None or "test" not in candidate.scores:
        return None
    results = Cells(database, row.eval_run).results(state.seed_id, "test")
    if any(case.id not in results for case in fresh.cases):
        return None
    store = Deployments(database)
    before = [look for look in history_of(store.history(deployment.id)) if look.n < row.n]
    usd = spending(state)["cost_usd"]
    look = look_at(deployment, row, fresh.cases, results, before, margin=margin, usd=usd)
    store.conclude(row, json.dumps(look.as_json()))
    return look


def _run(
    database: Database,
    deployment: Deployment,
    cases: Sequence[Example],
    max_usd: float | None,
    trusted: bool,
) -> str:
    settings = _capped(deployment.settings, max_usd)
    dataset = Dataset(train=(), validation=(), test=tuple(cases))
    folder = Path(deployment.row.project_dir)
    check_runnable(settings, folder, "eval", to_try="monitor a deployment of a simulated run")
    check_cases(settings, dataset, folder, to_try="monitor a deployment of a simulated run")
    return create_frozen(database, Frozen(settings, dataset, folder, folder), kind="eval", trusted=trusted)


def _gone_on(
    database: Database,
    deployment: Deployment,
    fresh: Fresh,
    row: MonitoringRow,
    max_usd: float | None,
    trusted: bool,
) -> Begun:
    """Go on with a look that is under way: follow its run, take it up, or begin it anew if it is lost."""
    try:
        run = Runs(database).find(row.eval_run)
    except RunError:
        return _anew(database, deployment, fresh, row, max_usd, trusted)
    state = fold(RunLog(database, run.id))
    if run.live or _scored(state):
        return Begun(row)
    if not state.resumable:
        return _anew(database, deployment, fresh, row, max_usd, trusted)
    may_resume(database, run.id, trusted=trusted)
    if max_usd is not None:
        Commands(database, run.id).send(SetLimits(limits={"usd": max_usd}))
    return Begun(row, work=True)


def _anew(
    database: Database,
    deployment: Deployment,
    fresh: Fresh,
    row: MonitoringRow,
    max_usd: float | None,
    trusted: bool,
) -> Begun:
    run_id = _run(database, deployment, fresh.cases, max_usd, trusted)
    carry_over(database, row.eval_run, run_id)  # a run that met its cap has answers, and can't go on itself
    Deployments(database).begin_anew(row, run_id)
    return Begun(replace(row, eval_run=run_id), work=True)


def _scored(state: RunState) -> bool:
    candidate = state.candidates.get(state.seed_id)
    return candidate is not None and "test" in candidate.scores


def _capped(settings: ProjectSettings, max_usd: float | None) -> ProjectSettings:
    if max_usd is None:
        return settings
    budget = settings.budget.model_copy(update={"usd": max_usd})
    return settings.model_copy(update={"budget": budget})


def _by_name(path: Path, first: SettingsError) -> tuple[list[Example], list[str]]:
    try:
        loaded, notices = load_cases(path)
    except SettingsError:
        raise first from None
    return list(loaded.dataset.cases()), notices


def _renamed(case: Example, column: str, path: Path, first: SettingsError) -> Example:
    if len(case.inputs) != 1:
        raise first
    inputs: dict[str, Any] = {column: next(iter(case.inputs.values()))}
    return case.model_copy(update={"inputs": inputs})
