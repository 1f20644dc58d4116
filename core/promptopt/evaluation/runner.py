"""The test runner: a prompt on cases, many at once. What goes wrong with a case stays with that case."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example, Split
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.evaluation.categories import categorize
from promptopt.evaluation.checks import Judge, score_checks
from promptopt.evaluation.statistics import interval
from promptopt.models.sending import CallFailed


class Send(Protocol):
    """Sends messages about a case to the target model; raises CallFailed if no answer came."""

    def __call__(self, messages: Sequence[Message], /, *, case_id: str) -> Awaitable[LLMResponse]: ...


Sink = Callable[[Sequence[CaseResult]], None]
"""Takes results as they come in."""

FLUSH_SECONDS = 0.1


class Runner:
    """Runs prompts on cases.

    Args:
        judge: judges each output.
        at_once: cases worked on at once; how many calls that means is the gateway's business.
    """

    def __init__(self, judge: Judge, at_once: int) -> None:
        self._judge = judge
        self._at_once = at_once

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example], send: Send, sink: Sink
    ) -> Evaluation:
        """Send every case, judge every output.

        Args:
            sink: is given each result once, about ten times a second.

        Returns:
            The evaluation, its results in the order of ``cases``.

        Raises:
            StopRun: a cap is reached or the run was stopped; results so far went to ``sink``.
        """
        results: list[CaseResult | None] = [None] * len(cases)
        fresh: list[CaseResult] = []
        waiting = iter(enumerate(cases))

        async def work() -> None:
            for position, case in waiting:
                result = await self._run_case(prompt, case, send)
                results[position] = result
                fresh.append(result)

        def flush() -> None:
            if fresh:
                sink(tuple(fresh))
                fresh.clear()

        workers = [asyncio.create_task(work()) for _ in range(min(self._at_once, len(cases)))]
        try:
            await _until_done(workers, flush)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            flush()
        done = tuple(_complete(results))
        scores = [result.score for result in done]
        weights = [result.weight for result in done]
        return Evaluation(prompt_id=prompt.id, split=split, results=done, score=interval(scores, weights))

    async def _run_case(self, prompt: Prompt, case: Example, send: Send) -> CaseResult:
        try:
            response = await send(prompt.render(case), case_id=case.id)
        except CallFailed as failure:
            return CaseResult(case_id=case.id, weight=case.weight, category="error", error=str(failure))
        checks = await self._judge.judge(case, response.text)
        score, passed = score_checks(checks)
        return CaseResult(
            case_id=case.id,
            output=response.text,
            score=score,
            passed=passed,
            checks=checks,
            category=categorize(case, response.text, checks, "", response.finish_reason),
            weight=case.weight,
            prompt_tokens=response.usage.get("prompt_tokens", 0),
            completion_tokens=response.usage.get("completion_tokens", 0),
            cost=response.cost,
            latency=response.latency,
        )


async def _until_done(workers: "Sequence[asyncio.Task[None]]", flush: Callable[[], None]) -> None:
    """Wait for all workers, flushing meanwhile; the first that raises ends the wait."""
    pending = set(workers)
    while pending:
        done, pending = await asyncio.wait(
            pending, timeout=FLUSH_SECONDS, return_when=asyncio.FIRST_EXCEPTION
        )
        flush()
        for worker in done:
            worker.result()


def _complete(results: Sequence[CaseResult | None]) -> Iterator[CaseResult]:
    for result in results:
        assert result is not None, "a worker ended without a result"
        yield result
