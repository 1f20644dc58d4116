"""Asking something of a run's worker, and what comes of it, in words: for the command line and programs."""

import shlex
import time
from pathlib import Path

from promptopt.domain.errors import RunError
from promptopt.domain.results import Comparison
from promptopt.runs.acts import points
from promptopt.runs.state import RunState, fold
from promptopt.store.commands import Command, Commands
from promptopt.store.database import Database
from promptopt.store.projects import FILE
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs

PATIENCE = 5.0
"""Seconds to wait for the worker to take a command up."""


def alive(database: Database, reference: str, verb: str) -> RunRow:
    """The run, if a worker is there to do what is asked.

    Args:
        verb: what is asked, for messages.

    Raises:
        RunError: there is no such run, or nobody is at it.
    """
    row = Runs(database).find(reference)
    if row.live:
        return row
    if row.status == "interrupted":
        raise RunError(
            f"the worker of run {row.id} is gone, so there is none to {verb}",
            fix=f"promptopt resume {row.id} starts a new one; nothing that was answered is lost",
        )
    fix = f"start a new one: promptopt run {_project_of(row)}"
    if (row.status != "finished" or row.kind == "generate") and fold_of(database, row).resumable:
        more = " --limit usd=5" if row.status == "finished" else ""
        fix = f"promptopt resume {row.id}{more} lets it go on"
    raise RunError(f"run {row.id} is over ({row.status}), there is nothing to {verb}", fix=fix)


def _project_of(row: RunRow) -> str:
    """A run's project as an argument: by its folder if that still has a project file, for its name may be
    that of no project in the data directory."""
    folder = Path(row.project_dir)
    return shlex.quote(str(folder) if (folder / FILE).is_file() else row.project)


def ask(database: Database, row: RunRow, command: Command, verb: str, to_answer: str = "") -> list[str]:
    """Send a command, wait a moment for the worker to take it up, and tell what came of it.

    Args:
        verb: what is asked, for messages.
        to_answer: how a person answers an edit that waits; default: in a terminal.
    """
    to_answer = to_answer or f"promptopt attach {row.id}, then press a"
    commands = Commands(database, row.id)
    number = commands.send(command)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        outcome = commands.outcome(number)
        if outcome is not None:
            return _answer(fold_of(database, row), number, outcome, to_answer)
        time.sleep(0.05)
    later = "its worker has not taken it up yet"
    if command.kind in ("edit", "inject"):
        later = "it is scored before the run goes on" if verb == "edit" else "it is being scored"
    return [f"asked to {verb}; {later}. promptopt show {row.id} tells where it stands."]


def fold_of(database: Database, row: RunRow) -> RunState:
    """Where a run stands."""
    return fold(RunLog(database, row.id))


def _answer(state: RunState, number: int, outcome: str, to_answer: str) -> list[str]:
    """What came of a command; of an edit that was scored its figures, and what the run goes on from."""
    if outcome.startswith("could not be scored"):
        return [f"your prompt {outcome}. It was put aside, the run goes on without it"]
    injection = state.injection
    if injection and injection.command_id == number and injection.comparison:
        scored = _scored(state, injection.comparison, f"the current one ({state.name(injection.against_id)})")
        name = state.name(injection.candidate_id)
        return [scored, f"it stands in the running as {name}; {injection.verdict}"]
    edit = state.edit
    if edit is None or edit.command_id != number or edit.comparison is None:
        return [outcome]
    scored = _scored(state, edit.comparison, f"the one before ({state.name(edit.against_id)})")
    told = [scored, f"it {edit.breaks}: it can't win"] if edit.breaks else [scored]
    if edit.adopted is None:
        return [*told, f"it waits for an answer: {to_answer}"]
    if edit.adopted:
        return [*told, f"it was adopted. {state.on_edit}"]
    candidate = state.candidates.get(edit.candidate_id)
    why = f", for {candidate.judgement}" if candidate and candidate.judgement else ""
    return [*told, f"your prompt was put aside{why}; the run goes on as if there had been no edit"]


def _scored(state: RunState, comparison: Comparison, other: str) -> str:
    """How a person's prompt did against another one."""
    than = "from" if comparison.verdict == "not distinguishable" else "than"
    simulated = " (simulated)" if state.simulated else ""
    return (
        f"your prompt is {comparison.verdict} {than} {other}: "
        f"{points(comparison)} on validation, {comparison.difference.n} cases{simulated}"
    )
