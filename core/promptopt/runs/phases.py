"""What a run does between its first event and its last: baseline, search and sealed test; or a score only, a
tournament, or the making of cases.
"""

from collections.abc import Callable
from dataclasses import dataclass

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Comparison, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.checks import Judge
from promptopt.evaluation.prospects import headroom
from promptopt.evaluation.statistics import compare, interval
from promptopt.models.gateway import Gateway
from promptopt.optimizers.base import BaseOptimizer
from promptopt.runs.context import Context
from promptopt.runs.control import Control
from promptopt.runs.generating import GenerationPlan
from promptopt.runs.generation import Making
from promptopt.runs.holding import HeldBack
from promptopt.runs.opening import foretell
from promptopt.runs.playing import TournamentPlan, play
from promptopt.runs.searching import Searching
from promptopt.runs.setup import splits_to_score
from promptopt.runs.voice import Voice
from promptopt.store.cells import Cells

CUT_SHORT = ("budget", "user")
"""Ends of a search that may have left something unscored."""

PATIENCE = {True: 3.0, False: 30.0}
"""Seconds that calls in flight have when a run is stopped: at once, or in order."""


@dataclass(frozen=True)
class Ended:
    """How a run has ended.

    Attributes:
        stop: why.
        comparison: of the seed prompt and the winner on the sealed test.
        note: what else is to be known of the sealed test.
        score: of the prompt that the run only scored, on all that it was scored on.
    """

    stop: StopRun
    comparison: Comparison | None = None
    note: str = ""
    score: float | None = None


class Phases:
    """The phases of one run. Which of them there are is the choice of who calls: :meth:`optimize`,
    :meth:`evaluate`, :meth:`play` or :meth:`generate`, once.

    Args:
        dataset: with the sealed test split.
        control: by which people stop what is done.
    """

    def __init__(
        self,
        engine: Voice,
        settings: ProjectSettings,
        dataset: Dataset,
        context: Context,
        gateway: Gateway,
        control: Control,
        held_back: HeldBack,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._seed = settings.seed_prompt
        self._dataset = dataset
        self._context = context
        self._gateway = gateway
        self._control = control
        self._held_back = held_back

    async def play(self, plan: TournamentPlan, cells: Cells) -> Ended:
        """Play a tournament."""
        game = play(plan, self._seed, self._dataset, self._context, cells)
        self._engine.emit(ev.PhaseStarted(phase="tournament"))
        return Ended(await self._control.stoppable(game))

    async def generate(self, plan: GenerationPlan, judge: Judge) -> Ended:
        """Make cases up."""
        making = Making(plan, self._context, judge, self._engine.state, self._engine.emit)
        self._engine.emit(ev.PhaseStarted(phase="generation"))
        stop = await self._control.stoppable(making.run())
        making.conclude()
        return Ended(stop)

    async def evaluate(self) -> Ended:
        """Score the seed prompt on the splits that the settings name, and do no more."""
        score: float | None = None

        async def scored() -> StopRun:
            nonlocal score
            self._enter_seed()
            splits = splits_to_score(self._settings, self._dataset)
            evaluations = [
                await self._context.scoring.score(self._seed, split, self._dataset[split]) for split in splits
            ]
            results = [result for one in evaluations for result in one.results]
            whole = interval([result.score for result in results], [result.weight for result in results])
            score = whole.mean
            return StopRun("scored")

        stop = await self._control.stoppable(scored())
        return Ended(stop, score=score)

    async def optimize(self, optimizer: BaseOptimizer, another: Callable[[], BaseOptimizer]) -> Ended:
        """Search for a better prompt, and put the one that was found to the sealed test.

        Args:
            another: makes the optimizer again, for a search that begins anew.
        """
        searching = Searching(
            self._context,
            self._engine.state,
            optimizer,
            another,
            self._control.mender.scores_anew,
            self._control.editing.edit_to_take,
        )
        begun = self._engine.state.search_end
        if begun and begun.stop_reason:  # an earlier worker was that far
            end = StopRun(begun.stop_reason, begun.detail)
        else:
            end = await self._control.stoppable(self._search(optimizer, searching))
        await self._gateway.drain(PATIENCE[end.now])
        if end.reason in CUT_SHORT and not end.now:
            end = await self._finals(searching, end)
        if end.now:
            return Ended(end, note="the sealed test was not scored")
        seed = self._engine.state.candidates.get(self._seed.id)
        if not (seed and seed.validation):
            return Ended(
                end, note="the sealed test was left alone: the prompt to start from was not scored whole"
            )
        return await self._sealed_test(end)

    async def _search(self, optimizer: BaseOptimizer, searching: Searching) -> StopRun:
        """Baseline, then the optimizer, until it ends and no edit is waiting."""
        self._enter_seed()
        baseline = await self._context.scoring.score(self._seed, "validation", self._dataset.validation)
        self._held_back.hold_for_test(baseline)
        self._held_back.hold_for_finals(optimizer.finals, baseline)
        foretell(self._engine.emit, headroom(baseline, self._dataset))
        self._engine.emit(ev.PhaseStarted(phase="search"))
        return await searching.search()

    def _enter_seed(self) -> None:
        self._engine.emit(ev.PhaseStarted(phase="baseline"))
        self._context.propose(self._seed, "seed")

    async def _finals(self, searching: Searching, end: StopRun) -> StopRun:
        """Let the optimizer score what it found, with what was held back for that; returns why it ends."""
        if not self._held_back.let_finals_go():
            return end
        self._gateway.go_on()

        async def finals() -> StopRun:
            await searching.finish()
            return end

        ended = await self._control.stoppable(finals())
        await self._gateway.drain(PATIENCE[ended.now])
        return ended if ended.now else end

    async def _sealed_test(self, end: StopRun) -> Ended:
        """Score the sealed test, as far as a cap and people let it.

        Args:
            end: of the search.
        """
        if self._engine.state.phase != "test":  # by an earlier worker
            best_id = self._engine.state.best_id or self._seed.id
            no_room = self._held_back.no_room_for_test(1 if best_id == self._seed.id else 2)
            if no_room:
                return Ended(end, note=no_room)
        self._gateway.go_on()
        comparison: Comparison | None = None
        note = ""

        async def test() -> StopRun:
            nonlocal comparison, note
            comparison, note = await self._test(end)
            return end

        ended = await self._control.stoppable(test())
        if ended is end:
            return Ended(end, comparison, note)
        note = f"the sealed test is incomplete: {ended.detail or ended.reason}"
        return Ended(end if ended.reason == "budget" else ended, comparison, note)

    async def _test(self, end: StopRun) -> tuple[Comparison | None, str]:
        """Score seed prompt and winner on the test split: the only time that it is touched."""
        cases = self._dataset.test
        if not cases:
            few = "there were too few cases to hold any back" if not self._dataset.held_back else ""
            return None, few or "the project has no test split, so the gain is not proven on unseen cases"
        self._engine.emit(ev.PhaseStarted(phase="test", stop_reason=end.reason, detail=end.detail))
        best = self._context.prompt(self._engine.state.best_id or self._seed.id)
        seed_result = await self._tested(self._seed)
        if best.id == self._seed.id:
            return None, "no prompt was found that is better than the one to start from"
        best_result = await self._tested(best)
        lost = seed_result.errors + best_result.errors
        note = f"{lost} of the sealed test's answers never came and count as failed" if lost else ""
        return compare(seed_result, best_result), note

    async def _tested(self, prompt: Prompt) -> Evaluation:
        return await self._context.scoring.score(prompt, "test", self._dataset.test, finishing=True)
