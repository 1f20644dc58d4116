"""The gate of a search: a gain counts if it is at least one standard error of the paired difference."""

import pytest

from promptopt.domain.results import CaseResult, Evaluation, Interval
from promptopt.evaluation.gates import gate, paired


def evaluation(scores: list[float], weights: list[float]) -> Evaluation:
    results = tuple(
        CaseResult(case_id=str(n), score=score, weight=weight)
        for n, (score, weight) in enumerate(zip(scores, weights, strict=True))
    )
    score = Interval(mean=0, low=0, high=1, n=len(scores))
    return Evaluation(prompt_id="p", split="validation", results=results, score=score)


def test_equal_weights_give_the_plain_standard_error() -> None:
    weights = [2.0] * 4
    mean, error = paired(evaluation([0, 0, 0, 0], weights), evaluation([1, 1, 0, 0], weights))
    assert (mean, error) == (pytest.approx(0.5), pytest.approx((1 / 3 / 4) ** 0.5))


def test_a_case_that_weighs_as_much_as_all_others_counts_as_few() -> None:
    weights = [100.0] * 2 + [1.0] * 98
    before = evaluation([0.0] * 100, weights)
    after = evaluation([1.0, 0.0] + [0.0] * 98, weights)  # one of two heavy cases won, nothing else moved
    mean, error = paired(before, after)
    assert mean == pytest.approx(100 / 298)
    assert error > 0.25  # of a hundred equal cases it would be 0.05
    one_each = evaluation([1.0, 0.0] + [0.0] * 98, weights), evaluation([0.0, 1.0] + [1.0] * 98, weights)
    assert not gate(*one_each)[0]
