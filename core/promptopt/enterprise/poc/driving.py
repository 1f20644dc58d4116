"""Carrying a proof of concept out: its stages one after the other, each in runs with workers of their own.

Who carries it out only starts workers and looks at the store. If it is killed, the workers go on; who takes
it up finds every stage as it is: done, under way, to be resumed, or to be begun. One driver at a time: it has
the proof of concept by its heartbeat.
"""

import contextlib
import json
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import PromptoptError, RunError
from promptopt.domain.prompt import Prompt
from promptopt.domain.settings import ProjectSettings
from promptopt.enterprise.poc import comparing, phrasing
from promptopt.enterprise.poc.anew import is_barren, left_of_stage, no_case, put_aside
from promptopt.enterprise.poc.cases import Gate, gate, made_already, of_generated, of_own
from promptopt.enterprise.poc.concluding import conclude, winner_of
from promptopt.enterprise.poc.month import headroom, left_of_month
from promptopt.enterprise.poc.plan import FEWEST_SEALED, SPLIT, POCPlan
from promptopt.enterprise.poc.settings import generation_of
from promptopt.enterprise.poc.shares import allowance, short_of
from promptopt.enterprise.poc.spending import committed
from promptopt.experiments.config import OptimizerEntry
from promptopt.experiments.driving import ENDED, REVIVALS, Driver
from promptopt.experiments.results import frozen_plan
from promptopt.runs.generated import generated_by
from promptopt.runs.generating import NAME as GENERATE
from promptopt.runs.generating import foreseen, generation_plan_of
from promptopt.runs.launch import Frozen, create_frozen, resume_run, start_worker
from promptopt.runs.state import fold
from promptopt.store.cells import Cells
from promptopt.store.commands import Commands, Pause, Resume, Stop
from promptopt.store.database import Database, StoreError
from promptopt.store.experiments import Experiments
from promptopt.store.pocs import Part, PocRow, Pocs
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs

EVERY = 0.25
"""Seconds between looks at the store."""

BEAT = 1.0

PATIENCE = 20.0
"""Seconds that runs have to end when a person stops it."""


class Halt(Exception):
    """It ends here for now: the status that it has from then on, and why."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Driven(RunError):
    """Another driver has it."""


Watch = Callable[[], object]


class POCDriver:
    """Carries out one proof of concept. Make it, then call :meth:`run`, once.

    Args:
        watch: called a few times a second; where it stands is in the store.
        trusted: the owner trusts what the models' settings would send where.
    """

    def __init__(
        self, database: Database, row: PocRow, watch: Watch = lambda: None, *, trusted: bool = True
    ) -> None:
        self._db = database
        self._row = row
        self.plan = POCPlan.model_validate_json(row.plan)
        self._watch = watch
        self._trusted = trusted
        self._pocs = Pocs(database)
        self._runs = Runs(database)
        self._folder = Path(row.output_dir)
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._revived: dict[str, int] = {}
        self._held_back: set[str] = set()
        """Runs that were paused because the whole was."""
        self._me = uuid.uuid4().hex
        self._lost = threading.Event()

    def run(self) -> PocRow:
        """Carry out what is not done yet; returns where it stands then.

        Raises:
            Driven: another driver has it.
            KeyboardInterrupt: the runs under way were stopped at once; all can go on later.
        """
        if not self._pocs.claim(self._row.id, self._me):
            raise Driven(
                f"{self._row.id} is carried out by another process already",
                fix=f"promptopt poc show {self._row.id} tells how far it is",
            )
        stop = threading.Event()
        heart = threading.Thread(target=self._beat, args=(stop,), name="poc heartbeat", daemon=True)
        heart.start()
        status, detail = "failed", "the driver ended early"
        try:
            self._stages()
            status, detail = "finished", ""
        except Halt as halt:
            status, detail = halt.status, halt.detail
        except KeyboardInterrupt:
            self._stop_runs()
            status, detail = "stopped", "interrupted; the same again goes on, and pays for nothing twice"
            raise
        except PromptoptError as error:
            status, detail = "failed", str(error)
        except Exception as error:
            status, detail = "failed", f"{type(error).__name__}: {error}"
            raise
        finally:
            stop.set()
            heart.join()
            self._pocs.release(self._row.id, self._me, status, detail)
            self._watch()
        return self._pocs.find(self._row.id)

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(BEAT):
            with contextlib.suppress(StoreError):  # a store that is busy may hear the next beat
                if not self._pocs.beat(self._row.id, self._me):
                    self._lost.set()
                    return

    # The stages

    def _stages(self) -> None:
        self._pocs.wish(self._row.id, "")
        dataset = self._cases()
        self._comparison(dataset)
        self._consistency(dataset)
        conclude(self._db, self._pocs.find(self._row.id), self.plan)

    def _cases(self) -> Dataset:
        """The cases that are used: frozen once they have passed the gate."""
        known = self._pocs.body(self._row.id, "dataset")
        if known:
            return Dataset.model_validate_json(known)
        dataset, found, run_id = self._owned() if self.plan.own_cases else self._made()
        self._pocs.keep(self._row.id, "gate", found.model_dump_json())
        parts = self._pocs.parts(self._row.id)
        if self.plan.review and "review" not in parts:
            where = run_id or "the file"
            raise Halt(
                "held",
                f"a person is to look at the cases: promptopt data review {where}; "
                f"then: promptopt poc resume {self._row.id}",
            )
        if not found.passed and "accepted" not in parts:
            told = "; ".join(found.reasons)
            raise Halt(
                "held",
                f"the cases do not pass the gate: {told}. To use them all the same: promptopt poc resume "
                f"{self._row.id} --accept-cases",
            )
        body = dataset.model_dump_json(exclude_defaults=True)
        return Dataset.model_validate_json(self._pocs.freeze(self._row.id, "dataset", body))

    def _owned(self) -> tuple[Dataset, Gate, str]:
        body = self._pocs.body(self._row.id, "own cases")
        if not body:
            raise RunError("the cases that it was to use are not there", where=self._row.id)
        dataset, quality = of_own(Dataset.model_validate_json(body), self.plan.prompt, self.plan.seed)
        return dataset, gate(self.plan, dataset, quality, "your own cases", simulated=False), ""

    def _made(self) -> tuple[Dataset, Gate, str]:
        put_aside(self._db, self._row.id)
        row = self._part_run("data", self._begin_making)
        made = generated_by(self._db, row.id)
        if not made.drafts:
            raise no_case(row, self._row.id, barren=is_barren(self._db, row))
        dataset, quality = of_generated(self._db, made, self.plan.seed)
        source = f"run {row.id}, made up by {made.model}"
        return dataset, gate(self.plan, dataset, quality, source, simulated=made.simulated), row.id

    def _begin_making(self) -> Part:
        """Begin the run that makes the cases, or take one that has made the same."""
        caps = left_of_stage(self._db, self._row.id, self._allowance("data"))
        wanted = generation_of(self.plan, {})
        there = made_already(self._db, wanted, self._limits().get("usd"))
        if there is not None:
            body = json.dumps({"reused": True})
            return self._pocs.assign(self._row.id, "data", "run", there.id, body)
        need = foreseen(generation_plan_of(wanted), wanted)
        fewest = FEWEST_SEALED / SPLIT[2] / self.plan.count
        least = {
            "usd": need.total.usd.low if need.total.usd else 0.0,
            "calls": need.total.calls.low,
            "tokens": need.total.tokens.low,
            "minutes": need.seconds.low / 60,
        }
        for name, value in least.items():
            if name in caps and (caps[name] <= 0 or value * min(1.0, fewest) > caps[name]):
                raise RunError(
                    f"the budget is too small to make even the fewest cases up: {caps[name]:,.4g} {name} for "
                    f"this stage, and {value * min(1.0, fewest):,.4g} are the least that it takes",
                    where=self._row.id,
                    fix="raise the budget, or give cases of your own with --cases",
                )
        return self._begin("data", generation_of(self.plan, caps), Dataset(train=(), validation=()), GENERATE)

    def _comparison(self, dataset: Dataset) -> None:
        parts = self._pocs.parts(self._row.id)
        part = parts.get("comparison") or self._begin_comparing(dataset)
        if part.kind != "experiment":
            return  # left out
        body = json.loads(part.body)
        entries = [OptimizerEntry.model_validate(one) for one in body["optimizers"]]
        plan = comparing.experiment_plan(self.plan, dataset, entries, body["caps"], self._folder)
        row = Experiments(self._db).find(part.ref)
        driver = Driver(self._db, row, plan, lambda _: self._watch(), trusted=self._trusted)
        try:
            while not driver.step():
                self._wait()
        except KeyboardInterrupt:
            driver.interrupt()
            raise
        if not any(state.run and not state.cell.optimizes for state in driver.states.values()):
            return
        failed = [s.note for s in driver.states.values() if s.note and s.run and s.run.status == "failed"]
        if failed and all(s.run is None or s.run.status == "failed" for s in driver.states.values()):
            raise RunError(
                f"no run of the comparison came to its end: {failed[0]}",
                where=f"experiment {part.ref}",
                fix=f"mend that, then: promptopt poc resume {self._row.id}",
            )

    def _begin_comparing(self, dataset: Dataset) -> Part:
        caps = self._allowance("comparison")
        found = comparing.carried(self.plan, dataset, caps)
        if short_of(caps) or not found.entries:
            why = "; ".join(f"{label}: {reason}" for label, reason in found.left_out.items())
            said = f"the budget can't carry it. {why}" if why else "the budget is used up"
            month = left_of_month(self._db, self._row, self.plan)
            said += f"; {month}" if month else ""
            return self._leave_out("comparison", said, found.left_out)
        plan = comparing.experiment_plan(self.plan, dataset, found.entries, caps, self._folder)
        row = Experiments(self._db).create(
            plan.name, plan.digest(), frozen_plan(plan), str(self._folder / "comparison"), plan.simulated
        )
        body = {
            "caps": caps,
            "optimizers": [entry.model_dump(mode="json") for entry in found.entries],
            "left_out": dict(found.left_out),
        }
        return self._pocs.assign(self._row.id, "comparison", "experiment", row.id, json.dumps(body))

    def _consistency(self, dataset: Dataset) -> None:
        """Cases in other words, and what today's prompt and the winner answer to them."""
        parts = self._pocs.parts(self._row.id)
        if "consistency" in parts:
            return  # left out
        comparison = parts["comparison"]
        winner = winner_of(self._db, comparison.ref) if comparison.kind == "experiment" else None
        chosen = phrasing.to_put(self.plan, dataset)
        why = self._why_not(winner, len(chosen.test), begun="phrasings" in parts)
        if why or winner is None:
            self._leave_out("consistency", why)
            return
        row = self._part_run("phrasings", lambda: self._begin_phrasing(chosen))
        results = Cells(self._db, row.id).results(fold(RunLog(self._db, row.id)).seed_id, "test")
        ways = phrasing.phrased(dataset, results)
        if len({case.group for case in ways.test}) < 2:
            self._leave_out("consistency", "the generator put too few cases in other words")
            return
        self._answers(winner, ways)

    def _answers(self, winner: tuple[Prompt, Prompt], ways: Dataset) -> None:
        """Have today's prompt and the winner answer all phrasings, each in a run of its own."""
        seed, best = winner
        wanted = {"consistency/today": seed} | ({"consistency/new": best} if best.id != seed.id else {})
        for number, (name, prompt) in enumerate(wanted.items()):
            begin = partial(self._begin_answering, name, prompt, ways, len(wanted) - number)
            part = self._pocs.parts(self._row.id).get(name) or begin()
            if part.kind != "run":
                return  # left out
            self._part_run(name, lambda: part)  # noqa: B023

    def _begin_answering(self, name: str, prompt: Prompt, ways: Dataset, left: int) -> Part:
        caps = {cap: _floor(cap, value / left) for cap, value in self._allowance("consistency").items()}
        if short_of(caps):
            return self._leave_out("consistency", f"the budget leaves no {short_of(caps)} for it")
        return self._begin(name, phrasing.answering(self.plan, prompt, caps), ways, "eval")

    def _why_not(self, winner: object, tasks: int, *, begun: bool) -> str:
        """Why consistency is not measured; empty if it is."""
        if winner is None:
            return "no prompt was found to measure it with"
        if tasks < 2:
            return "there are no sealed cases with one input text"
        return "" if begun else self._too_dear(tasks)

    def _too_dear(self, tasks: int) -> str:
        """Why the budget can't carry the consistency; empty if it can."""
        caps = self._allowance("consistency")
        if short_of(caps):
            return f"the budget leaves no {short_of(caps)} for it"
        least = tasks * (self.plan.phrasings - 1) + 2 * tasks * 2
        if "calls" in caps and caps["calls"] < least:
            return f"it takes {least} calls at least, and the budget leaves {caps['calls']:,.0f} for it"
        return ""

    def _begin_phrasing(self, chosen: Dataset) -> Part:
        caps = {name: _floor(name, 0.4 * cap) for name, cap in self._allowance("consistency").items()}
        return self._begin("phrasings", phrasing.asking(self.plan, chosen, caps), chosen, "eval")

    # What stages are made of

    def _limits(self) -> dict[str, float]:
        """Caps of everything: its own, and what its organization may spend this month."""
        limits = self.plan.budget.limits()
        month = headroom(self._db, self._row, self.plan)
        if month is not None:
            limits["usd"] = min(limits.get("usd", month), month)
        return limits

    def _allowance(self, stage: str) -> dict[str, float]:
        out = [name for name, part in self._pocs.parts(self._row.id).items() if part.kind == "result"]
        spent = committed(self._db, self._row.id)
        return allowance(self._limits(), spent, stage, self.plan.shares, out)

    def _leave_out(self, stage: str, why: str, left_out: Mapping[str, str] | None = None) -> Part:
        body = json.dumps({"left_out": dict(left_out or {}), "why": why})
        return self._pocs.assign(self._row.id, stage, "result", body=body)

    def _begin(self, part: str, settings: ProjectSettings, dataset: Dataset, kind: str) -> Part:
        frozen = Frozen(settings, dataset, self._folder, self._folder)
        run_id = create_frozen(self._db, frozen, kind=kind, trusted=self._trusted)
        found = self._pocs.assign(self._row.id, part, "run", run_id)
        if found.ref == run_id:
            self._workers[run_id] = start_worker(run_id)
        return found

    def _part_run(self, name: str, begin: Callable[[], Part]) -> RunRow:
        """The run of a part, brought to its end."""
        part = self._pocs.parts(self._row.id).get(name) or begin()
        while True:
            row = self._runs.find(part.ref)
            if self._over(row):
                return row
            self._wait()

    def _over(self, row: RunRow) -> bool:
        """Whether a run has come to its end; takes it up if its worker died, or an earlier go ended it."""
        worker = self._workers.get(row.id)
        working = worker is not None and worker.poll() is None
        if working:
            if row.status == "paused":
                self._end_if_it_waits(row)
            return False
        if row.status == "interrupted":
            return not self._revive(row)
        if row.status not in ENDED:
            if row.status == "paused":
                self._end_if_it_waits(row)
            return False
        resumable = row.status != "finished" and fold(RunLog(self._db, row.id)).resumable
        resumable = resumable and not is_barren(self._db, row)
        if resumable and row.id not in self._revived:
            if row.id in self._workers:
                raise Halt("stopped" if row.status == "stopped" else "failed", self._why(row))
            return not self._revive(row)
        return True

    def _why(self, row: RunRow) -> str:
        detail = row.detail.splitlines()[0] if row.detail else row.status
        return f"run {row.id} was {row.status}: {detail}; to go on: promptopt poc resume {self._row.id}"

    def _end_if_it_waits(self, row: RunRow) -> None:
        """A run that paused itself, as a model answers nobody, is ended; a person's pause is left alone."""
        if row.id not in self._held_back and fold(RunLog(self._db, row.id)).pause_reason:
            Commands(self._db, row.id).send(Stop(now=True), "promptopt")

    def _revive(self, row: RunRow) -> bool:
        times = self._revived.get(row.id, 0)
        if times > REVIVALS:
            raise Halt("failed", f"the worker of run {row.id} died again and again")
        self._revived[row.id] = times + 1
        self._workers[row.id] = resume_run(self._db, row.id, trusted=self._trusted)
        return True

    def _wait(self) -> None:
        """A look at what people want, and a while."""
        if self._lost.is_set():
            raise Halt("failed", "another driver has taken over")
        wish = self._pocs.find(self._row.id).wish
        if wish == "stop":
            self._stop_runs()
            self._pocs.wish(self._row.id, "")
            raise Halt("stopped", "stopped by a person")
        if wish == "pause":
            self._pause()
        self._watch()
        time.sleep(EVERY)

    def _pause(self) -> None:
        """Hold everything until the wish is another one."""
        self._pocs.say(self._row.id, "paused", "paused by a person")
        while self._pocs.find(self._row.id).wish == "pause" and not self._lost.is_set():
            for row in self._live():
                if row.status == "running" and row.id not in self._held_back:
                    self._held_back.add(row.id)
                    Commands(self._db, row.id).send(Pause(reason="the proof of concept is paused"))
            self._watch()
            time.sleep(EVERY)
        for row in self._live():
            if row.id in self._held_back:
                Commands(self._db, row.id).send(Resume())
        self._held_back.clear()
        if not self._lost.is_set():
            self._pocs.say(self._row.id, "running")

    def _stop_runs(self) -> None:
        """End what is under way, at once: all can go on later."""
        for row in self._live():
            Commands(self._db, row.id).send(Stop(now=True))
        deadline = time.monotonic() + PATIENCE
        while self._live() and time.monotonic() < deadline:
            time.sleep(EVERY)

    def _live(self) -> list[RunRow]:
        rows = [self._runs.find(run_id) for run_id in self._pocs.run_ids(self._row.id)]
        return [row for row in rows if row.live]


def _floor(cap: str, value: float) -> float:
    return float(int(value)) if cap.endswith(("calls", "tokens")) else value
