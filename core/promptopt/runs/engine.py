"""One run from its first event to its last: its parts are put together, and whatever ends it is told."""

import asyncio
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from promptopt.domain import events as ev
from promptopt.domain.compliance import said
from promptopt.domain.errors import PromptoptError, RunError
from promptopt.domain.mending import mended
from promptopt.domain.prompt import Prompt
from promptopt.domain.redaction import Redactor
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.checks import Judge, build_judge
from promptopt.evaluation.constraints import build_task
from promptopt.evaluation.runner import Runner
from promptopt.models.budget import Ledger, Stopwatch
from promptopt.models.endpoint import Endpoint, Seat, role_of
from promptopt.models.gateway import Gateway
from promptopt.models.limits import WINDOW
from promptopt.models.relay_wire import RunWire, wire_for
from promptopt.models.shield import Shield
from promptopt.models.telemetry import OFF, open_telemetry
from promptopt.optimizers.base import BaseOptimizer
from promptopt.runs.context import Context
from promptopt.runs.control import Control
from promptopt.runs.generating import NAME as GENERATION
from promptopt.runs.generating import generation_plan_of
from promptopt.runs.guiding import Guiding
from promptopt.runs.holding import HeldBack
from promptopt.runs.meters import Meters, seconds_by_role
from promptopt.runs.opening import announcement, look_ahead, needs
from promptopt.runs.own import NOTHING, Own
from promptopt.runs.phases import PATIENCE, Ended, Phases
from promptopt.runs.playing import NAME, plan_of
from promptopt.runs.remodelling import Remodelling
from promptopt.runs.resources import Resources, cases_at_once
from promptopt.runs.setup import open_endpoints, seats_in_use, why_no_reuse
from promptopt.runs.snapshots import Keeper
from promptopt.runs.state import RunState, fold
from promptopt.store.audit import Audit, AuditLog, NoAudit
from promptopt.store.cells import Cells
from promptopt.store.commands import Commands
from promptopt.store.database import Database, StoreError
from promptopt.store.journal import Found, Journal
from promptopt.store.receipts import receipts_dir
from promptopt.store.reuse import EarlierAnswers
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs
from promptopt.store.trust import trusted_code

NOTICES = 200
"""Different things that a run tells its people; more of them tell nothing new."""

JUDGE: frozenset[ev.Role] = frozenset({"judge"})

RELAY_PATIENCE = 5.0
"""Seconds that the relay of a killed worker has to note what it was told to send; it needs milliseconds."""


class Engine:
    """Carries one run out. Make it, then await :meth:`run`, once.

    Args:
        own: what the calling program brings.
        ready: called before the first request, when all is imported.

    Attributes:
        fault: what ended the run, if that was an error in an optimizer or a check.
    """

    def __init__(
        self,
        database: Database,
        row: RunRow,
        own: Own = NOTHING,
        ready: Callable[[], object] = lambda: None,
    ) -> None:
        self.fault: Exception | None = None
        self._ready = ready
        self._own = own
        self._db = database
        self._row = row
        self._runs = Runs(database)
        self._log = RunLog(database, row.id)
        self._cells = Cells(database, row.id)
        self._settings = self._runs.settings(row.id)
        self._dataset = self._runs.dataset(row.id)
        self._seed = self._settings.seed_prompt
        self.state = RunState()
        self._keeper = Keeper(self._log, self.state)
        self.watch = Stopwatch(row.active_seconds)
        self._ledger = Ledger(self._settings.budget.limits(), self.watch)
        self._meters = Meters(self.emit, self.state, self._ledger, self._runs, row.id)
        self._telemetry = OFF
        self._shield: Shield
        self._audit: Audit = NoAudit()
        self._plan = plan_of(self._settings) if row.kind == NAME else None
        self._generation = generation_plan_of(self._settings) if row.kind == GENERATION else None
        self._judged = False
        """Judge models decide matches."""
        self._redactor = Redactor(model for _, _, model in self._settings.every_model())
        self._redact = self._redactor.redact

    async def run(self) -> None:
        """Run to the end; whatever ends it is in the last event."""
        edits = self._fold()
        if not self.state.resumable:
            raise RunError(f"run {self._row.id} has come to its end")
        frozen = self._dataset  # as it was before people mended any case: placeholders keep their numbers
        if self.state.version:
            self._ledger.set_limits(self.state.limits)
            self._dataset = mended(self._dataset, self.state.mends.values())
        wire = wire_for(receipts_dir(self._row.id))
        journal = Journal(self._db, self._row.id, wire.settled)
        found = journal.take_over(RELAY_PATIENCE)
        self._ledger.restore(found.spending, seconds_by_role(self.state))
        try:
            optimizer = self._own.optimizer_for(self._settings) if self._row.kind == "optimize" else None
            self._judged = bool(
                (self._plan and self._plan.config.needs_judges) or (optimizer and optimizer.needs_judges)
            )
            self._shield = await asyncio.to_thread(Shield, self._settings, frozen)
            if self._shield.policy.audit:
                self._audit = self._audit_log()
            if self.state.version:
                sent = journal.requests() if self._shield.masks else ()
                self._shield.recount(sent, self.state.withheld.refused)
            folder, cases = Path(self._row.project_dir), tuple(self._dataset.cases())
            fix = f"look at it, then: promptopt resume {self._row.id} --trust"
            code = trusted_code(self._settings, cases, folder, fix)
            judge = build_judge(
                self._settings,
                folder,
                cases,
                self._warn,
                code,
                functions=self._own.functions,
                optional=self._judged,
            )
            try:
                await self._carry_out(judge, optimizer, journal, found, edits, wire)
            finally:
                await asyncio.to_thread(self._telemetry.close)
                await judge.close()
                await self._let_go(journal, wire)
        except PromptoptError as error:
            self._fail(str(error))
        except Exception as error:
            # A fault in an optimizer or a check, ours or not: the run ends in order all the same.
            self.fault = error
            print(self._redact(traceback.format_exc()), file=sys.stderr)
            details = "" if self._own.optimizer else "\n  → the worker's log has the details"
            self._fail(f"{type(error).__name__}: {error}{details}")

    def _audit_log(self) -> Audit:
        """The log in which all that is sent is taken down.

        Raises:
            StoreError: it can't be written, so nothing may be sent.
        """
        row = self._row
        try:
            return AuditLog(
                row.id, project=row.project, optimizer=row.optimizer, policy=said(self._shield.policy)
            )
        except OSError as error:
            raise StoreError(
                f"the audit log can't be written: {error.strerror or error}",
                fix=f"mend that, then: promptopt resume {row.id}",
            ) from error

    async def _let_go(self, journal: Journal, wire: RunWire) -> None:
        """Leave the relay to itself; it ends when the last request has been answered or given up."""
        await asyncio.wrap_future(self._db.transact(lambda _: None))  # what is settled is durable, and told
        await wire.close()
        journal.tidy()
        self._audit.close(self.state.status)

    async def _carry_out(
        self,
        judge: Judge,
        optimizer: BaseOptimizer | None,
        journal: Journal,
        found: Found,
        edits: Sequence[Prompt],
        wire: RunWire,
    ) -> None:
        gateway = self._open(judge, optimizer, journal, found, wire)
        task = build_task(self._settings, self._own.examples, self._own.functions)
        runner = Runner(judge, cases_at_once(gateway.endpoints), self._settings.evaluation.repeats)
        context = Context(
            self._settings, task, self._dataset, gateway, runner, self._cells, self, self._ledger.meters
        )
        context.restore(edits, self.state.iteration, replays=found.answered > 0)
        control = self._steered(context, gateway, runner, wire)
        if self.state.version:
            control.drop_stale()
            self.emit(ev.RunResumed(journaled=found.answered, lost=found.lost))
            control.take_limits()
        if not self.state.models:  # never announced, or by a worker that could not open them
            self._announce(gateway.endpoints, judge, optimizer)
        background = [
            asyncio.create_task(control.watch_commands()),
            asyncio.create_task(self._meters.watch(gateway)),
        ]
        for task_ in background:
            task_.add_done_callback(partial(self._deaf, gateway))
        try:
            if not self.state.phase:  # another worker has said it
                kind, plan = self._row.kind, self._plan
                await look_ahead(self.emit, kind, self._settings, self._dataset, judge, plan)
            with self._telemetry.span("run", self._about_run()) as note:
                ended = await self._phases(optimizer, context, gateway, control, judge)
                context.scoring.flush()
                note({"promptopt.stop_reason": ended.stop.reason, "promptopt.best_id": self.state.best_id})
        finally:
            self.watch.pause()
            for task_ in background:
                task_.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await gateway.drain(PATIENCE[True])
            await gateway.close()
        self._meters.look(gateway)
        self._finish(ended)
        control.close()

    def _open(
        self,
        judge: Judge,
        optimizer: BaseOptimizer | None,
        journal: Journal,
        found: Found,
        wire: RunWire,
    ) -> Gateway:
        """Open the models that the run asks, and the way to them."""
        asked = judge.asks | optimizer.asks if optimizer else judge.asks
        if self._generation and self._generation.realism:
            asked |= JUDGE
        seats = seats_in_use(self._settings, self._row.kind, asked, panel=self._judged)
        endpoints = open_endpoints(self._settings, self._dataset, seats, wire, self._shield)
        for endpoint, seat in {endpoint: seat for seat, endpoint in endpoints.items()}.items():
            endpoint.limiter.remember(journal.recent(role_of(seat), WINDOW))
        gateway = Gateway(endpoints, journal, self._ledger, self._warn, self._shield, self._redact)
        self._telemetry = open_telemetry(self._settings.telemetry, self._warn, self._redact)
        gateway.telemetry = self._telemetry
        gateway.audited(self._audit)
        gateway.reuse(self._earlier(endpoints.get("target")), found.reused)
        gateway.on_ready(lambda: self._begin(gateway))
        return gateway

    def _begin(self, gateway: Gateway) -> None:
        """All is imported, and the first request is about to go out: running time begins."""
        self._ready()
        if not gateway.gate.shut:
            self.watch.go_on()

    def _steered(self, context: Context, gateway: Gateway, runner: Runner, wire: RunWire) -> Control:
        """What carries out what people ask of the run."""
        resources = Resources(self, self._ledger, gateway.endpoints, runner)
        guiding = Guiding(self, context.admission, gateway, lambda: self._ledger.in_flight)
        models = Remodelling(
            self, self._settings, self._dataset, wire, gateway, self._ledger, self._redactor.learn
        )
        commands = Commands(self._db, self._row.id)
        control = Control(self, context, gateway, commands, guiding, [resources, models])
        gateway.on_trouble(control.pause_itself)
        return control

    def _announce(
        self, endpoints: Mapping[Seat, Endpoint], judge: Judge, optimizer: BaseOptimizer | None
    ) -> None:
        """Say what the run is and needs."""
        row, settings, dataset = self._row, self._settings, self._dataset
        self.emit(announcement(row, dataset, self._ledger.limits, endpoints, optimizer))
        if self._plan is None:
            self.emit(needs(self._db, row, settings, dataset, optimizer, judge))
        if settings.cache.reuse and why_no_reuse(settings):
            self._warn(why_no_reuse(settings))

    def _deaf(self, gateway: Gateway, task: "asyncio.Task[None]") -> None:
        """A run that nobody can watch or steer any more ends."""
        error = None if task.cancelled() else task.exception()
        if error:
            detail = self._redact(f"the store was lost: {type(error).__name__}: {error}")
            gateway.stop(StopRun("error", detail, now=True))

    def _fail(self, detail: str) -> None:
        if not self.state.version:
            self.emit(announcement(self._row, self._dataset, self._ledger.limits, {}))
        self._finish(Ended(StopRun("error", self._redact(detail), now=True)))

    async def _phases(
        self,
        optimizer: BaseOptimizer | None,
        context: Context,
        gateway: Gateway,
        control: Control,
        judge: Judge,
    ) -> Ended:
        held_back = HeldBack(self._ledger, self._settings, self._dataset, self.emit)
        phases = Phases(self, self._settings, self._dataset, context, gateway, control, held_back)
        if self._plan is not None:
            return await phases.play(self._plan, self._cells)
        if self._generation is not None:
            return await phases.generate(self._generation, judge)
        if optimizer is None:
            return await phases.evaluate()
        return await phases.optimize(optimizer, lambda: self._own.optimizer_for(self._settings))

    def emit(self, event: ev.Event) -> None:
        """Say it to everyone: the stream, and the fold that this engine itself reads.

        A notice is said once in the life of the run, however often it happens, whichever worker says it.
        """
        said = self.state.notices
        if isinstance(event, ev.Notice) and (event.text in said or len(said) >= NOTICES):
            return
        self.state.apply(event, self._log.append(event))
        self._keeper.moved()

    def _about_run(self) -> dict[str, str | bool]:
        return {
            "promptopt.run_id": self._row.id,
            "promptopt.project": self._row.project,
            "promptopt.optimizer": self._row.optimizer,
            "promptopt.simulated": self._row.simulated,
        }

    def _earlier(self, target: Endpoint | None) -> EarlierAnswers | None:
        """Answers of earlier runs, if they may be used again."""
        if target is None or not self._settings.cache.reuse or why_no_reuse(self._settings):
            return None
        return EarlierAnswers(self._db, self._row, target.settings, target.redirected)

    def _fold(self) -> list[Prompt]:
        """Fold what earlier workers said; returns the edits that were adopted, in order."""
        self.state.become(fold(self._log))
        self._keeper.begin(self._log.length())
        return [self._prompt(candidate_id) for candidate_id in self.state.adopted]

    def _prompt(self, candidate_id: str) -> Prompt:
        known = self._cells.prompt(candidate_id)
        if known is not None:
            return known
        candidate = self.state.candidates.get(candidate_id)
        return Prompt(text=candidate.text) if candidate else self._seed

    def _warn(self, text: str) -> None:
        self.emit(ev.Notice(level="warning", text=text))

    def _finish(self, ended: Ended) -> None:
        stop, comparison = ended.stop, ended.comparison
        status = {"error": "failed", "user": "stopped"}.get(stop.reason, "finished")
        must_pass = {case.id for case in self._dataset.test if case.must_pass}
        lost = [name for name in comparison.broken if name in must_pass] if comparison else []
        self._meters.say_budget(self.state.replayed, self.state.reused)
        self.emit(
            ev.RunFinished(
                status=status,  # type: ignore[arg-type]
                stop_reason=stop.reason,
                detail=stop.detail,
                seed_id=self._seed.id,
                best_id=self.state.best_id or self._seed.id,
                iterations=self.state.iteration,
                comparison=comparison,
                must_pass_broken=lost,
                test_note=ended.note,
            )
        )
        scores = {} if ended.score is None else {"seed_score": ended.score, "best_score": ended.score}
        self._runs.summarize(self._row.id, status=self.state.status, detail=stop.detail[:500], **scores)
