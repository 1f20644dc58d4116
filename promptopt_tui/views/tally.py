"""Failed cases by category, counted again only when there are more marks."""

from collections import Counter
from collections.abc import Mapping

from promptopt.domain.events import CaseMark


class Tally:
    """Counts of the marks it was last asked about; no frame goes through 100,000 of them for nothing."""

    def __init__(self) -> None:
        self._marks: Mapping[str, CaseMark] | None = None
        self._size = -1
        self._counts: dict[str, int] = {}

    def of(self, marks: Mapping[str, CaseMark]) -> dict[str, int]:
        """Category to number of failed cases. ``marks`` may have grown since the last call, not changed."""
        if marks is not self._marks or len(marks) != self._size:
            failed = Counter(mark.category or "other" for mark in [*marks.values()] if not mark.passed)
            self._marks, self._size, self._counts = marks, len(marks), dict(failed)
        return self._counts
