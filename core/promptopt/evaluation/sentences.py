"""Texts as sentences: taking them apart, and which sentence of one text became which of another.

Light to import: the terminal UI uses it too.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

from promptopt.evaluation.diff import MOST_UNITS, equal_ends, similarity

_SENTENCE_END = re.compile(r"((?<=[.!?])[ \t]+|(?<=[。！？]))")

REWRITTEN = 0.5
"""Similarity from which a sentence in the place of another is taken for that one, rewritten."""

MOST_PAIRED = 200
"""Sentences on either side of one change up to which it is looked for rewritten ones."""


def tokens(text: str) -> list[str]:
    """Sentences, the white space between them, and line breaks; joined they are the text again."""
    found: list[str] = []
    for number, line in enumerate(text.split("\n")):
        if number:
            found.append("\n")
        found += [part for part in _SENTENCE_END.split(line) if part]
    return found


def sentences(text: str) -> list[str]:
    """The sentences of a text, without white space around them."""
    return [token.strip() for token in tokens(text) if token.strip()]


class Match(NamedTuple):
    """A sentence of the second text and the one of the first that it comes from, by their places.

    ``old`` None: there is none. ``moved``: it stands elsewhere than its neighbours let expect.
    """

    old: int | None
    new: int
    moved: bool = False


def aligned(old: Sequence[str], new: Sequence[str]) -> list[Match]:
    """For each sentence of ``new`` where it comes from, in their order.

    Equal sentences in the longest common order come first, then equal ones that were moved, then those that
    stand in the place of a similar one. Every sentence of ``old`` is used at most once.
    """
    found = {j: Match(i, j) for i, j in _common(old, new)}
    changes = _changes(old, new, found)
    gone = {i: old[i] for before, _ in changes for i in before}
    places: dict[str, list[int]] = {}
    for i, text in reversed(gone.items()):
        places.setdefault(text, []).append(i)
    for _, after in changes:
        for j in after:
            if places.get(new[j]):
                moved = places[new[j]].pop()
                del gone[moved]
                found[j] = Match(moved, j, moved=True)
    for before, after in changes:
        rewritten = _pairs(
            {i: old[i] for i in before if i in gone}, {j: new[j] for j in after if j not in found}
        )
        found |= {j: Match(i, j) for i, j in rewritten}
    return [found.get(j, Match(None, j)) for j in range(len(new))]


def _common(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Places of the longest common subsequence; of very many sentences of the equal ends alone."""
    start, end = equal_ends(old, new)
    ends = [(i, i) for i in range(start)] + [(len(old) - i, len(new) - i) for i in range(1, end + 1)]
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(before), len(after)) > MOST_UNITS:
        return ends
    inside = [
        (start + i, start + j)
        for step in LCSseq.opcodes(before, after)
        if step.tag == "equal"
        for i, j in zip(
            range(step.src_start, step.src_end), range(step.dest_start, step.dest_end), strict=True
        )
    ]
    return [*ends, *inside]


def _changes(old: Sequence[str], new: Sequence[str], common: dict[int, Match]) -> list[tuple[range, range]]:
    """What lies between the common sentences, on either side."""
    anchors = sorted((match.old, j) for j, match in common.items() if match.old is not None)
    changes: list[tuple[range, range]] = []
    i = j = 0
    for at, there in [*anchors, (len(old), len(new))]:
        if at > i or there > j:
            changes.append((range(i, at), range(j, there)))
        i, j = at + 1, there + 1
    return changes


def _pairs(before: dict[int, str], after: dict[int, str]) -> list[tuple[int, int]]:
    """Which sentences became which, the most similar ones first."""
    if len(before) > MOST_PAIRED or len(after) > MOST_PAIRED:
        return []
    alike = sorted(
        ((similarity(old, new), i, j) for i, old in before.items() for j, new in after.items()),
        key=lambda each: (-each[0], abs(each[1] - each[2]), each[1]),
    )
    pairs: list[tuple[int, int]] = []
    used: tuple[set[int], set[int]] = set(), set()
    for share, i, j in alike:
        if share >= REWRITTEN and i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            pairs.append((i, j))
    return pairs
