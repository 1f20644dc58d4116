"""What is odd about a data set: repeated cases, leaks between splits, labels, empty and garbled texts.

Nothing here is an error: a score over such cases can be had, but it may not mean what it seems to.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

from promptopt.domain.alike import ALIKE, NearIndex
from promptopt.domain.dataset import SPLITS, Dataset, Example, Split
from promptopt.domain.text import one_line

MOST_NEAR = 20_000
"""With more cases than this, near duplicates are looked for by normalised text only."""

LONG_BYTES = 16_000
"""A case may have as many tokens as it has bytes; one with more than this is called long."""

DOMINANT = 0.8
FEWEST_LABELLED = 20
FEWEST_ALIKE = 10
"""Cases from which on it is no accident that all expect the same."""
LONGEST_LABEL = 40
"""Characters of an expected output up to which other spellings of it are looked for."""

SHORTEST_QUOTE = 12
"""Characters from which on an input that occurs in the prompt is taken for an example there."""

_SHOWN = 5

_MARK = re.compile(r"\{([A-Za-z_]\w*)\}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
_GARBLED = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€|Â[\u00a0-\u00bf]")


@dataclass(frozen=True)
class Finding:
    """One thing that is odd: what kind, how many cases, in words, and the ids (or pairs) of the first few."""

    kind: str
    count: int
    text: str
    cases: tuple[str, ...] = ()


class _Place(NamedTuple):
    split: Split
    case: Example


def examine(dataset: Dataset, prompt: str = "") -> list[Finding]:
    """Look for what is odd about the cases of ``dataset``, and for cases quoted in ``prompt``.

    About 2 s for 100,000 short cases.
    """
    cases = list(dataset.cases())
    return [
        *_leaks_and_repeats(dataset, cases),
        *_marks(cases, prompt),
        *_quoted(dataset, prompt),
        *_empty(cases),
        *_conflicts(cases),
        *_imbalance(cases),
        *_spellings(cases),
        *_texts(cases),
    ]


def normalised(text: str) -> str:
    """``text`` in small letters, white space as single spaces, without punctuation at its ends."""
    return " ".join(text.casefold().split()).strip(" .,;:!?\"'") or text


def _places(dataset: Dataset) -> Iterator[_Place]:
    for split in SPLITS if dataset.held_back else SPLITS[:1]:
        for case in dataset[split]:
            yield _Place(split, case)


def _leaks_and_repeats(dataset: Dataset, cases: Sequence[Example]) -> Iterator[Finding]:
    """Inputs that are there twice: within a split they count twice, across splits they are no proof."""
    first: dict[str, _Place] = {}
    pairs: list[tuple[_Place, _Place, bool]] = []
    for place in _places(dataset):
        inputs = place.case.inputs
        if not any(map(str.strip, inputs.values())):
            continue
        key = "\0".join(map(normalised, inputs.values()))
        earlier = first.setdefault(key, place)
        if earlier is not place:
            pairs.append((earlier, place, earlier.case.inputs == inputs))
    if len(cases) <= MOST_NEAR:
        pairs += ((one, other, False) for one, other in _near(list(first.values())))
    leaks: dict[tuple[Split, Split, bool], list[str]] = {}
    repeats: dict[bool, list[str]] = {}
    for earlier, later, exact in pairs:
        if earlier.split != later.split:
            found = leaks.setdefault((earlier.split, later.split, exact), [])
        else:
            found = repeats.setdefault(exact, [])
        found.append(f"{earlier.case.id} = {later.case.id}")
    for (early, late, exact), names in leaks.items():
        same = "the same input" if exact else "almost the same input"
        text = f"leak: {len(names)} cases of {late} have {same} as a case of {early}: {_some(names)}"
        yield Finding("leak" if exact else "near leak", len(names), text, tuple(names[:_SHOWN]))
    for exact, names in repeats.items():
        kind = "duplicate" if exact else "near duplicate"
        same = "the same input" if exact else "almost the same input"
        text = f"{kind}: {len(names)} cases have {same} as another of their split: {_some(names)}"
        yield Finding(kind, len(names), text, tuple(names[:_SHOWN]))
    if len(cases) > MOST_NEAR:
        text = f"with more than {MOST_NEAR:,} cases near duplicates are looked for by normalised text only"
        yield Finding("not looked for", 0, text)


def _near(places: Sequence[_Place]) -> Iterator[tuple[_Place, _Place]]:
    """Pairs of inputs that share most runs of three words: each with the first that it is like."""
    index: NearIndex[int] = NearIndex(ALIKE)
    for number, place in enumerate(places):
        text = place.case.input_text
        other = index.find(text)
        if other is not None:
            yield places[other], place
        index.add(number, text)


def _marks(cases: Sequence[Example], prompt: str) -> Iterator[Finding]:
    """Marks in the prompt that are no column, but look like a slip in one."""
    columns = list(dict.fromkeys(name for case in cases for name in case.inputs))
    for name in dict.fromkeys(_MARK.findall(prompt)):
        near = get_close_matches(name, [*columns, "input"], 1, cutoff=ALIKE)
        if near and name not in (*columns, "input"):
            meant = f"did you mean {{{near[0]}}}?"
            yield Finding(
                "mark", 1, f"mark: {{{name}}} in the prompt is no column, and stays as it is; {meant}"
            )


def _quoted(dataset: Dataset, prompt: str) -> Iterator[Finding]:
    """Cases that stand in the prompt, as examples do: it is scored on what it was told."""
    plain = " ".join(prompt.casefold().split())
    if not plain:
        return
    splits = ("validation", "test") if dataset.held_back else ("train",)
    names = [
        case.id
        for split in splits
        for case in dataset[split]
        if any(
            len(text) >= SHORTEST_QUOTE and text in plain for text in map(normalised, case.inputs.values())
        )
    ]
    if names:
        where = " and ".join(splits) if dataset.held_back else "the cases"
        text = (
            f"in the prompt: the inputs of {len(names)} cases of {where} stand in the prompt: {_some(names)}"
        )
        yield Finding("in the prompt", len(names), text, tuple(names[:_SHOWN]))


def _empty(cases: Sequence[Example]) -> Iterator[Finding]:
    empty = [case.id for case in cases if not any(text.strip() for text in case.inputs.values())]
    bare = [case.id for case in cases if case.expected is None and not case.checks]
    blank = [case.id for case in cases if case.expected is not None and not case.expected.strip()]
    some = any(case.expected is not None for case in cases)
    if empty:
        yield _counted("empty input", empty, cases, "have an empty input")
    if bare and some:
        yield _counted("no expected output", bare, cases, "have no expected output")
    if blank:
        yield _counted("empty expected output", blank, cases, "expect an empty output")


def _conflicts(cases: Sequence[Example]) -> Iterator[Finding]:
    first: dict[str, Example] = {}
    names: list[str] = []
    for case in cases:
        if case.expected is None:
            continue
        earlier = first.setdefault("\0".join(map(normalised, case.inputs.values())), case)
        if (earlier.expected or "").strip() != case.expected.strip():
            names.append(f"{earlier.id} ≠ {case.id}")
    if names:
        text = (
            f"conflict: {len(names)} cases expect something else than one with the same input: {_some(names)}"
        )
        yield Finding("conflict", len(names), text, tuple(names[:_SHOWN]))


def _imbalance(cases: Sequence[Example]) -> Iterator[Finding]:
    """Labels, if the expected outputs are labels (few different ones), of which one is all or nearly all."""
    counts = Counter(case.expected.strip() for case in cases if case.expected is not None)
    total = counts.total()
    if only_label(cases):
        shown = one_line(repr(next(iter(counts))), 60)
        yield Finding(
            "one label",
            total,
            f"one label: all {total} cases expect {shown}: a prompt that always says so passes",
        )
        return
    if total < FEWEST_LABELLED or len(counts) > total // 5:
        return
    label, most = counts.most_common(1)[0]
    if most < DOMINANT * total:
        return
    text = (
        f"imbalance: {most} of {total} cases expect {one_line(repr(label), 60)}: "
        f"a prompt that always says it is right on {most / total:.0%}"
    )
    yield Finding("imbalance", most, text)


def only_label(cases: Sequence[Example]) -> bool:
    """Whether all that is expected of many cases, and all that they are checked by, is one and the same."""
    expected = [case.expected.strip() for case in cases if case.expected is not None]
    return (
        len(expected) >= FEWEST_ALIKE
        and len(set(expected)) == 1
        and expected[0] != ""
        and not any(case.checks for case in cases)
    )


def _spellings(cases: Sequence[Example]) -> Iterator[Finding]:
    """Short expected outputs that are the same but for case, space and marks: a check may tell them apart."""
    spelt: dict[str, Counter[str]] = defaultdict(Counter)
    for case in cases:
        expected = (case.expected or "").strip()
        if expected and len(expected) <= LONGEST_LABEL:
            spelt[normalised(expected)][expected] += 1
    several = [counts for counts in spelt.values() if len(counts) > 1]
    if several:
        shown = "; ".join(
            " and ".join(
                f"{one_line(repr(text), 40)} ({count})" for text, count in counts.most_common(_SHOWN)
            )
            for counts in several[:_SHOWN]
        )
        more = f" and {len(several) - _SHOWN} more" if len(several) > _SHOWN else ""
        text = f"spelling: expected outputs differ in case or marks only: {shown}{more}"
        yield Finding("spelling", len(several), text)


def _texts(cases: Sequence[Example]) -> Iterator[Finding]:
    """Texts that are very long, or hold what nobody wrote on purpose."""
    found: dict[str, list[str]] = {"long": [], "control": [], "invisible": [], "garbled": []}
    longest = 0
    for case in cases:
        text = "\n".join((*case.inputs.values(), case.expected or ""))
        if len(text) * 4 > LONG_BYTES and (size := len(text.encode())) > LONG_BYTES:
            longest = max(longest, size)
            found["long"].append(case.id)
        if text.isprintable() and text.isascii():
            continue
        if _CONTROL.search(text):
            found["control"].append(case.id)
        if not text.isascii():
            if _INVISIBLE.search(text):
                found["invisible"].append(case.id)
            if _GARBLED.search(text):
                found["garbled"].append(case.id)
    for kind, what in (
        ("long", f"are long, up to {longest:,} bytes (as many tokens are set aside for them)"),
        ("control", "hold control characters"),
        ("invisible", "hold invisible characters (zero width, direction marks)"),
        ("garbled", "look garbled, as text read in the wrong encoding does"),
    ):
        if found[kind]:
            yield _counted(kind, found[kind], cases, what)


def _counted(kind: str, names: Sequence[str], cases: Sequence[Example], what: str) -> Finding:
    text = f"{len(names)} of {len(cases)} cases {what}: {_some(names)}"
    return Finding(kind, len(names), text, tuple(names[:_SHOWN]))


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    shown = ", ".join(one_line(name, 60) for name in islice(listed, _SHOWN))
    return shown + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
