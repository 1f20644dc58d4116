"""Whole runs over real HTTP through litellm, and in the simulator."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.prompt import Prompt
from promptopt.store.cells import Cells
from promptopt.store.commands import Resume
from promptopt.store.runs import Runs
from tests.engine.bench import Bench
from tests.loopback import API_KEY, API_KEY_ENV, FaultPlan, LoopbackServer, write_project
from tests.loopback.faults import Fault
from tests.loopback.persona import PHRASES, SEED_PROMPT, LabelTask
from tests.loopback.wire import Call

WARM = True

SIZES = (12, 16, 12)


def test_a_run_ends_with_a_better_prompt_and_its_sealed_test(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(write_project(tmp_path / "p", loopback, (30, 40, 40)))
    assert state.status == "finished", bench.said(state.run_id)
    assert state.finished and state.finished.comparison
    seed, best = state.candidates[state.seed_id], state.candidates[state.best_id]
    assert best.scores["validation"].interval.mean > seed.scores["validation"].interval.mean
    assert state.finished.comparison.verdict == "better"
    assert state.finished.comparison.difference.n == 40
    tested = [c.id for c in state.candidates.values() if "test" in c.scores]
    assert sorted(tested) == sorted([state.seed_id, state.best_id])
    assert state.meters["calls"].spent == loopback.count()
    assert state.meters["usd"].spent > 0 and not state.unpriced
    assert not state.simulated


def test_a_case_of_the_test_that_must_pass_and_is_broken_is_named(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    whole = LabelTask()
    project = write_project(tmp_path / "p", loopback, SIZES)
    tests = [json.loads(line) for line in (tmp_path / "p" / "test.jsonl").read_text().splitlines()]
    lost = next(case for case in tests if whole.solves(SEED_PROMPT, case["input"]))
    lines = [json.dumps(case | {"must_pass": case == lost}) for case in tests]
    (tmp_path / "p" / "test.jsonl").write_text("\n".join(lines))

    def but_one(call: Call) -> str:
        """As ever, but that a better prompt loses one ticket."""
        return "lost" if lost["input"] in call.last_user and PHRASES[0] in call.text else whole(call)

    loopback.behaviour = but_one
    state = bench.run(project)
    assert state.finished and state.finished.comparison, bench.said(state.run_id)
    assert state.finished.must_pass_broken == [lost["id"]] == list(state.finished.comparison.broken)


def test_no_process_of_a_run_imports_from_the_folder_that_it_was_started_in(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_project(tmp_path / "p", loopback, SIZES, optimizer={"max_iterations": 1})
    mark = tmp_path / "imported"
    for module in ("random", "json", "pydantic", "litellm", "promptopt"):
        code = f"open({str(mark)!r}, 'a').write({module!r})\nraise ImportError({module!r})\n"
        (project.parent / f"{module}.py").write_text(code)
    monkeypatch.chdir(project.parent)
    state = bench.run(project)
    assert not mark.exists(), mark.read_text()
    assert state.status == "finished", bench.said(state.run_id)


def test_an_evaluation_of_all_cases_is_listed_with_their_score(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    sizes = (4, 8, 6)
    project = write_project(tmp_path / "p", loopback, sizes, optimizer={"name": "none", "split": "all"})
    state = bench.run(project, kind="eval")
    scores = state.candidates[state.seed_id].scores.values()
    passed, total = sum(one.passed for one in scores), sum(one.interval.n for one in scores)
    assert total == sum(sizes)
    row = Runs(bench.database).find(state.run_id)
    assert row.seed_score == row.best_score == pytest.approx(passed / total)
    assert state.forecast and state.forecast.total.calls.likely == total == loopback.count()


def test_code_that_was_changed_before_its_run_began_is_not_run(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    path.write_text(
        'name = "p"\nprompt = "{input}"\nmodels.target.model = "sim/target"\n'
        'data.cases = [{ input = "a", expected = "b" }]\n'
        'checks = [{ type = "callable", function = "score:f" }]\n'
    )
    (tmp_path / "score.py").write_text("def f(o, e, i): return True, 'as it was trusted'\n")
    run_id = bench.create(path, kind="eval", trusted=True)
    (tmp_path / "score.py").write_text("def f(o, e, i): return True, 'changed'\n")
    bench.start(run_id)
    state = bench.end(run_id)
    assert state.finished and (state.finished.status, state.finished.stop_reason) == ("failed", "error")
    assert "nobody has trusted yet" in state.finished.detail
    assert f"promptopt resume {run_id} --trust" in state.finished.detail
    assert not state.candidates


def test_what_is_stored_is_what_was_sent(bench: Bench, loopback: LoopbackServer, tmp_path: Path) -> None:
    state = bench.run(write_project(tmp_path / "p", loopback, SIZES))
    cells = Cells(bench.database, state.run_id)
    best = cells.prompt(state.best_id)
    assert best == Prompt(text=state.candidates[state.best_id].text)
    case = next(iter(cells.results(state.best_id, "test").values()))
    assert case.output and case.checks[0].name == "exact"
    sent = [record.body["messages"] for record in loopback.records() if "gpt" in record.model]
    rendered = [
        [message.model_dump() for message in Prompt(text=best.text).render(example)]
        for example in bench_cases(bench, state.run_id)
    ]
    assert all(messages in sent for messages in rendered)


def bench_cases(bench: Bench, run_id: str) -> list[Any]:
    from promptopt.store.runs import Runs

    return list(Runs(bench.database).cases(run_id, "test"))


def test_the_test_split_is_not_touched_before_the_end(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(write_project(tmp_path / "p", loopback, SIZES))
    sealed = {case.input_text for case in bench_cases(bench, state.run_id)}
    order = [
        "test" if any(text in json.dumps(r.body) for text in sealed) else "other" for r in loopback.records()
    ]
    assert order.count("test") == 2 * len(sealed)
    assert set(order[-2 * len(sealed) :]) == {"test"}


@pytest.mark.parametrize(
    "budget",
    [
        {"calls": 70},
        {"target_calls": 60},
        {"optimizer_calls": 1},
        {"tokens": 9000},
        {"usd": 0.02},
        {"minutes": 0.05},
        {"target_minutes": 0.05},
    ],
)
def test_no_cap_is_crossed(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path, budget: dict[str, float]
) -> None:
    if "minutes" in str(budget):
        loopback.latency = 0.2
    state = bench.run(write_project(tmp_path / "p", loopback, SIZES, budget=budget))
    assert state.finished and state.finished.stop_reason == "budget", bench.said(state.run_id)
    assert state.status == "finished"
    for name, meter in state.meters.items():
        if meter.limit is not None:
            assert meter.spent + meter.uncertain <= meter.limit, name
    if "calls" in budget:
        assert loopback.count() <= budget["calls"]
    if "optimizer_calls" in budget:
        assert loopback.count(model="opus") <= 1


def test_a_budget_leaves_room_for_the_sealed_test(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(write_project(tmp_path / "p", loopback, SIZES, budget={"calls": 100}))
    assert state.finished and state.finished.stop_reason == "budget"
    assert state.finished.comparison is not None or state.best_id == state.seed_id
    assert "test" in state.candidates[state.seed_id].scores


def test_faults_that_pass_do_not_change_the_result(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "p", loopback, SIZES)
    calm = bench.run(project)
    loopback.clear()
    loopback.faults = FaultPlan(
        rates={Fault.RATE_LIMIT: 0.1, Fault.SERVER_ERROR: 0.05, Fault.RESET: 0.03, Fault.MALFORMED: 0.03},
        retry_after="0",
    )
    stormy = bench.run(project)
    assert calm.finished and stormy.finished
    assert stormy.finished.best_id == calm.finished.best_id, bench.said(stormy.run_id)
    assert stormy.finished.comparison == calm.finished.comparison
    calls = stormy.meters["calls"]
    assert calls.spent + calls.uncertain == loopback.count() > calm.meters["calls"].spent


def test_a_bad_case_is_that_case_s_trouble(bench: Bench, loopback: LoopbackServer, tmp_path: Path) -> None:
    loopback.faults = FaultPlan(rates={Fault.CONTEXT_LENGTH: 0.2}, most=99, only="gpt")
    state = bench.run(write_project(tmp_path / "p", loopback, SIZES, optimizer={"max_iterations": 2}))
    assert state.status == "finished", bench.said(state.run_id)
    assert state.candidates[state.seed_id].scores["validation"].errors > 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.WRONG_KEY, API_KEY_ENV),
        (Fault.UNKNOWN_MODEL, "gpt-4o-mini"),
    ],
)
def test_what_no_retry_can_mend_stops_at_once_and_says_what_to_do(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path, fault: Fault, said: str
) -> None:
    loopback.faults = FaultPlan(attempts=(fault,), only="gpt")
    state = bench.run(write_project(tmp_path / "p", loopback, SIZES))
    assert state.finished and state.status == "failed"
    assert said in state.finished.detail
    assert API_KEY not in bench.said(state.run_id)
    assert loopback.count() <= 16 + 1


@pytest.mark.parametrize("killed", [False, True], ids=["told to go on", "killed and resumed"])
def test_an_endpoint_that_is_gone_pauses_the_run_until_it_is_back(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    monkeypatch.setenv(API_KEY_ENV, API_KEY)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    project = write_project(
        tmp_path / "p",
        f"http://127.0.0.1:{port}",
        SIZES,
        models={"target": {"retries": 1}, "optimizer": {"retries": 1}},
    )
    run_id = bench.create(project)
    bench.start(run_id)
    state = bench.until(run_id, lambda state: state.status == "paused")
    assert f"127.0.0.1:{port} can't be reached" in state.pause_reason
    assert bench.answered(run_id) == 0
    with LoopbackServer(port=port):
        if killed:
            bench.kill(run_id)
            bench.start(run_id)
        else:
            bench.send(run_id, Resume())
        state = bench.end(run_id)
    assert state.finished and state.finished.comparison
    assert not state.pause_reason
    assert all(score.errors == 0 for c in state.candidates.values() for score in c.scores.values())


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("command", ["eval", "run"])
def test_a_run_that_nobody_watches_does_not_wait_for_an_endpoint_that_is_gone(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv(API_KEY_ENV, API_KEY)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    project = write_project(tmp_path / "p", url, SIZES, models={"target": {"retries": 1}})
    ended = subprocess.run(
        [sys.executable, "-m", "promptopt", command, str(project), "--json"], capture_output=True, text=True
    )
    assert ended.returncode == 4, ended.stderr
    assert "can't be reached" in ended.stderr and "promptopt resume" in ended.stderr
    summary = json.loads(ended.stdout.splitlines()[-1])
    assert summary["status"] == "failed"
    run_id = summary["run_id"]
    assert bench.state(run_id).resumable

    def left() -> list[str]:
        """Command lines of processes of the run."""
        found = [path.read_text() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        return [line.replace("\0", " ") for line in found if run_id in line]

    bench.wait(lambda: not left(), lambda: str(left()))


def test_a_thousand_cases_through_a_storm_score_as_in_a_calm(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    target = {"max_concurrency": 64, "timeout": 2.0}
    project = write_project(tmp_path / "p", loopback, (4, 1000, 4), models={"target": target})
    calm = bench.run(project, kind="eval")
    loopback.clear()
    loopback.faults = FaultPlan(
        rates={
            Fault.RATE_LIMIT: 0.1,
            Fault.SERVER_ERROR: 0.05,
            Fault.HANG: 0.02,
            Fault.RESET: 0.02,
            Fault.MALFORMED: 0.02,
        },
        most=99,
        retry_after="0.1",
    )
    stormy = bench.run(project, kind="eval")
    (quiet,), (tossed,) = calm.candidates.values(), stormy.candidates.values()
    assert tossed.scores["validation"].interval == quiet.scores["validation"].interval
    assert tossed.scores["validation"].errors == 0
    assert stormy.endpoints["target"].refused > 100
    calls = stormy.meters["calls"]
    assert calls.spent + calls.uncertain == loopback.count()


def test_a_missing_key_is_told_before_anything_is_sent(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(API_KEY_ENV)
    state = bench.run(write_project(tmp_path / "p", loopback, SIZES))
    assert state.status == "failed" and state.finished
    assert API_KEY_ENV in state.finished.detail
    assert loopback.count() == 0


def test_a_sealed_test_that_can_not_be_scored_whole_is_left_alone(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    validation, test = 16, 12
    project = write_project(
        tmp_path / "p", loopback, (12, validation, test), budget={"target_calls": validation + test - 1}
    )
    state = bench.run(project)
    assert state.finished and state.finished.stop_reason == "budget"
    assert "was left alone: it needs 12 calls, and the cap on target calls leaves" in state.finished.test_note
    assert not any("test" in candidate.scores for candidate in state.candidates.values())
    assert loopback.count(model="gpt") < validation + test


def test_a_cap_on_usd_needs_a_price(bench: Bench, loopback: LoopbackServer, tmp_path: Path) -> None:
    models = {"target": {"model": "openai/nobody-knows-me"}}
    project = write_project(tmp_path / "p", loopback, SIZES, models=models, budget={"usd": 1.0})
    state = bench.run(project)
    assert state.finished and "price" in state.finished.detail
    assert loopback.count() == 0
    unpriced = bench.run(write_project(tmp_path / "q", loopback, SIZES, models=models))
    assert unpriced.status == "finished" and unpriced.unpriced == ["target"]


def test_few_cases_are_not_split_and_nothing_is_claimed(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    cases = [{"input": f"Ticket {n}: about refund", "expected": "billing"} for n in range(3)]
    project = write_project(
        tmp_path / "p",
        loopback,
        SIZES,
        data={"train": None, "validation": None, "test": None, "cases": cases},
    )
    state = bench.run(project)
    assert state.status == "finished", bench.said(state.run_id)
    assert state.finished and state.finished.comparison is None
    assert "too few" in state.finished.test_note


def test_a_proposer_that_talks_nonsense_is_skipped(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    target = loopback.behaviour
    loopback.behaviour = lambda call: "I'd rather not." if "opus" in call.model else target(call)
    state = bench.run(write_project(tmp_path / "p", loopback, SIZES, optimizer={"plateau": 2}))
    assert state.finished and state.finished.stop_reason == "plateau"
    assert state.best_id == state.seed_id
    assert "better than the one to start from" in state.finished.test_note


def test_hostile_assertions_fail_their_case_and_nothing_else(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    checks = [
        {"type": "exact"},
        {"type": "assertion", "name": "exits", "code": "import os\nos._exit(0)"},
        {"type": "assertion", "name": "loops", "code": "while True: pass", "timeout": 0.2},
    ]
    state = bench.run(
        write_project(tmp_path / "p", loopback, (8, 8, 2), checks=checks, optimizer={"max_iterations": 1})
    )
    assert state.status == "finished", bench.said(state.run_id)
    result = next(iter(Cells(bench.database, state.run_id).results(state.seed_id, "validation").values()))
    assert [check.passed for check in result.checks][1:] == [False, False]
    assert all(check.reason for check in result.checks if not check.passed)
