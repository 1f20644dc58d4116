"""A door to a landscape without engine, store and wire: hundreds of whole searches in a minute."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, CheckResult, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import Redirected, StopRun
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.statistics import interval
from promptopt.optimizers import registry
from promptopt.optimizers.base import BaseOptimizer
from promptopt.runs.mustpass import MustPass
from tests.benchmarks.landscape import SEED_PROMPT, Landscape

Ask = Callable[[str, str], str]


class Door:
    """What an optimizer sees of a run, played by a landscape.

    Args:
        sizes: training and validation cases.
        calls: most different calls of the target model.
        change: is given the dataset to change it.

    Attributes:
        journal: answered calls: what is asked again is no new call.
        kept: the last checkpoint, as JSON text.
        accepted: prompts that can win.
    """

    def __init__(
        self,
        landscape: Landscape,
        optimizer: dict[str, Any],
        *,
        sizes: tuple[int, int] = (60, 40),
        calls: int | None = None,
        prompt: str = SEED_PROMPT,
        change: Callable[[Dataset], Dataset] = lambda dataset: dataset,
        **settings: Any,
    ) -> None:
        models = {"target": {"model": "target"}, "optimizer": {"model": "optimizer", "max_tokens": 4096}}
        table = {"name": "p", "prompt": prompt, "models": models, "optimizer": optimizer, **settings}
        self.settings = ProjectSettings.model_validate(table)
        self.task = TaskSpec(description="Label items.")
        train, validation = (
            tuple(
                Example(id=row["id"], inputs={"input": row["input"]}, expected=row["expected"])
                for row in landscape.cases(size, name)
            )
            for size, name in zip(sizes, ("t", "v"), strict=True)
        )
        self.dataset = change(Dataset(train=train, validation=validation))
        self.seed_prompt = Prompt(text=prompt)
        self.landscape = landscape
        self.journal: set[tuple[str, ...]] = set()
        self.asked: list[tuple[str, str]] = []
        self.must_pass = MustPass(self.dataset.cases(), self.seed_prompt.id)
        self.kept = ""
        self.checkpoints: list[str] = []
        self.accepted = {self.seed_prompt.id: self.seed_prompt}
        self.on_validation: dict[str, float] = {}
        self.entered: list[tuple[Prompt, Prompt | None, str]] = []
        self.verdicts: list[tuple[Prompt, bool, str]] = []
        self.refusals: list[str] = []
        self.measured_scores: dict[str, Evaluation] = {}
        self.edits: list[tuple[int, Prompt]] = []
        """A person's edits, each with the number of calls after which it comes."""
        self._calls = calls
        self._target_calls: set[tuple[str, ...]] = set()

    @property
    def target_calls(self) -> int:
        return len(self._target_calls)

    @property
    def best(self) -> Prompt:
        """The highest validation score among the seed and the accepted prompts, as the engine has it."""
        return max(self.accepted.values(), key=lambda prompt: self.on_validation.get(prompt.id, 0.0))

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
        self._turn()
        text = "\n".join(message.content for message in messages)
        self.asked.append((role, path))
        if role == "target":
            return LLMResponse(text=self._answer(messages, sample))
        self.journal.add((role, path, text))
        return LLMResponse(text=self.reply(text, path))

    def reply(self, request: str, path: str) -> str:
        """The optimizer model's reply; tests put others in its place."""
        return self.landscape(_call(request))

    async def judge(self, case: Example, response: LLMResponse) -> CaseResult:
        right = response.text == case.expected
        reason = "" if right else f"expected {case.expected}"
        check = CheckResult(name="exact", score=float(right), passed=right, reason=reason)
        return CaseResult(
            case_id=case.id,
            output=response.text,
            score=float(right),
            passed=right,
            checks=(check,),
            category="" if right else "wrong reasoning",
        )

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example] | None = None
    ) -> Evaluation:
        self._turn()
        chosen = self.dataset[split] if cases is None else cases
        answers = [self._answer(prompt.render(case), 0) for case in chosen]
        results = tuple(
            [await self.judge(case, LLMResponse(text=a)) for case, a in zip(chosen, answers, strict=True)]
        )
        score = interval([result.score for result in results])
        self.must_pass.note(prompt.id, split, results)
        if split == "validation":
            self.on_validation[prompt.id] = score.mean
        return Evaluation(prompt_id=prompt.id, split=split, results=results, score=score)

    def candidate(self, prompt: Prompt, *, parent: Prompt | None, reasoning: str, **_: Any) -> None:
        self.entered.append((prompt, parent, reasoning))

    def judged(
        self, prompt: Prompt, against: Prompt, accepted: bool, reason: str, *_: Any, **__: Any
    ) -> bool:
        accepted = accepted and not self.breaks(prompt)
        self.verdicts.append((prompt, accepted, reason))
        if accepted:
            self.accepted[prompt.id] = prompt
            self.must_pass.accept(prompt.id)
        return accepted

    async def admit(self, prompt: Prompt, **_: Any) -> str:
        return ""

    def breaks(self, prompt: Prompt) -> str:
        broken = self.must_pass.broken(prompt.id)
        return broken.said if broken else ""

    def noted(self, prompt: Prompt, split: Split, result: CaseResult) -> None:
        self.must_pass.note(prompt.id, split, [result])

    def measured(self, evaluation: Evaluation) -> None:
        self.measured_scores[evaluation.prompt_id] = evaluation
        if evaluation.split == "validation":
            self.on_validation[evaluation.prompt_id] = evaluation.score.mean

    def refused(self, iteration: int, attempt: int, reason: str) -> None:
        self.refusals.append(reason)

    def adopted(self) -> Prompt | None:
        if self.edits and len(self.asked) >= self.edits[0][0]:
            return self.edits.pop(0)[1]
        return None

    def restored(self) -> dict[str, Any] | None:
        return json.loads(self.kept) if self.kept else None

    def checkpoint(self, iteration: int, state: dict[str, Any]) -> None:
        self.kept = json.dumps(state)
        self.checkpoints.append(self.kept)

    def feedback(self, *_: Any) -> None: ...

    measuring = iteration = show = feedback

    def _turn(self) -> None:
        if self.edits and len(self.asked) >= self.edits[0][0]:
            raise Redirected

    def _answer(self, messages: Sequence[Message], sample: int) -> str:
        key = (*(message.content for message in messages), str(sample))
        if key not in self._target_calls:
            if self._calls is not None and len(self._target_calls) >= self._calls:
                raise StopRun("budget")
            self._target_calls.add(key)
        return self.landscape.answer(messages[0].content, messages[-1].content)


async def searched(door: Door, optimizer: BaseOptimizer | None = None) -> StopRun:
    """Carry a search out at a door; what ended it."""
    made = optimizer or registry.make(door.settings)
    await door.evaluate(door.seed_prompt, "validation")
    try:
        return await made.search(door)  # type: ignore[arg-type]
    except StopRun as end:
        return end


def _call(text: str) -> Any:
    from tests.loopback.wire import Call

    return Call("openai", "optimizer", (("user", text),), None, {})
