"""Every case under every candidate: a byte for each, so that 100,000 cases stay small."""

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence

from promptopt_tui.formatting import Look

NONE, PASSED, FAILED, ERROR, PARTIAL = range(5)

LOOKS: dict[int, Look] = {
    NONE: ("·", "not scored", "track"),
    PASSED: ("✓", "passes", "good"),
    FAILED: ("✗", "fails", "bad"),
    ERROR: ("!", "error: no answer", "warn"),
    PARTIAL: ("~", "fails in part", "accent"),
}
"""Of each outcome."""

MOST = 100
"""Candidates that are held at most: the first one, and the newest."""

_NOT_PASSED = re.compile(rb"[\x02-\x04]")


def outcome(score: float, passed: bool, category: str) -> int:
    """What a cell of the store comes to."""
    if passed:
        return PASSED
    if category == "error":
        return ERROR
    return PARTIAL if score > 0 else FAILED


def column(cells: Iterable[tuple[str, float, bool, str]], places: Mapping[str, int]) -> bytes:
    """A candidate's outcomes, in the order of the cases.

    Args:
        cells: case id, score, whether it passed, category.
        places: of the cases, by id.
    """
    found = bytearray(len(places))
    for case_id, score, passed, category in cells:
        place = places.get(case_id)
        if place is not None:
            found[place] = outcome(score, passed, category)
    return bytes(found)


class Grid:
    """The outcomes of the candidates on the cases of one split.

    Args:
        case_ids: in order.
    """

    def __init__(self, case_ids: Sequence[str]) -> None:
        self.case_ids = case_ids
        self.places = {case_id: place for place, case_id in enumerate(case_ids)}
        self.columns: dict[str, bytes] = {}
        """Candidate id to its outcomes."""
        self.failed = array("I", bytes(4 * len(case_ids)))
        """Candidates that each case does not pass under."""
        self.scored = array("I", bytes(4 * len(case_ids)))
        """Candidates that each case was scored under."""
        self.version = 0
        """Changes with the outcomes."""

    def put(self, candidate_id: str, found: bytes) -> None:
        """Take a candidate's outcomes, in the place of what was known of it."""
        before = self.columns.get(candidate_id)
        if before == found:
            return
        if before is not None:
            self._count(before, -1)
        self._count(found, 1)
        self.version += 1
        self.columns[candidate_id] = found

    def drop(self, candidate_id: str) -> None:
        """Forget a candidate."""
        before = self.columns.pop(candidate_id, None)
        if before is not None:
            self._count(before, -1)

    def at(self, place: int, candidate_id: str) -> int:
        """One outcome."""
        found = self.columns.get(candidate_id)
        return found[place] if found else NONE

    def by_failures(self) -> list[int]:
        """Places of the cases, those that fail most often first."""
        failed = self.failed
        return sorted(range(len(self.case_ids)), key=failed.__getitem__, reverse=True)

    def _count(self, found: bytes, step: int) -> None:
        failed, scored = self.failed, self.scored
        for match in _NOT_PASSED.finditer(found):
            failed[match.start()] += step
        if NONE not in found:
            for place in range(len(scored)):
                scored[place] += step
            return
        for place, value in enumerate(found):
            if value:
                scored[place] += step


def kept(candidates: Sequence[str], wanted: Iterable[str] = ()) -> list[str]:
    """The candidates that are held, in order: the first one, those ``wanted``, and the newest.

    Args:
        candidates: all of them, in order.
    """
    if len(candidates) <= MOST:
        return list(candidates)
    chosen = {candidates[0], *wanted}
    for one in reversed(candidates):
        if len(chosen) >= MOST:
            break
        chosen.add(one)
    return [one for one in candidates if one in chosen]
