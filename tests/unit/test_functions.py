"""Functions of the calling program as checks and constraints; metrics; plain statistics."""

import asyncio
import sys
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from promptopt import CheckMetric, EvaluationMetric, Example, StatisticalAnalyzer
from promptopt.domain.errors import SettingsError
from promptopt.domain.results import CheckResult
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.checks import CHECKS, build_judge
from promptopt.evaluation.functions import Functions
from promptopt.evaluation.metrics import NAMED, check_table

CASE = Example(id="a", inputs={"text": "question"}, expected="yes")


def judged(function: Any, output: str = "yes") -> CheckResult:
    settings = ProjectSettings.model_validate(
        {
            "name": "x",
            "prompt": "x",
            "models": {"target": {"model": "m"}},
            "checks": [{"type": "python", "name": "mine", "function": "mine"}],
        }
    )

    async def judge() -> CheckResult:
        made = build_judge(settings, Path(), functions=Functions(checks={"mine": function}))
        try:
            return (await made.judge(CASE, output))[0]
        finally:
            await made.close()

    return asyncio.run(judge())


async def waits(output: str) -> float:
    await asyncio.sleep(0)
    return 0.5


class Waiting:
    """A callable whose call is a coroutine."""

    async def __call__(self, output: str) -> float:
        return await waits(output)


async def ends(output: str) -> float:
    raise SystemExit


@pytest.mark.parametrize(
    ("function", "score", "passed", "reason"),
    [
        (lambda output: output == "yes", 1.0, True, ""),
        (lambda output, expected: output != expected, 0.0, False, ""),
        (lambda output, expected, inputs: inputs["text"] == "question", 1.0, True, ""),
        (lambda *everything: len(everything) == 3, 1.0, True, ""),
        (lambda output: (0.25, "why"), 0.25, False, "why"),
        (lambda output: {"score": 1, "reason": "good"}, 1.0, True, "good"),
        (waits, 0.5, False, ""),
        (Waiting(), 0.5, False, ""),
        (lambda output: sys.exit(3), 0.0, False, "RuntimeError: the function called exit(3)"),
        (ends, 0.0, False, "RuntimeError: the function called exit()"),
        (lambda output: 7, 0.0, False, "ValueError: the function returned 7, which is not in [0, 1]"),
        (lambda output: float("nan"), 0.0, False, "ValueError: the function returned nan"),
        (lambda output: None, 0.0, False, "TypeError: "),
        (lambda output: 1 / 0, 0.0, False, "ZeroDivisionError: division by zero"),
        (lambda output: {"points": 3}, 0.0, False, "KeyError: 'score'"),
    ],
)
def test_what_a_function_may_return(function: Any, score: float, passed: bool, reason: str) -> None:
    found = judged(function)
    assert (found.score, found.passed) == (score, passed)
    assert found.reason.startswith(reason)


def test_ctrl_c_in_a_function_is_no_failed_check() -> None:
    def interrupted(output: str) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(interrupted)


@pytest.mark.parametrize("function", [lambda: True, lambda a, b, c, d: True])
def test_a_function_with_the_wrong_arguments_is_refused(function: Any) -> None:
    with pytest.raises(SettingsError, match="takes"):
        Functions(checks={"x": function})


def test_a_project_file_can_name_no_function() -> None:
    raw = {
        "name": "x",
        "prompt": "x",
        "models": {"target": {"model": "m"}},
        "task": {"constraints": [{"name": "polite", "validator": "f"}]},
    }
    with pytest.raises(SettingsError, match=r"task\.constraints\[0\]\.validator: .*'polite'") as failure:
        build_judge(ProjectSettings.model_validate(raw), Path())
    assert "callable" in failure.value.fix


class Overlap(EvaluationMetric):
    """Words in common."""

    def compute(self, predictions: Any, ground_truth: Any) -> float:
        return 0.0


def test_metrics_have_names_and_are_checks() -> None:
    assert Overlap().name == "Overlap"
    for name in NAMED:
        assert check_table(name)["type"] in CHECKS
    assert CheckMetric("accuracy").compute(["a", "b"], ["a", "c"]) == 0.5
    assert CheckMetric("f1").compute(["a b"], ["b c"]) == 0.5
    assert CheckMetric({"type": "contains", "value": "x"}).compute(["xy"], [""]) == 1.0

    async def inside() -> float:
        return CheckMetric("exact").compute(["a"], ["a"])

    assert asyncio.run(inside()) == 1.0
    with pytest.raises(ValueError, match="2 predictions for 1"):
        CheckMetric("accuracy").compute(["a", "b"], ["a"])


def test_plain_lists_of_scores() -> None:
    analyzer = StatisticalAnalyzer()
    found = analyzer.significance_test([0.0] * 12, [1.0] * 10 + [0.0] * 2)
    assert found.verdict == "better" and found.difference.n == 12
    assert analyzer.effect_size_analysis([0.0] * 12, [1.0] * 12).keys() == {"cohens_h"}
    assert analyzer.confidence_intervals([0.2, 0.4, 0.9]).mean == pytest.approx(0.5)
    for wrong in ([0.5, 2.0], [0.5, -1.0]):
        with pytest.raises(SettingsError, match="is no score"):
            analyzer.significance_test([0.5, 0.5], wrong)
    tupled = array("d", [0.0] * 12), array("d", [1.0] * 10 + [0.0] * 2)
    assert analyzer.significance_test(*tupled) == found
    for wrong in ("abc", None, 3, ["a"], [[0.5]]):
        with pytest.raises(SettingsError, match=r"can't be|no score"):
            analyzer.confidence_intervals(wrong)  # type: ignore[arg-type]
    numbers = np.array([0.0, 0.5, 1.0])
    assert analyzer.significance_test(numbers, numbers).difference.mean == 0  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="case by case"):
        analyzer.significance_test([0.5], [0.5, 0.6])
    with pytest.raises(SettingsError, match="no scores"):
        analyzer.significance_test([], [])
