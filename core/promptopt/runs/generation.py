"""The making of cases in a run: from the grid to cases that are taken, one request after the other."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from promptopt.domain import events as ev
from promptopt.domain.alike import NearIndex
from promptopt.domain.dataset import Example
from promptopt.domain.drafted import (
    CaseRated,
    CasesDrafted,
    DatasetMeasured,
    DraftedCase,
    Fault,
    GenerationStarted,
    LeftOut,
)
from promptopt.domain.errors import CallFailed, RunError
from promptopt.domain.prompt import Message
from promptopt.domain.stopping import StopRun
from promptopt.domain.text import one_line
from promptopt.evaluation.checks import Judge
from promptopt.evaluation.checks.replies import NoVerdict
from promptopt.evaluation.together import together
from promptopt.runs.context import Context
from promptopt.runs.generating import GenerationPlan, earlier_of
from promptopt.runs.state import RunState
from promptopt.store.datareport import normalised
from promptopt.synthetic.asking import QUOTED, TRIES, Unusable
from promptopt.synthetic.grid import Cell, cells_of, dealt
from promptopt.synthetic.making import Batch, Drafted, example_of, making, read_batch
from promptopt.synthetic.quality import measure
from promptopt.synthetic.realism import asking_realism, read_realism
from promptopt.synthetic.splitting import split_by_cell, tying

ALIKE = 0.6
"""Share of common runs from which on a draft is nearly a repetition; of files less is told."""

SKETCH = 8

STALLED = 6
"""Requests in a row that bring nothing new, after which no more are sent."""

SHOWN_OF_FAULT = 160


@dataclass(frozen=True)
class _Asked:
    """A request under way: its number, the places of the cells that it is to fill, and its answer."""

    number: int
    cells: tuple[int, ...]
    answer: "asyncio.Task[_Answer]"


@dataclass(frozen=True)
class _Answer:
    """What a request brought: a batch, or why there is none."""

    batch: Batch | None
    replies: int
    fault: Fault = "unreadable"
    reason: str = ""


class Making:
    """Makes the cases of one run. Await :meth:`run`, once; then :meth:`conclude`, however that ended.

    Args:
        judge: the scenario's rules, by which made-up answers are judged.
        state: the fold, which knows what earlier workers said.
    """

    def __init__(
        self,
        plan: GenerationPlan,
        context: Context,
        judge: Judge,
        state: RunState,
        emit: Callable[[ev.Event], None],
    ) -> None:
        self._plan = plan
        self._context = context
        self._judge = judge
        self._state = state
        self._emit = emit
        self._cells = cells_of(plan.scenario)
        self._todo = deque(dealt(plan.scenario, plan.count, plan.seed))
        self._asked: deque[_Asked] = deque()
        self._told = deque(state.generation.batches if state.generation else ())
        self._in: set[int] = set()
        self._requests = 0
        self._idle = 0
        self._taken: list[Example] = []
        self._shown: list[tuple[str, str]] = []
        self._seen: set[str] = set()
        self._near: NearIndex[str] = NearIndex(ALIKE, short=True, sketch=SKETCH)
        self._rating: list[asyncio.Task[None]] = []

    async def run(self) -> StopRun:
        """Make the cases; returns why it ends.

        Raises:
            RunError: not one case could be made.
            StopRun: a cap is reached; what was answered is taken.
        """
        self._announce()
        try:
            self._send()
            while self._asked:
                asked = self._next()
                await self._take(asked, await asked.answer)
                self._send()
            await together(self._rating)
        except StopRun as stop:
            if not stop.now:
                await self._rest()
            raise
        finally:
            await self._give_up()
        if not self._taken:
            raise RunError("none of the model's replies held a case", fix="take a stronger generator model")
        return self._end()

    def conclude(self) -> None:
        """Measure what was made, if that is told by nobody yet."""
        made = self._state.generation
        if made is None or not self._taken:
            return
        dataset = split_by_cell(self._taken, self._plan.seed, ends=made.ends)
        there = {case.id for case in dataset.cases()}
        if tied := [case.id for case in self._taken if case.id not in there]:
            self._emit(ev.Notice(level="warning", text=tying(tied)))
        quality = measure(dataset, made.ratings, self._plan.scenario.prompt, self._plan.seed)
        self._emit(DatasetMeasured(quality=quality.as_json()))

    def _announce(self) -> None:
        if self._state.generation is not None:
            return
        plan, scenario = self._plan, self._plan.scenario
        wanted = [0] * len(self._cells)
        for place in self._todo:
            wanted[place] += 1
        self._emit(
            GenerationStarted(
                scenario=scenario.name,
                title=scenario.title,
                count=plan.count,
                personas=[facet.name for facet in scenario.personas],
                difficulties=[facet.name for facet in scenario.difficulties],
                situations=[facet.name for facet in scenario.situations],
                wanted=wanted,
                realism=plan.realism,
            )
        )

    def _send(self) -> None:
        """Send as many requests as may be under way, if there are cells to fill."""
        plan = self._plan
        while (
            self._todo
            and len(self._asked) < plan.at_once
            and self._requests < plan.most
            and self._idle < STALLED
        ):
            self._requests += 1
            cells = tuple(self._todo.popleft() for _ in range(min(plan.batch, len(self._todo))))
            here = [self._cells[place] for place in cells]
            earlier = earlier_of(self._shown, {cell.situation.name for cell in here})
            answer = asyncio.ensure_future(self._ask(self._requests, here, earlier))
            self._asked.append(_Asked(self._requests, cells, answer))

    def _next(self) -> _Asked:
        """The request that is taken in next: the one that an earlier worker took in here, else the oldest.

        At a cap what was answered was taken in past a request that was not: whoever goes on keeps that order,
        for the cases have their ids by it.
        """
        while self._told and self._told[0] in self._in:
            self._told.popleft()
        for asked in self._asked:
            if self._told and asked.number == self._told[0]:
                self._asked.remove(asked)
                return asked
        return self._asked.popleft()

    async def _ask(self, number: int, cells: Sequence[Cell], earlier: Sequence[str]) -> _Answer:
        """Ask for a case of each cell, again with the fault if nothing of a reply can be used."""
        plan = self._plan
        first = making(plan.scenario, plan.company, cells, earlier, answers=plan.answers)
        messages, fault = first, ""
        for attempt in range(TRIES):
            try:
                response = await self._context.complete(
                    "generator", messages, path=f"cases/{number}", sample=attempt
                )
            except CallFailed as error:
                return _Answer(None, attempt, "failed", str(error))
            try:
                batch = read_batch(response.text, plan.scenario, len(cells), answers=plan.answers)
            except Unusable as error:
                fault = str(error)
                if response.finish_reason == "length":
                    fault += "; it was cut off, so be briefer"
                messages = [
                    *first,
                    Message(role="assistant", content=response.text[:QUOTED] or "(empty)"),
                    Message(
                        role="user", content=f"That can't be used: {fault[:200]}. Answer with the JSON alone."
                    ),
                ]
            else:
                return _Answer(batch, attempt + 1)
        return _Answer(None, TRIES, "unreadable", fault)

    async def _take(self, asked: _Asked, answer: _Answer) -> None:
        """Take in what a request brought; cells that stay empty are to be filled again."""
        self._in.add(asked.number)
        cases: list[DraftedCase] = []
        left_out: list[LeftOut] = []
        open_cells = list(asked.cells)
        if answer.batch is None:
            left_out.append(LeftOut(fault=answer.fault, reason=one_line(answer.reason, SHOWN_OF_FAULT)))
        else:
            for place, why in answer.batch.faults:
                cell = None if place is None else asked.cells[place]
                left_out.append(LeftOut(fault="malformed", reason=one_line(why, SHOWN_OF_FAULT), cell=cell))
            for drafted in answer.batch.cases:
                cell = asked.cells[drafted.place]
                repeats = self._repeats(drafted.input)
                if repeats is not None:
                    left_out.append(repeats.model_copy(update={"cell": cell}))
                    continue
                open_cells.remove(cell)
                cases.append(await self._kept(drafted, cell))
        self._todo.extend(open_cells)
        self._idle = 0 if cases else self._idle + 1
        made = self._state.generation
        if made is None or asked.number not in made.batches:
            self._emit(
                CasesDrafted(
                    batch=asked.number,
                    asked=len(asked.cells),
                    replies=answer.replies,
                    cases=cases,
                    left_out=left_out,
                )
            )
        if self._plan.realism:
            self._rate(cases)

    def _repeats(self, given: str) -> LeftOut | None:
        """Why an input is none that is wanted: one like it is there. Else it is there from now on."""
        plain = normalised(given)
        shown = one_line(given, SHOWN_OF_FAULT)
        if plain in self._seen:
            return LeftOut(fault="repeated", reason="such a case is there", text=shown)
        other = self._near.find(given)
        if other is not None:
            return LeftOut(fault="nearly repeated", reason=f"it is nearly {other}", text=shown)
        self._seen.add(plain)
        self._near.add(f"c{len(self._taken) + 1:04d}", given)
        return None

    async def _kept(self, drafted: Drafted, place: int) -> DraftedCase:
        """A case that is taken; an answer that the scenario's own rules refuse is left out."""
        cell = self._cells[place]
        made_up = ("generated", *(["simulated"] if self._simulated else []))
        case = example_of(drafted, self._plan.scenario, cell, f"c{len(self._taken) + 1:04d}", made_up)
        notes = list(drafted.notes)
        if case.expected is not None:
            results = await self._judge.judge(case, case.expected)
            broken = next((result for result in results if not result.passed), None)
            if broken is not None:
                notes.append(f"its answer fails {broken.name}: {one_line(broken.reason, 80)}")
                case = case.model_copy(update={"expected": None})
        self._taken.append(case)
        self._shown.append((cell.situation.name, drafted.input))
        body = case.model_dump(mode="json", exclude_defaults=True)
        return DraftedCase(case_id=case.id, cell=place, case=body, note="; ".join(notes))

    @property
    def _simulated(self) -> bool:
        return self._context.settings.models["generator"].simulated

    def _rate(self, cases: Sequence[DraftedCase]) -> None:
        """Have a judge say how real the cases seem, while others are made."""
        for drafted in cases:
            made = self._state.generation
            if made is None or drafted.case_id not in made.ratings:
                self._rating.append(asyncio.ensure_future(self._rated(drafted)))

    async def _rated(self, drafted: DraftedCase) -> None:
        told = self._cells[drafted.cell].told
        given = str(drafted.case["inputs"]["input"])
        messages = asking_realism(self._plan.scenario, self._plan.company, told, given)
        score, reason = None, ""
        for attempt in range(TRIES):
            path = f"realism/again/{attempt}" if attempt else "realism"
            try:
                reply = await self._context.complete("judge", messages, path=path, case_id=drafted.case_id)
                score, reason = read_realism(reply.text)
                break
            except (NoVerdict, CallFailed) as error:
                reason = str(error)
                if isinstance(error, CallFailed):
                    break
        self._emit(CaseRated(case_id=drafted.case_id, score=score, reason=one_line(reason, SHOWN_OF_FAULT)))

    async def _rest(self) -> None:
        """Take in, in their order, what was answered before the run had to end."""
        while self._asked:
            asked = self._asked.popleft()
            found = (await asyncio.gather(asked.answer, return_exceptions=True))[0]
            if isinstance(found, _Answer):
                await self._take(asked, found)
        await asyncio.gather(*self._rating, return_exceptions=True)

    async def _give_up(self) -> None:
        """Leave nothing under way behind."""
        tasks: list[asyncio.Task[Any]] = [*(asked.answer for asked in self._asked), *self._rating]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self) -> StopRun:
        made, count = len(self._taken), self._plan.count
        if made == count:
            return StopRun("generated", f"{made} cases made")
        why = (
            "the last requests brought nothing new"
            if self._idle >= STALLED
            else f"{self._requests} requests were made"
        )
        self._emit(ev.Notice(level="warning", text=f"{made} of {count} cases were made: {why}"))
        return StopRun("generated", f"{made} of {count} cases made: {why}")
