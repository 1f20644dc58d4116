"""Failures put together that fail alike, so that a model reads "9 of 40 fail like this" and not nine cases.

Two failures are alike if they have the same category, the same fault (JSON path, confusion of two labels, or
check), and texts that resemble each other. Every failure is in exactly one cluster.
"""

import re
import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from promptopt.domain.dataset import Example
from promptopt.domain.results import CaseResult, Cluster, Evaluation
from promptopt.evaluation.categories import is_label
from promptopt.evaluation.checks.reasons import quote
from promptopt.evaluation.checks.structured import MISSING, is_object_or_list, read_json, unwrap
from promptopt.evaluation.diff import diff_json, similarity

ALIKE = 0.35
"""Mean cosine of character n-grams from which two groups of texts are one."""

MOST_COMPARED = 400
"""Different texts of one fault that are compared pair by pair; the others join the nearest of them."""

MOST_CLUSTERS = 8
"""Clusters that are told, to the optimizer as to people: the rest are rare."""

MOST_PASSING = 400
"""Passing cases among which the one nearest to a failure is looked for."""

LEAST_RECOVERABLE = 0.2
"""Share taken for recoverable where no other prompt passes any of the cases."""

LONGEST_TEXT = 2_000
LONGEST_EXAMPLE = 800
"""Characters of an example's texts, beyond which they are trimmed when shown."""

_BUCKETS = 1 << 13
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"?')


@dataclass(frozen=True)
class Evidence:
    """What else is known of the failures, beside the evaluation itself.

    Attributes:
        solved: ids of the cases that some other prompt passes; None if no other was scored.
        vain: how often a cluster (by its ``key``) was shown to a proposer that then mended none of its cases.
        causes: case id to the category and cause that a model named for it.
    """

    solved: Collection[str] | None = None
    vain: Mapping[str, int] = field(default_factory=dict[str, int])
    causes: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])


def cluster_failures(
    failures: Sequence[CaseResult], cases: Mapping[str, Example], evidence: Evidence | None = None
) -> list[Cluster]:
    """Failures in clusters, those first that are most worth showing.

    The worth is ``count * mean loss * recoverable share * novelty``; the order is by worth per token of the
    cluster's example, its medoid.

    Args:
        failures: results that did not pass.
        cases: cases by id; a result whose case is not there is put with its category and check.
        evidence: what other prompts and earlier proposals showed.
    """
    known = evidence or Evidence()
    groups: dict[tuple[str, str], list[CaseResult]] = {}
    faults = {
        result.case_id: json_faults(result, cases[result.case_id])
        for result in failures
        if result.case_id in cases
    }
    common = Counter(fault for found in faults.values() for fault in set(found))
    for result in failures:
        case = cases.get(result.case_id)
        category, cause = known.causes.get(result.case_id, ("", ""))
        category = category or result.category or "other"
        detail = _detail(category, result, case, faults.get(result.case_id, []), common)
        groups.setdefault((category, quote(cause, 120) if cause else detail), []).append(result)
    clusters = [
        _cluster(category, detail, members, cases, known)
        for (category, detail), group in groups.items()
        for members in _agglomerate(group, cases)
    ]
    return sorted(clusters, key=lambda c: -c.worth / _tokens(c, failures, cases))


def contrasted(
    clusters: Sequence[Cluster], evaluation: Evaluation, cases: Mapping[str, Example]
) -> list[Cluster]:
    """The clusters, those most worth mending with the passing case that is most like their typical one."""
    passing = passing_cases(evaluation, cases)
    if not passing:
        return list(clusters)
    known = [c for c in clusters[:MOST_CLUSTERS] if c.case_ids[0] in cases]
    contrasts = {c.case_ids[0]: nearest(cases[c.case_ids[0]], passing, cases).case_id for c in known}
    return [c.model_copy(update={"contrast_id": contrasts.get(c.case_ids[0], "")}) for c in clusters]


def passing_cases(evaluation: Evaluation, cases: Mapping[str, Example]) -> list[CaseResult]:
    """Passing cases that a failure may be contrasted with."""
    passing = [result for result in evaluation.results if result.passed and result.case_id in cases]
    return passing[:MOST_PASSING]


def nearest(case: Example, among: Sequence[CaseResult], cases: Mapping[str, Example]) -> CaseResult:
    """The one whose input is most like that of ``case``."""
    given = case.input_text[:500]
    return max(among, key=lambda result: similarity(given, cases[result.case_id].input_text[:500]))


def json_faults(result: CaseResult, case: Example) -> list[str]:
    """What is wrong with a JSON output, by path: ``items[*].id is missing``; empty if it is no JSON.

    Of wrong values only the path is told: the values differ from case to case.
    """
    return [
        re.sub(r"\[\d+\]", "[*]", line).partition(" (is ")[0].partition(": expected")[0]
        for line in json_differences(result, case)
    ]


def json_differences(result: CaseResult, case: Example) -> list[str]:
    """The differences of a JSON output from the expected one, with values; empty if one is no JSON."""
    try:
        expected = read_json(case.expected or "")
    except ValueError:
        return []
    actual, _ = unwrap(result.output)
    if actual is MISSING or not is_object_or_list(expected):
        return []
    return diff_json(expected, actual)


def _detail(
    category: str, result: CaseResult, case: Example | None, faults: Sequence[str], common: Counter[str]
) -> str:
    """The fault in words: a JSON path, which label was taken for which, or the check that failed."""
    if category == "error" or result.error:
        return ""
    if faults:
        return quote(max(sorted(set(faults)), key=lambda fault: common[fault]))
    labels = case is not None and case.expected is not None and is_label(case.expected)
    if labels and category == "wrong reasoning" and is_label(result.output):
        assert case is not None and case.expected is not None
        return f"{quote(result.output.strip(), 40)} where {quote(case.expected.strip(), 40)} is right"
    return next((check.name for check in result.checks if not check.passed), "")


def _cluster(
    category: str, detail: str, members: Sequence[CaseResult], cases: Mapping[str, Example], known: Evidence
) -> Cluster:
    key = f"{category}: {detail}" if detail else category
    shown = sorted(members, key=lambda result: result.case_id not in cases)
    weights = [result.weight for result in members]
    loss = sum(r.weight * (1 - r.score) for r in members) / sum(weights)
    recoverable = 1.0
    if known.solved is not None:
        share = sum(result.case_id in known.solved for result in members) / len(members)
        recoverable = max(LEAST_RECOVERABLE, share)
    if category == "error":  # no wording mends a call that failed
        recoverable = min(recoverable, LEAST_RECOVERABLE)
    return Cluster(
        key=key,
        category=category,
        detail=detail,
        case_ids=tuple(result.case_id for result in shown),
        loss=loss,
        worth=len(members) * loss * recoverable / (1 + known.vain.get(key, 0)),
    )


def _tokens(cluster: Cluster, failures: Sequence[CaseResult], cases: Mapping[str, Example]) -> float:
    """About how many tokens the cluster's example takes."""
    first = cluster.case_ids[0]
    case, output = cases.get(first), next(r.output for r in failures if r.case_id == first)
    texts = (case.input_text, case.expected or "", output) if case else (output,)
    return 60 + sum(min(len(text), LONGEST_EXAMPLE) for text in texts) / 4


# --- likeness ---


def _agglomerate(group: Sequence[CaseResult], cases: Mapping[str, Example]) -> list[list[CaseResult]]:
    """Parts of a group whose texts are alike, each with its medoid first and the rest in their order."""
    texts = [_symptom(result, cases.get(result.case_id)) for result in group]
    different = {text: at for at, text in enumerate(dict.fromkeys(texts))}
    if len(different) == 1:
        return [list(group)]
    labels, central = _linked(list(different))
    parts: dict[int, list[int]] = {}
    for at, text in enumerate(texts):
        parts.setdefault(labels[different[text]], []).append(at)
    found: list[list[CaseResult]] = []
    for part in parts.values():
        medoid = max(part, key=lambda at: central[different[texts[at]]])
        found.append([group[medoid], *(group[at] for at in part if at != medoid)])
    return found


def _symptom(result: CaseResult, case: Example | None) -> str:
    """What the failure looks like: the error, or the output and what the checks say of it.

    What differs from case to case whatever the fault is left out: quoted texts, and the expected label.
    """
    if result.error:
        return result.error[:LONGEST_TEXT]
    reasons = " ".join(check.reason for check in result.checks if not check.passed)
    output = result.output[: LONGEST_TEXT // 2]
    if case is not None and case.expected is not None and is_label(case.expected):
        output = re.sub(rf"(?<!\w){re.escape(case.expected.strip())}(?!\w)", "…", output, flags=re.IGNORECASE)
    return f"{_QUOTED.sub('…', reasons[: LONGEST_TEXT // 2])}\n{output}"


def _linked(texts: Sequence[str]) -> tuple[list[int], list[float]]:
    """Cluster number of each text, and its mean cosine to its cluster (average linkage)."""
    np: Any = import_module("numpy")
    hierarchy: Any = import_module("scipy.cluster.hierarchy")
    vectors = _tf_idf(texts)
    compared = vectors[:MOST_COMPARED]
    likeness = np.clip(compared @ compared.T, 0.0, 1.0)
    upper = np.triu_indices(len(compared), 1)
    tree = hierarchy.linkage(1.0 - likeness[upper].astype(float), method="average")
    numbers = hierarchy.fcluster(tree, t=1.0 - ALIKE, criterion="distance")
    same = numbers[:, None] == numbers[None, :]
    central = (likeness * same).sum(axis=1) / same.sum(axis=1)
    labels, centrality = [int(number) for number in numbers], [float(value) for value in central]
    for vector in vectors[MOST_COMPARED:]:
        labels.append(labels[int(np.argmax(compared @ vector))])
        centrality.append(0.0)
    return labels, centrality


def _tf_idf(texts: Sequence[str]) -> Any:
    """Unit vectors of character 3- to 5-grams inside words, weighted by rarity, in hashed buckets.

    Returns:
        Array of shape (texts, buckets), float32.
    """
    np: Any = import_module("numpy")
    matrix: Any = np.zeros((len(texts), _BUCKETS), dtype=np.float32)
    for row, text in enumerate(texts):
        for gram, count in _grams(text).items():
            matrix[row, zlib.crc32(gram.encode("utf-8", "replace")) % _BUCKETS] += count
    seen = (matrix > 0).sum(axis=0)
    matrix *= np.log((1 + len(texts)) / (1 + seen)) + 1
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix / np.where(lengths > 0, lengths, 1.0)


def _grams(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for word in text.casefold().split():
        padded = f" {word} "
        for size in (3, 4, 5):
            found.update(padded[at : at + size] for at in range(max(1, len(padded) - size + 1)))
    return found
