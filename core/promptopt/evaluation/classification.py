"""Accuracy, precision, recall and F1 of an evaluation whose expected outputs are labels."""

import re
from collections.abc import Mapping, Sequence

from promptopt.domain.dataset import Example
from promptopt.domain.results import CaseResult, Classification, LabelScore
from promptopt.evaluation.categories import is_label

MOST_LABELS = 50

_AROUND = re.compile(r"^[\W_]+|[\W_]+$")


def classify(cases: Sequence[Example], results: Mapping[str, CaseResult]) -> Classification | None:
    """How the outputs stand to the labels that were expected; None if these are no labels.

    Expected outputs are labels if each is short, there are two or more different ones, and they repeat: not
    more of them than half the cases. An output names a label if it is that label, case and marks around it
    aside. One with talk around it, another word, or no output names none and counts as wrong, so accuracy
    may differ from the score that the project's checks give. Of a case that was sent several times every
    answer counts.

    Args:
        cases: with their expected outputs; those without one are left out.
        results: by case id.
    """
    known = [case for case in cases if case.expected is not None and case.id in results]
    labels = {_bare(case.expected or ""): (case.expected or "").strip() for case in known}
    are_labels = all(is_label(case.expected or "") for case in known) and "" not in labels
    if not are_labels or not 2 <= len(labels) <= min(MOST_LABELS, len(known) // 2):
        return None
    pairs = [
        (_bare(case.expected or ""), _bare(output)) for case in known for output in _outputs(results[case.id])
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
