"""A door for searches of ``refine``: a surface and its proposer as models, a journal, kills and edits."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from promptopt.domain.chat import ChatRequest, LLMResponse
from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import Redirected, StopRun
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.statistics import interval
from promptopt.optimizers.base import BaseOptimizer
from promptopt.optimizers.refine import RefineOptimizer
from tests.benchmarks.surfaces.base import Surface, example
from tests.benchmarks.surfaces.proposer import Proposer


class Killed(BaseException):
    """The worker died."""


class Door:
    """What a search sees of its run. Another door with the same ``book`` is the next worker of that run.

    Attributes:
        book: answers and the last checkpoint, which outlive a worker.
        live: calls that the journal could not answer, by role.
        measured_on: prompt id to the ids of the cases that it was asked on.
        edits: a person's prompts, adopted once so many calls were made.
    """

    def __init__(
        self,
        surface: Surface,
        book: dict[str, Any] | None = None,
        *,
        sizes: tuple[int, int] = (24, 16),
        kill_at: int | None = None,
        held_back: bool = True,
        propose: Callable[[ChatRequest, int], str] | None = None,
        edit: tuple[int, Prompt] | None = None,
    ) -> None:
        self.settings = ProjectSettings.model_validate(
            {"name": "p", "prompt": surface.seed_prompt, "models": {"target": {"model": "sim/target"}}}
        )
        self.task = TaskSpec(description=surface.description)
        train, validation = (
            tuple(map(example, surface.splits[split][:size]))
            for split, size in zip(("train", "validation"), sizes, strict=True)
        )
        if not held_back:
            validation = train
        self.dataset = Dataset(train=train, validation=validation, held_back=held_back)
        self.seed_prompt = Prompt(text=surface.seed_prompt)
        self.book: dict[str, Any] = {"answers": {}, "state": None, "edits": 0} if book is None else book
        self.live: Counter[str] = Counter()
        self.asked: list[tuple[str, str]] = []
        self.at_once = 0
        self.most_at_once: Counter[str] = Counter()
        self.candidates: dict[str, Prompt] = {}
        self.verdicts: list[tuple[str, bool, str]] = []
        self.refusals: list[str] = []
        self.forbidden = ""
        """A text that people do not want in any prompt."""
        self.whole: list[tuple[str, Split]] = []
        self._surface = surface
        self._propose = propose or Proposer(surface).answer
        self._kill_at = kill_at
        self._edit = edit
        self._under_way: Counter[str] = Counter()

    async def complete(
        self,
        role: str,
        messages: Sequence[Message],
        *,
        path: str = "",
        sample: int = 0,
        case_id: str = "",
        temperature: float | None = None,
    ) -> LLMResponse:
        key = json.dumps([role, path, sample, [(m.role, m.content) for m in messages]])
        self._under_way[role] += 1
        self.most_at_once[role] = max(self.most_at_once[role], self._under_way[role])
        try:
            await asyncio.sleep(0)
            if self._edit and self.live.total() >= self._edit[0] and not self.book["edits"]:
                raise Redirected
            if key not in self.book["answers"]:
                self.live[role] += 1
                if self._kill_at is not None and self.live.total() > self._kill_at:
                    raise Killed
                self.book["answers"][key] = self._answer(role, messages, sample)
                if role == "target":
                    self.asked.append((json.dumps([m.content for m in messages[:-1]]), case_id))
        finally:
            self._under_way[role] -= 1
        return LLMResponse(text=self.book["answers"][key])

    def _answer(self, role: str, messages: Sequence[Message], sample: int) -> str:
        if role == "target":
            return self._surface.answer(messages, sample)
        return self._propose(ChatRequest(model="m", messages=tuple(messages)), sample)

    async def judge(self, case: Example, response: LLMResponse) -> CaseResult:
        good = response.text == case.expected
        category = "" if good else "wrong reasoning"
        return CaseResult(
            case_id=case.id, output=response.text, score=float(good), passed=good, category=category
        )

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example] | None = None
    ) -> Evaluation:
        chosen = self.dataset[split] if cases is None else cases
        results = [
            await self.judge(case, await self.complete("target", prompt.render(case), case_id=case.id))
            for case in chosen
        ]
        score = interval([result.score for result in results])
        return Evaluation(prompt_id=prompt.id, split=split, results=tuple(results), score=score)

    def measured(self, evaluation: Evaluation) -> None:
        if evaluation.split == "validation":
            self.whole.append((evaluation.prompt_id, evaluation.split))

    def candidate(self, prompt: Prompt, **_: Any) -> None:
        self.candidates[prompt.id] = prompt

    def judged(self, prompt: Prompt, against: Prompt, accepted: bool, reason: str, comparison: Any) -> bool:
        self.verdicts.append((prompt.id, accepted, reason))
        return accepted

    async def admit(self, prompt: Prompt, **_: Any) -> str:
        return "it says what it must not" if self.forbidden and self.forbidden in prompt.text else ""

    def breaks(self, prompt: Prompt) -> str:
        return ""

    def refused(self, iteration: int, attempt: int, reason: str) -> None:
        self.refusals.append(reason)

    def checkpoint(self, iteration: int, state: dict[str, Any]) -> None:
        self.book["state"] = json.dumps(state)

    def restored(self) -> dict[str, Any] | None:
        return json.loads(self.book["state"]) if self.book["state"] else None

    def adopted(self) -> Prompt | None:
        if self._edit and self.live.total() >= self._edit[0] and not self.book["edits"]:
            self.book["edits"] = 1
            return self._edit[1]
        return None

    def nothing(self, *_: Any, **__: Any) -> None: ...

    noted = measuring = feedback = iteration = show = nothing

    @property
    def accepted(self) -> list[Prompt]:
        """Prompts that became the best, in order."""
        return [self.candidates[name] for name, accepted, _ in self.verdicts if accepted]


def refine(**options: Any) -> BaseOptimizer:
    """The optimizer with some settings."""
    return RefineOptimizer.from_options({"max_iterations": 4, **options})


async def searched(door: Door, **options: Any) -> StopRun:
    """A whole search, from where the last worker was."""
    return await refine(**options).search(door)  # type: ignore[arg-type]
