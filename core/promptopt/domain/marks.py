"""How the cases of an evaluation went, kept small: whoever watches a run may hold hundreds of thousands.

Python's garbage collector goes through every object that can refer to others, again and again. These are
columns of plain numbers, so that it has nothing to go through.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from promptopt.domain.events import CaseMark

MOST_CATEGORIES = 1000
"""Different error categories that are told apart; there are a dozen."""


class Marks(Mapping[str, CaseMark]):
    """Case id to how the case went, in the order in which the cases came."""

    __slots__ = ("_categories", "_category", "_failed", "_passed", "_places", "_scores")

    def __init__(self, marks: Iterable[CaseMark] = ()) -> None:
        self._places: dict[str, int] = {}
        self._scores = array("d")
        self._passed = bytearray()
        self._category = array("H")
        self._categories: list[str] = [""]
        self._failed: Counter[str] = Counter()
        for mark in marks:
            self.put(mark.case_id, mark.score, mark.passed, mark.category)

    def put(self, case_id: str, score: float, passed: bool, category: str = "") -> None:
        """Say how a case went, in the place of what was said of it before."""
        number = self._number(category)
        place = self._places.get(case_id)
        if place is None:
            self._places[case_id] = len(self._scores)
            self._scores.append(score)
            self._passed.append(passed)
            self._category.append(number)
        else:
            if not self._passed[place]:
                self._count(self._category[place], -1)
            self._scores[place], self._passed[place], self._category[place] = score, passed, number
        if not passed:
            self._count(number, 1)

    def add(self, mark: CaseMark) -> bool:
        """Take a mark; False if there was one of this case before."""
        new = mark.case_id not in self._places
        self.put(mark.case_id, mark.score, mark.passed, mark.category)
        return new

    @property
    def failed(self) -> dict[str, int]:
        """Error category (``other`` for none) to how many cases failed so, the most frequent first."""
        return dict(self._failed.most_common())

    def passes(self, case_id: str) -> bool | None:
        """Whether a case passed; None if it was not scored."""
        place = self._places.get(case_id)
        return None if place is None else bool(self._passed[place])

    def failure(self, case_id: str) -> str | None:
        """Error category of a case that failed, ``other`` for none; None if it passed, or was not scored."""
        place = self._places.get(case_id)
        if place is None or self._passed[place]:
            return None
        return self._categories[self._category[place]] or "other"

    def columns(self) -> dict[str, Any]:
        """All of it as JSON can have it; :meth:`of` reads it."""
        return {
            "cases": list(self._places),
            "scores": self._scores.tolist(),
            "passed": self._passed.hex(),
            "category": self._category.tolist(),
            "categories": list(self._categories),
        }

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> "Marks":
        """What :meth:`columns` wrote."""
        marks = cls()
        names = columns["categories"]
        passed = bytes.fromhex(columns["passed"])
        rows = zip(columns["cases"], columns["scores"], passed, columns["category"], strict=True)
        for case_id, score, good, number in rows:
            marks.put(case_id, score, bool(good), names[number])
        return marks

    def __getitem__(self, case_id: str) -> CaseMark:
        place = self._places[case_id]
        return CaseMark(
            case_id=case_id,
            score=self._scores[place],
            passed=bool(self._passed[place]),
            category=self._categories[self._category[place]],
        )

    def __contains__(self, case_id: object) -> bool:
        return case_id in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"Marks({len(self)} cases, {self._failed.total()} failed)"

    def _count(self, number: int, step: int) -> None:
        name = self._categories[number] or "other"
        self._failed[name] += step
        if not self._failed[name]:
            del self._failed[name]

    def _number(self, category: str) -> int:
        """Few categories: a list is as fast as anything."""
        if len(self._categories) >= MOST_CATEGORIES and category not in self._categories:
            category = "other"
        if category not in self._categories:
            self._categories.append(category)
        return self._categories.index(category)
