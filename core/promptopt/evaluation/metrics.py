"""Metrics by the names that people know them by, over lists of outputs. Each is a check of this package.

``accuracy`` is the share of outputs that are the expected output, ``f1`` the F1 of the words of an output and
of the expected one (ROUGE-1, as in the evaluation of question answering); ``bleu``, ``rouge1``, ``rouge2``,
``rougeL`` and every type of check that needs no option go by their own names.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import Any

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.evaluation.checks import CHECKS, Judge
from promptopt.evaluation.checks.options import build_checks, did_you_mean, read_settings
from promptopt.evaluation.scores import score_checks

NAMED: dict[str, dict[str, Any]] = {
    "accuracy": {"type": "exact", "name": "accuracy"},
    "exact_match": {"type": "exact", "name": "exact_match"},
    "f1": {"type": "rouge", "variant": "rouge1", "name": "f1"},
    "rouge1": {"type": "rouge", "variant": "rouge1", "name": "rouge1"},
    "rouge2": {"type": "rouge", "variant": "rouge2", "name": "rouge2"},
    "rougeL": {"type": "rouge", "variant": "rougeL", "name": "rougeL"},
}
"""Metrics whose name is no check's: the table of the check that each is."""


class EvaluationMetric(ABC):
    """A measure of outputs against expected outputs. Subclass it, and give it as a check.

    Attributes:
        name: how reports call it; default: the class's name.
    """

    @property
    def name(self) -> str:
        return type(self).__name__

    @abstractmethod
    def compute(self, predictions: Sequence[str], ground_truth: Sequence[str]) -> float:
        """The measure over pairs of an output and what was expected, in [0, 1].

        As a check it is asked for one pair at a time.
        """


class CheckMetric(EvaluationMetric):
    """A check as a metric: the mean of its scores.

    Args:
        check: a metric's name, a check's type, or a table as in ``[[checks]]`` of a project file.
    """

    def __init__(self, check: str | Mapping[str, Any]) -> None:
        self._table = check_table(check) if isinstance(check, str) else dict(check)
        where = f"metric {self.name!r}"
        self._checks = build_checks([(read_settings(self._table, where), where)], Path.cwd())

    @property
    def name(self) -> str:
        return str(self._table.get("name") or self._table["type"])

    def compute(self, predictions: Sequence[str], ground_truth: Sequence[str]) -> float:
        """Raises ValueError: the lists differ in length, or are empty."""
        if len(predictions) != len(ground_truth) or not predictions:
            raise ValueError(f"{len(predictions)} predictions for {len(ground_truth)} expected outputs")
        with ThreadPoolExecutor(1) as thread:  # the caller may have an event loop running
            return thread.submit(lambda: asyncio.run(self._mean(predictions, ground_truth))).result()

    async def _mean(self, predictions: Sequence[str], ground_truth: Sequence[str]) -> float:
        judge = Judge(self._checks, (), Path.cwd())
        try:
            scores = [
                score_checks(await judge.judge(Example(id=str(at), inputs={}, expected=right), said))[0]
                for at, (said, right) in enumerate(zip(predictions, ground_truth, strict=True))
            ]
        finally:
            await judge.close()
        return fmean(scores)


def check_table(name: str, where: str = "metrics") -> dict[str, Any]:
    """The table of the check that a metric is.

    Args:
        name: a metric's name, or a check's type.
        where: its place, for errors.

    Raises:
        SettingsError: there is no such metric.
    """
    if name in NAMED:
        return dict(NAMED[name])
    if name in CHECKS:
        return {"type": name}
    raise SettingsError(
        f"there is no metric {name!r}", where=where, fix=did_you_mean(name, [*NAMED, *CHECKS])
    )
