"""Whole experiments: real runs on a model server, killed and interrupted, under one budget."""

import json
import os
import re
import signal
from base64 import b64decode
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import yaml

from promptopt.experiments import driving
from promptopt.experiments.config import load_experiment
from promptopt.experiments.planning import Cell, Plan, make_plan
from promptopt.experiments.results import frozen_plan, results_of
from promptopt.runs.scoreboard import NONE
from promptopt.store.experiments import ExperimentRow, Experiments
from promptopt.store.runs import Runs
from tests.engine.bench import Bench
from tests.engine.warm import WarmBench, WarmCommand
from tests.loopback import API_KEY_ENV, LoopbackServer, write_project
from tests.loopback.persona import SEED_PROMPT

SIZES = (8, 10, 12)
WARM = True
PLAN = Path(__file__).parents[1] / "experiment_config.yaml"


def experiment(folder: Path, server: LoopbackServer, **changes: Any) -> Path:
    write_project(folder, server, SIZES)
    (folder / "project.toml").unlink()
    key = {"api_key_env": API_KEY_ENV}
    target = {**key, "model": "openai/gpt-4o-mini", "base_url": f"{server.url}/v1", "max_tokens": 64}
    said: dict[str, Any] = {
        "experiment": {"name": "tickets", "seeds": [0, 1], "parallel": 2},
        "optimizers": [{"type": "refine", "config": {"max_iterations": 2}}],
        "datasets": {"train": "train.jsonl", "val": "val.jsonl", "test": "test.jsonl"},
        "prompt": SEED_PROMPT,
        "models": {
            "target": {**target, "temperature": 0.0},
            "optimizer": {**key, "model": "anthropic/claude-opus-4-5", "base_url": server.url},
        },
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump({**said, **changes}), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def forked(bench: WarmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "start_worker", bench.fork)


def start(path: Path, *options: str) -> WarmCommand:
    return WarmCommand(["experiment", "run", str(path), *options], Path(mkdtemp(dir=path.parent)))


def ended(process: WarmCommand, within: float = 110) -> tuple[int | None, str, str]:
    out, err = process.communicate(timeout=within)
    return process.returncode, out, err


def carried_out(bench: Bench, path: Path) -> tuple[ExperimentRow, Plan]:
    """The same without the command line."""
    plan = make_plan(load_experiment(str(path)))
    digest, frozen = plan.digest(), frozen_plan(plan)
    row = Experiments(bench.database).create(plan.name, digest, frozen, str(plan.output_dir), plan.simulated)
    driving.Driver(bench.database, row, plan, lambda states: None).run()
    return row, plan


def test_an_experiment_ends_with_a_table_of_what_its_runs_reached(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    path = experiment(tmp_path / "e", loopback)
    status, out, err = ended(start(path, "--json"))
    assert status == 0, err
    found = json.loads(out)
    rows = {row["optimizer"]: row for row in found["rows"]}
    assert rows.keys() == {NONE, "refine"} and not found["simulated"]
    assert rows["refine"]["runs"] == 2 and rows["refine"]["score"]["n"] == 12
    assert rows["refine"]["gain"]["difference"] == pytest.approx(
        rows["refine"]["score"]["score"] - rows[NONE]["score"]["score"], abs=1e-5
    )
    for run in found["runs"]:
        assert bench.state(run["run_id"]).status == "finished"
        assert Runs(bench.database).find(run["run_id"]).project == "tickets: data"
    assert sum(run["calls"]["calls"] for run in found["runs"]) == loopback.count()
    report = (path.parent / "results" / "results.md").read_text()
    assert "| refine |" in report.replace("★ ", "")
    assert json.loads((path.parent / "results" / "results.json").read_text()) == found
    sent = loopback.count()
    status, again, err = ended(start(path))
    assert status == 0 and "it goes on where it was" in again and "refine" in again, err
    assert loopback.count() == sent, "what is done is not done again"


@pytest.mark.timeout(300)  # twelve runs, four of them whole searches
def test_the_file_of_the_plan_ends_with_the_table_and_the_pictures(bench: Bench, tmp_path: Path) -> None:
    words = {"crash": "bug", "invoice": "billing", "login": "account", "parcel": "shipping"}
    rows = [
        {"question": f"ticket {at}: the {word} again", "answer": label}
        for at, (word, label) in enumerate([*words.items()] * 9)
    ]
    (tmp_path / "data").mkdir()
    for name, part in (("train", rows[:14]), ("val", rows[14:24]), ("test", rows[24:])):
        lines = "".join(json.dumps(row) + "\n" for row in part)
        (tmp_path / "data" / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    path = tmp_path / "experiment_config.yaml"
    path.write_bytes(PLAN.read_bytes())
    status, out, err = ended(start(path, "--simulate", "--fast", "--json", "--parallel", "4"), within=280)
    assert status == 0, err
    found = json.loads(out)
    assert found["simulated"]
    board = {row["optimizer"]: row for row in found["rows"]}
    assert board.keys() == {NONE, "dspy-mipro", "grpo", "sequential"}
    for row in board.values():
        assert row["score"]["n"] == 12 and row["runs"] == 1
        assert row["metrics"].keys() == {"accuracy", "f1", "bleu"}
        assert row["judges"].keys() == {"gpt-4", "claude-3"}
        assert (row["gain"] is None) == (row["optimizer"] == NONE)
    assert len(found["differences"]) == 3 and any(row["pareto"] for row in board.values())
    pictures = ("comparison", "curves", "cost", "time", "pareto")
    written = {file.name for file in (tmp_path / "results").iterdir()}
    assert written == {
        "results.json",
        "results.md",
        "results.html",
        *(f"{name}.{form}" for name in pictures for form in ("png", "svg")),
    }
    page = (tmp_path / "results" / "results.html").read_text("utf-8")
    drawn = [
        b64decode(each).decode() for each in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    ]
    assert len(drawn) == len(pictures) and all("<svg" in each for each in drawn)
    assert "Simulated." in page and "dspy-mipro" in page and "<script" not in page and "://" not in page


def test_killed_with_its_runs_it_goes_on_and_pays_nothing_twice(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    path = experiment(tmp_path / "e", loopback, budget={"calls": 4000})
    loopback.latency = 0.02
    process = start(path)
    bench.wait(lambda: loopback.count(answered=True) >= 45)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    pids = [row.pid for row in Runs(bench.database).list() if row.live and row.pid]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    bench.wait(lambda: not any(row.live for row in Runs(bench.database).list()))
    status, _, err = ended(start(path))
    assert status == 0, err
    row = Experiments(bench.database).find("latest")
    _, entries = results_of(bench.database, row)
    assert all(entry.outcome and entry.outcome.results for entry in entries)
    assert len(Runs(bench.database).list()) == 4, "each cell is one run"
    assert set(loopback.answered_twice().values()) <= {2, 4}, "seeds ask the same, no run asks twice"
    for entry in entries:
        assert entry.outcome
        state = bench.state(entry.outcome.run_id)
        assert state.meters["calls"].uncertain == 0


def test_interrupted_it_stops_its_runs_and_goes_on_later(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    path = experiment(tmp_path / "e", loopback)
    loopback.latency = 0.05
    process = start(path)
    bench.wait(lambda: loopback.count(answered=True) >= 30)
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)
    assert status == 130 and "To go on: promptopt experiment run" in err
    assert not any(row.live for row in Runs(bench.database).list())
    loopback.latency = 0.0
    status, out, err = ended(start(path, "--json"))
    assert status == 0, err
    assert all(run["status"] == "finished" for run in json.loads(out)["runs"])


def test_the_budget_is_one_and_shared_alike(bench: Bench, loopback: LoopbackServer, tmp_path: Path) -> None:
    path = experiment(
        tmp_path / "e",
        loopback,
        budget={"calls": 150},
        experiment={"name": "tight", "parallel": 2},
        optimizers=[
            {"type": "refine", "config": {"max_iterations": 9}},
            {"type": "refine", "name": "patient", "config": {"max_iterations": 9, "plateau": 9}},
        ],
    )
    row, plan = carried_out(bench, path)
    assert loopback.count() <= 150
    board, entries = results_of(bench.database, row)
    limits = {
        entry.label: Runs(bench.database).settings(entry.outcome.run_id).budget.calls
        for entry in entries
        if entry.outcome
    }
    assert limits["refine"] == limits["patient"] == (150 - 12) // 2
    assert any("its share of the budget ended it" in notice for notice in board.notices)
    assert plan.limits == {"calls": 150}


def test_a_judge_scores_the_winners_answers_and_no_answer_is_paid_again(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    def judge(call: Any) -> str:
        if "judge" in call.model:
            return '{"reason": "fine", "score": 4}'
        return label(call)

    label = loopback.behaviour
    loopback.behaviour = judge
    key = {"api_key_env": API_KEY_ENV, "base_url": f"{loopback.url}/v1"}
    path = experiment(
        tmp_path / "e",
        loopback,
        experiment={"name": "judged"},
        evaluation={"judges": [{**key, "model": "openai/gpt-judge", "name": "strict"}]},
    )
    row, plan = carried_out(bench, path)
    board, _ = results_of(bench.database, row)
    assert {r.label: r.judges for r in board.rows} == {
        NONE: {"strict": pytest.approx(0.75)},
        "refine": {"strict": pytest.approx(0.75)},
    }
    assert loopback.count(model="judge") == 2 * 12
    assigned = Experiments(bench.database).runs(row.id)
    for label_ in (NONE, "refine"):
        state = bench.state(assigned[Cell("data", label_, 0, "strict").key])
        assert sum(state.reused.values()) == 12 and state.meters["calls"].spent == 12
    assert plan.settings[Cell("data", "refine", 0, "strict")].cache.reuse


def test_a_run_that_can_not_be_carried_out_is_told_and_the_others_are(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    path = experiment(
        tmp_path / "e",
        loopback,
        experiment={"name": "half", "parallel": 4},
        run_budget={"optimizer_calls": 1},
        optimizers=[{"type": "refine", "config": {"max_iterations": 1}}],
        models={
            "target": {
                "model": "openai/gpt-4o-mini",
                "api_key_env": API_KEY_ENV,
                "base_url": f"{loopback.url}/v1",
                "max_tokens": 64,
            },
            "optimizer": {
                "model": "anthropic/claude-opus-4-5",
                "api_key_env": API_KEY_ENV,
                "base_url": "http://127.0.0.1:9",
                "retries": 0,
            },
        },
    )
    status, out, err = ended(start(path))
    assert status == 1
    assert "no score" in err and "none" in out and "1 of 1" not in out
    assert not any(row.live for row in Runs(bench.database).list())
