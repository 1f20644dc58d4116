"""Carrying an experiment out: its cells as ordinary runs, some at once, each in a worker of its own.

Who carries it out only starts workers and looks at the store. If it is killed, the workers go on; when it is
started again on the same file, it takes every cell as it finds it: done, under way, to be resumed, or to be
begun.
"""

import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from promptopt.domain.demonstrations import Demonstration
from promptopt.domain.errors import PromptoptError
from promptopt.domain.settings import ProjectSettings
from promptopt.experiments.planning import Cell, Plan
from promptopt.runs.launch import Frozen, create_frozen, resume_run, start_worker
from promptopt.runs.scoreboard import NONE
from promptopt.runs.state import RunState, fold
from promptopt.store.cells import Cells
from promptopt.store.commands import Commands, Stop
from promptopt.store.database import Database
from promptopt.store.experiments import ExperimentRow, Experiments
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs

EVERY = 0.3
"""Seconds between looks at the runs."""

REVIVALS = 2
"""Times that a run whose worker died is taken up again before it counts as failed."""

PATIENCE = 15.0
"""Seconds that runs have to end when the experiment is interrupted."""

ENDED = ("finished", "stopped", "failed")


@dataclass(frozen=True)
class CellState:
    """Where a cell stands.

    Attributes:
        run: its run; None if it has none yet.
        note: why it has none, or why it waits.
        done: nothing more will be done for it in this go.
    """

    cell: Cell
    run: RunRow | None
    note: str = ""
    done: bool = False


Watch = Callable[[Mapping[Cell, CellState]], object]


class Driver:
    """Carries out one experiment.

    Args:
        trusted: the owner trusts what the projects would run or send.
        watch: shown where the cells stand, a few times a second.
    """

    def __init__(
        self, database: Database, row: ExperimentRow, plan: Plan, watch: Watch, *, trusted: bool = False
    ) -> None:
        self._db = database
        self._row = row
        self._plan = plan
        self._watch = watch
        self._trusted = trusted
        self._runs = Runs(database)
        self._experiments = Experiments(database)
        self._assigned = self._experiments.runs(row.id)
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._revived: dict[str, int] = {}
        self._states: dict[Cell, CellState] = {}

    @property
    def states(self) -> Mapping[Cell, CellState]:
        """Where the cells stand, in order."""
        return self._states

    def run(self) -> Mapping[Cell, CellState]:
        """Carry out what is not done yet; returns where the cells stand at the end.

        Raises:
            KeyboardInterrupt: the runs under way were stopped at once; they can go on later.
        """
        try:
            while not self.step():
                time.sleep(EVERY)
        except KeyboardInterrupt:
            self.interrupt()
            raise
        return self._states

    def step(self) -> bool:
        """One look at every cell; returns whether all are done."""
        active = 0
        for cell in self._plan.cells:
            before = self._states.get(cell)
            if before is not None and before.done:
                continue
            state = self._look(cell)
            if not state.done and state.run is None and active < self._plan.parallel and not state.note:
                state = self._begin(cell)
            active += not state.done and state.run is not None
            self._states[cell] = state
        self._watch(self._states)
        return all(state.done for state in self._states.values())

    def _look(self, cell: Cell) -> CellState:
        run_id = self._assigned.get(cell.key)
        if run_id is None:
            return CellState(cell, None, self._waits_for(cell))
        row = self._runs.find(run_id)
        if row.status == "interrupted":
            return self._revive(cell, row)
        if row.status in ENDED:
            return self._ended(cell, row)
        if row.status == "paused":
            return self._paused(cell, row)
        return CellState(cell, row)

    def _waits_for(self, cell: Cell) -> str:
        """What has to be done before a cell can begin: the winner for a judge, the baselines for a search."""
        if cell.judge:
            searched = self._states.get(cell.searched)
            return "" if searched and searched.done else "waits for its winner"
        baselines = [one for one in self._plan.cells if one.label == NONE and not one.judge]
        if cell.optimizes and self._plan.limits and not all(self._done(one) for one in baselines):
            return "waits for the baselines"
        return ""

    def _done(self, cell: Cell) -> bool:
        state = self._states.get(cell)
        return state is not None and state.done

    def _begin(self, cell: Cell) -> CellState:
        try:
            settings = self._plan.capped(cell, self._spent())
            if cell.judge:
                winner = self._winner(cell.searched)
                if winner is None:
                    return CellState(cell, None, "there is no winner to score", done=True)
                settings = settings.model_copy(update=winner)
            run_id = self._create(cell, settings)
        except PromptoptError as error:
            return CellState(cell, None, error.what, done=True)
        if self._assigned[cell.key] == run_id:
            self._start(run_id)
        return CellState(cell, self._runs.find(self._assigned[cell.key]))

    def _create(self, cell: Cell, settings: ProjectSettings) -> str:
        source = self._plan.sources[cell.dataset]
        frozen = Frozen(settings, source.dataset, source.dir, self._plan.path)
        kind = "optimize" if cell.optimizes else "eval"
        run_id = create_frozen(self._db, frozen, kind=kind, trusted=self._trusted)
        self._assigned[cell.key] = self._experiments.assign(self._row.id, cell.key, run_id)
        return run_id

    def _start(self, run_id: str) -> None:
        self._workers[run_id] = start_worker(run_id)

    def _winner(self, cell: Cell) -> dict[str, object] | None:
        """Prompt and demonstrations of the winner of a cell."""
        state = self._states[cell]
        if state.run is None:
            return None
        told = self._fold(state.run.id)
        prompt = Cells(self._db, state.run.id).prompt(told.best_id)
        scored = told.candidates.get(told.best_id)
        if prompt is None or scored is None or self._plan.split(cell) not in scored.scores:
            return None
        shown = [Demonstration(inputs=d.inputs, output=d.expected or "") for d in prompt.demonstrations]
        return {"prompt": prompt.text, "demonstrations": shown}

    def _revive(self, cell: Cell, row: RunRow) -> CellState:
        """Take up a run whose worker died, or that never had one."""
        if self._working(row.id):
            return CellState(cell, row, "starting")
        times = self._revived.get(row.id, 0)
        if times > REVIVALS:
            return CellState(cell, row, "its worker died again and again", done=True)
        self._revived[row.id] = times + 1
        return self._resume(cell, row)

    def _resume(self, cell: Cell, row: RunRow) -> CellState:
        try:
            self._workers[row.id] = resume_run(self._db, row.id, trusted=self._trusted)
        except PromptoptError as error:
            return CellState(cell, row, error.what, done=True)
        return CellState(cell, self._runs.find(row.id), "taken up again")

    def _ended(self, cell: Cell, row: RunRow) -> CellState:
        """A run that is over; one of an earlier go that ended before its end is taken up again."""
        if self._working(row.id):  # not begun yet, or about to leave
            return CellState(cell, row)
        mine = row.id in self._workers or self._revived.get(row.id, 0) > 0
        if row.status != "finished" and not mine and self._fold(row.id).resumable:
            self._revived[row.id] = 1
            return self._resume(cell, row)
        note = row.detail.splitlines()[0] if row.status == "failed" and row.detail else ""
        return CellState(cell, row, note, done=True)

    def _paused(self, cell: Cell, row: RunRow) -> CellState:
        """A run that waits. It may wait for a person who paused it; one that paused itself is stopped, and
        can go on when somebody has mended what is wrong.
        """
        reason = self._fold(row.id).pause_reason
        if reason:
            Commands(self._db, row.id).send(Stop(now=True), "promptopt")
        return CellState(cell, row, reason or "paused by a person")

    def _spent(self) -> dict[str, float]:
        """By all baselines, of each kind of cap."""
        total: dict[str, float] = {}
        for cell, state in self._states.items():
            if cell.label == NONE and not cell.judge and state.run is not None:
                for name, meter in self._fold(state.run.id).meters.items():
                    total[name] = total.get(name, 0.0) + meter.spent + meter.uncertain
        return total

    def _fold(self, run_id: str) -> RunState:
        return fold(RunLog(self._db, run_id))

    def _working(self, run_id: str) -> bool:
        """Whether a worker that was started here is still there."""
        worker = self._workers.get(run_id)
        return worker is not None and worker.poll() is None

    def interrupt(self) -> None:
        """Stop what is under way, at once: the sealed tests stay sealed, and all can go on later."""
        active = [state.run.id for state in self._states.values() if state.run and not state.done]
        for run_id in active:
            Commands(self._db, run_id).send(Stop(now=True))
        deadline = time.monotonic() + PATIENCE
        while active and time.monotonic() < deadline:
            active = [run_id for run_id in active if self._runs.find(run_id).live]
            time.sleep(EVERY)
        for cell, state in self._states.items():
            if state.run:
                self._states[cell] = replace(state, run=self._runs.find(state.run.id))
