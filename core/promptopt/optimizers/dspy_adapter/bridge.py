"""From DSPy's threads to the run's event loop.

What the task is asked is addressed by its content alone, as what the runner sends is: nobody pays twice for a
prompt on a case, and it makes no difference in which order DSPy's threads get their answers. DSPy tells fresh
samples of equal content apart by a rollout number, which becomes the number of the draw. So a killed run can
replay.
"""

import asyncio
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import SPLITS, Dataset, Example, Split
from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.runner import failed, unadmitted
from promptopt.optimizers.base import RunContext

T = TypeVar("T")

RESULTS_KEPT = 20_000
"""Judged answers at hand; one that is older is judged again when a metric asks for it."""

Saw = Callable[[Prompt, Split, CaseResult], None]
"""Is told of each result of a prompt on a case."""


class Bridge:
    """What DSPy's threads reach the run by. Made in the run's event loop, used from threads.

    Args:
        saw: told, in the event loop, of the first answer of the target model to each case.
        asks: told, in the event loop, of each request to the optimizer model.
    """

    def __init__(self, context: RunContext, dataset: Dataset, saw: Saw, asks: Callable[[], None]) -> None:
        self._context = context
        self._saw = saw
        self._asks = asks
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._under_way: set[Future[Any]] = set()
        self._ended: BaseException | None = None
        self._cases = _by_inputs(dataset)
        self._refusals: dict[str, str] = {}
        """What is said in the place of an answer where a prompt was refused, to why it was."""
        self._results: OrderedDict[tuple[str, str], CaseResult] = OrderedDict()

    @property
    def ended(self) -> BaseException | None:
        """The signal that ended the search, if one did."""
        return self._ended

    def close(self, signal: BaseException) -> None:
        """Let every call that a thread waits for, or makes from now on, end with ``signal``."""
        with self._lock:
            self._ended = self._ended or signal
            under_way = list(self._under_way)
        for future in under_way:
            future.cancel()

    def propose(
        self, messages: Sequence[Message], *, again: int, rollout: int, temperature: float | None
    ) -> LLMResponse:
        """Ask the optimizer model.

        Args:
            again: number of the answer, where DSPy wants several to one request.
        """
        # Several answers to one request are as many draws; the prime keeps them off DSPy's rollouts.
        sample = (rollout + (again - 1) * 1_000_003) % 2**31
        path = f"dspy/{again}"
        return self._call(self._propose(messages, path, sample, temperature))

    def answer(
        self, prompt: Prompt, inputs: dict[str, str], *, rollout: int, temperature: float | None
    ) -> LLMResponse:
        """Ask the target model, and judge what it says."""
        return self._call(self._answer(prompt, inputs, rollout, temperature))

    def judge(self, inputs: dict[str, str], expected: str | None, text: str) -> CaseResult:
        """What ``text`` is worth as the answer to a case."""
        same = self._cases.get(_key(inputs), [])
        case = next((case for _, case in same if case.expected == expected), None)
        case = case or Example(id="unknown", inputs=inputs, expected=expected)
        if text in self._refusals:
            return unadmitted(case, self._refusals[text])
        known = self._results.get((case.id, text))
        return known or self._call(self._judge(case, LLMResponse(text=text)))

    async def _propose(
        self, messages: Sequence[Message], path: str, sample: int, temperature: float | None
    ) -> LLMResponse:
        self._asks()
        return await self._context.complete(
            "optimizer", messages, path=path, sample=sample, temperature=temperature
        )

    async def _answer(
        self, prompt: Prompt, inputs: dict[str, str], rollout: int, temperature: float | None
    ) -> LLMResponse:
        same = self._cases.get(_key(inputs), [])
        case = same[0][1] if same else Example(id="unknown", inputs=inputs)
        why_not = await self._context.admit(prompt)
        if why_not:
            refusal = f"(The prompt was refused and sent nothing: {why_not})"
            if refusal not in self._refusals:
                self._refusals[refusal] = why_not
                self._context.refused(0, 1, why_not)
            return LLMResponse(text=refusal)
        # Other draws than the first are DSPy's own business: the record keeps what the runner would get.
        told = same if rollout == 0 and temperature is None else []
        try:
            response = await self._context.complete(
                "target",
                prompt.render(case),
                sample=rollout,
                case_id=case.id if same else "",
                temperature=temperature,
            )
        except CallFailed as failure:
            for split, each in told:
                self._saw(prompt, split, failed(each, failure))
            raise
        results = {each.id: await self._judge(each, response) for _, each in same}
        for split, each in told:
            self._saw(prompt, split, results[each.id])
        return response

    async def _judge(self, case: Example, response: LLMResponse) -> CaseResult:
        result = await self._context.judge(case, response)
        self._results[case.id, response.text] = result
        if len(self._results) > RESULTS_KEPT:
            self._results.popitem(last=False)
        return result

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        """Have ``work`` done in the event loop while this thread waits.

        Raises:
            StopRun, Redirected, StageOver: the search ends; every later call raises the same.
        """
        with self._lock:
            if self._ended is not None:
                work.close()
                raise self._ended
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._under_way.add(future)
        try:
            return future.result()
        except CancelledError:
            # It is an Exception, which DSPy would count as one more failed example.
            raise self._ended or StopRun("user", "given up") from None
        except Exception:
            raise
        except BaseException as signal:
            self._ended = self._ended or signal
            raise self._ended from None
        finally:
            self._under_way.discard(future)


def _by_inputs(dataset: Dataset) -> dict[tuple[str, ...], list[tuple[Split, Example]]]:
    """Cases, each once, by what goes in. A case that serves two splits counts for the later one."""
    found: dict[tuple[str, ...], list[tuple[Split, Example]]] = defaultdict(list)
    split_of: dict[str, Split] = {case.id: split for split in SPLITS for case in dataset[split]}
    for case in dataset.cases():
        found[_key(case.inputs)].append((split_of[case.id], case))
    return dict(found)


def _key(inputs: dict[str, str]) -> tuple[str, ...]:
    return tuple(value for _, value in sorted(inputs.items()))
