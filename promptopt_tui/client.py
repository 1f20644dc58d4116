"""The UI's one door to the store. Its methods wait for the disk: call them from a thread.

Imports that cost time are inside the methods, so that the first frame need not wait for them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt_tui.business import Business
from promptopt_tui.makings import Makings
from promptopt_tui.projects import Projects
from promptopt_tui.proofs import Listed, Proofs

if TYPE_CHECKING:
    from promptopt.domain.dataset import Split
    from promptopt.domain.marks import Marks
    from promptopt.domain.results import CaseResult
    from promptopt.runs.aftermath import Aftermath
    from promptopt.runs.draftlog import Drafts
    from promptopt.runs.following import Follower
    from promptopt.runs.state import RunState
    from promptopt.store.commands import Command
    from promptopt.store.database import Database
    from promptopt.store.export import Exported
    from promptopt.store.projects import ProjectEntry
    from promptopt.store.runs import RunRow
    from promptopt.store.tracepages import TracePages
    from promptopt.store.trust import Power
    from promptopt_tui.queuebook import Source


LISTED = 1000
"""Runs in the list at most: the newest."""


@dataclass(frozen=True)
class Lists:
    """What the home screen shows."""

    projects: list[ProjectEntry]
    runs: list[RunRow]
    problem: str = ""
    proofs: list[Listed] = field(default_factory=list[Listed])


class Client:
    """Projects, runs and commands.

    Args:
        database: the store; by default the one in the data directory, opened when first needed.
        now: seconds since the epoch.
    """

    def __init__(self, database: Database | None = None, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._own = database is None
        self._lock = threading.Lock()
        self._now = now
        self.projects = Projects(lambda: self.database)
        self.makings = Makings()
        self.proofs = Proofs(lambda: self.database)
        self.business = Business(lambda: self.database)

    @property
    def database(self) -> Database:
        """The store, opened if it was not."""
        with self._lock:
            if self._database is None:
                from promptopt.store.database import Database

                self._database = Database.open()
            return self._database

    def close(self) -> None:
        """Let go of the store, if this client opened it."""
        with self._lock:
            if self._own and self._database is not None:
                self._database.close()

    def lists(self) -> Lists:
        """Projects and runs, archived ones, too, and proofs of concept."""
        from promptopt.domain.errors import PromptoptError
        from promptopt.store.projects import list_projects
        from promptopt.store.runs import Runs

        runs, proofs = Runs(self.database).list(limit=LISTED, archived=True), self.proofs.listed()
        try:
            return Lists(list_projects(), runs, proofs=proofs)
        except (PromptoptError, OSError) as error:
            return Lists([], runs, str(error), proofs)

    def find(self, reference: str) -> RunRow:
        """The run that ``reference`` means; see :meth:`promptopt.store.runs.Runs.find`."""
        from promptopt.store.runs import Runs

        return Runs(self.database).find(reference)

    def follow(self, run_id: str) -> Follower:
        """A follower of this run, not started yet."""
        from promptopt.runs.following import Follower
        from promptopt.runs.snapshots import Snapshots
        from promptopt.store.runlog import RunLog
        from promptopt.store.runs import Runs

        runs = Runs(self.database)
        log = RunLog(self.database, run_id)
        return Follower(log, lambda: runs.find(run_id), snapshots=Snapshots(log), now=self._now)

    def send(self, run_id: str, command: Command) -> int:
        """Ask something of a run's worker; returns the command's id."""
        from promptopt.store.commands import Commands

        return Commands(self.database, run_id).send(command)

    def cases(self, run_id: str, split: Split) -> list[tuple[str, str]]:
        """Ids of the frozen cases of one split, and each as JSON."""
        from promptopt.store.runs import Runs

        return list(Runs(self.database).case_bodies(run_id, split))

    def marks(self, run_id: str, prompt_id: str, split: Split) -> Marks:
        """How a prompt did on a split, by case id."""
        from promptopt.store.cells import Cells

        return Cells(self.database, run_id).marks(prompt_id, split)

    def result(self, run_id: str, prompt_id: str, split: Split, case_id: str) -> CaseResult | None:
        """What a prompt gave on a case, and the checks' reasons."""
        from promptopt.store.cells import Cells

        return Cells(self.database, run_id).result(prompt_id, split, case_id)

    def outcomes(self, run_id: str, prompt_id: str, split: Split) -> Iterator[tuple[str, float, bool, str]]:
        """Case id, score, whether it passed, and category, of each case that a prompt was scored on."""
        from promptopt.store.cells import Cells

        return Cells(self.database, run_id).outcomes(prompt_id, split)

    def drafts(self, run_id: str, after: int = 0) -> Drafts:
        """The cases that a run has made up, as its stream has them after its ``after``-th event."""
        from promptopt.runs.draftlog import read_drafts
        from promptopt.store.runlog import RunLog

        return read_drafts(RunLog(self.database, run_id), after)

    def review(self, run_id: str) -> Source:
        """What a run has made up, to be reviewed."""
        from promptopt.domain.drafted import GenerationStarted
        from promptopt.runs.draftlog import review_of
        from promptopt.store.runlog import RunLog
        from promptopt_tui.queuebook import Source

        drafts = self.drafts(run_id)
        begun = RunLog(self.database, run_id).of_kinds(["generation_started"], 1)
        plan = begun[0].event if begun else None
        assert plan is None or isinstance(plan, GenerationStarted)
        return Source(self.find(run_id), plan, drafts, review_of(self.database, run_id, drafts))

    def look_over(self, run_id: str) -> Mapping[str, Any]:
        """Which cases that a run made up hold private data, and which are nearly alike."""
        from promptopt.runs.apart import in_its_own_process

        return in_its_own_process(self.database, {"job": "look over", "run": run_id})

    def calls(self, run_id: str) -> TracePages:
        """The run's model calls, page by page."""
        from promptopt.store.tracepages import TracePages

        return TracePages(self.database, run_id, self._now)

    def aftermath_at_once(self, state: RunState) -> Aftermath:
        """The same, as far as nothing has to be read for it."""
        from promptopt.runs.aftermath import at_once

        return at_once(state)

    def aftermath(self, row: RunRow, state: RunState) -> Aftermath:
        """What a run that is over has to tell: where the winner comes from, why none is better, who did what.

        ``state`` is only read; it should be of a run that is over.
        """
        from promptopt.runs.aftermath import aftermath

        return aftermath(self.database, row, state)

    def again(self, run_id: str) -> Mapping[str, Any] | None:
        """Of a run that scored one prompt, the figure that it had before on the same cases; see
        :func:`promptopt.runs.rescoring.again_summary`.
        """
        from promptopt.runs.apart import in_its_own_process

        return in_its_own_process(self.database, {"job": "again", "run": run_id})

    def side_by_side(self, run_ids: Sequence[str], split: Split) -> Mapping[str, Any]:
        """Runs side by side; see :func:`promptopt.runs.sidebyside.side_by_side`."""
        from promptopt.runs.apart import in_its_own_process

        job = {"job": "runs", "runs": list(run_ids), "split": split}
        return in_its_own_process(self.database, job)

    def report(self, row: RunRow, state: RunState, found: Aftermath) -> str:
        """A run as a report in Markdown."""
        from promptopt.reporting.markdown import report

        return report(state, row, found)

    def asset(self, row: RunRow, state: RunState, candidate_id: str) -> Exported:
        """A candidate, to be exported."""
        from promptopt.runs.assets import asset_of

        return asset_of(self.database, row, state, candidate_id)

    def rescore(self, run_id: str, candidate_id: str, split: Split) -> str:
        """Score a candidate again, with fresh answers, in a run of its own; returns that run's id.

        Raises:
            TrustError: the run has code or an endpoint of its own that its owner has not trusted.
        """
        from promptopt.runs.launch import start_worker
        from promptopt.runs.rescoring import rescore, scored_prompt

        scored = scored_prompt(self.database, self.find(run_id), candidate_id, split)
        started = rescore(self.database, scored)
        start_worker(started)
        return started

    def check(self, project: Path) -> Mapping[str, Any]:
        """Look whether a project can run, and what it would send of personal data and secrets; see
        :mod:`promptopt.runs.apart`.

        Raises:
            RunError: something is wrong with its checks, optimizer, models, keys or cases.
        """
        from promptopt.runs.apart import in_its_own_process

        return in_its_own_process(self.database, {"job": "check", "project": str(project)})

    def start(self, project: Path) -> tuple[str, list[str]]:
        """Make a run of a project that was checked, and start its worker; returns the run's id and notices.

        Raises:
            TrustError: it has code or an endpoint of its own that its owner has not trusted.
        """
        from promptopt.runs.launch import create_run, start_worker

        run_id, notices = create_run(self.database, project)
        start_worker(run_id)
        return run_id, notices

    def resumable(self, run_id: str) -> bool:
        """Whether a run whose worker is gone may be taken up: reads all that it has said."""
        from promptopt.runs.state import fold
        from promptopt.store.runlog import RunLog

        return fold(RunLog(self.database, run_id)).resumable

    def resume(self, run_id: str) -> None:
        """Start a worker for a run that has none.

        Raises:
            TrustError: code that its checks call was changed since its owner trusted it.
        """
        from promptopt.runs.launch import resume_run

        resume_run(self.database, run_id)

    def around(self, powers: Sequence[Power]) -> str:
        """What stands around the code among these on this machine; empty if there is none."""
        from promptopt.evaluation.boxes import around_python

        return around_python() if any(power.is_code for power in powers) else ""

    def trust(self, powers: Sequence[Power]) -> None:
        """Record that the owner trusts exactly these."""
        from promptopt.store.trust import trust

        trust(powers)

    def demo(self) -> Path:
        """The built-in demo's project file."""
        from promptopt.examples import demo_dir

        return demo_dir() / "project.toml"
