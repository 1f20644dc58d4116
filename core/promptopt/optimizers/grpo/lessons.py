"""The experience library: what groups taught, in words, with its evidence and its record.

Operations on it are those of Training-Free GRPO (Cai et al. 2025): add, change, delete. Beyond that every
lesson must rest on cases that were shown, and answers for what comes of it: one whose users do worse than
the others of their groups is deleted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rapidfuzz.distance import Indel

from promptopt.domain.text import one_line, storable

Action = Literal["add", "change", "delete"]

LONGEST = 300
"""Characters of each half of a lesson."""

SAME = 0.8
"""Word similarity from which a new lesson is a change of one that there is."""

USES_TO_JUDGE = 3
"""Uses after which a lesson whose credit is negative is deleted."""

PRIOR_USES = 2.0
"""Uses without effect that a lesson's credit is shrunken by."""


@dataclass
class Lesson:
    """One lesson: ``when`` something holds, ``do`` something in the prompt.

    Attributes:
        id: ``L1``, ``L2`` … never used again.
        evidence: ids of training cases that it was drawn from.
        uses: variants that said they applied it, in groups where others did not.
        sum: of their advantages over those others.
    """

    id: str
    when: str
    do: str
    evidence: Sequence[str] = ()
    uses: int = 0
    sum: float = 0.0

    @property
    def credit(self) -> float:
        """What applying it brings, in reward, shrunken towards 0."""
        return self.sum / (self.uses + PRIOR_USES)

    @property
    def text(self) -> str:
        return f"When {self.when}: {self.do}" if self.when else self.do


@dataclass(frozen=True)
class Operation:
    """A change of the library that somebody asks for.

    Attributes:
        action: what to do.
        target: id of the lesson to change or delete.
        when, do: the lesson's text.
        evidence: names of the cases that show it.
    """

    action: Action
    target: str = ""
    when: str = ""
    do: str = ""
    evidence: tuple[str, ...] = ()


class Library:
    """A bounded set of lessons, in the order of their ids.

    Args:
        most: lessons.
        most_chars: of their texts together.
    """

    def __init__(self, most: int = 12, most_chars: int = 1600) -> None:
        self._most = most
        self._most_chars = most_chars
        self._items: dict[str, Lesson] = {}
        self._made = 0

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, lesson_id: object) -> bool:
        return lesson_id in self._items

    @property
    def items(self) -> list[Lesson]:
        return list(self._items.values())

    def apply(self, operations: Sequence[Operation], gains: Mapping[str, float]) -> list[str]:
        """Carry operations out, as far as they hold.

        A lesson holds if all its evidence was shown, some of it was won, and none lost.

        Args:
            operations: asked for, in this order.
            gains: id of each case that was shown to what the better variant rewards above the worse on it, or
                above the parent where it lost to that.

        Returns:
            What was done or refused, a line for each.
        """
        return [self._apply(operation, gains) for operation in operations]

    def record(self, used: Mapping[str, Sequence[str]], advantages: Mapping[str, float]) -> list[str]:
        """Credit lessons by how the variants that applied them did; delete those that do harm.

        Args:
            used: variant to the ids of the lessons that it applied.
            advantages: variant to its shrunken advantage.

        Returns:
            What was deleted, a line for each.
        """
        told: list[str] = []
        for lesson in self.items:
            users = [advantages[name] for name, ids in used.items() if lesson.id in ids]
            others = [advantages[name] for name, ids in used.items() if lesson.id not in ids]
            if users and others:
                lesson.uses += len(users)
                lesson.sum += sum(users) - len(users) * sum(others) / len(others)
            if lesson.uses >= USES_TO_JUDGE and lesson.credit < 0:
                del self._items[lesson.id]
                told.append(f"deleted {lesson.id}: {lesson.credit * 100:+.1f} points in {lesson.uses} uses")
        return told

    def dump(self) -> dict[str, Any]:
        """JSON values, for a checkpoint."""
        return {"made": self._made, "items": [asdict(lesson) for lesson in self.items]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`dump` gave."""
        self._made = state["made"]
        self._items = {item["id"]: Lesson(**item) for item in state["items"]}

    def _apply(self, operation: Operation, gains: Mapping[str, float]) -> str:
        if operation.action != "add" and operation.target not in self._items:
            return f"refused: there is no lesson {operation.target or 'without an id'}"
        if operation.action == "delete":
            return self._delete(operation.target)
        fault = _unproven(operation, gains)
        if fault:
            return f"refused: {fault}"
        written = Lesson(
            "", one_line(storable(operation.when), LONGEST), one_line(storable(operation.do), LONGEST)
        )
        target = operation.target if operation.action == "change" else self._same(written)
        if target:
            return self._change(self._items[target], written, operation.evidence)
        return self._add(written, operation.evidence)

    def _add(self, written: Lesson, evidence: tuple[str, ...]) -> str:
        if not self._most:
            return "refused: no lessons are kept"
        self._made += 1
        lesson = Lesson(f"L{self._made}", written.when, written.do, tuple(dict.fromkeys(evidence)))
        self._items[lesson.id] = lesson
        gone = self._fit(lesson)
        return f"added {lesson.id}" + (f", for which {', '.join(gone)} had to go" if gone else "")

    def _change(self, lesson: Lesson, written: Lesson, evidence: tuple[str, ...]) -> str:
        lesson.when, lesson.do = written.when, written.do
        lesson.evidence = tuple(dict.fromkeys((*lesson.evidence, *evidence)))
        gone = self._fit(lesson)
        return f"changed {lesson.id}" + (f", for which {', '.join(gone)} had to go" if gone else "")

    def _delete(self, lesson_id: str) -> str:
        lesson = self._items[lesson_id]
        if lesson.uses >= USES_TO_JUDGE and lesson.credit > 0:
            return f"refused: {lesson_id} brought {lesson.credit * 100:+.1f} points in {lesson.uses} uses"
        del self._items[lesson_id]
        return f"deleted {lesson_id}"

    def _same(self, written: Lesson) -> str:
        """Id of a lesson that says the same; empty if there is none."""
        words = written.text.casefold().split()
        alike = {
            lesson.id: Indel.normalized_similarity(words, lesson.text.casefold().split())
            for lesson in self.items
        }
        best = max(alike, key=lambda name: alike[name], default="")
        return best if best and alike[best] >= SAME else ""

    def _fit(self, new: Lesson) -> list[str]:
        """Drop the least useful lessons, the oldest of equals first, until the library is small enough."""
        gone: list[str] = []
        while len(self._items) > self._most or sum(len(item.text) for item in self.items) > self._most_chars:
            others = [item for item in self.items if item is not new]
            if not others:
                break
            least = min(others, key=lambda item: item.credit)
            del self._items[least.id]
            gone.append(least.id)
        return gone


def _unproven(operation: Operation, gains: Mapping[str, float]) -> str:
    """Why a lesson does not hold; empty if it does."""
    if not operation.do.strip():
        return "the lesson says nothing to do"
    unknown = [case_id for case_id in operation.evidence if case_id not in gains]
    if unknown or not operation.evidence:
        named = ", ".join(unknown[:3])
        return f"its evidence is not among what was shown: {named}" if unknown else "it names no evidence"
    lost = [case_id for case_id in operation.evidence if gains[case_id] < 0]
    if lost:
        return f"the case {lost[0]} speaks against it"
    if all(gains[case_id] == 0 for case_id in operation.evidence):
        return "none of its evidence was won"
    return ""
