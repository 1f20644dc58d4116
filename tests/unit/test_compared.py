"""compare: prompts on the cases that the store has of both."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.demonstrations import Demonstration
from promptopt.domain.errors import RunError
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult
from promptopt.runs.apart import in_its_own_process
from promptopt.runs.compared import Side, _notices
from promptopt.runs.sidebyside import side_by_side
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from tests.unit.command_line import CommandLine
from tests.unit.finished_run import BEST, SEED, finished_run, opening, rest, settings, write_events

CASES = tuple(Example(id=f"c{n}", inputs={"text": f"ticket {n}"}, expected="a") for n in range(12))


@pytest.fixture
def promptopt(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def scored(prompt_id: str, passes: str, cases: tuple[Example, ...] = CASES, **changes: object) -> str:
    """A run that scored one prompt on validation cases; ``passes`` has a 1 for each case that passes."""
    database = Database.open()
    run_id = Runs(database).create(
        settings(**changes), Dataset(train=cases[:1], validation=cases), Path("/p"), "eval"
    )
    results = [
        CaseResult(case_id=case.id, score=float(mark), passed=mark == "1")
        for case, mark in zip(cases, passes, strict=False)
    ]
    Cells(database, run_id).keep(prompt_id, "validation", results)
    database.close()
    return run_id


def of_test_cases(passing: int) -> list[CaseResult]:
    """Of the four test cases, the first ``passing`` pass."""
    return [
        CaseResult(case_id=f"c{n}", score=float(n < 8 + passing), passed=n < 8 + passing)
        for n in range(8, 12)
    ]


def files(folder: Path) -> tuple[str, str]:
    places = folder / "seed.txt", folder / "best.txt"
    for place, prompt in zip(places, (SEED, BEST), strict=True):
        place.write_bytes(prompt.text.encode())
    return str(places[0]), str(places[1])


def test_prompt_files_are_compared_on_what_the_store_has(promptopt: CommandLine, tmp_path: Path) -> None:
    first, second = files(tmp_path)
    scored(SEED.id, "0" * 8 + "1" * 4)
    scored(BEST.id, "1" * 11 + "0")
    result = promptopt("compare", first, second, "--json")
    (found,) = result.objects[0]["comparisons"]
    assert (found["verdict"], found["n"], found["difference"]) == ("better", 12, round(7 / 12, 6))
    assert found["fixed"] == [f"c{n}" for n in range(8)] and found["broken"] == ["c11"]
    assert found["p_adjusted"] is None and found["effects"]["cohens_h"] > 0.8
    told = promptopt("compare", first, second)
    assert f"{second} is better than {first} on validation" in told.out
    assert "8 cases fixed, 1 broken" in told.out


def test_only_equal_cases_count_not_equal_ids(promptopt: CommandLine, tmp_path: Path) -> None:
    first, second = files(tmp_path)
    other = tuple(case.model_copy(update={"expected": "b"}) for case in CASES[:6])
    scored(SEED.id, "0" * 12)
    scored(BEST.id, "1" * 12, (*other, *CASES[6:]))
    (found,) = promptopt("compare", first, second, "--json").objects[0]["comparisons"]
    assert found["n"] == 6 and found["fixed"] == [f"c{n}" for n in range(6, 12)]


def test_several_are_corrected_for_their_number(promptopt: CommandLine, tmp_path: Path) -> None:
    first, second = files(tmp_path)
    scored(SEED.id, "0" * 6 + "1" * 6)
    scored(BEST.id, "1" * 12)
    two = promptopt("compare", first, second, second, "--json").objects[0]["comparisons"]
    assert [each["verdict"] for each in two] == ["not distinguishable"] * 2
    assert [each["p_adjusted"] for each in two] == [0.0625, 0.0625]


def test_what_limits_a_comparison_is_told(promptopt: CommandLine, tmp_path: Path) -> None:
    first, second = files(tmp_path)
    scored(SEED.id, "0" * 12)
    scored(BEST.id, "1" * 12, checks=[{"type": "contains"}], models={"target": {"model": "openai/gpt-4.1"}})
    told = promptopt("compare", first, second).err
    assert "judged by different checks" in told and "models with different settings" in told


def test_a_run_s_candidates_by_name(promptopt: CommandLine, tmp_path: Path) -> None:
    run_id = finished_run(Database.open(), tmp_path)
    database = Database.open()
    for prompt, passes in ((SEED, "0011"), (BEST, "1111")):
        results = [
            CaseResult(case_id=f"c{4 + n}", score=float(m), passed=m == "1") for n, m in enumerate(passes)
        ]
        Cells(database, run_id).keep(prompt.id, "validation", results)
    database.close()
    for name in (run_id, f"{run_id}:best", "latest:#1", f"latest:{BEST.id[:5]}"):
        result = promptopt("compare", "latest:seed", name, "--json")
        (found,) = result.objects[0]["comparisons"]
        assert (found["candidate_id"], found["difference"]) == (BEST.id, 0.5)
        assert any("was chosen by its validation scores" in text for text in result.objects[0]["notices"])


def test_several_that_were_chosen_by_their_scores_are_said_so_once() -> None:
    row: Any = SimpleNamespace(simulated=False)
    settings: Any = SimpleNamespace(checks=[], task=SimpleNamespace(constraints=[]), models={"target": 1})
    sides = [Side(label, row, settings, label, ("train", "validation")) for label in "abc"]
    assert _notices(sides[0], sides[1:], ["validation"]) == [
        "a, b and c were chosen by their validation scores, which flatters them here; "
        "the sealed test does not"
    ]
    assert _notices(sides[0], sides[1:], ["test"]) == []


def test_what_can_not_be_compared(promptopt: CommandLine, tmp_path: Path) -> None:
    first, second = files(tmp_path)
    scored(SEED.id, "0" * 12)
    assert "this prompt has not been scored" in promptopt("compare", first, second).err
    scored(BEST.id, "0" * 12, tuple(case.model_copy(update={"id": f"x{case.id}"}) for case in CASES))
    result = promptopt("compare", first, second)
    assert result.status == 2 and "no scored validation case in common" in result.err
    assert promptopt("compare", "nothing", first).status == 2


def test_who_fixed_and_who_broke_which_case(promptopt: CommandLine, tmp_path: Path) -> None:
    run_id = finished_run(Database.open(), tmp_path)
    database = Database.open()
    for prompt, passes in ((SEED, "0011"), (BEST, "011")):
        results = [
            CaseResult(case_id=f"c{4 + n}", score=float(m), passed=m == "1") for n, m in enumerate(passes)
        ]
        Cells(database, run_id).keep(prompt.id, "validation", results)
    database.close()
    found = promptopt("show", run_id, "--cases", "--json").objects[0]
    assert found["candidates"] == ["seed", "#1"]
    assert [(c["case_id"], c["marks"], c["fixed"], c["broken"]) for c in found["cases"]] == [
        ("c4", [False, False], [], []),
        ("c5", [False, True], ["#1"], []),
        ("c6", [True, True], [], []),
        ("c7", [True, None], [], []),
    ]
    told = promptopt("show", run_id, "--cases").out
    assert "c5    ✗✓      #1" in told and "never passed: c4" in told
    assert "no train case" in promptopt("show", run_id, "--cases", "--split", "train").err


def test_how_the_prompts_differ_is_shown_on_request(
    promptopt: CommandLine, home: Path, tmp_path: Path
) -> None:
    run_id = finished_run(Database.open(), tmp_path)
    database = Database.open()
    cells = Cells(database, run_id)
    for prompt, passing in ((SEED, 2), (BEST, 4)):
        cells.keep(
            prompt.id,
            "test",
            [
                CaseResult(case_id=f"c{n}", score=float(n < 8 + passing), passed=n < 8 + passing)
                for n in range(8, 12)
            ],
        )
    database.close()
    told = promptopt("compare", f"{run_id}:seed", run_id, "--split", "test", "--diff")
    assert "\n-Label the ticket.\n" in told.out and "+Label the ticket {text} with one word." in told.out
    (found,) = promptopt("compare", run_id, f"{run_id}:best", "--split", "test", "--diff", "--json").objects[
        0
    ]["comparisons"]
    assert found["diff"] == ""


def test_prompts_that_differ_in_their_demonstrations_only_are_told_apart(
    promptopt: CommandLine, home: Path, tmp_path: Path
) -> None:
    run_id = finished_run(Database.open(), tmp_path)
    shown = Prompt(text=SEED.text, demonstrations=CASES[:4])
    database = Database.open()
    cells = Cells(database, run_id)
    cells.keep_prompt(SEED)
    cells.keep_prompt(shown)
    demos = [Demonstration(inputs=demo.inputs, output=demo.expected or "") for demo in CASES[:4]]
    RunLog(database, run_id).append(
        ev.CandidateProposed(candidate_id=shown.id, text=shown.text, source="optimizer", demonstrations=demos)
    )
    for prompt in (SEED, shown):
        cells.keep(prompt.id, "test", of_test_cases(3))
    database.close()
    told = promptopt("compare", f"{run_id}:seed", f"{run_id}:{shown.id}", "--split", "test", "--diff").out
    assert "+[demonstration 4]\n+text: ticket 3\n+→ a\n" in told and "byte for byte" not in told
    with_them = scored(BEST.id, "1111")
    database = Database.open()
    told_of_it = [*opening(with_them), *rest()]
    added = {"demonstrations": demos}
    write_events(
        database,
        with_them,
        [e.model_copy(update=added) if isinstance(e, ev.CandidateProposed) else e for e in told_of_it],
    )
    first, second = side_by_side(database, [run_id, with_them], "test")["runs"]
    database.close()
    assert (
        first["prompt"] == BEST.text
        and second["prompt"] == BEST.model_copy(update={"demonstrations": CASES[:4]}).in_words
    )


def test_runs_side_by_side_for_other_faces(home: Path, tmp_path: Path) -> None:
    first = finished_run(Database.open(), tmp_path)
    second = finished_run(Database.open(), tmp_path)
    bare = scored(SEED.id, "1" * 4)
    database = Database.open()
    for run_id, passing in ((first, 2), (second, 4)):
        Cells(database, run_id).keep(
            BEST.id,
            "test",
            [
                CaseResult(case_id=f"c{n}", score=float(n < 8 + passing), passed=n < 8 + passing)
                for n in range(8, 12)
            ],
        )
    told = in_its_own_process(database, {"job": "runs", "runs": [first, second, bare], "split": "test"})
    assert told == side_by_side(database, [first, second, bare], "test")
    one, _, three = told["runs"]
    assert (one["run_id"], one["prompt"], one["scores"]["test"]["score"]) == (first, BEST.text, 1.0)
    assert one["models"]["target"] == "openai/gpt-4o-mini" and three["optimizer"] == "eval"
    pair, none = told["pairs"]
    assert pair["fixed"] == ["c10", "c11"] and pair["n"] == 4
    assert "no prompt yet" in none["why"]
    with pytest.raises(RunError, match="no run"):
        in_its_own_process(database, {"job": "runs", "runs": ["zzz", first], "split": "test"})
    database.close()


def test_graded_scores_are_compared_where_scipy_may_be(home: Path, tmp_path: Path) -> None:
    first = finished_run(Database.open(), tmp_path)
    second = finished_run(Database.open(), tmp_path)
    database = Database.open()
    for run_id, score in ((first, 0.25), (second, 0.5)):
        results = [CaseResult(case_id=f"c{n}", score=score + n / 100) for n in range(8, 12)]
        Cells(database, run_id).keep(BEST.id, "test", results)
    (pair,) = in_its_own_process(database, {"job": "runs", "runs": [first, second], "split": "test"})["pairs"]
    assert pair["difference"] == 0.25
    database.close()
