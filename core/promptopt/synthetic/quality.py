"""How good a set of cases is, made up or not: repetitions, variety, balance, leaks, gaps, private data.

Measures and where they are from: near duplicates by Jaccard's index over sketches (Broder 1997); distinct-2,
the share of different pairs of words (Li et al. 2016, arXiv 1510.03055), on a sample of fixed size, since it
falls with the length of a text; mean distance to the nearest neighbour in a lexical space (as Lai et al.
2020, "Diversity, density, and homogeneity", LREC, for embeddings); evenness, Shannon's entropy over its
maximum (Pielou 1966).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, median, quantiles
from typing import Any

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.pii.finding import WORDS, Kind
from promptopt.domain.quality import PARTS, WEIGHTS
from promptopt.domain.results import Interval
from promptopt.evaluation.statistics import interval
from promptopt.store.datareport import Finding, examine, only_label
from promptopt.synthetic.private import INVENTED, counted, private_in
from promptopt.synthetic.variety import distinct_pairs, neighbour_distance

FAR_ENOUGH = 0.7
"""Mean distance to the nearest neighbour from which on a set counts as fully diverse."""

GOOD, FAIR = 7.0, 5.0

SHOWN = 5

MOST_LABELS = 30
"""More different values are no labels."""

_FLAWS = (
    "empty input",
    "no expected output",
    "empty expected output",
    "long",
    "control",
    "garbled",
    "conflict",
)
_SERIOUS = ("leak", "empty input", "conflict", "one label")


@dataclass(frozen=True)
class Lengths:
    """Words of the inputs."""

    fewest: int
    median: float
    p95: float
    most: int


@dataclass(frozen=True)
class DataQuality:
    """What was found.

    Attributes:
        cases: how many there are.
        sizes: by split.
        duplicates, near_duplicates: cases whose input is that of another of their split, or nearly.
        leaks, near_leaks: cases of one split whose input is, or nearly is, that of a case of another.
        distinct_2: share of different pairs of words in a sample of the inputs, in [0, 1].
        neighbour_distance: mean lexical distance of an input to its nearest neighbour, in [0, 1].
        balance: evenness in [0, 1] of each dimension: of the labels (0 if all cases have the same), or of the
            tags with a name and a colon.
        lengths: words of the inputs.
        unlabelled: cases with neither an expected output nor a check of their own.
        flawed: cases with a flaw of their own: empty, unlabelled where others are not, overlong, garbled.
        realism: mean of a judge's ratings from 0 to 10, with its 95 % interval; None without any.
        private: kind of personal data or secret to how many cases have some; names don't count in the score.
        parts: what the score is made of, each in [0, 1].
        quality_score: from 0 to 10: the mean of the parts, weighted by ``WEIGHTS``, times 10.
        findings: in words.
    """

    cases: int
    sizes: dict[str, int]
    duplicates: int
    near_duplicates: int
    leaks: int
    near_leaks: int
    distinct_2: float | None
    neighbour_distance: float | None
    balance: dict[str, float]
    lengths: Lengths | None
    unlabelled: int
    flawed: int
    realism: Interval | None
    private: dict[str, int]
    parts: dict[str, float]
    quality_score: float
    findings: tuple[Finding, ...] = field(default=())

    @property
    def verdict(self) -> str:
        """``good`` from 7 on, ``fair`` from 5 on, else ``poor``."""
        return "good" if self.quality_score >= GOOD else "fair" if self.quality_score >= FAIR else "poor"

    @property
    def serious(self) -> tuple[Finding, ...]:
        """Findings that make a score over these cases mean something else than it seems to."""
        return tuple(finding for finding in self.findings if finding.kind in _SERIOUS)

    def __str__(self) -> str:
        return "\n".join([*in_words(self.as_json()), *(finding.text for finding in self.findings)])

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """As a cell shows it."""
        printer.text(str(self))

    def as_json(self) -> dict[str, Any]:
        """As a plain table."""
        table = {name: value for name, value in asdict(self).items() if name != "realism"}
        realism = self.realism.model_dump(mode="json") if self.realism else None
        return {**table, "realism": realism, "verdict": self.verdict}


def measure(
    dataset: Dataset, ratings: Mapping[str, float | None] | None = None, prompt: str = "", seed: int = 0
) -> DataQuality:
    """Measure a data set. 100,000 short cases take about ten seconds, 10,000 about one.

    Args:
        ratings: how real cases seem, from 0 to 10, by id.
        prompt: that is scored on them: cases in it are found.
        seed: of the samples.
    """
    cases = list(dataset.cases())
    findings = examine(dataset, prompt)
    counts = Counter[str]()
    for finding in findings:
        counts[finding.kind] += finding.count
    texts = [case.input_text for case in cases]
    balance = _balance(cases)
    realism = _realism(ratings or {})
    private = private_in(cases)
    unlabelled = sum(case.expected is None and not case.checks for case in cases)
    flawed = min(len(cases), sum(counts[kind] for kind in _FLAWS))
    distance = neighbour_distance(texts, seed)
    parts: dict[str, float] = {}
    if cases:
        total = len(cases)
        parts["unique"] = 1 - min(1.0, (counts["duplicate"] + counts["near duplicate"]) / total)
        if distance is not None:
            parts["diverse"] = min(1.0, distance / FAR_ENOUGH)
        if balance:
            parts["balanced"] = fmean(balance.values())
        parts["whole"] = 1 - flawed / total
        if dataset.held_back:
            held = max(1, total - len(dataset.train))
            parts["sealed"] = 1 - min(1.0, (counts["leak"] + counts["near leak"]) / held)
        parts["private"] = 1 - counted(private) / total
        if realism is not None:
            parts["real"] = realism.mean / 10
    return DataQuality(
        cases=len(cases),
        sizes={"train": len(dataset.train), "validation": len(dataset.validation), "test": len(dataset.test)},
        duplicates=counts["duplicate"],
        near_duplicates=counts["near duplicate"],
        leaks=counts["leak"],
        near_leaks=counts["near leak"],
        distinct_2=distinct_pairs(texts, seed),
        neighbour_distance=distance,
        balance=balance,
        lengths=_lengths(texts),
        unlabelled=unlabelled,
        flawed=flawed,
        realism=realism,
        private={kind: len(names) for kind, names in private.items()},
        parts={name: round(value, 4) for name, value in parts.items()},
        quality_score=_score(parts),
        findings=(*findings, *_private_findings(private)),
    )


def in_words(quality: Mapping[str, Any]) -> list[str]:
    """The figures of a report (see ``DataQuality.as_json``) for people."""
    lengths: dict[str, Any] | None = quality["lengths"]
    shown = [f"quality {quality['quality_score']:.1f} of 10 ({quality['verdict']})"]
    shown += [f"  {name:<9} {value:>5.0%}  {PARTS[name]}" for name, value in quality["parts"].items()]
    variety = f"distinct-2 {_figure(quality['distinct_2'])}"
    shown.append(
        f"  variety: {variety}, mean distance to the nearest {_figure(quality['neighbour_distance'])}"
    )
    if quality["balance"]:
        shown.append(
            f"  evenness: {', '.join(f'{name} {value:.2f}' for name, value in quality['balance'].items())}"
        )
    if lengths:
        shown.append(
            f"  words: {lengths['fewest']} to {lengths['most']}, half have {lengths['median']:g} or more, "
            f"5 % more than {lengths['p95']:g}"
        )
    realism = quality["realism"]
    if realism:
        bounds = f"[{realism['low']:.1f}, {realism['high']:.1f}]"
        shown.append(f"  realism {realism['mean']:.1f} of 10 {bounds}, by a judge, of {realism['n']} cases")
    return shown


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def evenness(values: Iterable[str]) -> float | None:
    """Shannon's entropy of the values over its maximum, in [0, 1]; None of fewer than two different ones."""
    counts = Counter(values)
    if len(counts) < 2:
        return None
    total = counts.total()
    entropy = -sum(count / total * math.log(count / total) for count in counts.values())
    return entropy / math.log(len(counts))


def _private_findings(private: Mapping[Kind, Sequence[str]]) -> list[Finding]:
    return [
        Finding(
            f"private: {kind}",
            len(names),
            f"private data: {len(names)} cases hold {WORDS[kind][1]}: "
            f"{', '.join(names[:SHOWN])}{f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''}",
            tuple(names[:SHOWN]),
        )
        for kind, names in private.items()
        if kind not in INVENTED
    ]


def _score(parts: Mapping[str, float]) -> float:
    total = sum(WEIGHTS[name] for name in parts)
    mean = sum(WEIGHTS[name] * value for name, value in parts.items()) / total if total else 0.0
    return round(10 * mean, 2)


def _balance(cases: Sequence[Example]) -> dict[str, float]:
    """Evenness of the expected outputs, if they are labels, and of each name that tags begin with."""
    columns: dict[str, list[str]] = {}
    expected = [case.expected.strip() for case in cases if case.expected is not None]
    if expected and len(set(expected)) <= min(MOST_LABELS, max(2, len(expected) // 3)):
        columns["expected output"] = expected
    for case in cases:
        for tag in case.tags:
            name, colon, value = tag.partition(": ")
            if colon:
                columns.setdefault(name, []).append(value)
    found: dict[str, float] = {"expected output": 0.0} if only_label(cases) else {}
    for name, values in columns.items():
        even = evenness(values)
        if even is not None and len(set(values)) <= MOST_LABELS:
            found[name] = round(even, 4)
    return found


def _lengths(texts: Sequence[str]) -> Lengths | None:
    words = sorted(len(text.split()) for text in texts)
    if not words:
        return None
    p95 = quantiles(words, n=20)[-1] if len(words) > 1 else words[0]
    return Lengths(words[0], median(words), round(min(p95, words[-1]), 1), words[-1])


def _realism(ratings: Mapping[str, float | None]) -> Interval | None:
    rated = [score for _, score in sorted(ratings.items()) if score is not None]
    if not rated:
        return None
    unit = interval([score / 10 for score in rated])
    return unit.model_copy(update={"mean": 10 * unit.mean, "low": 10 * unit.low, "high": 10 * unit.high})
