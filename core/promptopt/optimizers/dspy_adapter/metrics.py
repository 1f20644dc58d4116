# pyright: basic, reportMissingTypeStubs=false
"""The project's checks as DSPy's metric: a score, and in words what was wrong."""

from typing import Any

import dspy

from promptopt.domain.results import CaseResult
from promptopt.optimizers.dspy_adapter.bridge import Bridge
from promptopt.optimizers.dspy_adapter.programs import Shape

_SHOWN = 600
"""Most characters of an output or an expected output in a feedback text."""


class Metric:
    """Scores predictions by the project's checks."""

    def __init__(self, bridge: Bridge, shape: Shape) -> None:
        self._bridge = bridge
        self._shape = shape

    def score(self, example: Any, prediction: Any, trace: Any = None) -> float | bool:
        """Score in [0, 1]; while demonstrations are collected (there is a trace), whether all checks pass."""
        result = self._result(example, prediction)
        return result.score if trace is None else result.passed

    def with_feedback(
        self, gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None
    ) -> Any:
        """Score and feedback, as GEPA asks for them."""
        result = self._result(gold, pred)
        return dspy.Prediction(score=result.score, feedback=feedback(result, gold.get(self._shape.output)))

    def _result(self, example: Any, prediction: Any) -> CaseResult:
        if prediction is None:  # the call failed, and DSPy asks all the same
            return CaseResult(case_id="unknown", error="no answer")
        inputs = self._shape.inputs(example)
        return self._bridge.judge(inputs, example.get(self._shape.output), prediction[self._shape.output])


def feedback(result: CaseResult, expected: str | None) -> str:
    """What a case's result teaches, in words."""
    if result.passed:
        return "Correct: every check passed."
    lines = [f"Score {result.score:.2f} of 1."]
    if result.category:
        lines.append(f"Kind of failure: {result.category}.")
    lines += [f"Check {check.name!r} failed: {check.reason}" for check in result.checks if not check.passed]
    if expected is not None:
        lines.append(f"Expected: {_cut(expected)}")
    lines.append(f"Got: {_cut(result.output) if result.output else '(nothing)'}")
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 :]}"
