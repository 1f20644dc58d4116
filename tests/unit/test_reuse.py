"""Answers of earlier runs: which are taken, that nothing counts them, and that a resumed run knows them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ModelSettings, Price, ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.models.budget import Ledger, Stopwatch
from promptopt.models.endpoint import Endpoint
from promptopt.models.gateway import Gateway
from promptopt.models.keys import redirected
from promptopt.models.shield import Shield
from promptopt.models.transport import Reply
from promptopt.runs.setup import why_no_reuse
from promptopt.store.database import Database
from promptopt.store.journal import Journal
from promptopt.store.reuse import EarlierAnswers
from promptopt.store.runs import Runs
from tests.unit.test_gateway import Scripted

CASE = Example(id="1", inputs={"text": "a"})
DATASET = Dataset(train=(CASE,), validation=(CASE,))

SHIELD = Shield(ProjectSettings(name="p", prompt="p", models={"target": ModelSettings(model="m")}))


class Store:
    """Runs of one project, each with its own transport."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database.open(f"sqlite:///{folder / 'store.db'}")

    def run(self, folder: str = "p", mark: str = "", **target: Any) -> "Run":
        table = {"model": "m", "max_tokens": 10, **target}
        settings = ProjectSettings.model_validate({"name": "x", "prompt": "p", "models": {"target": table}})
        run_id = Runs(self.database).create(settings, DATASET, self.folder / folder)
        return Run(self.database, run_id, settings.models["target"], mark)


class Run:
    def __init__(self, database: Database, run_id: str, target: ModelSettings, mark: str) -> None:
        self.id, self.database, self.target, self.mark = run_id, database, target, mark
        self.transport = Scripted(lambda number: Reply(f"{run_id} {number}", 7, 3))
        self.open()

    def open(self, **limits: float) -> "Run":
        """Take the run up as a new worker does."""
        self.ledger = Ledger(limits, Stopwatch())
        journal = Journal(self.database, self.id)
        found = journal.take_over(0)
        self.ledger.restore(found.spending)
        endpoint = Endpoint(self.target, self.transport, Price(input=1.0, output=2.0), self.mark)
        self.gateway = Gateway(
            {"target": endpoint, "optimizer": endpoint}, journal, self.ledger, print, SHIELD
        )
        row = Runs(self.database).find(self.id)
        self.gateway.reuse(EarlierAnswers(self.database, row, self.target, self.mark), found.reused)
        return self

    async def ask(self, text: str = "hello", role: Any = "target", **more: Any) -> str:
        message = Message(role="user", content=text)
        return (await self.gateway.call(role, [message], **more)).text


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


async def test_an_equal_request_is_answered_by_the_earlier_run_and_counts_nowhere(store: Store) -> None:
    first = store.run()
    answer = await first.ask()
    second = store.run().open(calls=1, usd=1e-9, tokens=1)  # nothing could be sent under these caps
    assert await second.ask() == answer
    assert second.transport.sent == 0
    assert second.gateway.reused == {first.id: 1} and second.gateway.replayed == 1
    meters = second.ledger.meters()
    assert all(meters[name].spent == meters[name].reserved == 0 for name in ("usd", "calls", "tokens"))
    with pytest.raises(StopRun):
        await second.ask("something else")


async def test_a_resumed_run_replays_what_it_reused_and_still_counts_nothing(store: Store) -> None:
    first = store.run()
    answer = await first.ask()
    second = store.run()
    await second.ask()
    await second.ask("new")
    second.open()
    assert second.ledger.meters()["calls"].spent == 1
    assert await second.ask() == answer
    assert second.gateway.reused == {first.id: 1} and second.transport.sent == 1


async def test_the_run_that_paid_is_named_however_often_the_answer_was_handed_on(store: Store) -> None:
    first = store.run()
    answer = await first.ask()
    await store.run().ask()
    third = store.run()
    assert await third.ask() == answer and third.gateway.reused == {first.id: 1}


async def test_each_draw_has_its_own_answer(store: Store) -> None:
    first = store.run()
    answers = [await first.ask(sample=number) for number in range(2)]
    second = store.run()
    assert [await second.ask(sample=number) for number in range(3)] == [*answers, f"{second.id} 1"]


@pytest.mark.parametrize(
    "other",
    [
        {"folder": "elsewhere"},
        {"base_url": "http://localhost:1/v1"},
        {"mark": "another address"},
        {"temperature": 0.0},
        {"max_tokens": 11},
        {"model": "n"},
        {"params": {"seed": 1}},
    ],
)
async def test_what_differs_is_asked_anew(store: Store, other: dict[str, Any]) -> None:
    await store.run().ask()
    second = store.run(**other)
    await second.ask()
    assert second.transport.sent == 1 and not second.gateway.reused


async def test_only_the_target_is_answered_so_and_only_by_answers(store: Store) -> None:
    first = store.run()
    await first.ask(role="optimizer", path="propose/1/1")
    journal = Journal(store.database, first.id)
    request = first.gateway._veiled("target", [Message(role="user", content="bad")]).request
    journal.record("f", "target", request, (request.content_key(), "", 0), "gave up").result()
    second = store.run()
    await second.ask(role="optimizer", path="propose/1/1")
    await second.ask("bad")
    assert second.transport.sent == 2 and not second.gateway.reused


async def test_a_pause_and_a_stop_hold_for_reused_answers_too(store: Store) -> None:
    await store.run().ask()
    second = store.run()
    second.gateway.gate.close()
    waiting = asyncio.create_task(second.ask())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    second.gateway.stop(StopRun("user"))
    with pytest.raises(StopRun):
        await waiting


def test_reuse_is_for_real_models_and_temperatures_that_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    def why(cache: dict[str, bool], **target: Any) -> str:
        table = {"name": "x", "prompt": "p", "models": {"target": target}, "cache": cache}
        return why_no_reuse(ProjectSettings.model_validate(table))

    on = {"reuse": True}
    assert why(on, model="m") == why(on, model="m", temperature=0) == ""
    assert "temperature is 0.7" in why(on, model="m", temperature=0.7)
    assert why({**on, "sampled": True}, model="m", temperature=0.7) == ""
    assert "simulated" in why({**on, "sampled": True}, model="sim/target")
    here = ModelSettings(model="openai/m")
    assert redirected(here) == ""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:password@proxy")
    assert redirected(here) and "proxy" not in redirected(here)
    assert redirected(ModelSettings(model="openai/m", base_url="http://other")) == ""


@hypothesis_settings(max_examples=15, deadline=None)
@given(
    before=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 1)), max_size=6),
    now=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 1)), max_size=8),
)
async def test_the_budget_counts_what_was_sent_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, before: list[tuple[str, int]], now: list[tuple[str, int]]
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    first, second = store.run(), store.run()
    for text, sample in before:
        await first.ask(text, sample=sample)
    for text, sample in now:
        await second.ask(text, sample=sample)
    for _ in range(2):
        assert second.ledger.meters()["calls"].spent == second.transport.sent == len(set(now) - set(before))
        assert sum(second.gateway.reused.values()) == len(set(now) & set(before))
        second.open()
    store.database.close()
