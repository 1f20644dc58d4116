# pyright: basic, reportMissingTypeStubs=false
"""Running one of DSPy's optimizers: in a thread, watched, stopped and turned from the event loop.

DSPy compiles; this module sees every prompt that it tries on cases, and what came of it. A prompt that was
tried on all validation cases is measured as every optimizer's are (that costs nothing: the answers are
known) and judged. So the best one so far is known at any time, whatever ends the search.

A person's edit ends the stage: DSPy's optimizer is started again from their text.
"""

import asyncio
import logging
import os
import random
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from promptopt.domain.dataset import Split
from promptopt.domain.errors import RunError
from promptopt.domain.events import Notice
from promptopt.domain.imports import uncollected
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.domain.stopping import Redirected, StopRun
from promptopt.domain.text import one_line
from promptopt.evaluation.gates import gate
from promptopt.evaluation.statistics import compare
from promptopt.optimizers.base import BaseOptimizer, RunContext
from promptopt.optimizers.measuring import whole
from promptopt.optimizers.stages import StageOver
from promptopt.store.home import home

if TYPE_CHECKING:
    from promptopt.optimizers.dspy_adapter.bridge import Bridge
    from promptopt.optimizers.dspy_adapter.metrics import Metric
    from promptopt.optimizers.dspy_adapter.programs import Shape

KNOWN_AFTER = 8
"""Cases of a split that a prompt is tried on before it counts as a candidate: DSPy tries many on one."""

UNKNOWN_KEPT = 200
"""Prompts that are remembered without being candidates."""

BARREN_AFTER = 10
"""Requests to the optimizer model that bring no new prompt, after which that is told."""

LONGEST_WHY = 200
"""Characters of an error of DSPy's that are told: it quotes whole replies."""

FINALISTS = 3
"""Prompts that are measured whole at the end, if DSPy has not: its choice, and the best by what is known."""


@dataclass(frozen=True)
class Kit:
    """What a DSPy optimizer works with.

    Attributes:
        student: the program to improve.
        train, validation: ``dspy.Example`` each.
        target, proposer: ``dspy.LM`` each.
        threads: calls at once.
        labeled: every training case has an expected output.
    """

    student: Any
    train: list[Any]
    validation: list[Any]
    metric: "Metric"
    target: Any
    proposer: Any
    threads: int
    labeled: bool

    def labels(self, most: int) -> int:
        """Most demonstrations of expected outputs: none where some case has none."""
        return most if self.labeled else 0


class DSPyOptimizer(BaseOptimizer):
    """One of DSPy's optimizers."""

    on_edit: ClassVar[str] = (
        "DSPy starts again from your prompt, with the budget that is left; what it found before stays in the "
        "running."
    )

    @property
    def barren_after(self) -> int | None:
        """Requests to the optimizer model in a row, without a new prompt being tried, after which a person
        should know; None if it makes all of them before it tries any prompt.
        """
        return BARREN_AFTER

    @abstractmethod
    def compile(self, kit: Kit) -> Any:
        """Run DSPy's optimizer to its end, in a thread; returns the program that it prefers."""

    trains_only: ClassVar[bool] = False
    """Whether it tries prompts on training cases only, and tells nothing of them on validation cases."""

    _at_work: "_Search | None" = None

    @property
    def finals(self) -> int:
        return FINALISTS - 1 if self.trains_only else 0

    async def finish(self, context: RunContext) -> None:
        if self._at_work is not None:
            await self._at_work.finish()

    async def search(self, context: RunContext) -> StopRun:
        """Let DSPy search; its choice, and what else did well, is measured and judged."""
        self._at_work = search = _Search(self, context)
        while True:
            search.take_up_edit()
            try:
                return await search.stage()
            except Redirected:
                continue


@dataclass
class _Tried:
    """A prompt that DSPy tried: scores by split and case."""

    prompt: Prompt
    scores: dict[Split, dict[str, float]] = field(default_factory=lambda: {"train": {}, "validation": {}})
    results: list[tuple[Split, CaseResult]] = field(default_factory=list[tuple[Split, CaseResult]])
    candidate: bool = False

    def worth(self) -> float:
        """Mean score, shrunk towards one half for prompts that were tried on few cases."""
        scores = [*self.scores["validation"].values()] or [*self.scores["train"].values()]
        return (sum(scores) + 1.0) / (len(scores) + 2)


class _Search:
    def __init__(self, optimizer: DSPyOptimizer, context: RunContext) -> None:
        self._optimizer = optimizer
        self._context = context
        self._start = context.seed_prompt
        self._tried: dict[str, _Tried] = {}
        self._measured: dict[str, Evaluation] = {}
        self._ready: asyncio.Queue[Prompt] = asyncio.Queue()
        self._barren: int | None = 0
        """Requests since a new prompt was tried; None once that was told."""
        state = context.restored() or {}
        self._stage = state.get("stage", 1)
        self._before = state.get("iteration", 0)
        self._number = self._before
        if "start" in state:
            self._start = Prompt.model_validate(state["start"])
        self._best = self._start

    def take_up_edit(self) -> None:
        """Start from a person's text, if there is one that was adopted."""
        edit = self._context.adopted()
        if edit is None:
            return
        self._start = self._best = edit
        self._stage += 1
        self._before = self._number
        self._context.checkpoint(
            self._number,
            {"stage": self._stage, "iteration": self._number, "start": edit.model_dump(mode="json")},
        )

    async def stage(self) -> StopRun:
        """One run of DSPy's optimizer.

        Raises:
            Redirected: an edit waits.
            StopRun: a cap is reached; what is known to be better has been judged.
            RunError: DSPy gave up before it had tried any prompt.
        """
        self._number, self._tried, self._ready = self._before, {}, asyncio.Queue()
        self._measured = {self._start.id: await whole(self._context, self._start)}
        bridge, shape, compiling = self._compiling()
        work = asyncio.create_task(asyncio.to_thread(compiling))
        try:
            await self._watch(work)
            fault = work.exception()
            if isinstance(fault, Exception) and bridge.ended is None:
                return await self._given_up(fault)
            if fault is not None:
                raise bridge.ended or fault  # an error may be all that DSPy made of the signal
            chosen = shape.prompt_of(work.result())
        except BaseException as signal:
            await self._wind_up(bridge, work, signal)
            raise
        await self._finals(chosen)
        return StopRun(
            "max_iterations", f"{self._optimizer.name} has come to its end: {len(self._measured)} prompts"
        )

    async def _given_up(self, fault: Exception) -> StopRun:
        """DSPy raised an error, as some of its optimizers do for one reply that they can't read.

        The reply is in the journal, so that the same would happen again: the search ends in order, with what
        was tried so far.
        """
        why = f"{type(fault).__name__}: {one_line(str(fault), LONGEST_WHY)}"
        name = self._optimizer.name
        if not self._tried:
            raise RunError(
                f"DSPy's optimizer gave up before it had tried any prompt ({why})",
                where=f"optimizer {name}",
                fix="promptopt trace RUN --role optimizer --full shows the replies that it could not use; "
                "start a new run with a stronger optimizer model, or with another optimizer",
            ) from fault
        told = f"DSPy's optimizer {name} gave up ({why}); what it tried before is measured and counts"
        self._context.show(Notice(level="warning", text=told))
        best = max(self._tried.values(), key=lambda tried: (tried.worth(), tried.prompt.id))
        await self._finals(best.prompt)
        return StopRun("max_iterations", f"{name} gave up after {len(self._measured)} prompts: {why}")

    def _compiling(self) -> "tuple[Bridge, Shape, Callable[[], Any]]":
        """DSPy, ready to compile in a thread."""
        os.environ.setdefault("DSPY_CACHEDIR", str(home() / "dspy"))  # it makes one when it is imported
        os.environ.setdefault("TQDM_DISABLE", "1")  # its progress bars would fill the worker's log
        with uncollected():
            import dspy

        from promptopt.optimizers.dspy_adapter.bridge import Bridge
        from promptopt.optimizers.dspy_adapter.metrics import Metric
        from promptopt.optimizers.dspy_adapter.models import PlainAdapter, RunLM
        from promptopt.optimizers.dspy_adapter.programs import Shape
        from promptopt.optimizers.dspy_adapter.quiet import quiet

        logging.getLogger("dspy").setLevel(logging.WARNING)  # it tells prompts and cases, which are no news
        context, dataset = self._context, self._context.dataset
        shape = Shape(list(dataset.train[0].inputs), context.task)
        bridge = Bridge(context, dataset, self._saw, self._asks)
        target = RunLM("target", bridge)
        train = [shape.example(case) for case in dataset.train]
        random.Random(self._optimizer.options.seed).shuffle(train)
        threads: int | None = getattr(self._optimizer.options, "threads", None)
        kit = Kit(
            student=shape.program(self._start),
            train=train,
            validation=[shape.example(case) for case in dataset.validation],
            metric=Metric(bridge, shape),
            target=target,
            proposer=RunLM("optimizer", bridge),
            threads=threads or context.settings.models["target"].max_concurrency,
            labeled=all(case.expected is not None for case in dataset.train),
        )

        def compiling() -> Any:
            settings = {"lm": target, "adapter": PlainAdapter(shape), "disable_history": True}
            # A call that failed counts as a failed case, however many there are: the run has its own limits.
            with quiet(), dspy.context(**settings, max_errors=10**9, num_threads=kit.threads):
                return self._optimizer.compile(kit)

        return bridge, shape, compiling

    async def _watch(self, work: "asyncio.Task[Any]") -> None:
        """Measure what DSPy has tried whole, until it ends."""
        while not work.done():
            coming = asyncio.create_task(self._ready.get())
            try:
                await asyncio.wait({work, coming}, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    await self._measure(coming.result())
            finally:
                coming.cancel()

    async def _wind_up(self, bridge: "Bridge", work: "asyncio.Task[Any]", signal: BaseException) -> None:
        """Have DSPy's threads end, and judge what they had tried whole before."""
        ended = StopRun("user", "stopped") if isinstance(signal, asyncio.CancelledError) else signal
        bridge.close(ended)
        await asyncio.wait({work})
        work.exception()  # the signal, from there
        try:
            while not self._ready.empty():
                await self._measure(self._ready.get_nowait())
        except (StopRun, Redirected, StageOver):
            pass  # what is not known any more can't be asked for; the first signal counts

    async def _finals(self, chosen: Prompt) -> None:
        """Measure DSPy's choice, and the best of the others by what is known of them."""
        while not self._ready.empty():
            await self._measure(self._ready.get_nowait())
        others = sorted(self._tried.values(), key=_Tried.worth, reverse=True)[: FINALISTS - 1]
        for prompt in [chosen, *(tried.prompt for tried in others if tried.candidate)]:
            if await self._context.admit(prompt, parent=self._start):
                continue
            self._enter(self._tried.setdefault(prompt.id, _Tried(prompt)))
            await self._measure(prompt)

    async def finish(self) -> None:
        """Measure the best, by what is known of them, of what DSPy had tried when it was ended."""
        open_ = [t for t in self._tried.values() if t.candidate and t.prompt.id not in self._measured]
        for tried in sorted(open_, key=_Tried.worth, reverse=True)[: FINALISTS - 1]:
            await self._measure(tried.prompt)

    def _asks(self) -> None:
        """The optimizer model is asked for something; that many replies bring nothing is told once."""
        most = self._optimizer.barren_after
        if self._barren is None or most is None:
            return
        self._barren += 1
        if self._barren > most:
            self._barren = None
            told = (
                f"the optimizer model's last {most} replies brought no new prompt that was tried on cases; "
                "promptopt trace RUN --role optimizer --full shows them"
            )
            self._context.show(Notice(level="warning", text=told))

    def _saw(self, prompt: Prompt, split: Split, result: CaseResult) -> None:
        """A prompt was tried on a case."""
        if prompt.id == self._start.id:
            return
        if prompt.id not in self._tried and self._barren is not None:
            self._barren = 0
        tried = self._tried.setdefault(prompt.id, _Tried(prompt))
        tried.scores[split][result.case_id] = result.score
        if tried.candidate:
            self._context.noted(prompt, split, result)
        else:
            tried.results.append((split, result))
            if len(tried.scores[split]) >= min(KNOWN_AFTER, len(self._context.dataset[split])):
                self._enter(tried)
            elif len(self._tried) > UNKNOWN_KEPT:
                self._forget_one()
        if len(tried.scores["validation"]) == len(self._context.dataset.validation):
            self._ready.put_nowait(prompt)

    def _forget_one(self) -> None:
        oldest = next((key for key, tried in self._tried.items() if not tried.candidate), None)
        if oldest is not None:
            del self._tried[oldest]

    def _enter(self, tried: _Tried) -> None:
        """Count a prompt as a candidate, and show what is known of it."""
        if tried.candidate or tried.prompt.id == self._start.id:
            return
        tried.candidate = True
        self._number += 1
        self._context.iteration(self._number)
        demos = len(tried.prompt.demonstrations)
        same = tried.prompt.text == self._start.text
        made = "the same text" if same else "another text"
        self._context.candidate(
            tried.prompt,
            iteration=self._number,
            parent=self._start,
            reasoning=f"{made}, {demos} demonstrations" if demos else made,
        )
        for split, result in tried.results:
            self._context.noted(tried.prompt, split, result)
        tried.results.clear()

    async def _measure(self, prompt: Prompt) -> None:
        """Score a prompt on all validation cases, and judge it against the best one so far."""
        if prompt.id in self._measured:
            return
        evaluation = await whole(self._context, prompt)
        before = self._measured[self._best.id]
        accepted, reason = gate(before, evaluation)
        self._measured[prompt.id] = evaluation
        if self._context.judged(prompt, self._best, accepted, reason, compare(before, evaluation)):
            self._best = prompt
