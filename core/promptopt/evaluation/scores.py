"""What several checks of one output come to."""

from collections.abc import Sequence

from promptopt.domain.results import CheckResult


def score_checks(results: Sequence[CheckResult]) -> tuple[float, bool]:
    """The score of several checks (weighted mean, 0 if a hard one failed), and whether all passed."""
    if not results:
        return 0.0, False
    if any(result.hard and not result.passed for result in results):
        return 0.0, False
    total = sum(result.weight for result in results)
    score = sum(result.weight * result.score for result in results) / total
    return min(1.0, score), all(result.passed for result in results)


def form_score(results: Sequence[CheckResult]) -> float | None:
    """The weighted mean of the checks that look at the output's form; None if there are none."""
    of_form = [result for result in results if result.form]
    total = sum(result.weight for result in of_form)
    return sum(result.weight * result.score for result in of_form) / total if of_form else None
