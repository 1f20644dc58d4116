"""Starting a run from a program, and coming back to it: a cell that is carried out again pays nothing."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Unpack, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.domain.text import sanitize
from promptopt.notebook.host import in_notebook
from promptopt.notebook.making import MakingRun
from promptopt.notebook.run import Run
from promptopt.runs.assembling import Assembled, Cases, How, assemble
from promptopt.runs.generating import NAME as MAKING
from promptopt.runs.generating import create_planned, ended_by_cap, higher_caps, same_generation
from promptopt.runs.library import freeze
from promptopt.store.database import Database
from promptopt.store.home import home
from promptopt.store.runs import RunRow, Runs

KIND = "optimize"
TO_GO_ON = ("interrupted", "failed")
"""How a run stands that is taken up again by the cell that started it."""


def start(
    source: str | Path | None = None,
    /,
    dataset: Cases | None = None,
    *,
    task: TaskSpec | str | None = None,
    live: bool = True,
    fresh: bool = False,
    **how: Unpack[How],
) -> Run:
    """Start a run and return at once; in a notebook it is shown in the cell, and kept up to date there.

    Who calls it again with the same settings and cases, as a cell that is carried out again does, gets the
    same run: one that died or failed goes on, one that has ended is shown again. Nothing is paid twice.

    A worker process carries the run out, so it outlives this program. A run in which functions or classes of
    this program take part is carried out by this program, and ends with it; the next call goes on with it.

    Args:
        source: name or path of a project; what is given beside it takes the place of what it says. Default:
            there is none, and task, cases and models are all given here.
        dataset: the cases, as for :func:`promptopt.optimize`; default: the project's.
        task: what the prompt must do; default: the project's.
        live: show the run in the cell.
        fresh: begin a new run, also if there is the same one already.
        how: models, checks, budget and so on, as for :func:`promptopt.optimize`.

    Raises:
        SettingsError: something is missing, unknown, or can't be used; nothing was sent.
        ModelError: a key is missing, or a price while there is a cap on USD.
        TrustError: the project has code or an endpoint that nobody has trusted.
    """
    if source is not None:
        if "project" in how:
            raise SettingsError("found the project twice, expected it once", where="promptopt.start()")
        how = cast(How, {**how, "project": source})
    asked = assemble(task, dataset, how)
    database = store()
    known = None if fresh else _same(database, asked)
    if known is not None:
        run = Run(database, known.id, asked.own)
        _say(_taken_up(run, known, trust=how.get("trust", False)))
    else:
        for notice in asked.notices:
            _say(f"note: {notice}")
        run = Run(database, freeze(database, asked, KIND, how), asked.own)
        run.begin()
    return _shown(run, live)


def start_making(settings: ProjectSettings, *, live: bool = True, fresh: bool = False) -> MakingRun:
    """Start a run that makes cases up, or come back to it, as :func:`start` does; returns at once.

    Args:
        settings: as :func:`promptopt.runs.generating.planned` gives them.
    """
    database = store()
    known = None if fresh else same_generation(database, settings)
    if known is not None:
        run = MakingRun(database, known.id)
        limits = higher_caps(database, known, settings.budget)
        if limits and known.status == "finished" and ended_by_cap(database, known):
            run.resume(trust=True, limits=limits)
            _say(f"run {run.id} goes on under the higher cap. fresh=True begins a new one")
        else:
            _say(_taken_up(run, known, trust=True))
    else:
        run = MakingRun(database, create_planned(database, settings))
        run.begin()
    _shown(run, live)
    return run


def attach(reference: str = "latest", *, live: bool = True) -> Run:
    """A run of the store, whoever started it; in a notebook it is shown in the cell.

    Args:
        reference: its id, the beginning or the end of that, or ``latest``.

    Raises:
        RunError: there is none, or there are several.
    """
    database = store()
    row = Runs(database).find(reference)
    kind = MakingRun if row.kind == MAKING else Run
    return _shown(kind(database, row.id), live)


@dataclass(frozen=True)
class Listing:
    """Runs of the store, newest first."""

    rows: tuple[RunRow, ...]

    def __repr__(self) -> str:
        return "\n".join(f"{row.id}  {row.status:<11}  {sanitize(row.project)}" for row in self.rows)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from promptopt.notebook.representing import of_listing

        return of_listing(self.rows)


def list_runs(project: str | None = None, limit: int = 50) -> Listing:
    """The newest runs of the store, or of one project."""
    return Listing(tuple(Runs(store()).list(project, limit)))


def store() -> Database:
    """This program's door to the store in the data directory; it stays open."""
    return _opened(str(home()))


@cache
def _opened(_home: str) -> Database:
    return Database.open()


def _same(database: Database, asked: Assembled) -> RunRow | None:
    """The newest run of the same settings and cases, in the same folder.

    What lives in this program can't be compared: a run of it counts if it has not come to its end.
    """
    found = Runs(database)
    settings, wanted = asked.project.settings, asked.dataset.fingerprint()
    said = settings.model_dump_json(exclude={"data": {"cases"}})
    folder = str(asked.project.dir.resolve())
    for row in found.list(settings.name):
        if (row.kind, row.dataset_id, row.project_dir) != (KIND, wanted, folder):
            continue
        if found.settings(row.id).model_dump_json(exclude={"data": {"cases"}}) == said:
            return row if not asked.own.here_only or row.live or row.status in TO_GO_ON else None
    return None


def _taken_up(run: Run, row: RunRow, *, trust: bool) -> str:
    """Go on with a run if that is what it needs; returns what is to be said."""
    anew = "fresh=True begins a new one"
    if row.live:
        return f"run {run.id} is under way already: this is it. {anew[0].upper()}{anew[1:]}"
    with run.reading() as state:
        resumable = state.resumable
    if row.status in TO_GO_ON and resumable:
        run.resume(trust=trust)
        return f"run {run.id} {'died' if row.status == 'interrupted' else 'failed'}; it goes on. {anew}"
    if row.status == "stopped" and resumable:
        return f"run {run.id} of the same settings and cases was stopped: run.resume() goes on, {anew}"
    return f"run {run.id} of the same settings and cases has ended: this is it, and nothing is paid. {anew}"


def _shown(run: Run, live: bool) -> Run:
    if live and in_notebook():
        from promptopt.notebook.live import show

        show(run)
    return run


def _say(text: str) -> None:
    print(sanitize(text))
