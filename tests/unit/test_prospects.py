"""What a run can find out at all: told before money goes into the search."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.checks import build_judge
from promptopt.evaluation.prospects import data_faults, failing_references, headroom, outlook
from promptopt.evaluation.statistics import compare, interval, smallest_detectable


def case(number: int, expected: str | None = "a", text: str | None = None) -> Example:
    return Example(id=f"c{number}", inputs={"input": text or f"mail {number}"}, expected=expected)


def dataset(validation: int = 30, test: int = 30) -> Dataset:
    cases = [case(n) for n in range(validation + test + 1)]
    return Dataset(
        train=(cases[0],), validation=tuple(cases[1 : validation + 1]), test=tuple(cases[validation + 1 :])
    )


def baseline(data: Dataset, failed: int) -> Evaluation:
    results = tuple(
        CaseResult(case_id=c.id, score=float(at >= failed), passed=at >= failed)
        for at, c in enumerate(data.validation)
    )
    score = interval([result.score for result in results])
    return Evaluation(prompt_id="p", split="validation", results=results, score=score)


def test_too_few_cases_prove_nothing():
    for n in (0, 1, 5):
        assert outlook(n).level == "warning"
        assert "no gain can be proven" in outlook(n).text
    # That is so: five cases won and none lost are no verdict, six are.
    for n, verdict in ((5, "not distinguishable"), (6, "better")):
        data = dataset(n, 0)
        assert compare(baseline(data, n), baseline(data, 0)).verdict == verdict


def test_a_run_that_can_not_prove_a_plausible_gain_is_warned():
    assert outlook(30).level == "warning" and "about 28 points" in outlook(30).text
    assert outlook(200).level == "info" and "about 11 points" in outlook(200).text
    assert "takes about 59" in outlook(30).text
    assert smallest_detectable(59) <= 0.2 < smallest_detectable(58)


@given(st.integers(0, 10_000))
@settings(derandomize=True, deadline=None)
def test_more_cases_never_turn_good_news_into_bad(n: int):
    assert not (outlook(n).level == "info" and outlook(n + 1).level == "warning")


def test_a_prompt_that_fails_often_has_room():
    data = dataset()
    assert headroom(baseline(data, 15), data) == []


def test_all_pass_leaves_no_room():
    data = dataset()
    (told,) = headroom(baseline(data, 0), data)
    assert "every validation case passes" in told.text


def test_few_failures_can_not_be_proven_to_be_mended():
    data = dataset()
    (told,) = headroom(baseline(data, 3), data)
    assert "3 of 30 validation cases fail" in told.text and "about 3.0 of the 30 sealed test" in told.text
    assert headroom(baseline(data, 6), data) == []


def test_label_noise_lowers_the_ceiling():
    noisy = [case(n, "ab"[n % 2], text=f"mail {n // 2}") for n in range(12)]
    data = Dataset(train=(case(99),), validation=(*noisy, *[case(n) for n in range(20, 38)]), test=())
    (told,) = headroom(baseline(data, 8), data)
    assert "80.0%, lies within the interval" in told.text
    (fault,) = data_faults(data, {})
    assert fault.text.startswith("equal inputs with different expected outputs: c0 and c1; c2 and c3;")
    assert "and 2 more. At least 6 of 31 cases must fail" in fault.text


def test_equal_cases_are_no_noise():
    same = [case(n, "A " if n else "a", text="Mail" if n else " mail ") for n in range(3)]
    assert data_faults(Dataset(train=tuple(same), validation=tuple(same)), {}) == []


def project(**more: object) -> ProjectSettings:
    table = {"name": "p", "prompt": "x", "models": {"target": {"model": "sim/target"}}}
    return ProjectSettings.model_validate(table | more)


@pytest.mark.parametrize(
    ("expected", "failing"),
    [(["yes", "no", "perhaps it is so"], ["c2"]), (["one two three", "four five six", "yes"], [])],
)
async def test_references_that_fail_their_own_checks(tmp_path: Path, expected: list[str], failing: list[str]):
    rules = {"constraints": [{"name": "short", "max_words": 1}]}
    judge = build_judge(project(task=rules, checks=[{"type": "exact"}]), tmp_path)
    cases = [case(n, text) for n, text in enumerate(expected)]
    found = await failing_references(judge, [*cases, case(9, None)])
    await judge.close()
    assert list(found) == failing  # most of them failing: they are no outputs at all
    for told in data_faults(Dataset(train=tuple(cases), validation=tuple(cases)), found):
        assert "1 expected outputs fail" in told.text and "c2: constraint short: " in told.text
