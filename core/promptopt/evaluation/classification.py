"""Accuracy, precision, recall and F1 of an evaluation whose expected outputs are labels."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from promptopt.domain.dataset import Example
from promptopt.domain.results import CaseResult, Classification, LabelScore
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.categories import is_label

MOST_LABELS = 50

_AROUND = re.compile(r"^[\W_]+|[\W_]+$")


Reader = Callable[[str], str]
"""What a text comes to as a label: two texts are the same one if they come to the same."""


def label_reader(settings: ProjectSettings) -> Reader:
    """Reads labels as the project's ``exact`` check does, so that accuracy and score agree; else freely.

    Freely: case and marks around a label aside.
    """
    exact: list[dict[str, Any]] = [
        one.options for one in settings.checks if one.type == "exact" and not one.options.get("not")
    ]
    if not settings.checks and not settings.task.constraints:
        exact = [{}]
    if not exact:
        return _bare
    strip, fold = exact[0].get("strip", True), exact[0].get("ignore_case", False)

    def read(text: str) -> str:
        text = text.strip() if strip else text
        return text.casefold() if fold else text

    return read


def classify(
    cases: Sequence[Example], results: Mapping[str, CaseResult], read: Reader | None = None
) -> Classification | None:
    """How the outputs stand to the labels that were expected; None if these are no labels.

    Expected outputs are labels if each is short, there are two or more different ones, and they repeat: not
    more of them than half the cases. An output names a label if it reads as that label. One with talk around
    it, another word, or no output names none and counts as wrong. Of a case that was sent several times every
    answer counts.

    Args:
        cases: with their expected outputs; those without one are left out.
        results: by case id.
        read: tells labels apart (see :func:`label_reader`); None: case and marks around them aside.
    """
    read = read or _bare
    known = [case for case in cases if case.expected is not None and case.id in results]
    labels = {read(case.expected or ""): (case.expected or "").strip() for case in known}
    are_labels = all(is_label(case.expected or "") for case in known) and "" not in labels
    if not are_labels or not 2 <= len(labels) <= min(MOST_LABELS, len(known) // 2):
        return None
    pairs = [
        (read(case.expected or ""), read(output)) for case in known for output in _outputs(results[case.id])
    ]
    return _counted(pairs, labels)


def _counted(pairs: Sequence[tuple[str, str]], labels: Mapping[str, str]) -> Classification:
    scores: dict[str, LabelScore] = {}
    for plain, label in sorted(labels.items(), key=lambda item: item[1]):
        wanted = sum(right == plain for right, _ in pairs)
        said = sum(found == plain for _, found in pairs)
        both = sum(right == found == plain for right, found in pairs)
        scores[label] = LabelScore(
            precision=both / said if said else 0.0,
            recall=both / wanted,
            f1=2 * both / (wanted + said),
            answers=wanted,
        )
    return Classification(
        accuracy=sum(right == found for right, found in pairs) / len(pairs),
        macro_f1=sum(score.f1 for score in scores.values()) / len(scores),
        unnamed=sum(found not in labels for _, found in pairs),
        labels=scores,
    )


def _outputs(result: CaseResult) -> list[str]:
    return [sample.output for sample in result.samples] or [result.output]


def _bare(text: str) -> str:
    """A label in lower case, without marks around it; a number keeps its sign."""
    plain = " ".join(text.split()).casefold()[:500]
    return _AROUND.sub("", plain) if not re.match(r"[-+−]\d", plain) else plain
