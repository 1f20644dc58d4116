"""Starting a run's worker: a process of its own, which no terminal takes down with it."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import RunError
from promptopt.domain.settings import ModelSettings, ProjectSettings
from promptopt.runs.compliance import refuse_blocked
from promptopt.runs.state import fold
from promptopt.store.casefiles import load_dataset
from promptopt.store.commands import Commands, SetLimits
from promptopt.store.database import Database
from promptopt.store.home import home
from promptopt.store.projects import Project, load_project
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from promptopt.store.trust import Power, TrustError, powers, trust, untrusted

Model = TypeVar("Model", bound=ModelSettings)


def create_run(
    database: Database,
    project: Project | Path,
    *,
    simulate: bool = False,
    kind: str = "optimize",
    trusted: bool = False,
    check: Callable[[ProjectSettings, Dataset, Path], None] | None = None,
) -> tuple[str, list[str]]:
    """Freeze a project as a new run; nothing is sent yet.

    Args:
        project: the project, or the path of its file.
        simulate: put the built-in simulator in the place of every model.
        kind: ``optimize``, or ``eval`` for a run that only scores a prompt.
        trusted: the owner has looked at the project and trusts it from now on.
        check: raises what is wrong with settings and cases, in the project's folder, before they are frozen.

    Returns:
        The run's id, and notices about the project and its data.

    Raises:
        SettingsError: the project or its data can't be used.
        TrustError: it has code or an endpoint of its own that its owner has not trusted.
    """
    if isinstance(project, Path):
        project = load_project(project)
    settings = simulated(project.settings) if simulate else project.settings
    data = load_dataset(settings, project.dir)
    if check is not None:
        check(settings, data.dataset, project.dir)
    frozen = Frozen(settings, data.dataset, project.dir, project.path)
    run_id = create_frozen(database, frozen, kind=kind, trusted=trusted)
    return run_id, [*project.notices, *data.notices]


@dataclass(frozen=True)
class Frozen:
    """What a run is made of: settings, cases, the project's folder, and its file, for messages."""

    settings: ProjectSettings
    dataset: Dataset
    folder: Path
    path: Path


def create_frozen(database: Database, source: Frozen, *, kind: str, trusted: bool = False) -> str:
    """Make a run of settings and cases; nothing is sent yet. Returns its id.

    Args:
        kind: ``optimize``, ``eval`` or ``tournament``.
        trusted: the owner has looked at the project and trusts it from now on.

    Raises:
        SettingsError: its policy lets nothing out of what its prompt or cases hold.
        TrustError: it has code or an endpoint of its own that its owner has not trusted.
    """
    refuse_blocked(source.settings, source.dataset, str(source.path))
    found = powers(source.settings, source.dataset.cases(), source.folder)
    command = f"promptopt trust {shlex.quote(str(source.path))}"
    fix = f"look at it and trust it: {command}    (or give the option --trust)"
    _require_trust(found, trusted, str(source.path), fix)
    return Runs(database).create(source.settings, source.dataset, source.folder.resolve(), kind)


def simulated(settings: ProjectSettings) -> ProjectSettings:
    """The same project with the built-in simulator in the place of every model."""
    own = ("optimizer", "judge", "generator", "embedding")
    models = {
        role: model.model_copy(update={"model": f"sim/{role if role in own else 'target'}", "base_url": None})
        for role, model in settings.models.items()
    }
    judges = [judge.model_copy(update={"model": "sim/judge", "base_url": None}) for judge in settings.judges]
    return settings.model_copy(update={"models": models, "judges": judges})


def at_once(settings: ProjectSettings) -> ProjectSettings:
    """The same project, whose simulated models answer without the time that a model takes."""

    models = {role: _quick(model) for role, model in settings.models.items()}
    judges = [_quick(judge) for judge in settings.judges]
    return settings.model_copy(update={"models": models, "judges": judges})


def _quick(model: Model) -> Model:
    return model.model_copy(update={"latency": 0.0}) if model.simulated else model


def _require_trust(found: Sequence[Power], trusted: bool, where: str, fix: str) -> None:
    """Raise TrustError if there are powers that the owner has not trusted, unless he does so now."""
    if trusted:
        trust(found)
    elif missing := untrusted(found):
        raise TrustError(missing, where=where, fix=fix)


def resume_run(
    database: Database,
    run_id: str,
    *,
    trusted: bool = False,
    limits: Mapping[str, float | None] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a worker for a run that ended early or whose worker died.

    Args:
        trusted: the owner has looked at what changed since the run began, and trusts it.
        limits: caps from now on, by name; None lifts one. A run that makes cases up and that a cap has ended
            goes on under a higher one.

    Raises:
        TrustError: code that the run's checks call is not what its owner has trusted.
        RunError: it came to its end, or its sealed test was scored: a test that is looked at again, after
            more search, would be no test.
    """
    may_resume(database, run_id, trusted=trusted)
    if limits:
        Commands(database, run_id).send(SetLimits(limits=dict(limits)))
    return start_worker(run_id)


def may_resume(database: Database, run_id: str, *, trusted: bool = False) -> None:
    """Raise what :func:`resume_run` raises; nothing is started."""
    state = fold(RunLog(database, run_id))
    if not state.resumable:
        raise RunError(
            f"run {run_id} has come to its end, there is nothing left to do",
            fix=f"start a new one from its best prompt: promptopt export {run_id} --format text",
        )
    runs = Runs(database)
    found = powers(runs.settings(run_id), runs.dataset(run_id).cases(), Path(runs.find(run_id).project_dir))
    fix = f"look at it, then: promptopt resume {run_id} --trust"
    _require_trust(found, trusted, f"run {run_id}", fix)


def start_worker(run_id: str) -> "subprocess.Popen[bytes]":
    """Start the worker of a run (new, interrupted or ended early) in a session of its own.

    What it prints goes to ``logs/RUN.log`` in the data directory.
    """
    with open_log(run_id) as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "promptopt.runs.worker", run_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            creationflags=ON_ITS_OWN,
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        )


# Windows' word for a session of its own: no console, and no Ctrl-C from the one that started it.
ON_ITS_OWN: int = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(
    subprocess, "CREATE_NEW_PROCESS_GROUP", 0
)


def open_log(run_id: str) -> BinaryIO:
    """The file that takes what a run's worker prints, its owner's alone: a traceback can quote a case."""
    path = home() / "logs" / f"{run_id}.log"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    except OSError as error:
        raise RunError(
            f"the worker's log can't be written: {error.strerror}",
            where=str(path),
            fix=f"mend that, then: promptopt resume {run_id}",
        ) from error
