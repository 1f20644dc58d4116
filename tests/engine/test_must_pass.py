"""Must-pass cases hold for optimizers that know nothing of them."""

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pytest
import tomli_w

from promptopt.domain.dataset import Example, Split
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.statistics import interval
from promptopt.optimizers.base import BaseOptimizer, RunContext
from promptopt.optimizers.registry import GROUP
from promptopt.runs.engine import Engine
from promptopt.runs.launch import create_run
from promptopt.runs.state import RunState
from promptopt.store.database import Database
from promptopt.store.runs import Runs


class Greedy(BaseOptimizer):
    """Somebody else's: it accepts whatever it made, unseen, and has it scored afterwards."""

    name: ClassVar[str] = "greedy"
    answers: ClassVar[list[bool]] = []

    async def search(self, context: RunContext) -> StopRun:
        self.answers.clear()
        for number, text in enumerate(("reckless", "careful"), 1):
            prompt = Prompt(text=text)
            context.iteration(number)
            context.candidate(
                prompt, iteration=number, parent=context.seed_prompt, reasoning="", confidence=None
            )
            self.answers.append(context.judged(prompt, context.seed_prompt, True, "mine", None))
            await context.evaluate(prompt, "validation")
        return StopRun("max_iterations")


class Scripted:
    """Stands in for the runner: ``reckless`` fails the must-pass cases, ``careful`` half of the others."""

    async def evaluate(
        self,
        prompt: Prompt,
        split: Split,
        cases: Sequence[Example],
        _send: object,
        sink: Callable[[Sequence[CaseResult]], None],
        *_: object,
    ) -> Evaluation:
        def passes(place: int, case: Example) -> bool:
            if case.must_pass:
                return prompt.text != "reckless"
            return prompt.text == "reckless" or (prompt.text == "careful" and place % 2 == 0)

        good = [passes(place, case) for place, case in enumerate(cases)]
        results = [
            CaseResult(case_id=case.id, output="x", score=float(passed), passed=passed)
            for case, passed in zip(cases, good, strict=True)
        ]
        sink(results)
        score = interval([result.score for result in results])
        return Evaluation(prompt_id=prompt.id, split=split, results=tuple(results), score=score)


def project(folder: Path, optimizer: str = "greedy") -> Path:
    folder.mkdir()
    cases = [
        {"input": f"text {n}", "expected": "x", "split": split, "must_pass": split != "test" and n % 20 == 0}
        for n, split in enumerate([s for s in ("train", "validation", "test") for _ in range(20)])
    ]
    table: dict[str, Any] = {
        "name": "p",
        "prompt": "seed",
        "models": {role: {"model": f"sim/{role}", "latency": 0} for role in ("target", "optimizer")},
        "optimizer": {"name": optimizer},
        "data": {"cases": cases},
    }
    path = folder / "project.toml"
    path.write_text(tomli_w.dumps(table))
    return path


@pytest.fixture
async def state(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunState:
    """Where a run of the greedy optimizer has ended."""
    entry = EntryPoint("greedy", f"{__name__}:Greedy", GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: Greedy if self.name == "greedy" else None)
    monkeypatch.setattr("promptopt.optimizers.registry.entry_points", lambda group: [entry])
    monkeypatch.setattr("promptopt.runs.engine.Runner", lambda *_: Scripted())
    database = Database.open()
    run_id, _ = create_run(database, project(tmp_path / "p"))
    engine = Engine(database, Runs(database).find(run_id))
    await engine.run()
    database.close()
    return engine.state


async def test_the_winner_of_any_optimizer_keeps_what_must_pass(state: RunState) -> None:
    assert state.status == "finished", [line.text for line in state.activity]
    texts = {candidate.text: candidate for candidate in state.candidates.values()}
    assert texts["reckless"].validation and texts["careful"].validation
    assert texts["reckless"].validation.mean > texts["careful"].validation.mean
    assert not texts["reckless"].accepted and "must pass" in texts["reckless"].judgement
    assert texts["careful"].accepted
    assert state.best_id == texts["careful"].id
    assert state.finished and state.finished.best_id == texts["careful"].id
    assert "test" in texts["careful"].scores and "test" not in texts["reckless"].scores


async def test_an_optimizer_is_told_what_the_run_made_of_it(state: RunState) -> None:
    assert Greedy.answers == [True, True], "nothing was known against them when they were judged"
    judged = [line.text for line in state.activity if line.text.startswith(("accepted", "rejected"))]
    assert [line.split()[0] for line in judged] == ["accepted", "rejected", "accepted"]
