"""Statistics over plain lists of scores: a front on ``statistics.py``, for scripts and notebooks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.results import CaseResult, Comparison, Effect, Evaluation, Interval
from promptopt.domain.text import one_line
from promptopt.evaluation.statistics import compare, interval


class StatisticalAnalyzer:
    """Tests, effect sizes and intervals for scores in [0, 1] of the same cases, in the same order."""

    def significance_test(self, results_a: Sequence[float], results_b: Sequence[float]) -> Comparison:
        """Paired comparison of ``results_b`` with ``results_a``: difference, interval, p-value, verdict.

        Raises:
            SettingsError: the lists differ in length, are empty, or hold something that is no score.
        """
        first, second = _scores(results_a), _scores(results_b)
        if len(first) != len(second):
            raise SettingsError(
                f"{len(first)} scores against {len(second)}: they are compared case by case",
                where="StatisticalAnalyzer",
                fix="give the scores of the same cases, in the same order",
            )
        return compare(_evaluation(first), _evaluation(second))

    def effect_size_analysis(
        self, baseline: Sequence[float], treatment: Sequence[float]
    ) -> dict[Effect, float]:
        """Effect sizes of ``treatment`` against ``baseline``: Cohen's h for pass/fail scores (0 or 1),
        Cohen's d_z and Cliff's delta for graded ones. Raises SettingsError as above.
        """
        return self.significance_test(baseline, treatment).effects

    def confidence_intervals(self, results: Sequence[float]) -> Interval:
        """Mean with its 95 % interval: Wilson's for pass/fail scores, Student's t for graded ones.

        Raises:
            SettingsError: something is no score.
        """
        return _evaluation(_scores(results)).score


def _evaluation(scores: Sequence[float]) -> Evaluation:
    if not scores:
        raise SettingsError("there are no scores", where="StatisticalAnalyzer")
    results = tuple(
        CaseResult(case_id=str(at), score=score, passed=score == 1) for at, score in enumerate(scores)
    )
    return Evaluation(prompt_id="", split="test", results=results, score=interval(scores))


def _scores(given: Sequence[float]) -> list[float]:
    """The scores as plain numbers, of a list, an array or a column of a data frame."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(cast(object, given), Iterable):
        raise SettingsError(
            f"scores can't be a {type(given).__name__}",
            where="StatisticalAnalyzer",
            fix="give a list or an array of numbers in [0, 1], one a case",
        )
    scores: list[float] = []
    for one in given:
        try:
            scores.append(float(one))
        except (TypeError, ValueError) as error:
            raise SettingsError(
                f"{one_line(repr(one), 60)} is no score",
                where="StatisticalAnalyzer",
                fix="give numbers in [0, 1], one a case",
            ) from error
    for score in scores:
        if not 0 <= score <= 1:
            raise SettingsError(
                f"{score:g} is no score", where="StatisticalAnalyzer", fix="scale scores to [0, 1]"
            )
    return scores
