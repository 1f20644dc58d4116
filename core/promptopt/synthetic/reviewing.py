"""A queue of cases that a person looks at: keep, edit, drop, or leave for later. All faces have this one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from promptopt.domain.dataset import Example
from promptopt.domain.drafted import FACTS
from promptopt.store.reviews import Review, Reviews

MARK = "# === expected output below this line ==="
"""Divides input and expected output in a case that is edited as one text."""


@dataclass(frozen=True)
class Standing:
    """How far a review is."""

    cases: int
    kept: int
    edited: int
    dropped: int

    @property
    def open(self) -> int:
        """Cases that nobody has decided on."""
        return self.cases - self.kept - self.edited - self.dropped


class ReviewQueue:
    """The cases of a source, and what was decided on them.

    Args:
        ratings: how real cases seem, by id: those that seem least so come first.
    """

    def __init__(
        self, reviews: Reviews, cases: Sequence[Example], ratings: Mapping[str, float | None] | None = None
    ) -> None:
        self._reviews = reviews
        self._cases = list(cases)
        self._ratings = ratings or {}
        self._keys = {id(case): (case.id, case.fingerprint()) for case in self._cases}
        self._decided = reviews.all()

    def reload(self) -> None:
        """Read the decisions again: others may have made some."""
        self._decided = self._reviews.all()

    @property
    def cases(self) -> list[Example]:
        """All cases, as they were made."""
        return list(self._cases)

    def rating(self, case: Example) -> float | None:
        """How real a case seems, from 0 to 10; None if nobody has said."""
        return self._ratings.get(case.id)

    def waiting(self) -> list[Example]:
        """The cases that nobody has decided on: unrated and least real ones first, else in their order."""
        left = [case for case in self._cases if self.decision(case) is None]
        return sorted(left, key=self._doubt)

    def _doubt(self, case: Example) -> float:
        rating = self.rating(case)
        return -1.0 if rating is None else rating

    def decision(self, case: Example) -> Review | None:
        """What was decided on a case."""
        return self._decided.get(self._key(case))

    def _key(self, case: Example) -> tuple[str, str]:
        return self._keys.get(id(case)) or (case.id, case.fingerprint())

    def keep(self, case: Example, reason: str = "", author: str = "") -> None:
        """Keep a case as it is."""
        self._note(case, self._reviews.decide(case, "keep", reason=reason, author=author))

    def keep_all(self, cases: Sequence[Example], reason: str = "", author: str = "") -> None:
        """Keep several cases as they are."""
        for case, review in zip(cases, self._reviews.keep_all(cases, reason, author), strict=True):
            self._note(case, review)

    def drop(self, case: Example, reason: str = "", author: str = "") -> None:
        """Leave a case out."""
        self._note(case, self._reviews.decide(case, "drop", reason=reason, author=author))

    def edit(self, case: Example, edited: Example, reason: str = "", author: str = "") -> None:
        """Put another case in the place of one; its id stays."""
        changed = edited.model_copy(update={"id": case.id})
        if changed.fingerprint() == case.fingerprint() and changed.checks == case.checks:
            self.keep(case, reason, author)
            return
        self._note(case, self._reviews.decide(case, "edit", changed, reason, author))

    def undo(self, case: Example) -> None:
        """Take the decision on a case back."""
        self._reviews.withdraw(case)
        self._decided.pop(self._key(case), None)

    def standing(self) -> Standing:
        """How far the review is."""
        said = [found.verdict for found in map(self.decision, self._cases) if found]
        return Standing(len(self._cases), said.count("keep"), said.count("edit"), said.count("drop"))

    def kept(self, *, reviewed_only: bool = False) -> list[Example]:
        """The cases that are to be used: edited ones as they were edited, dropped ones left out.

        Args:
            reviewed_only: leave out those that nobody has decided on, too.
        """
        return list(self._kept(reviewed_only=reviewed_only))

    def _kept(self, *, reviewed_only: bool) -> Iterable[Example]:
        for case in self._cases:
            found = self.decision(case)
            if found is None:
                if not reviewed_only:
                    yield case
            elif found.verdict != "drop":
                yield found.edited or case

    def _note(self, case: Example, review: Review) -> None:
        self._decided[self._key(case)] = review


def as_text(case: Example) -> str:
    """A case as one text, to be edited; see :func:`from_text`."""
    return f"{case.input_text}\n{MARK}\n{case.expected or ''}"


def from_text(case: Example, text: str) -> Example | None:
    """The case with what was edited; None if its input, or the line that divides the two, is gone."""
    given, mark, expected = text.partition(f"\n{MARK}")
    if not mark or not given.strip():
        return None
    return with_texts(case, given.strip("\n"), expected.strip("\n"))


def with_texts(case: Example, given: str | None = None, expected: str | None = None) -> Example:
    """A case with another input, another expected output, or both.

    Checks of its own on facts that no longer stand in its input are left out.

    Args:
        given: of a case with several columns, of the first one.
        expected: empty: it has none.
    """
    changed = case
    if given is not None:
        first = next(iter(case.inputs))
        changed = changed.model_copy(update={"inputs": {**case.inputs, first: given}})
    if expected is not None:
        changed = changed.model_copy(update={"expected": expected or None})
    return changed.model_copy(update={"checks": tuple(_still_there(case.checks, changed.input_text))})


def _still_there(checks: Iterable[Mapping[str, object]], text: str) -> Iterable[dict[str, Any]]:
    plain = " ".join(text.casefold().split())
    for check in checks:
        if check.get("name") != FACTS or not isinstance(check.get("values"), list):
            yield dict(check)
            continue
        facts = [
            fact
            for fact in map(str, cast("list[Any]", check["values"]))
            if " ".join(fact.casefold().split()) in plain
        ]
        if facts:
            yield {**check, "values": facts}
