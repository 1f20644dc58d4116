"""Scoring prompts in a run: whatever comes of it is told to everyone who watches, and kept."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from promptopt.domain import events as ev
from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example, Split
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Evaluation, Judging
from promptopt.evaluation.checks.base import Ask
from promptopt.evaluation.embedding import Embedded, Embedder
from promptopt.evaluation.runner import FLUSH_SECONDS, EmbedFor, Runner, Send, gathered
from promptopt.models.gateway import Gateway
from promptopt.runs.athand import AtHand
from promptopt.store.cells import Cells


class Note(Protocol):
    """Takes how a prompt did on cases of a split. For the cases ``anew``, what was noted before holds no
    more.
    """

    def __call__(
        self, prompt_id: str, split: Split, results: Sequence[CaseResult], anew: Collection[str] = (), /
    ) -> None: ...


class _Models(NamedTuple):
    """Ways to the models that a scored case needs: the target, and those that checks ask."""

    send: Send
    ask: Ask
    embed: EmbedFor


class Scoring:
    """Scores the prompts of one run.

    Args:
        note: told of all results, before the score is.
    """

    def __init__(
        self,
        gateway: Gateway,
        runner: Runner,
        cells: Cells,
        emit: Callable[[ev.Event], None],
        note: Note,
    ) -> None:
        self._gateway = gateway
        self._runner = runner
        self._cells = cells
        self._emit = emit
        self._note = note
        self._at_hand = AtHand()
        self._fresh: dict[tuple[str, Split], list[CaseResult]] = {}
        """What was noted one by one since the last flush."""
        self._embedder = Embedder()

    async def score(
        self,
        prompt: Prompt,
        split: Split,
        cases: Sequence[Example],
        *,
        urgent: bool = False,
        finishing: bool = False,
        counts: bool = True,
    ) -> Evaluation:
        """Score a prompt on any cases.

        Args:
            counts: it becomes the candidate's score on the split.
            urgent: also while the run is paused.
            finishing: the sealed test, with the budget that was held back for it.
        """
        scored = self._at_hand.evaluation(prompt.id, split, cases)
        if scored is not None:
            return scored
        self._emit(ev.EvaluationStarted(candidate_id=prompt.id, split=split, total=len(cases)))
        known = self._at_hand.results(prompt.id, split)
        self._say_results(prompt.id, split, [known[case.id] for case in cases if case.id in known])
        concurrency = self._gateway.concurrency("target")
        about = {"promptopt.candidate_id": prompt.id, "promptopt.split": split, "promptopt.cases": len(cases)}
        with self._gateway.telemetry.span("evaluate", about) as note:
            models = self._models(urgent=urgent, finishing=finishing)
            evaluation = await self._runner.evaluate(
                prompt,
                split,
                [case for case in cases if case.id not in known],
                models.send,
                partial(self._take, prompt.id, split),
                models.ask,
                models.embed,
            )
            evaluation = self._at_hand.complete(evaluation, known, cases)
            note({"promptopt.score": evaluation.score.mean, "promptopt.passed": evaluation.passed})
        self._note(prompt.id, split, evaluation.results)
        self._say_score(evaluation, concurrency(), counts)
        return evaluation

    async def judge(self, case: Example, response: LLMResponse) -> CaseResult:
        """What an answer to a case is worth, by the project's checks."""
        models = self._models()
        return await self._runner.judge(case, response, models.ask, models.embed)

    async def judge_anew(
        self, prompt: Prompt, split: Split, cases: Sequence[Example], changed: Collection[str]
    ) -> None:
        """Judge a prompt's answers to changed cases of a split anew, and tell its score on the split.

        Nothing is asked of the target model: only what it was asked before is judged.

        Args:
            cases: of the split, as they are now.
            changed: ids.
        """
        results = await asyncio.to_thread(self._cells.results, prompt.id, split)
        answered = [case for case in cases if case.id in results]
        if not answered:
            return
        again = [case for case in answered if case.id in changed]
        models = self._models(urgent=True)
        sink = partial(self._cells.keep, prompt.id, split)
        fresh = await self._runner.evaluate(prompt, split, again, models.send, sink, models.ask, models.embed)
        results |= fresh.by_case()
        evaluation = gathered(prompt.id, split, [results[case.id] for case in answered])
        self._note(prompt.id, split, evaluation.results, changed)
        self._say_score(evaluation)

    def noted(self, prompt: Prompt, split: Split, result: CaseResult) -> None:
        """Take in a result that an optimizer came by itself; it is kept and shown with others, soon."""
        self._note(prompt.id, split, [result])
        if not self._fresh:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._fresh.setdefault((prompt.id, split), []).append(result)

    def measured(self, evaluation: Evaluation) -> None:
        """Tell the score that such results came to."""
        self.flush()
        self._say_score(evaluation)

    def flush(self) -> None:
        """Keep and show what was noted so far."""
        fresh, self._fresh = self._fresh, {}
        for (prompt_id, split), results in fresh.items():
            self._take(prompt_id, split, results)

    async def settled(self) -> None:
        """Wait until all that was noted is in the store."""
        self.flush()
        await asyncio.wrap_future(self._cells.settled())

    def forget(self) -> None:
        """Score everything anew that is asked for from now on; the journal has the answers."""
        self.flush()
        self._at_hand.forget()

    def _models(self, *, urgent: bool = False, finishing: bool = False) -> _Models:
        call = partial(self._gateway.call, urgent=urgent, finishing=finishing)
        embed = partial(self._gateway.embed, urgent=urgent, finishing=finishing)

        def send(messages: Sequence[Message], /, *, case_id: str, draw: int) -> Awaitable[LLMResponse]:
            return call("target", messages, case_id=case_id, sample=draw)

        def ask(messages: Sequence[Message], path: str, draw: int) -> Awaitable[LLMResponse]:
            return call("judge", messages, path=path, sample=draw)

        def embedded(text: str, case_id: str) -> Awaitable[tuple[Embedded, Judging]]:
            return self._embedder.embed(text, partial(embed, case_id=case_id))

        return _Models(send, ask, embedded)

    def _take(self, prompt_id: str, split: Split, results: Sequence[CaseResult]) -> None:
        self._cells.keep(prompt_id, split, results)
        self._say_results(prompt_id, split, results)

    def _say_results(self, prompt_id: str, split: Split, results: Sequence[CaseResult]) -> None:
        marks = [
            ev.CaseMark(case_id=r.case_id, score=r.score, passed=r.passed, category=r.category)
            for r in results
        ]
        if marks:
            self._emit(ev.CasesFinished(candidate_id=prompt_id, split=split, cases=marks))

    def _say_score(self, evaluation: Evaluation, at_once: float | None = None, counts: bool = True) -> None:
        self._emit(
            ev.CandidateScored(
                candidate_id=evaluation.prompt_id,
                split=evaluation.split,
                score=evaluation.score,
                passed=evaluation.passed,
                errors=evaluation.errors,
                at_once=at_once,
                counts=counts,
            )
        )
