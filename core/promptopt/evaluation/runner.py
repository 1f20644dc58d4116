"""The test runner: a prompt on cases, many at once. What goes wrong with a case stays with that case."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example, Split
from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, CheckResult, Evaluation, Judging
from promptopt.evaluation.categories import categorize
from promptopt.evaluation.checks import Judge
from promptopt.evaluation.checks.base import Ask
from promptopt.evaluation.embedding import Embed, Embedded
from promptopt.evaluation.reliability import merge
from promptopt.evaluation.scores import score_checks
from promptopt.evaluation.statistics import interval


class Send(Protocol):
    """Sends messages about a case to the target model, as the draw of that number; raises CallFailed if no
    answer came.
    """

    def __call__(
        self, messages: Sequence[Message], /, *, case_id: str, draw: int
    ) -> Awaitable[LLMResponse]: ...


EmbedFor = Callable[[str, str], Awaitable[tuple[Embedded, Judging]]]
"""Embeds a text for the case with an id, and tells what it took."""

Sink = Callable[[Sequence[CaseResult]], None]
"""Takes results as they come in."""

FLUSH_SECONDS = 0.1

UNADMITTED = "refused"
"""Category of cases of a prompt that may not be scored."""


class Runner:
    """Runs prompts on cases.

    Args:
        judge: judges each output.
        at_once: answers worked on at once; how many calls that means is the gateway's business.
        repeats: times that each case is sent.
    """

    def __init__(self, judge: Judge, at_once: int, repeats: int = 1) -> None:
        self._judge = judge
        self._at_once = at_once
        self._repeats = repeats

    def resize(self, at_once: int) -> None:
        """Work on so many answers at once, from the next evaluation on."""
        self._at_once = at_once

    async def evaluate(
        self,
        prompt: Prompt,
        split: Split,
        cases: Sequence[Example],
        send: Send,
        sink: Sink,
        ask: Ask | None = None,
        embed: EmbedFor | None = None,
    ) -> Evaluation:
        """Send every case, judge every output.

        Args:
            sink: is given each result once, about ten times a second.
            ask: the judge model, for checks that need one.
            embed: the embedding model, likewise.

        Returns:
            The evaluation, its results in the order of ``cases``.

        Raises:
            StopRun: a cap is reached or the run was stopped; results so far went to ``sink``.
        """
        results: list[CaseResult | None] = [None] * len(cases)
        fresh: list[CaseResult] = []
        drawn: list[dict[int, CaseResult]] = [{} for _ in cases]
        waiting = ((at, case, draw) for at, case in enumerate(cases) for draw in range(self._repeats))

        async def work() -> None:
            for position, case, draw in waiting:
                drawn[position][draw] = await self._run_case(prompt, case, send, draw, ask, embed)
                if len(drawn[position]) == self._repeats:
                    result = merge([drawn[position][number] for number in range(self._repeats)])
                    results[position] = result
                    fresh.append(result)

        def flush() -> None:
            if fresh:
                sink(tuple(fresh))
                fresh.clear()

        workers = [asyncio.create_task(work()) for _ in range(min(self._at_once, len(cases) * self._repeats))]
        try:
            await _until_done(workers, flush)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            flush()
        return gathered(prompt.id, split, list(_complete(results)))

    async def _run_case(
        self, prompt: Prompt, case: Example, send: Send, draw: int, ask: Ask | None, embed: EmbedFor | None
    ) -> CaseResult:
        try:
            response = await send(prompt.render(case), case_id=case.id, draw=draw)
        except CallFailed as failure:
            return failed(case, failure)
        return await self.judge(case, response, ask, embed)

    async def judge(
        self, case: Example, response: LLMResponse, ask: Ask | None, embed: EmbedFor | None = None
    ) -> CaseResult:
        """What one answer to a case is worth.

        Args:
            ask: the judge model, for checks that need one.
            embed: the embedding model, likewise.
        """
        asking = _Asking(case, ask, embed)
        checks = await self._judge.judge(case, response.text, response, *asking.models)
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
            judging=asking.judging,
            embedding=asking.embedding,
        )


def gathered(prompt_id: str, split: Split, results: Sequence[CaseResult]) -> Evaluation:
    """The evaluation that results make."""
    score = interval([result.score for result in results], [result.weight for result in results])
    return Evaluation(prompt_id=prompt_id, split=split, results=tuple(results), score=score)


def unadmitted(case: Example, why_not: str) -> CaseResult:
    """What a prompt that may not be scored is worth on a case: nothing, and why. No answer was asked for."""
    refusal = CheckResult(name="admission", score=0.0, passed=False, reason=why_not)
    return CaseResult(case_id=case.id, weight=case.weight, checks=(refusal,), category=UNADMITTED)


def failed(case: Example, failure: CallFailed) -> CaseResult:
    """The result of a case that no answer came to."""
    return CaseResult(case_id=case.id, weight=case.weight, category="error", error=str(failure))


class _Asking:
    """The models that the checks of a case may ask, with a count of what they took."""

    def __init__(self, case: Example, ask: Ask | None, embed: EmbedFor | None) -> None:
        self._case = case
        self._ask = ask
        self._embed = embed
        self.judging = Judging()
        self.embedding = Judging()

    @property
    def models(self) -> tuple[Ask | None, Embed | None]:
        """The judge model and the embedding model, as far as there are any."""
        return self._judge if self._ask else None, self._vector if self._embed else None

    async def _judge(self, messages: Sequence[Message], path: str, sample: int) -> LLMResponse:
        assert self._ask is not None
        response = await self._ask(messages, path, sample)
        self.judging += Judging.of(response)
        return response

    async def _vector(self, text: str) -> Embedded:
        assert self._embed is not None
        embedded, took = await self._embed(text, self._case.id)
        self.embedding += took
        return embedded


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
