"""The optimizer at work: its search, and the search that begins anew when a person changes what it rests on.

Each search after the first sees the run through a door of its own: another prompt to start from, places of
its own in the journal, a state of its own. So a resumed run replays the last one only, and what was learnt
from what holds no more is not asked for again.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from promptopt.domain.prompt import Prompt
from promptopt.domain.stopping import Redirected, StopRun, Turned
from promptopt.optimizers.base import BaseOptimizer, RunContext
from promptopt.optimizers.stages import Stage
from promptopt.runs.context import Context
from promptopt.runs.state import RunState


class Turn(Stage):
    """The door of a search after the first: no stage of a hybrid, so its candidates are the run's own."""

    def candidate(self, prompt: Prompt, *, made_by: str = "", iteration: int, **about: Any) -> None:
        self._context.candidate(prompt, made_by=made_by, iteration=self._before + iteration, **about)

    async def admit(self, prompt: Prompt, *, made_by: str = "", iteration: int = 0, **about: Any) -> str:
        return await self._context.admit(prompt, made_by=made_by, iteration=self._before + iteration, **about)


class Searching:
    """The searches of one run, one after the other.

    Args:
        first: the optimizer, as it was made for the run.
        another: makes it again.
        scores_anew: awaited before a search begins anew; tells all scores as they are now.
        more: awaited at the end of a search; whether it is to go on, for a person's edit.
    """

    def __init__(
        self,
        context: Context,
        state: RunState,
        first: BaseOptimizer,
        another: Callable[[], BaseOptimizer],
        scores_anew: Callable[[], Awaitable[None]],
        more: Callable[[], Awaitable[bool]],
    ) -> None:
        self._context = context
        self._state = state
        self._optimizer = first
        self._another = another
        self._scores_anew = scores_anew
        self._more = more
        self._door: RunContext = context

    async def search(self) -> StopRun:
        """Search until done, and return why it ended."""
        if self._state.turn is not None:  # an earlier worker was that far
            await self._begin_anew()
        while True:
            try:
                end = await self._optimizer.search(self._door)
                if not await self._more() and not self._context.redirects.turns:
                    return end
            except Turned:
                pass
            except Redirected:
                name = self._optimizer.name
                return StopRun("error", f"the optimizer {name} does not take edits up", now=True)
            if self._context.redirects.turns:
                self._optimizer = self._another()
                await self._begin_anew()

    async def finish(self) -> None:
        """Have what was found scored, when a cap or a person has ended the search."""
        with contextlib.suppress(Redirected, Turned):
            await self._optimizer.finish(self._door)

    async def _begin_anew(self) -> None:
        turn = self._state.turn
        assert turn is not None
        kept = self._context.begin(turn.turn)
        await self._scores_anew()
        self._door = Turn(
            self._context,
            f"turn {turn.turn}",
            self._context.prompt(turn.start_id),
            iterations=turn.iteration,
            state=kept,
            keep=self._context.checkpoint,
        )
