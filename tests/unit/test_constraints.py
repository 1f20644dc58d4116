"""Constraints: each rule, in the judge and as a validator of the task."""

from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.checks import build_judge, rules
from promptopt.evaluation.constraints import build_task


def project(*constraints: dict[str, Any]) -> ProjectSettings:
    return ProjectSettings.model_validate(
        {
            "name": "p",
            "prompt": "Sort it.",
            "models": {"target": {"model": "sim/x"}},
            "task": {"description": "Sort mail", "signature": "mail -> queue", "constraints": constraints},
        }
    )


RULES: list[tuple[dict[str, Any], str, str]] = [
    ({"max_words": 2}, "two words", ""),
    ({"max_words": 1}, "two words", "too long: 2 words, at most 1 allowed"),
    ({"min_words": 2}, "one", "too short: 1 word, at least 2 wanted"),
    ({"min_words": 2}, "two words", ""),
    ({"max_chars": 3}, " abc\n", ""),
    ({"max_chars": 3}, "abcd", "too long: 4 characters, at most 3 allowed"),
    ({"regex": r"\d"}, "a 1", ""),
    ({"regex": r"\d"}, "a", r'does not match "\\d": "a"'),
    ({"not_regex": "sorry"}, "fine", ""),
    ({"not_regex": "sorry"}, "so sorry", 'contains what it must not: "sorry"'),
    ({"one_of": ["billing", "Sales"]}, " SALES\n", ""),
    (
        {"one_of": ["billing", "Sales"]},
        "tax",
        'not one of the allowed outputs: "tax" (allowed: billing, Sales)',
    ),
    ({"json_output": True}, "[1]", ""),
    ({"json_output": True}, "no", 'not JSON (Expecting value: line 1 column 1 (char 0)): "no"'),
    ({"json_output": True}, "ok: [1]", "there is text around the JSON ("),
    ({"code": "assert output.islower()"}, "low", ""),
    ({"code": "assert output.islower()"}, "High", "assert output.islower()"),
    ({"code": "import os; os._exit(0)", "sandbox": "python"}, "x", "it ended its process (exit code 0)"),
]


@pytest.mark.parametrize(("rule", "output", "reason"), RULES)
async def test_rules_in_the_judge(rule: dict[str, Any], output: str, reason: str):
    judge = build_judge(project({"name": "rule", "weight": 2, "hard": True, **rule}), Path())
    (result,) = await judge.judge(Example(id="1", inputs={"input": "x"}), output)
    await judge.close()
    assert (result.name, result.weight, result.hard) == ("constraint rule", 2, True)
    assert result.passed == (reason == "")
    assert result.score == float(result.passed)
    assert result.reason.startswith(reason)


@pytest.mark.parametrize(("rule", "output", "reason"), RULES)
def test_rules_as_validators_of_the_task(rule: dict[str, Any], output: str, reason: str):
    task = build_task(project({"name": "rule", **rule}))
    found = task.validate_response(output)
    assert found.constraint_results["rule"].passed == (reason == "")
    assert found.overall_score == float(reason == "")


def test_a_pattern_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "TIMEOUT", 0.3)
    (rule,) = rules.build_rules(project({"name": "rule", "regex": "(a+)+b"}).task.constraints)
    assert rule.fault_now("a" * 60) == 'the pattern "(a+)+b" took longer than 0.3 s and was ended'


def test_the_task_is_the_projects():
    example = Example(id="1", inputs={"mail": "x"}, expected="sales")
    task = build_task(
        project(
            {"name": "a", "max_words": 3}, {"name": "b", "weight": 3, "description": "own", "regex": "x"}
        ),
        [example],
    )
    assert (task.description, task.signature, task.examples) == ("Sort mail", "mail -> queue", (example,))
    assert [(c.name, c.description, c.weight) for c in task.constraints] == [
        ("a", "at most 3 words", 1),
        ("b", "own", 3),
    ]


async def test_validators_work_inside_an_event_loop():
    task = build_task(project({"name": "a", "code": "assert len(output) < 3"}))
    assert task.validate_response("ab").overall_score == 1
    assert task.validate_response("abc").overall_score == 0


@pytest.mark.parametrize(
    ("constraint", "where", "said"),
    [
        ({}, "task.constraints[0]", "exactly one rule; this one has none"),
        ({"max_words": 1, "regex": "a"}, "task.constraints[0]", "this one has max_words and regex"),
        ({"json_output": False}, "task.constraints[0]", "this one has none"),
        ({"max_word": 1}, "task.constraints[0].max_word", "did you mean 'max_words'?"),
        ({"max_words": 0}, "task.constraints[0].max_words", "found 0"),
        ({"regex": "("}, "task.constraints[0].regex", "is not a pattern"),
        ({"not_regex": "x*"}, "task.constraints[0].not_regex", "found in every text"),
        ({"one_of": []}, "task.constraints[0].one_of", "one_of is empty"),
        ({"code": "len(output) < 3"}, "task.constraints[0].code", "asserts nothing"),
    ],
)
def test_wrong_constraints_say_where(constraint: dict[str, Any], where: str, said: str):
    for build in (build_task, lambda settings: build_judge(settings, Path())):
        with pytest.raises(SettingsError) as error:
            build(project({"name": "rule", **constraint}))
        assert error.value.where == where
        assert said in str(error.value)


def test_names_are_used_once():
    with pytest.raises(SettingsError, match="two constraints have the name 'a'"):
        build_task(project({"name": "a", "max_words": 1}, {"name": "a", "max_words": 2}))
