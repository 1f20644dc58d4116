"""The command line: scoring one prompt."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from promptopt.domain import events as ev
from promptopt.domain.results import CaseResult, CheckResult
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runs import Runs
from tests.unit.command_line import CommandLine, scripted_worker
from tests.unit.finished_run import HALF, SEED, opening


@pytest.fixture
def project(cli: CommandLine) -> str:
    """A project that can be run with simulated models."""
    return Path(cli("new", "triage").out.strip()).parent.name


def scoring(run_id: str) -> Sequence[ev.Event]:
    """An eval run that scored its prompt."""
    database = Database.open()
    failed = CheckResult(name="exact", score=0.0, passed=False, reason="expected \x1b, got x")
    wrong = CaseResult(case_id="c5", output="x", category="wrong format", checks=(failed,))
    Cells(database, run_id).keep(
        SEED.id, "validation", [CaseResult(case_id="c4", passed=True, score=1.0), wrong]
    )
    database.close()
    meters = {"usd": ev.Meter(spent=0.5), "calls": ev.Meter(spent=4), "tokens": ev.Meter(spent=100)}
    end = ev.RunFinished(
        status="finished", stop_reason="max_iterations", seed_id=SEED.id, best_id=SEED.id, iterations=0
    )
    return [*opening(run_id, simulated=True), ev.BudgetMoved(meters=meters), end]


def test_eval_prints_one_object(cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = scripted_worker(monkeypatch, scoring)
    result = cli("eval", project, "--simulate", "--json", "--concurrency", "3")
    assert result.status == 0
    (outcome,) = result.objects
    seconds = outcome.pop("seconds")
    assert 0 <= seconds < 60
    assert outcome == {
        "run_id": started[0], "status": "finished", "split": "validation", "prompt_id": SEED.id,
        "score": 0.5, "interval": [0.123457, 0.8], "passed": 2, "total": 4, "errors": 0,
        "categories": {"wrong format": 1}, "cost_usd": 0.5, "tokens": 100, "calls": 4, "simulated": True,
        "classification": None, "reliability": None, "roles": {}, "reused": {},
    }  # fmt: skip
    database = Database.open()
    row, frozen = Runs(database).find(started[0]), Runs(database).settings(started[0])
    database.close()
    assert row.kind == "eval" and frozen.models["target"].max_concurrency == 3


def test_eval_scores_the_prompt_of_a_file_as_it_is(
    cli: CommandLine, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = scripted_worker(monkeypatch, scoring)
    file = tmp_path / "prompt.txt"
    file.write_bytes("Ä {input}\r\n ".encode())
    result = cli("eval", project, "--simulate", "--prompt", str(file), "--split", "test")
    assert result.status == 0 and "(simulated)" in result.out and "wrong format" in result.out
    assert "sealed test" in result.err
    database = Database.open()
    frozen = Runs(database).settings(started[0])
    database.close()
    assert frozen.prompt == "Ä {input}\r\n " and (frozen.optimizer.model_extra or {})["split"] == "test"


def test_eval_shows_why_a_case_of_each_category_failed(
    cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_worker(monkeypatch, scoring)
    result = cli("eval", project, "--simulate")
    (line,) = [line for line in result.out.splitlines() if "wrong format" in line]
    assert line.split() == ["1", "wrong", "format", "c5:", "exact:", "expected", "␛,", "got", "x"]


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe\x00"])
def test_eval_refuses_a_prompt_file_that_is_none(
    cli: CommandLine, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    started = scripted_worker(monkeypatch, scoring)
    file = tmp_path / "prompt.txt"
    if content is not None:
        file.write_bytes(content)
    result = cli("eval", project, "--simulate", "--prompt", str(file))
    assert result.status == 2 and "prompt.txt" in result.err and started == []


def test_eval_over_several_splits_counts_every_case(
    cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def story(run_id: str) -> Sequence[ev.Event]:
        *events, end = scoring(run_id)
        database = Database.open()
        results = [CaseResult(case_id=f"c{n}", passed=True, score=1.0) for n in range(8, 10)]
        Cells(database, run_id).keep(SEED.id, "test", results)
        database.close()
        return [*events, ev.CandidateScored(candidate_id=SEED.id, split="test", score=HALF, passed=4), end]

    scripted_worker(monkeypatch, story)
    (outcome,) = cli("eval", project, "--simulate", "--split", "all", "--json").objects
    assert outcome["score"] == 0.75 and outcome["total"] == 8 and outcome["passed"] == 6


@pytest.mark.parametrize("command", ["eval", "run"])
@pytest.mark.parametrize(
    ("check", "said"),
    [
        (
            {"type": "regex", "pattern": "("},
            ["2 cases can't be judged", "case 'a' checks[0].pattern", "case 'b'"],
        ),
        ({"type": "judge", "rubric": "kind"}, ["models.judge"]),
    ],
)
def test_cases_with_checks_that_can_not_be_used_are_bad_input(
    cli: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    check: dict[str, Any],
    said: list[str],
) -> None:
    started = scripted_worker(monkeypatch, scoring)
    cases = [{"id": name, "input": name, "expected": "x", "checks": [check]} for name in ("a", "b")]
    models = {"target": {"model": "sim/target"}, "optimizer": {"model": "sim/optimizer"}}
    table = {"name": "p", "prompt": "{input}", "models": models, "data": {"cases": cases}}
    (tmp_path / "project.toml").write_text(tomli_w.dumps(table))
    result = cli(command, str(tmp_path), "--json")
    assert result.status == 2 and started == []
    assert all(words in result.err for words in said), result.err
    database = Database.open()
    assert Runs(database).list() == []
    database.close()


def test_eval_without_a_score_is_status_1(
    cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = ev.RunFinished(
        status="failed", stop_reason="error", detail="no way", seed_id="s", best_id="s", iterations=0
    )
    scripted_worker(monkeypatch, lambda run_id: [*opening(run_id), end], "failed")
    result = cli("eval", project, "--simulate", "--json")
    assert result.status == 1 and result.objects[0]["score"] is None
