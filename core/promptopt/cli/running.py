"""run, demo, resume, attach: starting a worker, and following a run."""

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.arguments import ProjectArgument, RunArgument
from promptopt.cli.output import emit, in_page, note, on_terminal, say
from promptopt.domain.errors import SettingsError

if TYPE_CHECKING:
    import subprocess

    from promptopt.domain.settings import ModelSettings, ProjectSettings
    from promptopt.store.database import Database
    from promptopt.store.projects import Project
    from promptopt.store.runs import RunRow


Model = TypeVar("Model", bound="ModelSettings")


@Parameter(name="*")
@dataclass(frozen=True)
class Face:
    """How a run is followed.

    Attributes:
        headless: print lines instead of opening the terminal UI.
        json: print one JSON object per event, and last the summary.
        detach: start the worker, print the run's id, and leave.
    """

    headless: bool = False
    json: bool = False
    detach: bool = False

    @property
    def cockpit(self) -> bool:
        """Whether to open the terminal UI."""
        return not (self.headless or self.json or self.detach) and (on_terminal() or in_page())


PLAIN = Face()


def run(
    project: ProjectArgument,
    /,
    *,
    simulate: bool = False,
    max_iterations: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    seed: int | None = None,
    usd: Annotated[float | None, Parameter(validator=Number(gt=0, lt=float("inf")))] = None,
    reuse: bool = False,
    trust: bool = False,
    face: Face = PLAIN,
) -> int:
    """Start an optimization run of a project and follow it.

    Args:
        simulate: put the built-in simulator in the place of every model; costs nothing.
        max_iterations: most iterations, in place of the project's.
        seed: of everything random, in place of the project's.
        usd: cap on spending in USD, in place of the project's.
        reuse: take the target's answers to equal requests from earlier runs of the project, free.
        trust: you have looked at the project's code and endpoints, and trust them from now on.
    """
    from promptopt.store.projects import find_project, load_project

    options: dict[str, Any] = {"max_iterations": max_iterations, "seed": seed}
    found = load_project(find_project(project))
    found = reusing(found) if reuse else found
    return launch(adjusted(found, options, usd), face, simulate=simulate, trust=trust)


def demo(
    *,
    fast: bool = False,
    seed: int | None = None,
    face: Face = PLAIN,
) -> int:
    """Run the built-in demo: simulated models, no key, no cost.

    The demo is a project named demo in the data directory, made the first time; it is yours to change.

    Args:
        fast: let the simulated models answer at once.
        seed: of everything random.
    """
    from promptopt.cli.creating import make_demo
    from promptopt.store.projects import load_project

    project = load_project(make_demo())
    if fast:
        from promptopt.runs.launch import at_once

        project = replace(project, settings=at_once(project.settings))
    return launch(adjusted(project, {"seed": seed}, None), face)


def resume(
    reference: RunArgument,
    /,
    *,
    limit: tuple[str, ...] = (),
    trust: bool = False,
    face: Face = PLAIN,
) -> int:
    """Let a run go on: a paused one, one that was stopped or failed, one whose worker died.

    What was answered before is taken from the run's journal, free and at once. A run that makes cases up and
    that a cap has ended goes on under a higher one: --limit usd=5.

    Args:
        limit: NAME=VALUE, another cap from now on, as promptopt limit takes it; may be repeated.
        trust: you have looked at code of the project that was changed meanwhile, and trust it from now on.
    """
    from promptopt.cli.limiting import read_changes
    from promptopt.cli.trusting import with_trust
    from promptopt.runs.launch import resume_run
    from promptopt.store.commands import Commands, Resume, SetLimits
    from promptopt.store.database import Database
    from promptopt.store.runlog import RunLog
    from promptopt.store.runs import Runs

    read = read_changes(limit, "") if limit else []
    asked = [one for one in read if isinstance(one, SetLimits)]
    if len(asked) < len(read):
        raise SettingsError("--limit takes caps only", fix="once it runs: promptopt limit RUN NAME=VALUE")
    with closing(Database.open()) as database:
        row = Runs(database).find(reference)
        before = RunLog(database, row.id).length()
        worker = None
        if row.live and not _abandoned(row):
            for command in asked:
                Commands(database, row.id).send(command)
        if row.status == "paused":
            Commands(database, row.id).send(Resume())
            note(f"asked run {row.id} to go on")
        elif row.live and not _abandoned(row):
            note(f"run {row.id} is {row.status} already")
        else:
            limits = {name: value for one in asked for name, value in one.limits.items()}
            worker = with_trust(
                lambda trusted: resume_run(database, row.id, trusted=trusted, limits=limits),
                trusted=trust,
                quiet=face.json,
            )
            note(f"run {row.id} was {row.status}; a new worker takes it up")
        began_after = 0 if worker is None else before
        return watch(database, row, worker, replace(face, headless=True), before=began_after, quiet=before)


def attach(reference: RunArgument = "latest", /, *, headless: bool = False, json: bool = False) -> int:
    """Follow a run: in the terminal UI, or as lines. Leaving it does not end it.

    Args:
        headless: print lines instead of opening the terminal UI.
        json: print one JSON object per event from the first on, and last the summary.
    """
    from promptopt.store.database import Database
    from promptopt.store.runlog import RunLog
    from promptopt.store.runs import Runs

    face = Face(headless=headless, json=json)
    with closing(Database.open()) as database:
        row = Runs(database).find(reference)
        quiet = 0 if json else RunLog(database, row.id).length()
        if not json and not face.cockpit:
            note(f"run {row.id} of {row.project}: {row.status}, iteration {row.iteration}")
        return watch(database, row, None, face, before=0, quiet=quiet, stop_first=False)


def launch(project: "Project", face: Face, *, simulate: bool = False, trust: bool = False) -> int:
    """Create a run of a project, start its worker and follow it; returns the exit status.

    Raises:
        PromptoptError: the project can't be run as it is; nothing was started.
    """
    from promptopt.cli.trusting import with_trust
    from promptopt.runs.checking import check_cases, check_runnable
    from promptopt.runs.launch import create_run, simulated, start_worker
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    check_runnable(simulated(project.settings) if simulate else project.settings, project.dir)
    with closing(Database.open()) as database:
        run_id, notices = with_trust(
            lambda trusted: create_run(
                database, project, simulate=simulate, trusted=trusted, check=check_cases
            ),
            trusted=trust,
            quiet=face.json,
        )
        for notice in notices:
            note(f"note: {notice}")
        row = Runs(database).find(run_id)
        return watch(database, row, start_worker(run_id), face)


def _abandoned(row: "RunRow") -> bool:
    """Whether a worker let go of a run that it did not end."""
    return row.pid is None and row.heartbeat_at is not None


def watch(
    database: "Database",
    row: "RunRow",
    worker: "subprocess.Popen[bytes] | None",
    face: Face,
    *,
    before: int = 0,
    quiet: int = 0,
    stop_first: bool = True,
    sealed_test: bool = True,
) -> int:
    """Follow a run in the face that is wanted; returns the exit status.

    Args:
        worker: the worker's process, if this process started it.
        before: number of events that earlier workers left.
        quiet: number of events that are folded in without being shown.
        stop_first: the first Ctrl-C asks the run to end.
        sealed_test: the run has one, which it still scores if it ends in order.
    """
    if face.cockpit:
        from promptopt.cli.cockpit import open_cockpit

        return open_cockpit(row.id)
    if face.detach:
        return _detach(database, row, worker, json=face.json)
    from promptopt.cli.follow import Interruptions, JsonLines, PlainLines, follow
    from promptopt.cli.outcome import conclude

    if not face.json and worker is not None:
        said = " (simulated models)" if row.simulated else ""
        say(f"run {row.id} of {row.project}{said}")
    show = JsonLines(quiet) if face.json else PlainLines(quiet)
    with Interruptions(database, row.id, stop_first=stop_first, sealed_test=sealed_test) as interruptions:
        followed = follow(
            database,
            row.id,
            show,
            worker=worker,
            began_after=before,
            quiet=quiet,
            unattended=stop_first,
            leave=interruptions.leave,
        )
    return conclude(database, row.id, followed, json=face.json)


def _detach(
    database: "Database", row: "RunRow", worker: "subprocess.Popen[bytes] | None", *, json: bool
) -> int:
    """Wait until the worker has the run, then leave: a run counts as launched when it is, not before."""
    import time

    from promptopt.cli.outcome import report_death
    from promptopt.store.runs import Runs

    runs = Runs(database)
    now = runs.find(row.id)
    while worker is not None and now.heartbeat_at == row.heartbeat_at:
        if worker.poll() is not None and runs.find(row.id).heartbeat_at == row.heartbeat_at:
            report_death(row.id)
            return 1
        time.sleep(0.05)
        now = runs.find(row.id)
    if json:
        emit({"run_id": row.id, "status": now.status})
    else:
        say(row.id)
        note(f"promptopt attach {row.id} follows it, promptopt stop {row.id} ends it")
    return 0


def reusing(project: "Project") -> "Project":
    """The project, with answers of its earlier runs used again."""
    cache = project.settings.cache.model_copy(update={"reuse": True})
    return replace(project, settings=project.settings.model_copy(update={"cache": cache}))


def adjusted(project: "Project", options: dict[str, Any], usd: float | None) -> "Project":
    """The project with what the command line says in the place of what its file says."""
    settings: ProjectSettings = project.settings
    given = {name: value for name, value in options.items() if value is not None}
    if given:
        optimizer = settings.optimizer.model_copy(update=given)
        settings = settings.model_copy(update={"optimizer": optimizer})
    if usd is not None:
        settings = settings.model_copy(update={"budget": settings.budget.model_copy(update={"usd": usd})})
    return replace(project, settings=settings)
