"""Cases that must pass: no candidate is accepted that breaks one which the seed or a parent passed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.statistics import interval
from promptopt.optimizers import registry
from promptopt.store.casefiles import load_dataset

CASES = tuple(Example(id=str(n), inputs={"input": f"text {n}"}, expected="x") for n in range(16))
SETTINGS = ProjectSettings.model_validate(
    {
        "name": "p",
        "prompt": "seed",
        "models": {"target": {"model": "sim/target"}},
        "optimizer": {"max_iterations": 1, "proposals": 1, "demonstrations": 0, "shorten": 0},
    }
)


class Door:
    """A context in which a prompt passes the cases that it is said to, and one proposal is made."""

    def __init__(self, passes: dict[str, set[str]], must: set[str]) -> None:
        marked = [case.model_copy(update={"must_pass": case.id in must}) for case in CASES]
        self.settings = SETTINGS
        self.task = TaskSpec(description="")
        self.dataset = Dataset(train=tuple(marked[:8]), validation=tuple(marked[8:]))
        self.seed_prompt = Prompt(text="seed")
        self.verdicts: list[tuple[bool, str]] = []
        self.scored: list[tuple[str, Split]] = []
        self.kept: dict[str, Any] | None = None
        self._passes = passes

    async def complete(
        self, role: str, messages: Sequence[Message], *, path: str = "", sample: int = 0, case_id: str = ""
    ) -> LLMResponse:
        if role == "optimizer":
            return LLMResponse(text='{"prompt": "other", "reasoning": "r", "confidence": 0.5}')
        prompt, split = messages[0].content, "train" if int(case_id) < 8 else "validation"
        self.scored.append((prompt, split))
        return LLMResponse(text="x" if case_id in self._passes[prompt] else "y")

    async def judge(self, case: Example, response: LLMResponse) -> CaseResult:
        good = response.text == "x"
        return CaseResult(case_id=case.id, output=response.text, score=float(good), passed=good)

    async def evaluate(self, prompt: Prompt, split: Split, cases: Any = None) -> Evaluation:
        self.scored.append((prompt.text, split))
        chosen = cases or self.dataset[split]
        passed = {case.id: case.id in self._passes[prompt.text] for case in chosen}
        results = tuple(
            CaseResult(case_id=name, output="x", score=float(good), passed=good)
            for name, good in passed.items()
        )
        score = interval([result.score for result in results])
        return Evaluation(prompt_id=prompt.id, split=split, results=results, score=score)

    def judged(self, prompt: Prompt, against: Prompt, accepted: bool, reason: str, comparison: Any) -> None:
        self.verdicts.append((accepted, reason))

    def checkpoint(self, iteration: int, state: dict[str, Any]) -> None:
        self.kept = state

    def restored(self) -> dict[str, Any] | None:
        return None

    def adopted(self) -> Prompt | None:
        return None

    def candidate(self, *_: Any, **__: Any) -> None: ...

    feedback = refused = iteration = noted = measuring = measured = candidate


async def searched(passes: dict[str, set[str]], must: set[str]) -> Door:
    door = Door(passes, must)
    await registry.make(SETTINGS).search(door)  # type: ignore[arg-type]
    return door


def ids(*numbers: int) -> set[str]:
    return {str(number) for number in numbers}


SEED = ids(0, 8)


async def test_a_gain_that_breaks_a_must_pass_validation_case_is_not_accepted() -> None:
    better = ids(0, 1, 2, *range(9, 16))
    door = await searched({"seed": SEED, "other": better}, ids(8))
    assert door.verdicts == [(False, "breaks the case 8 that must pass, on the validation cases")]
    assert door.kept and door.kept["attempts"][0]["note"] == "it broke a case that must pass"
    assert "8" not in door.kept["attempts"][0]["note"]


async def test_without_the_mark_the_same_gain_is_accepted() -> None:
    door = await searched({"seed": SEED, "other": ids(0, 1, 2, *range(9, 16))}, set())
    assert door.verdicts[0][0]


async def test_one_broken_in_training_spends_nothing_on_validation() -> None:
    door = await searched({"seed": SEED, "other": ids(*range(1, 16))}, ids(0))
    assert door.verdicts == [(False, "breaks the case 0 that must pass, on the train cases")]
    assert ("other", "validation") not in door.scored


async def test_one_that_never_passed_stops_nobody_and_holds_once_passed() -> None:
    door = await searched({"seed": SEED, "other": ids(0, 1, *range(8, 14))}, ids(0, 9, 15))
    assert door.verdicts[0][0]
    assert door.kept and door.kept["kept"] == ["0", "9"]


def loaded(tmp_path: Path, text: str) -> Dataset:
    (tmp_path / "a.csv").write_text(text)
    settings = SETTINGS.model_copy(update={"data": SETTINGS.data.model_copy(update={"file": "a.csv"})})
    return load_dataset(settings, tmp_path).dataset


def test_the_column_marks_cases_and_is_no_input(tmp_path: Path) -> None:
    data = loaded(tmp_path, "text,expected,must_pass\na,x,true\nb,x,\nc,x,no\nd,x,1\n")
    assert [case.must_pass for case in data.train] == [True, False, False, True]
    assert list(data.train[0].inputs) == ["text"]


def test_a_mark_that_is_no_truth_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected true or false"):
        loaded(tmp_path, "text,expected,must_pass\na,x,maybe\n")
