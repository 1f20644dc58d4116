"""An exported prompt is read back and scored again."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from promptopt.domain import events as ev
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult
from promptopt.evaluation.statistics import interval
from promptopt.runs.compared import side_of_run
from promptopt.runs.rescoring import rescore, scored_prompt
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.export import FORMATS
from promptopt.store.runs import Runs
from tests.unit.command_line import CommandLine, scripted_worker
from tests.unit.finished_run import BEST, DATASET, HALF, SEED, finished_run, write_events

FAILED = CaseResult(case_id="c8", output="b")


@pytest.fixture
def run_id(home: Path, tmp_path: Path) -> str:
    """A finished run; its winner passed all four test cases."""
    found = finished_run(Database.open(), tmp_path)
    database = Database.open()
    cells = Cells(database, found)
    cells.keep(BEST.id, "test", results(4))
    cells.keep(SEED.id, "test", results(2))
    database.close()
    return found


def results(passed: int) -> list[CaseResult]:
    return [
        CaseResult(case_id=case.id, score=float(number < passed), passed=number < passed)
        for number, case in enumerate(DATASET.test)
    ]


def scoring(run_id: str, prompt: Prompt = BEST, passed: int = 4) -> Sequence[ev.Event]:
    """What the worker of a run that only scores says."""
    database = Database.open()
    Cells(database, run_id).keep(prompt.id, "test", results(passed))
    database.close()
    score = interval([result.score for result in results(passed)])
    return [
        ev.RunStarted(run_id=run_id, project="tickets", optimizer="none", models={}, sizes={"test": 4}),
        ev.CandidateProposed(candidate_id=prompt.id, text=prompt.text, source="seed"),
        ev.CandidateScored(candidate_id=prompt.id, split="test", score=score, passed=passed),
        ev.RunFinished(
            status="finished", stop_reason="scored", seed_id=prompt.id, best_id=prompt.id, iterations=0
        ),
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_found_again_and_scored(
    cli: CommandLine, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    file = tmp_path / "asset"
    assert cli("export", run_id, "--format", form, "--output", str(file)).status == 0
    started = scripted_worker(monkeypatch, scoring)

    result = cli("rescore", str(file), "--json")

    (told,) = result.objects
    assert result.status == 0
    assert told["holds"] is True and told["scored_in"] == run_id and told["run_id"] == started[0]
    assert (told["before"]["score"], told["after"]["score"], told["difference"]) == (1.0, 1.0, 0.0)
    database = Database.open()
    frozen, row = Runs(database).settings(started[0]), Runs(database).find(started[0])
    same = Runs(database).find(run_id)
    database.close()
    assert frozen.seed_prompt == BEST and not frozen.cache.reuse
    assert (frozen.optimizer.model_extra or {})["split"] == "test" and row.kind == "eval"
    assert row.dataset_id == same.dataset_id


def test_a_figure_that_does_not_hold(
    cli: CommandLine, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptopt.evaluation.statistics.SIGNIFICANT", 0.2)  # four cases prove little
    monkeypatch.setattr("promptopt.evaluation.statistics.Z", 0.5)
    scripted_worker(monkeypatch, lambda run_id: scoring(run_id, passed=0))

    result = cli("rescore", run_id)

    assert result.status == 1
    assert "does not hold" in result.out and "4 fail now" in result.out


def test_another_candidate_of_a_run(cli: CommandLine, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = scripted_worker(monkeypatch, lambda run_id: scoring(run_id, SEED, 2))
    (told,) = cli("rescore", f"{run_id}:seed", "--json").objects
    assert told["prompt_id"] == SEED.id and started


def test_a_file_that_was_changed_is_told_and_nothing_is_started(
    cli: CommandLine, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = scripted_worker(monkeypatch, scoring)
    file = tmp_path / "asset"
    cli("export", run_id, "--format", "python", "--output", str(file))
    file.write_bytes(file.read_bytes().replace(b"one word", b"two words"))

    result = cli("rescore", str(file))

    assert result.status == 2 and not started
    assert "byte for byte" in result.err and "eval PROJECT --prompt" in result.err


def test_a_split_without_a_figure(cli: CommandLine, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = scripted_worker(monkeypatch, scoring)
    result = cli("rescore", run_id, "--split", "train")
    assert result.status == 2 and not started and "not scored on train" in result.err


def test_a_run_that_gave_no_new_figure(
    cli: CommandLine, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broke(run_id: str) -> Sequence[ev.Event]:
        end = ev.RunFinished(
            status="failed", stop_reason="error", detail="no key", seed_id="", best_id="", iterations=0
        )
        return [*scoring(run_id)[:1], end]

    scripted_worker(monkeypatch, broke, "failed")
    result = cli("rescore", run_id, "--json")
    assert result.status == 1 and result.objects[0]["holds"] is None
    assert "no key" in result.err


def test_cases_that_people_mended_are_scored_as_they_are_since(home: Path, tmp_path: Path) -> None:
    run_id = finished_run(Database.open(), tmp_path)
    database = Database.open()
    mend = ev.CaseMended(
        by="ada", case_id="c5", expected="b", splits=["validation"], sizes={"validation": 3}, turn=1,
        start_id=BEST.id, iteration=1, command_id=1,
    )  # fmt: skip
    dropped = mend.model_copy(update={"case_id": "c6", "expected": None})
    told = ev.CandidateScored(candidate_id=SEED.id, split="validation", score=HALF, passed=2)
    write_events(database, run_id, [mend, dropped, told])
    database.transact(lambda connection: None).result()
    scored = scored_prompt(database, Runs(database).find(run_id), "seed", "validation")
    again_id = rescore(database, scored)
    cases = {case.id: case.expected for case in Runs(database).cases(again_id, "validation")}
    assert cases == {"c4": "a", "c5": "b", "c7": "a"}
    side = side_of_run(database, run_id)
    assert [each.case_id for each in side.mends] == ["c5", "c6"]
    database.close()
