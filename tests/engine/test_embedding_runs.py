"""Similarity by embeddings in whole runs, over real HTTP: budget, journal, relay and pause hold for it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from promptopt.store.cells import Cells
from promptopt.store.commands import Pause, Resume
from promptopt.store.schema import calls
from tests.engine.bench import Bench
from tests.loopback import API_KEY_ENV, Fault, FaultPlan, LoopbackServer, write_project
from tests.loopback.persona import LabelTask

WARM = True

SIZES = (8, 10, 8)
EMBEDDER = "text-embedding-3-small"
CHECK = {"type": "similarity", "method": "embedding"}


@pytest.fixture
def server(loopback: LoopbackServer) -> LoopbackServer:
    task = LabelTask()

    def talkative(call: Any) -> str:
        """Answers that differ, so that there is much to embed."""
        answer = task(call)
        return (
            answer if answer.startswith("{") else f"{answer} {len(call.last_user) % 5} {len(call.text) % 7}"
        )

    loopback.behaviour = talkative
    return loopback


def embedded(folder: Path, server: LoopbackServer, **overrides: Any) -> Path:
    model = {
        "model": f"openai/{EMBEDDER}",
        "base_url": f"{server.url}/v1",
        "api_key_env": API_KEY_ENV,
        "price": {"input": 100.0},
    }
    models = {"embedding": model, **overrides.pop("models", {})}
    settings = {"checks": [CHECK], "models": models, "optimizer": {"max_iterations": 2}}
    return write_project(folder, server, SIZES, **{**settings, **overrides})


def texts(server: LoopbackServer) -> Counter[str]:
    """Texts whose embedding was answered, with how often."""
    found = [r for r in server.records() if r.path == "/v1/embeddings" and r.answered]
    return Counter(text for record in found for text in record.body["input"])


def test_a_run_asks_for_each_text_once_books_and_journals_it(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(embedded(tmp_path / "p", server))
    assert state.status == "finished", bench.said(state.run_id)
    asked = texts(server)
    assert len(asked) > 8 and set(asked.values()) == {1}
    assert state.meters["embedding_calls"].spent == len(asked)
    assert state.meters["calls"].spent == server.count() == bench.answered(state.run_id)
    assert state.meters["embedding_usd"].spent == pytest.approx(
        100e-6 * state.meters["embedding_tokens"].spent
    )
    assert set(state.models) == {"target", "optimizer", "embedding"}
    for result in Cells(bench.database, state.run_id).results(state.seed_id, "validation").values():
        (check,) = result.checks
        assert check.reason.startswith("embedding similarity 0.") and 0 < check.score < 1


def test_vectors_in_the_journal_are_compact(bench: Bench, server: LoopbackServer, tmp_path: Path) -> None:
    server.embed = lambda text: [len(text) / (n + 1.7) for n in range(1536)]
    state = bench.run(embedded(tmp_path / "p", server), kind="eval")
    assert state.status == "finished", bench.said(state.run_id)
    query = select(calls.c.response).where(calls.c.run_id == state.run_id, calls.c.role == "embedding")
    with bench.database.read() as connection:
        responses = list(connection.scalars(query))
    assert responses and all(len(response) < 1536 * 6 for response in responses)
    assert json.loads(responses[0])["text"] == ""


def test_a_killed_run_asks_for_no_embedding_again(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    server.latency = 0.02
    run_id = bench.create(embedded(tmp_path / "p", server))
    bench.start(run_id)
    for number in (1, 10):
        bench.wait(lambda number=number: len(texts(server)) >= number, lambda: bench.said(run_id))
        bench.kill(run_id)  # answers are on their way: the relay files them
        bench.start(run_id)
    state = bench.end(run_id)
    assert state.status == "finished", bench.said(run_id)
    assert server.answered_twice() == {}
    assert state.meters["embedding_calls"].spent == len(texts(server))
    assert state.meters["embedding_calls"].uncertain == 0


def test_a_pause_holds_embedding_calls_too(bench: Bench, server: LoopbackServer, tmp_path: Path) -> None:
    server.latency = 0.05
    run_id = bench.create(embedded(tmp_path / "p", server))
    bench.start(run_id)
    bench.until(run_id, lambda s: s.meters.get("embedding_calls") and s.meters["embedding_calls"].spent)
    bench.send(run_id, Pause())
    bench.until(
        run_id,
        lambda s: s.status == "paused" and not s.in_flight and s.meters["calls"].spent == server.count(),
    )
    count = server.count(model=EMBEDDER)
    bench.send(run_id, Resume())
    assert bench.end(run_id).status == "finished"
    assert server.count(model=EMBEDDER) > count


@pytest.mark.parametrize("budget", [{"embedding_calls": 6, "embedding_usd": 0.004}, {"calls": 60}])
def test_caps_hold_for_embeddings(
    bench: Bench, server: LoopbackServer, tmp_path: Path, budget: dict[str, float]
) -> None:
    state = bench.run(embedded(tmp_path / "p", server, budget=budget, optimizer={"max_iterations": 9}))
    assert state.status == "finished", bench.said(state.run_id)
    assert state.finished and state.finished.stop_reason == "budget"
    for name, meter in state.meters.items():
        if meter.limit is not None:
            assert meter.spent + meter.uncertain <= meter.limit, name
    if "embedding_calls" in budget:
        assert server.count(model=EMBEDDER) <= 6
    if "calls" in budget:
        assert server.count() <= 60


def test_the_sealed_test_has_its_embeddings_held_back(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = bench.create(embedded(tmp_path / "p", server, budget={"calls": 500}))
    bench.start(run_id)
    held = bench.until(run_id, lambda s: "embedding_calls" in s.meters and s.meters["embedding_calls"].held)
    assert held.meters["calls"].held > held.meters["embedding_calls"].held >= 1
    assert bench.end(run_id).status == "finished"


def test_an_unknown_price_with_a_cap_on_usd_is_refused_before_anything_is_sent(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    models = {"embedding": {"model": "openai/nobody-knows-it", "base_url": f"{server.url}/v1"}}
    for budget in ({"usd": 5.0}, {"embedding_usd": 5.0}):
        state = bench.run(embedded(tmp_path / "p", server, models=models, budget=budget))
        assert state.status == "failed" and server.count() == 0
        assert state.finished and "models.embedding.price" in state.finished.detail


def test_a_model_that_is_not_there_ends_the_run_at_once(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    server.faults = FaultPlan(attempts=(Fault.UNKNOWN_MODEL,) * 9, only=EMBEDDER)
    state = bench.run(embedded(tmp_path / "p", server))
    assert state.status == "failed" and state.resumable
    assert state.finished and "the embedding model can't be called" in state.finished.detail
    assert EMBEDDER in state.finished.detail
    assert server.count(model=EMBEDDER) <= 16
    server.faults = FaultPlan()
    bench.start(state.run_id)
    bench.workers[state.run_id].wait(60)
    assert bench.state(state.run_id).status == "finished", bench.said(state.run_id)


def test_texts_that_are_refused_fail_their_cases_and_not_the_run(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    """Some texts have vectors of another dimension, and one is too long for the model."""
    server.embed = lambda text: [1.0] * (3 if text.endswith(("1", "2", "3")) else 2)
    state = bench.run(embedded(tmp_path / "p", server), kind="eval")
    assert state.status == "finished", bench.said(state.run_id)
    results = Cells(bench.database, state.run_id).results(state.seed_id, "validation").values()
    said = [result.checks[0].reason for result in results]
    wrong = [reason for reason in said if reason.startswith("there is no embedding to compare: ")]
    assert wrong and len(wrong) < len(said)
    assert all("one has 2 dimensions, the other 3" in reason for reason in wrong)
    assert any("no embedding that can be compared" in line.text for line in state.activity)


def test_faults_on_the_wire_are_retried_and_change_nothing(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    calm = bench.run(embedded(tmp_path / "p", server), kind="eval")
    server.faults = FaultPlan(
        rates={Fault.RATE_LIMIT: 0.2, Fault.SERVER_ERROR: 0.1, Fault.EMPTY: 0.1}, retry_after="0"
    )
    stormy = bench.run(embedded(tmp_path / "p", server), kind="eval")
    score = [run.candidates[run.seed_id].scores["validation"].interval.mean for run in (calm, stormy)]
    assert score[0] == score[1]


def test_answers_that_are_always_empty_pause_the_run(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    server.embed = lambda text: []
    project = embedded(tmp_path / "p", server, models={"embedding": {
        "model": f"openai/{EMBEDDER}", "base_url": f"{server.url}/v1", "api_key_env": API_KEY_ENV,
        "price": {"input": 100.0}, "retries": 1,
    }})  # fmt: skip
    run_id = bench.create(project)
    bench.start(run_id)
    state = bench.until(run_id, lambda s: s.status == "paused")
    assert "has no embedding that can be used" in state.pause_reason
    server.embed = lambda text: [1.0, float(len(text))]
    bench.send(run_id, Resume())
    assert bench.end(run_id).status == "finished", bench.said(run_id)


def test_a_simulated_run_says_so(bench: Bench, server: LoopbackServer, tmp_path: Path) -> None:
    state = bench.run(embedded(tmp_path / "p", server), kind="eval", simulate=True)
    assert state.status == "finished" and server.count() == 0
    assert state.models["embedding"].simulated
    results = Cells(bench.database, state.run_id).results(state.seed_id, "validation").values()
    reasons = [result.checks[0].reason for result in results if result.checks[0].reason]
    assert reasons and all(reason.startswith("simulated embedding similarity ") for reason in reasons)
