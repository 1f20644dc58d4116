"""Whole proofs of concept on a model server: killed anywhere, paused, stopped, in too small a budget."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from promptopt.domain.settings import ModelSettings
from promptopt.enterprise.poc import driving
from promptopt.enterprise.poc.concluding import concluded
from promptopt.enterprise.poc.driving import POCDriver
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.enterprise.poc.planning import Wanted, create, plan_for
from promptopt.enterprise.poc.state import POCState, state_of
from promptopt.experiments import driving as experiment_driving
from promptopt.store.journal import spending_of
from promptopt.store.pocs import PocRow, Pocs
from promptopt.store.runs import Runs
from tests.engine.bench import Bench
from tests.engine.test_generating import simulated
from tests.engine.warm import WarmBench, WarmCommand
from tests.loopback import API_KEY_ENV, LoopbackServer
from tests.loopback.persona import PHRASES, propose
from tests.loopback.wire import Call

WARM = True

COUNT = 30

GOOD = """\
Category: {category}
Urgency: normal

Hello, thank you for writing to us. We have read what you say and look into it at once; a colleague of
ours will tell you what happens next as soon as we know more. If anything changes, answer this message.

Kind regards, your support team"""


def answer(call: Call) -> str:
    """All models of a proof of concept. With more of the phrases more answers have the right form."""
    if "maker" in call.model or "judge" in call.model:
        return simulated(call)
    if "optimizer" in call.model:
        return propose(call)
    known = sum(phrase in call.text for phrase in PHRASES)
    if len(call.last_user) % 5 <= known:
        return GOOD.format(category="billing" if "invoice" in call.last_user else "technical")
    return "We will see."


@pytest.fixture
def server(loopback: LoopbackServer) -> LoopbackServer:
    loopback.behaviour = answer
    return loopback


@pytest.fixture(autouse=True)
def forked(bench: WarmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (driving, experiment_driving):
        monkeypatch.setattr(module, "start_worker", bench.fork)


def models(server: LoopbackServer) -> dict[Any, ModelSettings]:
    said = {
        "base_url": f"{server.url}/v1",
        "api_key_env": API_KEY_ENV,
        "price": {"input": 1.0, "output": 2.0},
    }
    names = {"target": "small", "optimizer": "optimizer", "generator": "maker", "judge": "judge"}
    return {
        role: ModelSettings.model_validate({**said, "model": f"openai/{name}", "max_tokens": 900})
        for role, name in names.items()
    }


def planned(server: LoopbackServer, budget: Mapping[str, float] | None = None, **more: Any) -> POCPlan:
    said = {"realism": False, "tasks": 4, "phrasings": 2, "lowest_quality": 0.0, **more}
    return plan_for(
        Wanted(
            "customer_support",
            models=models(server),
            count=COUNT,
            optimizers=[
                {"type": "refine", "config": {"max_iterations": 1}},
                {"type": "dspy-bootstrap", "config": {"max_bootstrapped_demos": 1, "max_labeled_demos": 1}},
            ],
            budget={"calls": 3000, **(budget or {})},
            more=said,
        )
    )


def begun(bench: Bench, plan: POCPlan, folder: Path) -> PocRow:
    return create(bench.database, plan, folder / "out")[0]


def carried_out(bench: Bench, row: PocRow) -> POCState:
    return state_of(bench.database, POCDriver(bench.database, row).run())


def command(*arguments: str, folder: Path) -> WarmCommand:
    return WarmCommand(["poc", *arguments], Path(mkdtemp(dir=folder)))


def kill_all(bench: Bench, process: WarmCommand) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    for pid in [row.pid for row in Runs(bench.database).list() if row.live and row.pid]:
        os.kill(pid, signal.SIGKILL)
    bench.wait(lambda: not any(row.live and row.pid for row in Runs(bench.database).list()))


def kill_at(bench: Bench, server: LoopbackServer, process: WarmCommand, answers: int) -> None:
    """Kill driver and workers once so many answers were sent."""
    bench.wait(lambda: server.count(answered=True) >= answers or process.poll() is not None)
    assert process.poll() is None, "it was over before"
    kill_all(bench, process)


def paid(bench: Bench, row: PocRow) -> Iterator[Any]:
    for run_id in Pocs(bench.database).run_ids(row.id):
        yield spending_of(bench.database, run_id)


@pytest.mark.timeout(300)
def test_from_a_scenario_to_a_package_and_nothing_is_claimed_that_was_not_measured(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    row = begun(bench, planned(server), tmp_path)
    state = carried_out(bench, row)
    assert state.status == "finished", state.detail
    assert [stage.status for stage in state.stages] == ["done"] * 5 and state.share == 1
    told = concluded(bench.database, row)
    assert told.evidence and told.case and told.offer and told.new and not told.simulated
    assert told.evidence.sealed and told.evidence.n == 12
    assert told.offer.about["comparison"]["verdict"] == told.evidence.comparison.verdict  # type: ignore[union-attr]
    assert sum(one.calls + one.uncertain_calls for one in paid(bench, row)) == server.count()
    assert state.spent.calls == server.count() and state.spent.usd > 0
    folder = tmp_path / "out"
    for name in ("executive-summary.md", "dashboard.html", "poc.json", "business-case.html", "package.zip"):
        assert (folder / name).stat().st_size > 500
    record = json.loads((folder / "poc.json").read_text("utf-8"))
    assert not record["simulated"] and all(one["source"] for one in record["figures"])
    sent = server.count()
    assert carried_out(bench, row).status == "finished" and server.count() == sent, "all of it is there"
    again = begun(bench, planned(server, seed=0, goal=0.8), tmp_path)
    assert again.id != row.id
    made = carried_out(bench, again)
    assert made.stages[0].figures.endswith("free") and made.stages[0].runs == state.stages[0].runs
    assert server.count(model="maker") == sum(
        "put" in record.model or "maker" in record.model for record in server.records()
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("points", [(3, 40, 150), (8, 90, 200)])
def test_killed_anywhere_it_goes_on_and_pays_for_nothing_twice(
    bench: Bench, server: LoopbackServer, tmp_path: Path, points: tuple[int, ...]
) -> None:
    row = begun(bench, planned(server), tmp_path)
    server.latency = 0.03
    for point in points:
        process = command("resume", row.id, folder=tmp_path)
        kill_at(bench, server, process, point)
    process = command("resume", row.id, "--json", folder=tmp_path)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err + out
    spent = list(paid(bench, row))
    assert sum(one.uncertain_calls for one in spent) == 0
    assert sum(one.calls for one in spent) == server.count(answered=True), "what was answered is paid once"
    assert server.count() <= 3000
    runs = [run for run in Runs(bench.database).list() if run.id in Pocs(bench.database).run_ids(row.id)]
    assert len(runs) == len({*runs}) == 7 and all(run.status == "finished" for run in runs)
    assert json.loads(out)["status"] == "finished"


@pytest.mark.timeout(300)
def test_only_the_driver_killed_its_runs_go_on_and_one_more_driver_is_refused(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    row = begun(bench, planned(server), tmp_path)
    server.latency = 0.03
    process = command("resume", row.id, folder=tmp_path)
    bench.wait(lambda: server.count(answered=True) >= 30)
    with pytest.raises(driving.Driven):
        POCDriver(bench.database, row).run()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert carried_out(bench, row).status == "finished"
    assert sum(one.calls for one in paid(bench, row)) == server.count(answered=True)


@pytest.mark.timeout(300)
def test_paused_it_sends_nothing_and_stopped_it_goes_on_later(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    row = begun(bench, planned(server), tmp_path)
    server.latency = 0.05
    process = command("resume", row.id, folder=tmp_path)
    bench.wait(lambda: server.count(answered=True) >= 40)
    pocs, runs = Pocs(bench.database), Runs(bench.database)
    assert command("pause", row.id, folder=tmp_path).wait(30) == 0
    bench.wait(lambda: pocs.find(row.id).status == "paused")
    bench.wait(lambda: all(r.status != "running" for r in runs.list()))
    sent = server.count()
    assert command("resume", row.id, folder=tmp_path).wait(30) == 0
    bench.wait(lambda: server.count() > sent)
    assert command("stop", row.id, folder=tmp_path).wait(30) == 0
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and pocs.find(row.id).status == "stopped", out + err
    assert not any(run.live for run in runs.list())
    server.latency = 0.0
    assert carried_out(bench, row).status == "finished"
    assert sum(one.calls + one.uncertain_calls for one in paid(bench, row)) == server.count()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("calls", [4, 60, 260, 700])
def test_a_budget_that_is_too_small_leaves_stages_out_and_says_so(
    bench: Bench, server: LoopbackServer, tmp_path: Path, calls: int
) -> None:
    row = begun(bench, planned(server, {"calls": calls}), tmp_path)
    state = carried_out(bench, row)
    assert server.count() <= calls
    told = concluded(bench.database, row)
    if state.status == "failed":
        assert "too small" in state.detail and server.count() == 0
        return
    assert state.status in ("finished", "held"), state.detail
    if state.stages[2].status == "left out":
        assert told.case is None and told.headline.startswith("Nothing is recommended")
        assert "comparison" in told.left_out and "consistency" in told.left_out
    else:
        assert told.board is not None


@pytest.mark.timeout(300)
def test_a_generator_that_gave_no_case_is_asked_anew_under_what_is_left(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    server.behaviour = lambda call: "I can't help with that." if "maker" in call.model else answer(call)
    row = begun(bench, planned(server), tmp_path)
    state = carried_out(bench, row)
    assert state.status == "failed" and "no case was made: none of the model's replies" in state.detail
    assert f"promptopt poc resume {row.id} begins them anew" in state.detail
    assert "--generator-model" in state.detail
    assert (state.stages[0].status, state.stages[0].share) == ("failed", 0.0)
    first, sent = state.stages[0].runs, server.count()
    cap = Runs(bench.database).settings(first[0]).budget.limits()["calls"]
    state = carried_out(bench, row)
    assert state.status == "failed" and server.count() == 2 * sent  # asked again, and told the same
    assert state.spent.calls == 2 * sent and state.stages[0].runs[1:] == first
    server.behaviour = answer
    state = carried_out(bench, row)
    assert state.status == "finished", state.detail
    assert state.stages[0].status == "done" and len(state.stages[0].runs) == 3
    runs = Runs(bench.database)
    assert runs.settings(state.stages[0].runs[0]).budget.limits()["calls"] == cap - 2 * sent
    assert state.spent.calls == server.count() <= 3000


@pytest.mark.timeout(300)
def test_what_is_not_better_is_recommended_against(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    def flat(call: Call) -> str:
        if "maker" in call.model or "judge" in call.model or "optimizer" in call.model:
            return answer(call)
        return GOOD.format(category="technical")

    server.behaviour = flat
    row = begun(bench, planned(server), tmp_path)
    assert carried_out(bench, row).status == "finished"
    told = concluded(bench.database, row)
    assert told.case and told.case.advice != "recommended"
    assert told.offer and told.offer.advice != "deploy" and not (told.rollout and told.rollout.phases)
    said = (tmp_path / "out" / "executive-summary.md").read_text("utf-8")
    assert "Keep today's prompt" in said if told.evidence and told.evidence.same else "Do not" in said


@pytest.mark.timeout(300)
def test_a_review_and_a_gate_wait_for_a_persons_word(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    row = begun(bench, planned(server, review=True, lowest_quality=10.0), tmp_path)
    state = carried_out(bench, row)
    assert state.status == "held" and "promptopt data review" in state.detail
    process = command("resume", row.id, folder=tmp_path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 4 and "--accept-cases" in out
    process = command("resume", row.id, "--accept-cases", folder=tmp_path)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert "The gate objected" in (tmp_path / "out" / "executive-summary.md").read_text("utf-8")


def test_benchmarks_run_from_the_command_line_inside_a_cap_and_go_on(
    bench: WarmBench, tmp_path: Path
) -> None:
    arguments = [
        "benchmark", "business", "--benchmark", "internal_email", "--optimizer", "refine",
        "--max-calls", "260", "--out", str(tmp_path / "bm"), "--json",
    ]  # fmt: skip
    first = WarmCommand(arguments, Path(mkdtemp(dir=tmp_path)))
    told = json.loads(first.communicate()[0])
    assert first.returncode == 0 and told["simulated"] and set(told["recommended"]) == {"internal_email"}
    assert {row["optimizer"] for row in told["rows"]} == {"none", "refine"}
    runs = Runs(bench.database).list()
    assert len(runs) == 2 and sum(calls_of(bench, row.id) for row in runs) <= 260
    assert (tmp_path / "bm" / "results" / "results.html").is_file()
    again = json.loads(WarmCommand(arguments, Path(mkdtemp(dir=tmp_path))).communicate()[0])
    assert again["experiment_id"] == told["experiment_id"] and again["rows"] == told["rows"]
    assert len(Runs(bench.database).list()) == 2


def calls_of(bench: WarmBench, run_id: str) -> int:
    return int(bench.state(run_id).meters["calls"].spent)
