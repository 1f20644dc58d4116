"""Judge models and repeats in whole runs, over real HTTP: budget, journal and pause hold for them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from promptopt.store.cells import Cells
from promptopt.store.commands import Pause, Resume
from tests.engine.bench import Bench
from tests.loopback import API_KEY_ENV, FaultPlan, LoopbackServer, write_project
from tests.loopback.faults import Fault
from tests.loopback.persona import LABELS, LabelTask
from tests.loopback.wire import Call

WARM = True

SIZES = (8, 10, 8)
JUDGE = "judge-model"
RUBRIC = {"type": "judge", "rubric": "It is one of the four labels and nothing else."}


def part(call: Call, name: str) -> str:
    return call.last_user.partition(f"<{name}-")[2].partition(">\n")[2].partition(f"\n</{name}-")[0]


class Judging(LabelTask):
    """The label task, with a judge beside it that gives 5 to a bare label and 1 to anything else."""

    def __call__(self, call: Call) -> str:
        if JUDGE not in call.model:
            return super().__call__(call)
        if "<second-" in call.last_user:
            return json.dumps({"reason": "the place", "winner": "first"})
        good = part(call, "output") in LABELS
        verdict = json.dumps({"reason": "a label" if good else "chatter", "score": 5 if good else 1})
        return verdict if len(call.messages) > 2 or not good else f"I think: {verdict}"


@pytest.fixture
def server(loopback: LoopbackServer) -> LoopbackServer:
    loopback.behaviour = Judging()
    return loopback


def judged(folder: Path, server: LoopbackServer, **overrides: Any) -> Path:
    judge = {
        "model": f"openai/{JUDGE}",
        "base_url": f"{server.url}/v1",
        "api_key_env": API_KEY_ENV,
        "price": {"input": 1.0, "output": 2.0},
        "max_tokens": 100,
    }
    models = {"judge": judge, **overrides.pop("models", {})}
    settings = {"checks": [{"type": "exact"}, RUBRIC], "models": models, "optimizer": {"max_iterations": 2}}
    return write_project(folder, server, SIZES, **{**settings, **overrides})


def test_a_run_with_a_judge_is_judged_booked_and_journaled(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(judged(tmp_path / "p", server))
    assert state.status == "finished", bench.said(state.run_id)
    asked = server.count(model=JUDGE)
    assert asked and state.meters["judge_calls"].spent == asked
    assert state.meters["calls"].spent == server.count()
    assert state.meters["judge_usd"].spent > 0 and set(state.models) == {"target", "optimizer", "judge"}
    for result in Cells(bench.database, state.run_id).results(state.seed_id, "validation").values():
        exact, judge = result.checks
        assert judge.passed == (result.output in LABELS)
        assert judge.reason.startswith("the judge gives ")
        assert result.score == pytest.approx((exact.score + judge.score) / 2)
    assert bench.answered(state.run_id) == server.count()


def test_the_judge_is_not_opened_if_no_check_asks_it(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    project = judged(tmp_path / "p", server, checks=[{"type": "exact"}], optimizer={"max_iterations": 1})
    state = bench.run(project, kind="eval")
    assert set(state.models) == {"target"} and not server.count(model=JUDGE)


def test_a_missing_judge_ends_the_run_before_anything_is_sent(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(judged(tmp_path / "p", server, models={"judge": None}))
    assert state.status == "failed" and server.count() == 0
    assert state.finished and "[models.judge]" in state.finished.detail


@pytest.mark.parametrize("budget", [{"judge_calls": 15}, {"judge_usd": 0.005}, {"calls": 90}])
def test_caps_hold_for_the_judge(
    bench: Bench, server: LoopbackServer, tmp_path: Path, budget: dict[str, float]
) -> None:
    state = bench.run(judged(tmp_path / "p", server, budget=budget, optimizer={"max_iterations": 9}))
    assert state.status == "finished", bench.said(state.run_id)
    for name, meter in state.meters.items():
        if meter.limit is not None:
            assert meter.spent + meter.uncertain <= meter.limit, name
    if "judge_calls" in budget:
        assert server.count(model=JUDGE) <= budget["judge_calls"]
    if "calls" in budget:
        assert server.count() <= 90
        assert "test" in state.candidates[state.seed_id].scores, bench.said(state.run_id)


def test_the_sealed_test_has_its_judging_held_back(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = bench.create(judged(tmp_path / "p", server, budget={"calls": 500}))
    bench.start(run_id)
    held = bench.until(run_id, lambda s: "judge_calls" in s.meters and s.meters["judge_calls"].held)
    assert held.meters["judge_calls"].held >= 1
    assert held.meters["calls"].held > held.meters["judge_calls"].held
    bench.end(run_id)


def test_a_pause_holds_judge_calls_too(bench: Bench, server: LoopbackServer, tmp_path: Path) -> None:
    server.latency = 0.05
    run_id = bench.create(judged(tmp_path / "p", server))
    bench.start(run_id)
    bench.until(run_id, lambda s: s.meters.get("judge_calls") and s.meters["judge_calls"].spent)
    bench.send(run_id, Pause())
    bench.until(
        run_id,
        lambda s: s.status == "paused" and not s.in_flight and s.meters["calls"].spent == server.count(),
    )
    count = server.count(model=JUDGE)
    bench.send(run_id, Resume())
    assert bench.end(run_id).status == "finished"
    assert server.count(model=JUDGE) > count


def test_a_killed_run_asks_the_judge_nothing_again(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = bench.create(judged(tmp_path / "p", server))
    bench.start(run_id)
    bench.until(run_id, lambda s: s.meters.get("judge_calls") and s.meters["judge_calls"].spent > 5)
    bench.kill(run_id)
    bench.start(run_id)
    state = bench.end(run_id)
    assert state.status == "finished", bench.said(run_id)
    sent = Counter(record.body_hash for record in server.records() if record.answered)
    assert max(sent.values()) == 1


def test_a_judge_that_says_nothing_readable_fails_cases_not_the_run(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    server.behaviour = lambda call: "Hm." if JUDGE in call.model else LabelTask()(call)
    state = bench.run(judged(tmp_path / "p", server), kind="eval")
    assert state.status == "finished" and state.candidates[state.seed_id].scores["validation"].passed == 0
    results = Cells(bench.database, state.run_id).results(state.seed_id, "validation").values()
    assert all("gave no verdict" in result.checks[1].reason for result in results)
    assert any("gave no verdict" in line.text for line in state.activity)


def test_a_judge_that_prefers_a_place_gives_ties(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(judged(tmp_path / "p", server, checks=[{"type": "pairwise"}]), kind="eval")
    results = Cells(bench.database, state.run_id).results(state.seed_id, "validation").values()
    assert all(result.score == 0.5 and result.passed for result in results)
    assert any("turned with the order" in result.checks[0].reason for result in results)


def test_faults_on_the_judges_wire_are_retried(bench: Bench, server: LoopbackServer, tmp_path: Path) -> None:
    calm = bench.run(judged(tmp_path / "p", server), kind="eval")
    server.faults = FaultPlan(rates={Fault.RATE_LIMIT: 0.2, Fault.SERVER_ERROR: 0.1}, retry_after="0")
    stormy = bench.run(judged(tmp_path / "p", server), kind="eval")
    score = [run.candidates[run.seed_id].scores["validation"].interval.mean for run in (calm, stormy)]
    assert score[0] == score[1]


def test_each_case_is_sent_as_often_as_told(bench: Bench, server: LoopbackServer, tmp_path: Path) -> None:
    turns: Counter[str] = Counter()

    def fickle(call: Call) -> str:
        turns[call.last_user] += 1
        return "no label" if turns[call.last_user] == 2 else "billing"

    server.behaviour = fickle
    project = write_project(tmp_path / "p", server, SIZES, evaluation={"repeats": 3})
    state = bench.run(project, kind="eval")
    assert server.count() == 3 * SIZES[1] and set(turns.values()) == {3}
    for result in Cells(bench.database, state.run_id).results(state.seed_id, "validation").values():
        billing = sum(sample.passed for sample in result.samples)
        assert len(result.samples) == 3 and billing in (0, 2)
        assert result.score == pytest.approx(billing / 3) and not result.passed
