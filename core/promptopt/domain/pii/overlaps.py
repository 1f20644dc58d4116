"""Of spans that overlap, the preferred ones."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def without_overlaps(spans: Iterable[T], ends_of: Callable[[T], tuple[int, int]]) -> list[T]:
    """Those that overlap none before them, in the order of their places.

    Args:
        spans: the preferred ones first; none is empty.
        ends_of: where one begins and ends, the end exclusive.
    """
    starts: list[int] = []
    kept: list[T] = []
    for span in spans:
        start, end = ends_of(span)
        at = bisect_left(starts, end)
        # What is kept is apart and in order: only the last one that begins before this one's end can overlap.
        if not at or ends_of(kept[at - 1])[1] <= start:
            starts.insert(at, start)
            kept.insert(at, span)
    return kept
