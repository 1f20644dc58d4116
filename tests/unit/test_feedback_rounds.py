"""Rounds of ``feedback``: whom a round's tournament puts out of the running."""

from collections.abc import Sequence
from typing import Any

import pytest

from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.runner import gathered
from promptopt.optimizers.base import BaseOptimizer, RunContext
from promptopt.optimizers.hybrids.feedback import Feedback
from promptopt.runs.standings import Candidate, Score, best_of

CASES = {split: [Example(id=f"{split}{n}", inputs={"input": str(n)}) for n in range(12)] for split in "tv"}


def passing(train: int, validation: int) -> Prompt:
    """A prompt that passes so many of twelve cases each."""
    return Prompt(text=f"{train} {validation}")


START = passing(3, 3)


class Court:
    """A run whose prompts pass as many cases as their texts say; it keeps the standings as a run does."""

    def __init__(self) -> None:
        models = {"target": {"model": "sim/target"}}
        self.settings = ProjectSettings.model_validate({"name": "p", "prompt": "x", "models": models})
        self.task = TaskSpec()
        self.dataset = Dataset(train=tuple(CASES["t"]), validation=tuple(CASES["v"]))
        self.seed_prompt = START
        self.known = {START.id: Candidate(START.id, START.text, "seed")}

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example] | None = None, *, counts: bool = True
    ) -> Evaluation:
        chosen = self.dataset[split] if cases is None else cases
        right = dict(zip("tv", map(int, prompt.text.split()), strict=True))
        results: list[CaseResult] = []
        for case in chosen:
            good = int(case.id[1:]) < right[case.id[0]]
            results.append(CaseResult(case_id=case.id, output="", score=float(good), passed=good))
        found = gathered(prompt.id, split, results)
        self.known[prompt.id].scores[split] = Score(found.score, found.passed, 0)
        return found

    def candidate(self, prompt: Prompt, *, iteration: int, **_: Any) -> None:
        self.known.setdefault(prompt.id, Candidate(prompt.id, prompt.text, "optimizer", iteration))

    def judged(
        self, prompt: Prompt, against: Prompt, accepted: bool, reason: str, comparison: Any, **_: Any
    ) -> bool:
        one = self.known[prompt.id]
        one.accepted, one.judgement = accepted, reason
        if accepted and not one.taken:
            one.taken = 1 + max(other.taken for other in self.known.values())
        return accepted

    async def admit(self, prompt: Prompt, **_: Any) -> str:
        return ""

    def breaks(self, prompt: Prompt) -> str:
        return ""

    def show(self, event: Any) -> None: ...

    def iteration(self, number: int) -> None: ...

    def checkpoint(self, iteration: int, state: dict[str, Any]) -> None: ...

    def restored(self) -> None: ...

    def adopted(self) -> None: ...


def finds(*searches: Prompt) -> type[BaseOptimizer]:
    """An optimizer whose searches, by seed, find these prompts one after the other, then nothing."""

    class Finds(BaseOptimizer):
        name = "finds"

        async def search(self, context: RunContext) -> StopRun:
            for found in searches[self.options.seed : self.options.seed + 1]:
                context.iteration(1)
                context.candidate(found, iteration=1, parent=context.seed_prompt, reasoning="")
                await context.evaluate(found, "validation")
                context.judged(found, context.seed_prompt, True, "better", None)
            return StopRun("max_iterations", "")

    return Finds


async def search(*found: Prompt) -> Court:
    court = Court()
    optimizer = Feedback(optimizer="finds", classes={"finds": finds(*found)}, examples=0)
    await optimizer.search(court)  # type: ignore[arg-type]
    return court


@pytest.mark.parametrize("turned", [False, True])
async def test_the_champion_of_a_round_wins_whoever_was_found_last(turned: bool) -> None:
    strong, weak = passing(11, 8), passing(4, 8)
    court = await search(*((weak, strong) if turned else (strong, weak)))
    best = best_of(court.known.values())
    assert best and best.id == strong.id and best.accepted
    beaten = court.known[weak.id]
    assert not beaten.accepted and beaten.judgement == "lost the tournament of round 1"


async def test_where_a_round_brings_no_gain_its_start_stays_in_the_running() -> None:
    first, later = passing(8, 9), passing(12, 7)
    court = await search(first, first, later, later)
    best = best_of(court.known.values())
    assert best and best.id == first.id and court.known[first.id].accepted
