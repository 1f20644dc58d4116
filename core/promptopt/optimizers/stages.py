"""One optimizer inside another: a stage sees the run through a door of its own.

Whatever combines optimizers gives each a :class:`Stage`, which is a ``RunContext``: its own prompt to start
from, its own places in the journal, its own part of the checkpoint, and a share of the calls. What a stage
has used is counted by what it asked for, not by what was sent, so that a resumed run, whose journal answers
most of it, ends its stages where the first worker did. For the same reason what was asked for is answered
before a stage is over: whether a request that is given up was sent is a matter of luck.
"""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.events import Meter, Role
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Comparison, Evaluation, Feedback
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.optimizers.base import RunContext, Shown

DIGEST_BYTES = 8


class StageOver(BaseException):
    """The stage has used its share of the calls; the run goes on without it."""


class Stage:
    """The door of one stage.

    Args:
        context: the door of the optimizer that combines.
        name: of the stage, unique in its run (``2 grpo``), told with its candidates; what it asks the
            optimizer model has its place in the journal there.
        start: the prompt to start from.
        calls: most calls of the target model; None: as many as the run's budget allows.
        iterations: of earlier stages; those of this one count on from there.
        state: what this stage kept before a kill, if it did.
        keep: is given the iteration and the state to keep.
        dataset: other cases than the run's (a fold of them, say).
    """

    def __init__(
        self,
        context: RunContext,
        name: str,
        start: Prompt,
        *,
        calls: int | None = None,
        iterations: int = 0,
        state: dict[str, Any] | None = None,
        keep: Callable[[int, dict[str, Any]], None],
        dataset: Dataset | None = None,
    ) -> None:
        self._context = context
        self._name = name
        self._start = start
        self._calls = calls
        self._held = 0
        self._before = iterations
        self._state = state
        self._keep = keep
        self._dataset = dataset
        self._open = 0
        self._idle = asyncio.Event()
        self.asked: set[bytes] = set()
        """What was asked of the target model: digests of requests."""
        self.iterations = iterations
        """Of the run, this stage's included."""
        self.best = start
        """The prompt that it accepted last, or that a person put in its place."""
        self.edit: Prompt | None = None
        """The person's prompt that it took up last."""

    @property
    def settings(self) -> ProjectSettings:
        return self._context.settings

    @property
    def task(self) -> TaskSpec:
        return self._context.task

    @property
    def dataset(self) -> Dataset:
        return self._dataset or self._context.dataset

    @property
    def seed_prompt(self) -> Prompt:
        return self._start

    @property
    def used(self) -> int:
        """Different calls of the target model that were asked for."""
        return len(self.asked)

    async def complete(
        self,
        role: Role,
        messages: Sequence[Message],
        *,
        path: str = "",
        sample: int = 0,
        case_id: str = "",
        temperature: float | None = None,
        judge: str = "",
    ) -> LLMResponse:
        if role == "target":
            await self._count({_call(messages, sample, temperature)})
        place = f"{self._name}/{path}" if path else ""
        with self._under_way():
            return await self._context.complete(
                role,
                messages,
                path=place,
                sample=sample,
                case_id=case_id,
                temperature=temperature,
                judge=judge,
            )

    async def judge(self, case: Example, response: LLMResponse) -> CaseResult:
        with self._under_way():
            return await self._context.judge(case, response)

    def noted(self, prompt: Prompt, split: Split, result: CaseResult) -> None:
        self._context.noted(prompt, split, result)

    def measuring(self, prompt: Prompt, split: Split, total: int) -> None:
        self._context.measuring(prompt, split, total)

    def measured(self, evaluation: Evaluation) -> None:
        self._context.measured(evaluation)

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example] | None = None, *, counts: bool = True
    ) -> Evaluation:
        chosen = self.dataset[split] if cases is None else cases
        draws = range(self.settings.evaluation.repeats)
        await self._count({_call(prompt.render(case), draw) for case in chosen for draw in draws})
        with self._under_way():
            return await self._context.evaluate(prompt, split, chosen, counts=counts)

    async def admit(
        self,
        prompt: Prompt,
        *,
        iteration: int = 0,
        parent: Prompt | None = None,
        reasoning: str = "",
        made_by: str = "",
    ) -> str:
        with self._under_way():
            return await self._context.admit(
                prompt,
                iteration=self._before + iteration,
                parent=parent,
                reasoning=reasoning,
                made_by=made_by or self._name,
            )

    def candidate(
        self,
        prompt: Prompt,
        *,
        iteration: int,
        parent: Prompt | None,
        reasoning: str,
        confidence: float | None = None,
        made_by: str = "",
    ) -> None:
        self._context.candidate(
            prompt,
            iteration=self._before + iteration,
            parent=parent,
            reasoning=reasoning,
            confidence=confidence,
            made_by=made_by or self._name,
        )

    def feedback(self, feedback: Feedback, against: Prompt | None = None) -> None:
        self._context.feedback(feedback, against)

    def judged(
        self,
        prompt: Prompt,
        against: Prompt,
        accepted: bool,
        reason: str,
        comparison: Comparison | None,
        *,
        outright: bool = False,
    ) -> bool:
        accepted = self._context.judged(prompt, against, accepted, reason, comparison, outright=outright)
        if accepted:
            self.best = prompt
        return accepted

    def breaks(self, prompt: Prompt) -> str:
        return self._context.breaks(prompt)

    def refused(self, iteration: int, attempt: int, reason: str) -> None:
        self._context.refused(self._before + iteration, attempt, reason)

    def show(self, event: Shown) -> None:
        self._context.show(event)

    def spending(self) -> Mapping[str, Meter]:
        return self._context.spending()

    def iteration(self, number: int) -> None:
        self.iterations = self._before + number
        self._context.iteration(self.iterations)

    def adopted(self) -> Prompt | None:
        edit = self._context.adopted()
        if edit is not None:
            self.best = self.edit = edit
        return edit

    def restored(self) -> dict[str, Any] | None:
        return self._state

    def checkpoint(self, iteration: int, state: dict[str, Any]) -> None:
        self._state = state
        self._keep(self._before + iteration, state)

    def hold(self, calls: int) -> None:
        """Keep back so many target calls, but no more than a third of its share, until :meth:`release`."""
        self._held = 0 if self._calls is None else min(calls, self._calls // 3)

    def release(self) -> None:
        """Let calls be made that were kept back."""
        self._held = 0

    async def _count(self, asked: set[bytes]) -> None:
        """Count what was not asked before.

        Raises:
            StageOver: it is more than the stage's share, and nothing is under way any more.
        """
        together = len(self.asked | asked)
        if self._calls is not None and together > max(self._calls - self._held, len(self.asked)):
            while self._open:
                await self._idle.wait()
            raise StageOver(f"its {self._calls} target calls are used")
        self.asked |= asked

    @contextlib.contextmanager
    def _under_way(self) -> Generator[None]:
        self._open += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()


class Rehearsal(Stage):
    """A stage on other cases than the run's, whose scores are no scores of the run.

    What it measures is shown as done on training cases, and what it accepts can't win.
    """

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example] | None = None, *, counts: bool = True
    ) -> Evaluation:
        chosen = self.dataset[split] if cases is None else cases
        return await super().evaluate(prompt, "train", chosen, counts=False)

    def noted(self, prompt: Prompt, split: Split, result: CaseResult) -> None:
        super().noted(prompt, "train", result)

    def measuring(self, prompt: Prompt, split: Split, total: int) -> None:
        super().measuring(prompt, "train", total)

    def measured(self, evaluation: Evaluation) -> None:
        super().measured(evaluation.model_copy(update={"split": "train"}))

    def judged(
        self,
        prompt: Prompt,
        against: Prompt,
        accepted: bool,
        reason: str,
        comparison: Comparison | None,
        *,
        outright: bool = False,
    ) -> bool:
        accepted = accepted and not self.breaks(prompt)
        if accepted:
            self.best = prompt
        return accepted


def _call(messages: Sequence[Message], draw: int, temperature: float | None = None) -> bytes:
    """A request in eight bytes, the same in every process."""
    content = json.dumps([[(m.role, m.content) for m in messages], draw, temperature])
    return hashlib.blake2b(content.encode(), digest_size=DIGEST_BYTES).digest()
