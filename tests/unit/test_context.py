"""The door: what was scored before is at hand, and whoever asks for more cases pays for those only."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain import events as ev
from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.checks import build_judge
from promptopt.evaluation.runner import Runner
from promptopt.runs import athand
from promptopt.runs.context import Context
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runs import Runs
from tests.unit.voices import voice

CASES = tuple(Example(id=f"c{n}", inputs={"input": str(n)}, expected=str(n % 3)) for n in range(30))
DATASET = Dataset(train=CASES[:2], validation=CASES)
PROMPT = Prompt(text="Say {input}.")


class Models:
    """Stands in for the gateway: says the case's number modulo 2, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.telemetry = self

    @contextmanager
    def span(self, name: str, about: Any) -> Iterator[Any]:
        yield lambda more: None

    def concurrency(self, role: str) -> Any:
        return lambda: None

    async def call(self, seat: str, messages: Any, **more: Any) -> LLMResponse:
        await asyncio.sleep(0)
        self.asked.append((seat, more.get("case_id", "")))
        return LLMResponse(text=str(int(messages[-1].content[4:-1]) % 2))

    embed = call


class Bench:
    def __init__(self, folder: Path) -> None:
        settings = ProjectSettings.model_validate(
            {"name": "x", "prompt": "p", "models": {"target": {"model": "m"}}}
        )
        self.database = Database.open(f"sqlite:///{folder / 'store.db'}")
        run_id = Runs(self.database).create(settings, DATASET, folder)
        self.models, self.events = Models(), list[ev.Event]()
        self.cells = Cells(self.database, run_id)
        runner = Runner(build_judge(settings, folder, CASES), 4)
        models: Any = self.models
        self.context = Context(
            settings, TaskSpec(), DATASET, models, runner, self.cells, voice(self.events.append), dict
        )

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def bench(home: Path, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.database.close()


def ids(cases: Sequence[Any]) -> list[str]:
    return [case.case_id for case in cases]


async def test_more_cases_cost_only_those_that_are_new(bench: Bench) -> None:
    first = await bench.context.evaluate(PROMPT, "validation", CASES[:10])
    more = await bench.context.evaluate(PROMPT, "validation", CASES[:14])
    assert [case for _, case in bench.models.asked] == [case.id for case in CASES[:14]]
    assert ids(more.results) == [case.id for case in CASES[:14]] and more.results[:10] == first.results
    assert (
        more.score.mean == sum(int(case.expected or "") == int(case.id[1:]) % 2 for case in CASES[:14]) / 14
    )
    scored = bench.told(ev.CandidateScored)
    assert [event.score.n for event in scored] == [10, 14]
    assert scored[1].passed == sum(result.passed for result in more.results)
    marks = bench.told(ev.CasesFinished)
    second = [mark.case_id for event in marks for mark in event.cases][10:]
    assert sorted(second) == sorted(case.id for case in CASES[:14])  # what was known is told at once


async def test_another_order_another_part_and_what_is_known_whole(bench: Bench) -> None:
    await bench.context.evaluate(PROMPT, "validation", CASES[5:15])
    count = len(bench.models.asked)
    turned = await bench.context.evaluate(PROMPT, "validation", CASES[14:4:-1])
    part = await bench.context.evaluate(PROMPT, "validation", CASES[7:9])
    assert len(bench.models.asked) == count
    assert ids(turned.results) == [case.id for case in CASES[14:4:-1]]
    assert ids(part.results) == ["c7", "c8"] and part.score.n == 2
    other = await bench.context.evaluate(Prompt(text="Tell {input}."), "validation", CASES[7:9])
    assert len(bench.models.asked) == count + 2 and other.prompt_id != PROMPT.id
    await bench.context.evaluate(PROMPT, "train", CASES[:2])
    assert len(bench.models.asked) == count + 4


async def test_what_is_at_hand_has_a_bound(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(athand, "RESULTS_KEPT", 12)
    monkeypatch.setattr(athand, "EVALUATIONS_KEPT", 1)
    other = Prompt(text="Tell {input}.")
    await bench.context.evaluate(PROMPT, "validation", CASES[:10])
    await bench.context.evaluate(other, "validation", CASES[:10])
    count = len(bench.models.asked)
    await bench.context.evaluate(other, "validation", CASES[:11])
    assert len(bench.models.asked) == count + 1
    again = await bench.context.evaluate(PROMPT, "validation", CASES[:12])  # its own were let go
    assert len(bench.models.asked) == count + 13 and len(again.results) == 12


async def test_a_judge_of_a_panel_is_asked_by_its_name(bench: Bench) -> None:
    message = [Message(role="user", content="Say 1.")]
    await bench.context.complete("judge", message, judge="haiku")
    await bench.context.complete("judge", message)
    assert [seat for seat, _ in bench.models.asked] == ["judge/haiku", "judge"]
