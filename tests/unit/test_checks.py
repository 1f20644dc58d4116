"""Checks: what each accepts, how it says no, and how wrong settings are told."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.results import CheckResult
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.boxes import Boxes
from promptopt.evaluation.checks import CHECKS, build_judge
from promptopt.evaluation.checks.base import Check, Opinion
from promptopt.evaluation.checks.structured import same_json
from promptopt.evaluation.scores import form_score, score_checks


def project(*checks: dict[str, Any], **task: Any) -> ProjectSettings:
    return ProjectSettings.model_validate(
        {
            "name": "p",
            "prompt": "Sort it.",
            "models": {"target": {"model": "sim/x"}},
            "checks": checks,
            "task": task,
        }
    )


def case(expected: str | None = "billing", **rest: Any) -> Example:
    return Example(id=rest.pop("id", "c1"), inputs={"input": "My bill"}, expected=expected, **rest)


async def judged(
    output: str, expected: str | None, *checks: dict[str, Any], folder: Path = Path(), **task: Any
) -> tuple[CheckResult, ...]:
    judge = build_judge(project(*checks, **task), folder)
    try:
        return await judge.judge(case(expected), output)
    finally:
        await judge.close()


async def opinion(output: str, expected: str | None, **check: Any) -> tuple[float, str]:
    (result,) = await judged(output, expected, check)
    assert result.passed == (result.score >= 1)
    return result.score, result.reason


def refused(*checks: dict[str, Any], folder: Path = Path(), **task: Any) -> SettingsError:
    with pytest.raises(SettingsError) as error:
        build_judge(project(*checks, **task), folder)
    return error.value


# --- exact ---


@pytest.mark.parametrize(
    ("output", "options", "score"),
    [
        ("billing", {}, 1),
        (" billing\n", {}, 1),
        (" billing\n", {"strip": False}, 0),
        ("Billing", {}, 0),
        ("Billing", {"ignore_case": True}, 1),
        ("The queue is billing.", {}, 0),
        ("", {}, 0),
    ],
)
async def test_exact(output: str, options: dict[str, Any], score: float):
    assert (await opinion(output, "billing", type="exact", **options))[0] == score


async def test_exact_says_what_it_expected_and_got():
    _, reason = await opinion("The queue is billing.", "billing", type="exact")
    assert reason == 'expected "billing", got "The queue is billing."'


async def test_exact_shows_long_texts_around_their_first_difference():
    _, reason = await opinion("a" * 500 + " blue " + "b" * 500, "a" * 500 + " red " + "b" * 500, type="exact")
    assert len(reason) <= 300
    assert " red " in reason
    assert " blue " in reason


# --- contains ---


@pytest.mark.parametrize(
    ("output", "options", "score"),
    [
        ("The queue is BILLING.", {}, 1),
        ("The queue is BILLING.", {"ignore_case": False}, 0),
        ("sales", {}, 0),
        ("sales", {"value": "ale"}, 1),
        ("red green", {"values": ["red", "green"]}, 1),
        ("red", {"values": ["red", "green"]}, 0.5),
        ("red", {"values": ["red", "green"], "all": False}, 1),
        ("blue", {"values": ["red", "green"], "all": False}, 0),
    ],
)
async def test_contains(output: str, options: dict[str, Any], score: float):
    assert (await opinion(output, "billing", type="contains", **options))[0] == score


async def test_contains_says_what_is_lacking():
    _, reason = await opinion("red", None, type="contains", values=["green", "blue"])
    assert reason == 'lacks "green", "blue"; got "red"'


def test_contains_takes_value_or_values():
    assert "not both" in refused({"type": "contains", "value": "a", "values": ["b"]}).what


def test_an_empty_expected_output_is_no_use_to_contains():
    with pytest.raises(SettingsError, match="every output contains an empty text"):
        build_judge(project({"type": "contains"}), Path(), [case("")])


# --- regex ---


@pytest.mark.parametrize(
    ("output", "expected", "options", "score"),
    [
        ("id 42", None, {"pattern": r"\d+"}, 1),
        ("id 42", None, {"pattern": r"\d+", "full": True}, 0),
        (" 42\n", None, {"pattern": r"\d+", "full": True}, 1),
        ("ID", None, {"pattern": "id"}, 0),
        ("ID", None, {"pattern": "id", "ignore_case": True}, 1),
        ("billing", "bill(ing)?", {}, 1),
        ("sales", "bill(ing)?", {}, 0),
    ],
)
async def test_regex(output: str, expected: str | None, options: dict[str, Any], score: float):
    assert (await opinion(output, expected, type="regex", **options))[0] == score


async def test_an_endless_pattern_is_ended():
    score, reason = await opinion("a" * 60, None, type="regex", pattern="(a+)+b", timeout=0.3)
    assert score == 0
    assert reason == 'the pattern "(a+)+b" took longer than 0.3 s and was ended'


def test_a_bad_pattern_is_refused():
    error = refused({"type": "regex", "pattern": "(a"})
    assert error.where == "checks[0].pattern"
    assert "is not a pattern" in error.what
    with pytest.raises(SettingsError, match="not a pattern") as of_case:
        build_judge(project({"type": "regex"}), Path(), [case("(a")])
    assert of_case.value.where == "case 'c1'"


# --- json_fields ---


@pytest.mark.parametrize(
    ("output", "expected", "options", "score"),
    [
        ('{"a": 7.0, "b": "x"}', '{"b": "x", "a": 7}', {}, 1),
        ('{"a": 8, "b": "x"}', '{"a": 7, "b": "x"}', {}, 0.5),
        ('{"a": "7", "b": "x"}', '{"a": 7, "b": "x"}', {}, 0.5),
        ('{"a": 1}', '{"a": true}', {}, 0),
        ('{"a": [1, {"b": 2}]}', '{"a": [1.0, {"b": 2}]}', {}, 1),
        ('{"a": null}', '{"a": null}', {}, 1),
        ("{}", '{"a": null}', {}, 0),
        ('{"a": 1, "z": 2}', '{"a": 1}', {}, 1),
        ('{"a": 1, "z": 2}', '{"a": 1}', {"allow_extra": False}, 0.5),
        ('{"a": {"b": 1}, "c": 2}', '{"a": {"b": 1}, "c": 3}', {"fields": ["a.b"]}, 1),
        ('{"a": [{"b": 1}]}', '{"a": [{"b": 1}]}', {"fields": ["a.0.b"]}, 1),
        ("[1, 2]", "[1, 2.0]", {}, 1),
        ("[2, 1]", "[1, 2]", {}, 0),
        ("[]", "{}", {}, 0),
        ('```json\n{"a": 1}\n```', '{"a": 1}', {}, 0),
        ('```json\n{"a": 1}\n```', '{"a": 1}', {"allow_fence": True}, 1),
        ('Here it is: {"a": 1}', '{"a": 1}', {"allow_fence": True}, 0),
        ('{"a": NaN}', '{"a": 1}', {}, 0),
        ("[" * 100_000, '{"a": 1}', {}, 0),
        ("```json" + " \n" * 200_000, '{"a": 1}', {"allow_fence": True}, 0),
        ('```\n{"a": 1}\n``` and ```', '{"a": 1}', {"allow_fence": True}, 0),
        ('```\n{"a": 1}\n``` and more', '{"a": 1}', {"allow_fence": True}, 0),
    ],
)
async def test_json_fields(output: str, expected: str, options: dict[str, Any], score: float):
    assert (await opinion(output, expected, type="json_fields", **options))[0] == score


async def test_json_fields_says_why():
    expected = '{"id": 7, "city": "Ulm", "tags": []}'
    _, reason = await opinion('{"id": 8, "tags": []}', expected, type="json_fields")
    assert reason == "wrong fields: id should be 7, is 8; city is missing"
    assert (await opinion("I am not sure", expected, type="json_fields"))[1].startswith("not JSON (")
    assert (await opinion(f"Sure: {expected}", expected, type="json_fields"))[1].startswith(
        "there is text around the JSON ("
    )
    assert (await opinion(f"```\n{expected}\n```", expected, type="json_fields"))[1] == (
        "there is text around the JSON: a code fence (inside it 100% of the fields are right)"
    )


def test_json_fields_looks_at_the_expected_outputs_beforehand():
    with pytest.raises(SettingsError, match="the expected output is not JSON"):
        build_judge(project({"type": "json_fields"}), Path(), [case("billing")])
    with pytest.raises(SettingsError, match="has no field 'b'"):
        build_judge(project({"type": "json_fields", "fields": ["b"]}), Path(), [case('{"a": 1}')])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=3), parts, max_size=3),
    max_leaves=8,
)


@given(_JSON, _JSON)
@settings(derandomize=True, deadline=None, max_examples=100)
def test_json_equality_is_an_equivalence(one: Any, other: Any):
    assert same_json(one, one)
    assert same_json(one, other) == same_json(other, one)


# --- assertion and callable ---


async def test_assertion():
    check = {"type": "assertion", "code": "assert len(output.split()) <= 2"}
    assert (await judged("one two", None, check))[0].passed
    (failed,) = await judged("one two three", None, check)
    assert failed.reason == "assert len(output.split()) <= 2 (was 3)"


async def test_assertion_knows_the_case():
    code = "assert (expected, input, inputs) == ('billing', 'My bill', {'input': 'My bill'})"
    assert (await judged("x", "billing", {"type": "assertion", "code": code}))[0].passed


async def test_an_assertion_that_never_ends_fails():
    score, reason = await opinion("x", None, type="assertion", code="while True: pass", timeout=0.3)
    assert (score, reason) == (0, "took longer than 0.3 s and was ended")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("assert (", "the code is not Python: '(' was never closed in line 1"),
        ("x = 1\nassert y ==", "the code is not Python: invalid syntax in line 2"),
        ("# nothing", "the code asserts nothing"),
        ("assert '\0'", "the code is not Python"),
    ],
)
def test_code_that_can_not_judge_is_refused(code: str, said: str):
    error = refused({"type": "assertion", "code": code})
    assert said in error.what
    assert error.where == "checks[0].code"


async def test_a_function_of_the_project(tmp_path: Path):
    (tmp_path / "own_scoring.py").write_text(
        "def half(output, expected, inputs):\n    return 0.5, f'{output} {expected} {inputs}'\n",
        encoding="utf-8",
    )
    check = {"type": "callable", "function": "own_scoring:half", "threshold": 0.5}
    (result,) = await judged("a", "b", check, folder=tmp_path)
    assert (result.score, result.passed, result.reason) == (0.5, True, "a b {'input': 'My bill'}")
    assert "own_scoring" not in sys.modules


@pytest.mark.parametrize("function", ["scoring", "scoring.f", "a b:c", ":f", "m:"])
def test_a_function_is_named_module_and_function(function: str):
    error = refused({"type": "callable", "function": function})
    assert error.where == "checks[0].function"
    assert "module:function" in error.fix


def test_a_missing_module_is_told_before_the_run(tmp_path: Path):
    error = refused({"type": "callable", "function": "no_such_module_here:f"}, folder=tmp_path)
    assert "no module 'no_such_module_here'" in error.what
    assert error.where == "checks[0].function"


# --- settings ---


@pytest.mark.parametrize(
    ("check", "where", "fix"),
    [
        ({"type": "exat"}, "checks[0].type", "did you mean 'exact'?"),
        ({"type": "exact", "ignorecase": True}, "checks[0].ignorecase", "did you mean 'ignore_case'?"),
        ({"type": "exact", "wieght": 2}, "checks[0].wieght", "did you mean 'weight'?"),
        ({"type": "exact", "zzz": 2}, "checks[0].zzz", "known: type, name, weight"),
        ({"type": "assertion"}, "checks[0].code", "add code to it"),
    ],
)
def test_wrong_settings_say_where_and_how_to_mend(check: dict[str, Any], where: str, fix: str):
    error = refused(check)
    assert error.where == where
    assert fix in error.fix


@pytest.mark.parametrize(
    ("check", "where"),
    [
        ({"type": "exact", "strip": "yes"}, "checks[1].strip"),
        ({"type": "assertion", "code": "assert output", "timeout": 0}, "checks[1].timeout"),
        ({"type": "contains", "values": ["a", 1]}, "checks[1].values.1"),
    ],
)
def test_wrong_values_say_what_was_found(check: dict[str, Any], where: str):
    error = refused({"type": "exact"}, check)
    assert error.where == where
    assert "found" in error.what


def test_whole_seconds_are_taken_as_a_timeout():
    build_judge(project({"type": "assertion", "code": "assert output", "timeout": 3}), Path())


# --- the judge ---


async def test_a_check_without_its_expected_output_is_left_out():
    results = await judged("x", None, {"type": "exact"}, {"type": "contains", "value": "x"})
    assert [result.name for result in results] == ["contains"]


def test_a_case_that_nothing_judges_is_told():
    judge = build_judge(project({"type": "exact"}), Path())
    judge.check_cases([case("a")])
    with pytest.raises(SettingsError) as error:
        judge.check_cases([case("a"), case(None, id="c2")])
    assert error.value.where == "case 'c2'"
    assert "give it an expected output" in error.value.fix


async def test_without_checks_outputs_are_compared_exactly():
    results = await judged("billing", "billing")
    assert [(result.name, result.passed) for result in results] == [("exact", True)]


def test_without_checks_and_expected_outputs_nothing_can_be_judged():
    with pytest.raises(SettingsError, match="there is no check, and no case has an expected output"):
        build_judge(project(), Path(), [case(None)])


async def test_constraints_alone_replace_the_comparison():
    results = await judged("Some words", "billing", constraints=[{"name": "short", "max_words": 1}])
    assert [(result.name, result.passed, result.reason) for result in results] == [
        ("constraint short", False, "too long: 2 words, at most 1 allowed")
    ]


async def test_a_case_brings_checks_of_its_own():
    own = case(None, checks=({"type": "contains", "value": "refund", "weight": 3},))
    judge = build_judge(project({"type": "contains", "value": "dear"}), Path(), [own])
    results = await judge.judge(own, "Dear you")
    await judge.close()
    assert [(r.name, r.passed, r.weight) for r in results] == [
        ("contains", True, 1),
        ("contains 2", False, 3),
    ]


def test_wrong_checks_of_a_case_are_told():
    with pytest.raises(SettingsError) as error:
        build_judge(project(), Path(), [case(checks=({"type": "exact"}, {"type": "nope"}))])
    assert error.value.where == "case 'c1' checks[1].type"
    with pytest.raises(SettingsError) as error:
        build_judge(project(), Path(), [case(checks=({"name": "no type"},))])
    assert error.value.where == "case 'c1' checks[0].type"


def test_all_cases_that_can_not_be_judged_are_told_at_once():
    wrong = [
        case(checks=({"type": "nope"},)), case(" ", checks=({"type": "rouge"},)), case("fine"), case(None)
    ]  # fmt: skip
    known = [one.model_copy(update={"id": f"c{n}"}) for n, one in enumerate(wrong)]
    with pytest.raises(SettingsError) as error:
        build_judge(project(), Path(), known)
    first, *listed = error.value.what.splitlines()
    assert first == "3 cases can't be judged:"
    places = [line.split(": ")[0].strip() for line in listed]
    assert places == ["case 'c0' checks[0].type", "case 'c1'", "case 'c3'"]
    assert "did you mean" in error.value.fix or "known:" in error.value.fix
    with pytest.raises(SettingsError, match=r"30 cases can't be judged:(.|\n)*and 10 more"):
        build_judge(project(), Path(), [known[0].model_copy(update={"id": str(n)}) for n in range(30)])


async def test_whatever_a_check_raises_is_a_failed_check(monkeypatch: pytest.MonkeyPatch):
    class Broken(Check):
        async def judge(self, case: Example, output: str, boxes: Boxes) -> Opinion:
            raise RuntimeError("no\nway" + "!" * 1000)

    monkeypatch.setitem(CHECKS, "broken", Broken)
    (result,) = await judged("x", "x", {"type": "broken", "name": "mine", "hard": True})
    assert (result.name, result.score, result.passed, result.hard) == ("mine", 0, False, True)
    assert result.reason.startswith("RuntimeError: no way!")
    assert len(result.reason) <= 300


async def test_an_expected_output_that_is_no_json_is_a_failed_check_too():
    (result,) = await judged("{}", "no json", {"type": "json_fields"})
    assert not result.passed
    assert result.reason.startswith("ValueError") or result.reason.startswith("JSONDecodeError")


async def test_thresholds_decide_what_passes():
    check = {"type": "contains", "values": ["a", "b", "c"], "threshold": 2 / 3}
    assert (await judged("a b", None, check))[0].passed
    assert not (await judged("a", None, check))[0].passed


def result(score: float, *, passed: bool = True, weight: float = 1.0, hard: bool = False) -> CheckResult:
    return CheckResult(name="x", score=score, passed=passed, weight=weight, hard=hard)


def test_the_score_of_a_case():
    assert score_checks([]) == (0.0, False)
    assert score_checks([result(1), result(1)]) == (1.0, True)
    assert score_checks([result(1, weight=3), result(0, passed=False)]) == (0.75, False)
    assert score_checks([result(1, weight=3), result(0.5, passed=False, hard=True)]) == (0.0, False)
    assert score_checks([result(0.5, hard=True)]) == (0.5, True)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 100)), min_size=1))
@settings(derandomize=True, deadline=None)
def test_a_case_scores_between_its_worst_and_its_best_check(pairs: list[tuple[float, float]]):
    score, _ = score_checks([result(score, weight=weight) for score, weight in pairs])
    assert min(pair[0] for pair in pairs) - 1e-9 <= score <= max(pair[0] for pair in pairs) + 1e-9


async def test_code_that_fails_by_itself_is_told_once():
    told: list[str] = []
    checks = (
        {"type": "assertion", "code": "assert otuput == 'a'"},
        {"type": "assertion", "code": "import json\njson.loads(output)['label']"},
    )
    constraint = {"name": "short", "code": "raise SystemExit(3)"}
    judge = build_judge(project(*checks, constraints=[constraint]), Path(), notice=told.append)
    try:
        for output in ("a", "no json", "[]", "{}"):
            results = await judge.judge(case(), output)
            assert not any(result.passed for result in results)
    finally:
        await judge.close()
    assert len(told) == 2
    assert "assert otuput == 'a'" in told[0] and "NameError" in told[0]
    assert "raise SystemExit(3)" in told[1]


# --- form ---


async def test_checks_and_constraints_say_whether_they_look_at_the_form():
    results = await judged(
        '{"queue": "billing"}',
        '{"queue": "billing"}',
        {"type": "exact"},
        {"type": "length", "max": 9},
        {"type": "format", "json": True, "weight": 3},
        {"type": "json_schema", "schema": True},
        {"type": "all_of", "name": "form", "checks": [{"type": "length", "max": 0}]},
        {"type": "contains", "name": "told so", "form": True},
        {"type": "length", "name": "told not", "max": 9, "form": False},
        {"type": "any_of", "name": "mixed", "checks": [{"type": "length", "max": 9}, {"type": "exact"}]},
        constraints=[{"name": "short", "max_words": 9, "weight": 2}],
    )
    form = {result.name for result in results if result.form}
    assert form == {"length", "format", "json_schema", "form", "told so", "constraint short"}
    assert form_score(results) == pytest.approx((1 + 3 + 1 + 0 + 1 + 2) / 9)
    assert form_score([result for result in results if not result.form]) is None
