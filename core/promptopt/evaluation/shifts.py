"""Whether the inputs themselves have changed: their length, what they are about, the words they use."""

import hashlib
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from statistics import fmean, median
from typing import Any

from promptopt.domain.dataset import Example
from promptopt.evaluation.statistics import SIGNIFICANT, holm

MOST_CASES = 5_000
"""Cases that a profile is made of at most; of more, a sample."""

MOST_KINDS = 20
"""Different labels or tags that a mix has at most; the rarer ones are taken together."""

FEWEST = 5
"""Fresh cases below which nothing is said of their kind."""

PERMUTATIONS = 2_000
SEED = 20_240_501
OTHER = "(other)"
NONE = "(none)"

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Profile:
    """What a set of cases is like; it holds no text of theirs, but labels and tags.

    Attributes:
        lengths: characters of each input.
        labels: how often each expected output came, if these are labels; else empty.
        tags: how often each set of tags came; empty if no case has one.
        words: in how many cases each word came, by a hash of it.
        unseen: of each case the share of words that no other case has.
        cases: cases that it was made of.
    """

    lengths: Sequence[int]
    labels: Mapping[str, int]
    tags: Mapping[str, int]
    words: Mapping[str, int]
    unseen: Sequence[float]
    cases: int

    def as_json(self) -> dict[str, Any]:
        """In JSON values, which :meth:`of_json` reads."""
        return {
            "lengths": list(self.lengths),
            "labels": dict(self.labels),
            "tags": dict(self.tags),
            "words": dict(self.words),
            "unseen": [round(share, 4) for share in self.unseen],
            "cases": self.cases,
        }

    @classmethod
    def of_json(cls, raw: Mapping[str, Any]) -> "Profile":
        return cls(**{name: raw[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Shift:
    """One way in which fresh inputs differ from those that the prompt was made with.

    Attributes:
        what: of which property.
        method: the test.
        statistic: its value (Kolmogorov-Smirnov's D, the population stability index, …).
        p_value: as it came; ``p_adjusted`` corrected for the number of tests (Holm).
        then, now: the property in words.
    """

    what: str
    method: str
    statistic: float
    p_value: float
    then: str
    now: str
    p_adjusted: float = field(default=1.0)

    @property
    def shifted(self) -> bool:
        return self.p_adjusted < SIGNIFICANT


def profile(cases: Sequence[Example]) -> Profile:
    """What cases are like."""
    cases = _sampled(cases)
    each = [_words(case) for case in cases]
    found: Counter[str] = Counter(word for words in each for word in words)
    return Profile(
        lengths=[len(case.input_text) for case in cases],
        labels=_labels(cases),
        tags=_mix(_tags(case) for case in cases) if any(case.tags for case in cases) else {},
        words=dict(found),
        unseen=[_share(words, lambda word: found[word] == 1) for words in each],
        cases=len(cases),
    )


def shifts(then: Profile, fresh: Sequence[Example]) -> list[Shift]:
    """How fresh cases differ from a profile, each with its p-value, corrected for their number.

    Lengths: the Kolmogorov-Smirnov test. Labels and tags: the population stability index (Siddiqi 2006,
    Credit Risk Scorecards, chapter 4), which grows by chance alone when cases are few (Yurdakul and Naranjo
    2020, Journal of Risk Model Validation 14:1), so it is judged by permutation and not by its customary
    thresholds. Words that no earlier case has: the one-sided Mann-Whitney test.
    """
    fresh = _sampled(fresh)
    if len(fresh) < FEWEST or then.cases < FEWEST:
        return []
    found = [_length(then, fresh), _unseen(then, fresh)]
    if then.labels and any(case.expected is not None for case in fresh):
        labels = [(case.expected or "").strip() or NONE for case in fresh]
        found.append(_mixed("labels", then.labels, labels))
    if any(case.tags for case in fresh):
        before = then.tags or {NONE: then.cases}
        found.append(_mixed("tags", before, [_tags(case) for case in fresh]))
    corrected = holm([one.p_value for one in found])
    return [replace(one, p_adjusted=p) for one, p in zip(found, corrected, strict=True)]


def stability_index(then: Sequence[int], now: Sequence[int]) -> float:
    """The population stability index of two sets of counts, half a case added to each."""
    first, second = sum(then) + 0.5 * len(then), sum(now) + 0.5 * len(now)
    shares = [((a + 0.5) / first, (b + 0.5) / second) for a, b in zip(then, now, strict=True)]
    return math.fsum((b - a) * math.log(b / a) for a, b in shares)


def _length(then: Profile, fresh: Sequence[Example]) -> Shift:
    stats: Any = import_module("scipy.stats")
    lengths = [len(case.input_text) for case in fresh]
    found: Any = stats.ks_2samp(then.lengths, lengths)
    return Shift(
        "length of the input",
        "Kolmogorov-Smirnov",
        float(found.statistic),
        float(found.pvalue),
        f"median {median(then.lengths):.0f} characters",
        f"median {median(lengths):.0f} characters",
    )


def _unseen(then: Profile, fresh: Sequence[Example]) -> Shift:
    stats: Any = import_module("scipy.stats")
    shares = [_share(_words(case), lambda word: word not in then.words) for case in fresh]
    same = len({*then.unseen, *shares}) == 1
    found: Any = None if same else stats.mannwhitneyu(shares, then.unseen, alternative="greater")
    return Shift(
        "unseen words",
        "Mann-Whitney",
        fmean(shares) - fmean(then.unseen),
        1.0 if found is None else float(found.pvalue),
        f"{fmean(then.unseen):.1%} of the words",
        f"{fmean(shares):.1%} of the words",
    )


def _mixed(what: str, then: Mapping[str, int], now: Sequence[str]) -> Shift:
    np: Any = import_module("numpy")
    kinds = list(dict.fromkeys([*then, OTHER]))
    place = {kind: at for at, kind in enumerate(kinds)}
    counts = [then.get(kind, 0) for kind in kinds]
    fresh = [place.get(kind, place[OTHER]) for kind in now]
    observed = stability_index(counts, _counted(fresh, len(kinds)))
    pool = np.asarray([at for at, count in enumerate(counts) for _ in range(count)] + fresh)
    rng = np.random.default_rng(SEED)
    extreme = 0
    for _ in range(PERMUTATIONS):
        rng.shuffle(pool)
        drawn = np.bincount(pool[: len(fresh)], minlength=len(kinds))
        rest = np.bincount(pool[len(fresh) :], minlength=len(kinds))
        extreme += stability_index(rest.tolist(), drawn.tolist()) >= observed - 1e-12
    return Shift(
        what,
        f"population stability index, {PERMUTATIONS} permutations",
        observed,
        (1 + extreme) / (1 + PERMUTATIONS),
        _top(dict(then)),
        _top(Counter(now)),
    )


def _top(mix: Mapping[str, int]) -> str:
    total = sum(mix.values())
    first = sorted(mix.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{kind[:40]} {count / total:.0%}" for kind, count in first)


def _counted(places: Iterable[int], size: int) -> list[int]:
    found = Counter(places)
    return [found[at] for at in range(size)]


def _labels(cases: Sequence[Example]) -> dict[str, int]:
    """The mix of expected outputs, if they repeat as labels do."""
    outputs = [case.expected.strip() for case in cases if case.expected is not None]
    if not outputs or len(set(outputs)) > max(2, len(outputs) // 3) or len(set(outputs)) > 200:
        return {}
    return _mix(output or NONE for output in outputs)


def _mix(kinds: Iterable[str]) -> dict[str, int]:
    found = Counter(kinds).most_common()
    kept = dict(found[:MOST_KINDS])
    rest = sum(count for _, count in found[MOST_KINDS:])
    return {**kept, OTHER: kept.get(OTHER, 0) + rest} if rest else kept


def _tags(case: Example) -> str:
    return ", ".join(sorted(case.tags)) or NONE


def _words(case: Example) -> set[str]:
    return {_hashed(word) for word in _WORD.findall(case.input_text.casefold())}


def _hashed(word: str) -> str:
    return hashlib.blake2s(word.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


def _share(words: set[str], unseen: Callable[[str], bool]) -> float:
    return sum(map(unseen, words)) / len(words) if words else 0.0


def _sampled(cases: Sequence[Example]) -> list[Example]:
    if len(cases) <= MOST_CASES:
        return list(cases)
    return random.Random(SEED).sample(list(cases), MOST_CASES)
