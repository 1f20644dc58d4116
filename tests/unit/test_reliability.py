"""Several answers to one case, and the metrics of labels."""

import asyncio
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example
from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, CheckResult, Judging, Sample
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.checks import build_judge
from promptopt.evaluation.classification import classify, label_reader
from promptopt.evaluation.reliability import agreement, all_pass, merge, reliability
from promptopt.evaluation.runner import Runner
from tests.unit.test_checks import project

CALM = settings(derandomize=True, deadline=None, max_examples=60)


def draw(score: float, *, output: str = "x", error: str = "", **more: Any) -> CaseResult:
    return CaseResult(case_id="c", output=output, score=score, passed=score == 1, error=error, **more)


def drawn(name: str, *passes: bool, weight: float = 1.0) -> CaseResult:
    samples = tuple(Sample(passed=passed, score=float(passed)) for passed in passes)
    return CaseResult(case_id=name, samples=samples, weight=weight)


# --- merge ---


def test_draws_come_to_one_result():
    first = draw(
        1, cost=0.1, latency=1, prompt_tokens=5, completion_tokens=1, judging=Judging(calls=1, usd=0.5)
    )
    second = draw(0.5, output="bad", category="near miss", cost=0.2, latency=3, prompt_tokens=5)
    merged = merge([first, second])
    assert (merged.score, merged.passed, merged.output, merged.category) == (0.75, False, "bad", "near miss")
    assert merged.cost == pytest.approx(0.3) and merged.latency == 2 and merged.prompt_tokens == 10
    assert merged.judging == Judging(calls=1, usd=0.5)
    assert [sample.output for sample in merged.samples] == ["x", "bad"] and merged.flaky


def test_each_draw_keeps_what_its_form_was_worth():
    checks = (
        CheckResult(name="a", score=0, passed=False),
        CheckResult(name="b", score=1, passed=True, form=True),
    )
    merged = merge([draw(0.5, checks=checks), draw(1)])
    assert [sample.form for sample in merged.samples] == [1, None]


def test_an_unknown_price_stays_unknown_and_one_draw_is_itself():
    assert merge([draw(1, cost=0.1), draw(1)]).cost is None
    assert merge([draw(0.5)]) == draw(0.5)


def test_a_failed_call_counts_as_zero_and_is_told_if_no_answer_failed():
    merged = merge([draw(1), draw(0, output="", error="lost", category="error")])
    assert (merged.score, merged.passed, merged.error, merged.category) == (0.5, False, "lost", "error")
    told = merge([draw(0, output="", error="lost"), draw(0.2, output="bad"), draw(1)])
    assert (told.output, told.error) == ("bad", "")


# --- pass^k ---


@given(st.lists(st.booleans(), min_size=2, max_size=7), st.data())
@CALM
def test_pass_hat_and_agreement_are_what_counting_gives(passes: list[bool], data: st.DataObject):
    k = data.draw(st.integers(1, len(passes)))
    subsets = list(combinations(passes, k))
    assert all_pass(sum(passes), len(passes), k) == pytest.approx(sum(map(all, subsets)) / len(subsets))
    pairs = list(combinations(passes, 2))
    assert agreement(sum(passes), len(passes)) == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))


def test_reliability_of_an_evaluation():
    found = reliability(
        [drawn("a", True, True, True), drawn("b", True, False, True), drawn("c", False, False, False)]
    )
    assert found and found.repeats == 3 and found.flaky == ("b",)
    assert found.pass_hat == {1: pytest.approx(5 / 9), 2: pytest.approx(4 / 9), 3: pytest.approx(1 / 3)}
    assert found.consistency == pytest.approx(7 / 9)


def test_reliability_is_weighted_and_none_without_repeats():
    found = reliability([drawn("a", True, True, weight=3), drawn("b", False, False)])
    assert found and found.pass_hat[2] == 0.75
    assert reliability([drawn("a")]) is None and reliability([]) is None


# --- the runner ---


async def run(repeats: int, answer: Any, n: int = 3) -> tuple[list[CaseResult], list[tuple[str, int]]]:
    cases = [Example(id=str(i), inputs={"input": f"q{i}"}, expected="yes") for i in range(n)]
    judge = build_judge(project({"type": "exact"}), Path())
    sent: list[tuple[str, int]] = []
    seen: list[CaseResult] = []

    async def send(messages: Sequence[Message], /, *, case_id: str, draw: int) -> LLMResponse:
        sent.append((messages[-1].content, draw))
        await asyncio.sleep(0)
        return LLMResponse(text=answer(messages[-1].content, draw), latency=1.0, cost=0.1)

    try:
        runner = Runner(judge, 4, repeats)
        evaluation = await runner.evaluate(Prompt(text="p"), "validation", cases, send, seen.extend)
    finally:
        await judge.close()
    assert sorted(result.case_id for result in seen) == [case.id for case in cases]
    return list(evaluation.results), sent


async def test_each_case_is_sent_as_draws_of_their_own():
    results, sent = await run(3, lambda text, number: "no" if (text, number) == ("q1", 2) else "yes")
    assert sorted(sent) == [(f"q{i}", number) for i in range(3) for number in range(3)]
    assert [result.score for result in results] == [1, pytest.approx(2 / 3), 1]
    assert [result.passed for result in results] == [True, False, True]
    assert [result.flaky for result in results] == [False, True, False]


async def test_once_is_as_before():
    results, sent = await run(1, lambda text, number: "yes")
    assert len(sent) == 3 and all(result.samples == () and result.passed for result in results)


async def test_a_draw_that_fails_leaves_the_others():
    def answer(text: str, number: int) -> str:
        if number == 0:
            raise CallFailed("lost")
        return "yes"

    results, _ = await run(2, answer)
    assert all(result.score == 0.5 and result.error == "lost" for result in results)


async def test_the_end_of_the_run_ends_all_draws():
    def answer(text: str, number: int) -> str:
        raise StopRun("budget")

    with pytest.raises(StopRun):
        await run(3, answer)


# --- labels ---


def labelled(*pairs: tuple[str, str]) -> Any:
    cases = [Example(id=str(i), inputs={"input": "x"}, expected=right) for i, (right, _) in enumerate(pairs)]
    return classify(
        cases, {str(i): CaseResult(case_id=str(i), output=said) for i, (_, said) in enumerate(pairs)}
    )


def test_labels_are_counted():
    found = labelled(("a", "a"), ("a", "A."), ("a", "b"), ("b", "b"), ("b", "It is b"), ("b", ""))
    assert found.accuracy == 0.5 and found.unnamed == 2
    a, b = found.labels["a"], found.labels["b"]
    assert (a.precision, a.recall, a.f1, a.answers) == (1, pytest.approx(2 / 3), pytest.approx(0.8), 3)
    assert (b.precision, b.recall, b.f1) == (0.5, pytest.approx(1 / 3), pytest.approx(0.4))
    assert found.macro_f1 == pytest.approx(0.6)


@pytest.mark.parametrize(
    "expected",
    [
        ["a"] * 4,
        ["a", "b", "c"],
        ["a long text of some words, not a label at all"] * 2 + ["b"] * 2,
        ["{}", "[]"] * 3,
    ],
)
def test_what_is_no_label_has_no_metrics(expected: list[str]):
    assert labelled(*[(text, text) for text in expected]) is None


def test_every_draw_counts_and_cases_without_a_label_do_not():
    cases = [Example(id=str(i), inputs={"input": "x"}, expected=right) for i, right in enumerate("aabb")]
    cases.append(Example(id="4", inputs={"input": "x"}))
    results = {
        case.id: CaseResult(case_id=case.id, samples=(Sample(output="a"), Sample(output="b")))
        for case in cases
    }
    found = classify(cases, results)
    assert found and found.accuracy == 0.5 and found.labels["a"].answers == 4


def test_signs_of_numbers_matter():
    found = labelled(("-1", "1"), ("-1", "-1"), ("1", "1"), ("1", "1"))
    assert found.accuracy == 0.75


@pytest.mark.parametrize(
    ("checks", "accuracy"),
    [
        ([], 0.25),
        ([{"type": "exact"}], 0.25),
        ([{"type": "length", "max": 9}, {"type": "exact", "ignore_case": True}], 0.5),
        ([{"type": "contains"}], 0.75),
        ([{"type": "exact", "not": True}], 0.75),
    ],
)
def test_labels_are_read_as_the_check_exact_reads_them(checks: list[dict[str, Any]], accuracy: float):
    said = ["yes", "YES ", "yes.", "no way"]
    cases = [
        Example(id=str(i), inputs={"input": "x"}, expected=right)
        for i, right in enumerate(["yes", "yes", "yes", "no"])
    ]
    results = {str(i): CaseResult(case_id=str(i), output=text) for i, text in enumerate(said)}
    found = classify(cases, results, label_reader(project(*checks)))
    assert found and found.accuracy == accuracy


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=8, max_size=40))
@CALM
def test_metrics_are_shares(pairs: list[tuple[str, str]]):
    found = labelled(*pairs)
    if found is None:
        assert len({right for right, _ in pairs}) < 2
        return
    assert found.accuracy == pytest.approx(sum(right == said for right, said in pairs) / len(pairs))
    for score in found.labels.values():
        assert 0 <= score.f1 <= 1 and min(score.precision, score.recall) - 1e-9 <= score.f1
        assert score.f1 <= max(score.precision, score.recall) + 1e-9
