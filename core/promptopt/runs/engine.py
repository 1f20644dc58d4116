"""One run from its first event to its last: baseline, search, sealed test."""

import asyncio
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from promptopt.domain import events as ev
from promptopt.domain.dataset import SPLITS, Example, Split
from promptopt.domain.errors import PromptoptError, RunError
from promptopt.domain.mending import mended
from promptopt.domain.prompt import Prompt
from promptopt.domain.redaction import Redactor
from promptopt.domain.results import Comparison, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.words import Role
from promptopt.evaluation.checks import Judge, build_judge
from promptopt.evaluation.constraints import build_task
from promptopt.evaluation.functions import NO_FUNCTIONS, Functions
from promptopt.evaluation.prospects import Prospect, data_faults, failing_references, headroom, outlook
from promptopt.evaluation.runner import Runner
from promptopt.evaluation.statistics import compare, interval
from promptopt.models.budget import Amount, Ledger, Stopwatch
from promptopt.models.endpoint import Endpoint, Seat, role_of
from promptopt.models.gateway import Gateway
from promptopt.models.limits import WINDOW
from promptopt.models.relay_wire import RunWire, wire_for
from promptopt.models.telemetry import OFF, open_telemetry
from promptopt.optimizers import registry
from promptopt.optimizers.base import BaseOptimizer
from promptopt.runs.context import Context
from promptopt.runs.control import Control
from promptopt.runs.forecast import forecast
from promptopt.runs.guiding import Guiding
from promptopt.runs.holding import for_finals, for_the_test
from promptopt.runs.meters import Meters, seconds_by_role
from promptopt.runs.playing import NAME, outlook_of, plan_of, play
from promptopt.runs.remodelling import Remodelling
from promptopt.runs.resources import Resources, cases_at_once
from promptopt.runs.searching import Searching
from promptopt.runs.setup import describe, open_endpoints, seats_in_use, why_no_reuse
from promptopt.runs.snapshots import Keeper
from promptopt.runs.state import RunState, fold
from promptopt.store.cells import Cells
from promptopt.store.commands import Commands
from promptopt.store.database import Database
from promptopt.store.history import history
from promptopt.store.journal import Found, Journal
from promptopt.store.receipts import receipts_dir
from promptopt.store.reuse import EarlierAnswers
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs
from promptopt.store.trust import trusted_code

CUT_SHORT = ("budget", "user")
"""Ends of a search that may have left something unscored."""

FINALS_SHARE = 1 / 3
"""Of what is left of the budget after the baseline, the most that is held back to score it."""

NOTICES = 200
"""Different things that a run tells its people; more of them tell nothing new."""

RELAY_PATIENCE = 5.0
"""Seconds that the relay of a killed worker has to note what it was told to send; it needs milliseconds."""

PATIENCE = {True: 3.0, False: 30.0}
"""Seconds that calls in flight have when a run is stopped: at once, or in order."""


@dataclass(frozen=True)
class Own:
    """What the program that carries a run out brings beside its settings: it lives in that program only.

    Attributes:
        optimizer: in the place of the one that the settings name.
        functions: that judge outputs.
        examples: cases that illustrate the task.
    """

    optimizer: BaseOptimizer | None = None
    functions: Functions = NO_FUNCTIONS
    examples: Sequence[Example] = ()

    def optimizer_for(self, settings: ProjectSettings) -> BaseOptimizer:
        """The optimizer of a run with these settings.

        Raises:
            SettingsError: as :func:`registry.make`, or the project lacks something that it needs.
        """
        if self.optimizer is None:
            return registry.make(settings)
        self.optimizer.fit_to(settings)
        return self.optimizer


NOTHING = Own()


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
        self._scored: dict[str, float] = {}
        self._telemetry = OFF
        self._plan = plan_of(self._settings) if row.kind == NAME else None
        self._for_finals: Mapping[Role, Amount] = {}
        """What is held back for prompts that are scored after the search was cut short."""
        self._judged = False
        """Judge models decide matches."""
        self._redactor = Redactor(model for _, _, model in self._settings.every_model())
        self._redact = self._redactor.redact

    async def run(self) -> None:
        """Run to the end; whatever ends it is in the last event."""
        edits = self._fold()
        if not self.state.resumable:
            raise RunError(f"run {self._row.id} has come to its end")
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
            folder, cases = Path(self._row.project_dir), tuple(self._dataset.cases())
            fix = f"look at it, then: promptopt resume {self._row.id} --trust"
            code = trusted_code(self._settings, cases, folder, fix)
            judge = build_judge(
                self._settings,
                folder,
                cases,
                self._say_once,
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

    def _begin(self, gateway: Gateway) -> None:
        """All is imported, and the first request is about to go out: running time begins."""
        self._ready()
        if not gateway.gate.shut:
            self.watch.go_on()

    async def _let_go(self, journal: Journal, wire: RunWire) -> None:
        """Leave the relay to itself; it ends when the last request has been answered or given up."""
        await asyncio.wrap_future(self._db.transact(lambda _: None))  # what is settled is durable, and told
        await wire.close()
        journal.tidy()

    async def _carry_out(
        self,
        judge: Judge,
        optimizer: BaseOptimizer | None,
        journal: Journal,
        found: Found,
        edits: Sequence[Prompt],
        wire: RunWire,
    ) -> None:
        asked = judge.asks | optimizer.asks if optimizer else judge.asks
        seats = seats_in_use(self._settings, self._row.kind, asked, panel=self._judged)
        endpoints = open_endpoints(self._settings, self._dataset, seats, wire)
        for endpoint, seat in {endpoint: seat for seat, endpoint in endpoints.items()}.items():
            endpoint.limiter.remember(journal.recent(role_of(seat), WINDOW))
        gateway = Gateway(endpoints, journal, self._ledger, self._say_once, self._redact)
        self._telemetry = open_telemetry(self._settings.telemetry, self._say_once, self._redact)
        gateway.telemetry = self._telemetry
        gateway.reuse(self._earlier(endpoints["target"]), found.reused)
        task = build_task(self._settings, self._own.examples, self._own.functions)
        runner = Runner(judge, cases_at_once(endpoints), self._settings.evaluation.repeats)
        context = Context(
            self._settings, task, self._dataset, gateway, runner, self._cells, self, self._ledger.meters
        )
        context.restore(edits, self.state.iteration, replays=found.answered > 0)
        resources = Resources(self, self._ledger, endpoints, runner)
        guiding = Guiding(self, context.admission, gateway, lambda: self._ledger.in_flight)
        models = Remodelling(
            self, self._settings, self._dataset, wire, gateway, self._ledger, self._redactor.learn
        )
        rooms = [resources, models]
        control = Control(self, context, gateway, Commands(self._db, self._row.id), guiding, rooms)
        gateway.on_trouble(control.pause_itself)
        gateway.on_ready(lambda: self._begin(gateway))
        if self.state.version:
            control.drop_stale()
            self.emit(ev.RunResumed(journaled=found.answered, lost=found.lost))
        if not self.state.models:  # never announced, or by a worker that could not open them
            self._announce(endpoints, optimizer)
            if self._plan is None:
                self._say_forecast(optimizer, judge)
            if self._settings.cache.reuse and why_no_reuse(self._settings):
                self._say_once(why_no_reuse(self._settings))
        background = [
            asyncio.create_task(control.watch_commands()),
            asyncio.create_task(self._meters.watch(gateway)),
        ]
        for task_ in background:
            task_.add_done_callback(partial(self._deaf, gateway))
        try:
            if not self.state.phase:  # another worker has said it
                await self._look_ahead(judge)
            with self._telemetry.span("run", self._about_run()) as note:
                end = await self._phases(optimizer, context, gateway, control)
                context.scoring.flush()
                note({"promptopt.stop_reason": end[0].reason, "promptopt.best_id": self.state.best_id})
        finally:
            self.watch.pause()
            for task_ in background:
                task_.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await gateway.drain(PATIENCE[True])
            await gateway.close()
        self._meters.look(gateway)
        self._finish(*end)
        control.close()

    def _deaf(self, gateway: Gateway, task: "asyncio.Task[None]") -> None:
        """A run that nobody can watch or steer any more ends."""
        error = None if task.cancelled() else task.exception()
        if error:
            detail = self._redact(f"the store was lost: {type(error).__name__}: {error}")
            gateway.stop(StopRun("error", detail, now=True))

    def _fail(self, detail: str) -> None:
        if not self.state.version:
            self._announce({})
        self._finish(StopRun("error", self._redact(detail), now=True))

    async def _phases(
        self, optimizer: BaseOptimizer | None, context: Context, gateway: Gateway, control: Control
    ) -> tuple[StopRun, Comparison | None, str]:
        if self._plan is not None:
            game = play(self._plan, self._seed, self._dataset, context, self._cells)
            self.emit(ev.PhaseStarted(phase="tournament"))
            return await control.stoppable(game), None, ""
        if optimizer is None:
            return await self._only_evaluate(context, control), None, ""
        mender = control.mender
        searching = Searching(
            context,
            self.state,
            optimizer,
            lambda: self._own.optimizer_for(self._settings),
            mender.scores_anew,
            control.editing.edit_to_take,
        )
        begun = self.state.search_end
        if begun and begun.stop_reason:
            end = StopRun(begun.stop_reason, begun.detail)
        else:
            end = await control.stoppable(self._search(optimizer, context, searching))
        await gateway.drain(PATIENCE[end.now])
        if end.reason in CUT_SHORT and not end.now:
            end = await self._finals(searching, gateway, control, end)
        if end.now:
            return end, None, "the sealed test was not scored"
        seed = self.state.candidates.get(self._seed.id)
        if not (seed and seed.validation):
            return end, None, "the sealed test was left alone: the prompt to start from was not scored whole"
        gateway.go_on()
        comparison: Comparison | None = None
        note = ""

        async def test() -> StopRun:
            nonlocal comparison, note
            comparison, note = await self._test(context, end)
            return end

        ended = await control.stoppable(test())
        if ended is not end:
            note = f"the sealed test is incomplete: {ended.detail or ended.reason}"
            if ended.reason != "budget":
                end = ended
        return end, comparison, note

    async def _search(self, optimizer: BaseOptimizer, context: Context, searching: Searching) -> StopRun:
        """Baseline, then the optimizer, until it ends and no edit is waiting."""
        self.emit(ev.PhaseStarted(phase="baseline"))
        context.propose(self._seed, "seed")
        baseline = await context.scoring.score(self._seed, "validation", self._dataset.validation)
        self._hold_for_test(baseline)
        self._hold_for_finals(optimizer, baseline)
        self._foretell(headroom(baseline, self._dataset))
        self.emit(ev.PhaseStarted(phase="search"))
        return await searching.search()

    async def _finals(
        self, searching: Searching, gateway: Gateway, control: Control, end: StopRun
    ) -> StopRun:
        """Let the optimizer score what it found, with what was held back for that; returns why it ends."""
        if not self._for_finals:
            return end
        self._ledger.let_go(self._for_finals)
        self._for_finals = {}
        gateway.go_on()

        async def finals() -> StopRun:
            await searching.finish()
            return end

        ended = await control.stoppable(finals())
        await gateway.drain(PATIENCE[ended.now])
        return ended if ended.now else end

    async def _only_evaluate(self, context: Context, control: Control) -> StopRun:
        async def evaluate() -> StopRun:
            self.emit(ev.PhaseStarted(phase="baseline"))
            context.propose(self._seed, "seed")
            scored = [await context.scoring.score(self._seed, *asked) for asked in self._asked_for()]
            results = [result for one in scored for result in one.results]
            whole = interval([result.score for result in results], [result.weight for result in results])
            self._scored = {"seed_score": whole.mean, "best_score": whole.mean}
            return StopRun("scored")

        return await control.stoppable(evaluate())

    async def _look_ahead(self, judge: Judge) -> None:
        """Say what the cases can show, and which can't be passed, before anything is spent on them."""
        if self._plan is not None:
            self._foretell(outlook_of(self._plan, self._settings, self._dataset, judge))
        elif self._row.kind == "eval":
            scored = self._asked_for()
            self._foretell([outlook(sum(len(cases) for _, cases in scored), "all")])
        else:
            self._foretell([outlook(len(self._dataset.test))])
        self._foretell(data_faults(self._dataset, await failing_references(judge, self._dataset.cases())))

    def _foretell(self, prospects: Sequence[Prospect]) -> None:
        for prospect in prospects:
            self._say_once(prospect.text, prospect.level)

    def _asked_for(self) -> list[tuple[Split, Sequence[Example]]]:
        """The splits that an ``eval`` run scores."""
        wanted = (self._settings.optimizer.model_extra or {}).get("split", "validation")
        splits: Sequence[Split] = SPLITS if wanted == "all" else [s for s in SPLITS if s == wanted]
        if not self._dataset.held_back and wanted == "all":
            splits = ("train", "test")
        return [(split, self._dataset[split]) for split in splits if self._dataset[split]]

    async def _test(self, context: Context, end: StopRun) -> tuple[Comparison | None, str]:
        """Score seed prompt and winner on the test split: the only time that it is touched."""
        cases = self._dataset.test
        if not cases:
            few = "there were too few cases to hold any back" if not self._dataset.held_back else ""
            return None, few or "the project has no test split, so the gain is not proven on unseen cases"
        self.emit(ev.PhaseStarted(phase="test", stop_reason=end.reason, detail=end.detail))
        best = self._prompt(self.state.best_id)
        seed_result = await context.scoring.score(self._seed, "test", cases, finishing=True)
        if best.id == self._seed.id:
            return None, "no prompt was found that is better than the one to start from"
        best_result: Evaluation = await context.scoring.score(best, "test", cases, finishing=True)
        lost = seed_result.errors + best_result.errors
        note = f"{lost} of the sealed test's answers never came and count as failed" if lost else ""
        return compare(seed_result, best_result), note

    def emit(self, event: ev.Event) -> None:
        """Say it to everyone: the stream, and the fold that this engine itself reads.

        A notice is said once in the life of the run, however often it happens, whichever worker says it.
        """
        said = self.state.notices
        if isinstance(event, ev.Notice) and (event.text in said or len(said) >= NOTICES):
            return
        self.state.apply(event, self._log.append(event))
        self._keeper.moved()

    def _announce(self, endpoints: Mapping[Seat, Endpoint], optimizer: BaseOptimizer | None = None) -> None:
        sizes: dict[Split, int] = {split: len(self._dataset[split]) for split in SPLITS}
        models: dict[ev.Role, ev.ModelInfo] = {
            role_of(seat): describe(each) for seat, each in endpoints.items() if "/" not in seat
        }
        panel = [(seat.partition("/")[2], each) for seat, each in endpoints.items() if "/" in seat]
        judges = [describe(each, name) for name, each in panel]
        self.emit(
            ev.RunStarted(
                run_id=self._row.id,
                project=self._row.project,
                optimizer=self._row.optimizer,
                models=models,
                judges=judges,
                limits=self._ledger.limits,
                sizes=sizes,
                held_back=self._dataset.held_back,
                max_iterations=optimizer.max_iterations if optimizer else None,
                simulated=any(each.settings.simulated for each in endpoints.values()),
                on_edit=optimizer.on_edit if optimizer else "",
            )
        )

    def _about_run(self) -> dict[str, str | bool]:
        return {
            "promptopt.run_id": self._row.id,
            "promptopt.project": self._row.project,
            "promptopt.optimizer": self._row.optimizer,
            "promptopt.simulated": self._row.simulated,
        }

    def _earlier(self, target: Endpoint) -> EarlierAnswers | None:
        """Answers of earlier runs, if they may be used again."""
        if not self._settings.cache.reuse or why_no_reuse(self._settings):
            return None
        return EarlierAnswers(self._db, self._row, target.settings, target.redirected)

    def _say_forecast(self, optimizer: BaseOptimizer | None, judge: Judge) -> None:
        """Say what the run is expected to need."""
        folder = Path(self._row.project_dir)
        simulated = self._row.simulated
        past = history(self._db, folder, self._row.optimizer, but=self._row.id, simulated=simulated)
        asked: list[Split] = [split for split, _ in self._asked_for()]
        splits = asked if optimizer is None else SPLITS
        self.emit(forecast(self._settings, self._dataset, optimizer, past, splits, judge))

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

    def _hold_for_test(self, baseline: Evaluation) -> None:
        """Keep enough back for the sealed test of two prompts, from what the baseline's calls cost."""
        holding = for_the_test(self._settings, len(self._dataset.test), baseline)
        if holding is None:
            return
        self._ledger.hold(holding.amounts, holding.seconds)
        for name, meter in self._ledger.meters().items():
            if meter.limit and meter.held > 0.4 * meter.limit:
                share = f"{min(1.0, meter.held / meter.limit):.0%}"
                self._say_once(
                    f"the sealed test needs {share} of the budget's {name}; the search gets the rest"
                )

    def _hold_for_finals(self, optimizer: BaseOptimizer, baseline: Evaluation) -> None:
        """Keep room for what the optimizer will score if it is cut short; of a small budget not much."""
        must_pass = sum(case.must_pass for case in self._dataset.train)
        cases = len(self._dataset.validation) + must_pass
        for prompts in range(optimizer.finals, 0, -1):
            amounts = for_finals(self._settings, prompts, cases, baseline)
            if amounts and self._ledger.share_of_rest(amounts) <= FINALS_SHARE:
                self._ledger.hold_more(amounts)
                self._for_finals = amounts
                return

    def _say_once(self, text: str, level: Literal["info", "warning"] = "warning") -> None:
        self.emit(ev.Notice(level=level, text=text))

    def _finish(self, end: StopRun, comparison: Comparison | None = None, note: str = "") -> None:
        status = {"error": "failed", "user": "stopped"}.get(end.reason, "finished")
        must_pass = {case.id for case in self._dataset.test if case.must_pass}
        lost = [name for name in comparison.broken if name in must_pass] if comparison else []
        self._meters.say_budget(self.state.replayed, self.state.reused)
        self.emit(
            ev.RunFinished(
                status=status,  # type: ignore[arg-type]
                stop_reason=end.reason,
                detail=end.detail,
                seed_id=self._seed.id,
                best_id=self.state.best_id or self._seed.id,
                iterations=self.state.iteration,
                comparison=comparison,
                must_pass_broken=lost,
                test_note=note,
            )
        )
        self._runs.summarize(self._row.id, status=self.state.status, detail=end.detail[:500], **self._scored)
