"""Cases that must pass: no candidate is accepted that breaks one which the seed or a parent passed."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain import events as ev
from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.statistics import interval
from promptopt.models.telemetry import OFF
from promptopt.optimizers import registry
from promptopt.optimizers.stages import Rehearsal, Stage
from promptopt.runs.context import Context
from promptopt.store.casefiles import load_dataset
from tests.unit.voices import voice

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
    """A run's context in which a prompt passes the cases that it is said to, and one proposal is made."""

    def __init__(self, passes: dict[str, set[str]], must: set[str]) -> None:
        marked = [case.model_copy(update={"must_pass": case.id in must}) for case in CASES]
        self.dataset = Dataset(train=tuple(marked[:8]), validation=tuple(marked[8:]))
        self.told: list[ev.Event] = []
        self.scored: list[tuple[str, Split]] = []
        self.sampled: set[str] = set()
        self.end: StopRun | None = None
        self.kept: dict[str, Any] = {}
        self._passes = passes
        self.context = self.opened()

    def opened(self, checkpoint: str | None = None) -> Context:
        """The context as a worker finds it that takes up a run with this checkpoint."""
        cells = SimpleNamespace(
            keep=lambda *_: None,
            keep_prompt=lambda _: None,
            checkpoint=lambda: checkpoint,
            save_checkpoint=lambda _, body: self.kept.update(json.loads(body)),
        )
        gateway = SimpleNamespace(
            telemetry=OFF, concurrency=lambda _: lambda: 1.0, call=self.call, embed=self.call
        )
        context = Context(
            SETTINGS,
            TaskSpec(description=""),
            self.dataset,
            cast(Any, gateway),
            cast(Any, SimpleNamespace(evaluate=self.evaluate, judge=self.judge)),
            cast(Any, cells),
            voice(self.told.append),
            dict,
        )
        context.restore([], 0)
        return context

    async def call(
        self, role: str, messages: Sequence[Message], *, case_id: str = "", **_: object
    ) -> LLMResponse:
        if role != "target":
            return LLMResponse(text='{"prompt": "other", "reasoning": "r", "confidence": 0.5}')
        prompt, split = messages[0].content, "train" if int(case_id) < 8 else "validation"
        self.scored.append((prompt, split))
        self.sampled |= {case_id} if split == "train" else set()
        return LLMResponse(text="x" if case_id in self._passes[prompt] else "y")

    async def judge(self, case: Example, response: LLMResponse, *_: object) -> CaseResult:
        good = response.text == "x"
        return CaseResult(case_id=case.id, output=response.text, score=float(good), passed=good)

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example], *_: object
    ) -> Evaluation:
        self.scored.append((prompt.text, split))
        passed = {case.id: case.id in self._passes[prompt.text] for case in cases}
        self.sampled |= set(passed) if split == "train" else set()
        results = tuple(
            CaseResult(case_id=name, output="x", score=float(good), passed=good)
            for name, good in passed.items()
        )
        score = interval([result.score for result in results])
        return Evaluation(prompt_id=prompt.id, split=split, results=results, score=score)

    @property
    def verdicts(self) -> list[tuple[bool, str]]:
        return [(e.accepted, e.reason) for e in self.told if isinstance(e, ev.CandidateJudged)]


async def searched(passes: dict[str, set[str]], must: set[str], train_cases: int = 60) -> Door:
    door = Door(passes, must)
    optimizer = SETTINGS.optimizer.model_copy(update={"train_cases": train_cases})
    made = registry.make(SETTINGS.model_copy(update={"optimizer": optimizer}))
    door.end = await made.search(door.context)
    return door


def ids(*numbers: int) -> set[str]:
    return {str(number) for number in numbers}


SEED = ids(0, 8)


async def test_a_gain_that_breaks_a_must_pass_validation_case_is_not_accepted() -> None:
    better = ids(0, 1, 2, *range(9, 16))
    door = await searched({"seed": SEED, "other": better}, ids(8))
    assert door.verdicts == [(False, "breaks the case 8 that must pass, on the validation cases")]
    assert door.kept["state"]["attempts"][0]["note"] == "it broke a case that must pass"


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
    other = Prompt(text="other").id
    assert door.kept["must_pass"]["passed"][other] == ["0", "9"]


@given(must=st.sets(st.integers(0, 7)), most=st.integers(1, 8))
async def test_cases_that_must_pass_are_in_every_sample(must: set[int], most: int) -> None:
    door = await searched({"seed": SEED, "other": set()}, ids(*must), most)
    assert ids(*must) <= door.sampled <= ids(*range(8))
    assert len(door.sampled) == max(most, len(must))


async def test_one_outside_of_a_small_sample_would_be_broken_unseen() -> None:
    seed, better = ids(0, 1, 5, 7), ids(0, 1, 2, 3, 4, 5, 6, *range(8, 16))
    door = await searched({"seed": seed, "other": better}, ids(5, 7), 3)
    assert door.verdicts == [(False, "breaks the case 7 that must pass, on the train cases")]


@pytest.mark.parametrize(
    ("train_cases", "said"),
    [
        (8, "every training and validation case passes"),
        (3, "every sampled training case (3 of 8) and every validation case passes"),
    ],
)
async def test_what_is_said_to_pass_was_scored(train_cases: int, said: str) -> None:
    door = await searched({"seed": ids(*range(16))}, set(), train_cases)
    assert door.end and (door.end.reason, door.end.detail) == ("all_pass", said)


# --- Whatever the optimizer says ---

A, B = Prompt(text="a"), Prompt(text="b")
ALL = ids(*range(16))


async def test_an_optimizer_can_not_accept_what_breaks_one() -> None:
    door = Door({"seed": SEED, "a": ALL - {"8"}}, ids(8))
    for prompt in (door.context.seed_prompt, A):
        await door.context.evaluate(prompt, "validation")
    assert not door.context.judged(A, door.context.seed_prompt, True, "higher", None)
    assert door.verdicts == [(False, "breaks the case 8 that must pass, on the validation cases")]


async def test_what_is_found_broken_after_it_was_accepted_can_not_win() -> None:
    door = Door({"seed": SEED, "a": ALL - {"8"}}, ids(8))
    await door.context.evaluate(door.context.seed_prompt, "validation")
    assert door.context.judged(A, door.context.seed_prompt, True, "a hunch", None)
    await door.context.evaluate(A, "validation", door.dataset.validation[1:])
    assert [accepted for accepted, _ in door.verdicts] == [True]
    await door.context.evaluate(A, "validation", door.dataset.validation[:1])
    assert door.verdicts[1:] == [
        (False, "it can't win: it breaks the case 8 that must pass, on the validation cases")
    ]


async def test_it_does_not_matter_which_of_the_two_was_scored_first() -> None:
    door = Door({"seed": SEED, "a": ALL - {"8"}}, ids(8))
    await door.context.evaluate(A, "validation")
    assert door.context.judged(A, door.context.seed_prompt, True, "", None)
    await door.context.evaluate(door.context.seed_prompt, "validation")
    assert [accepted for accepted, _ in door.verdicts] == [True, False]


async def test_what_a_later_one_passes_is_not_asked_of_an_earlier_one() -> None:
    door = Door({"seed": SEED, "a": ids(0, 8), "b": ids(0, 8, 9), "c": ids(0, 8)}, ids(8, 9))
    for prompt in (door.context.seed_prompt, A, B, Prompt(text="c")):
        await door.context.evaluate(prompt, "validation")
        if prompt is not door.context.seed_prompt:
            door.context.judged(prompt, door.context.seed_prompt, True, "", None)
    await door.context.evaluate(A, "validation", door.dataset.validation[:2])
    assert [accepted for accepted, _ in door.verdicts] == [True, True, False]


async def test_a_worker_that_takes_the_run_up_knows_what_was_passed() -> None:
    door = Door({"seed": SEED, "a": ids(0, 8, 9), "b": ids(8, 10)}, ids(9, 10))
    await door.context.evaluate(A, "validation")
    door.context.judged(A, door.context.seed_prompt, True, "", None)
    door.context.checkpoint(1, {})
    later = door.opened(json.dumps(door.kept))
    await later.evaluate(B, "validation")
    assert later.breaks(B) == "breaks the case 9 that must pass, on the validation cases"


async def test_a_worker_that_takes_the_run_up_knows_what_others_broke() -> None:
    door = Door({"seed": SEED | ids(8), "a": ids(9)}, ids(8))
    for prompt in (door.context.seed_prompt, A):
        await door.context.evaluate(prompt, "validation")
    door.context.checkpoint(1, {})
    later = door.opened(json.dumps(door.kept))
    assert not later.judged(A, later.seed_prompt, True, "from an earlier worker's pool", None)


async def test_what_an_optimizer_measures_itself_counts() -> None:
    door = Door({"seed": SEED}, ids(0))
    for prompt, passed in ((door.context.seed_prompt, True), (A, False)):
        result = CaseResult(case_id="0", output="x", score=float(passed), passed=passed)
        door.context.noted(prompt, "train", result)
    assert door.context.breaks(A) == "breaks the case 0 that must pass, on the train cases"


@pytest.mark.parametrize("kind", [Stage, Rehearsal])
async def test_a_stage_does_not_go_on_from_what_the_run_refuses(kind: type[Stage]) -> None:
    door = Door({"seed": SEED, "a": ALL - {"8"}, "b": ALL}, ids(8))
    seed = door.context.seed_prompt
    stage = kind(door.context, "1 refine", seed, keep=lambda *_: None)
    for prompt in (seed, A, B):
        await stage.evaluate(prompt, "validation")
    assert not stage.judged(A, seed, True, "higher", None) and stage.best == seed
    assert stage.breaks(A) and not stage.breaks(B)
    assert stage.judged(B, seed, True, "higher", None) and stage.best == B


async def test_an_edit_that_breaks_one_may_be_gone_on_from_and_can_not_win() -> None:
    door = Door({"seed": SEED, "a": ALL - {"8"}}, ids(8))
    for prompt in (door.context.seed_prompt, A):
        await door.context.evaluate(prompt, "validation")
    door.context.adopt(A)
    assert door.context.adopted() == A
    ((accepted, reason),) = door.verdicts
    assert not accepted and reason.startswith("it can't win: it breaks the case 8")


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
