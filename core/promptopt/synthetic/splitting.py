"""Splits of cases that were made up: each has some of everything, and none a near duplicate of another's."""

from collections.abc import Mapping, Sequence

from promptopt.domain.alike import NearIndex
from promptopt.domain.dataset import Dataset, Example, check_ids, split_cases
from promptopt.domain.words import Split

SHARES = (0.5, 0.25, 0.25)

RELATED = 0.45
"""Share of common runs from which on two cases are kept in one split; less than what is told as a leak."""

SKETCH = 12

SHOWN = 5


class _Kin:
    """Cases that were taken in, those that are alike in groups; a group may have a split already."""

    def __init__(self) -> None:
        self.cases: list[Example] = []
        self._index: NearIndex[int] = NearIndex(RELATED, short=True, sketch=SKETCH)
        self._parent: list[int] = []
        self._first: dict[str, int] = {}
        self._split: dict[int, Split] = {}

    def take(self, case: Example) -> bool:
        """Take a case in; False, and it stays out, if it ties groups of different splits together."""
        marks = [f"content {case.fingerprint()}"]
        marks += [f"group {case.group}"] if case.group is not None else []
        named = {self._first[mark] for mark in marks if mark in self._first}
        roots = {self._root(found) for found in named.union(self._index.all(case.input_text))}
        splits = set[Split]()
        splits.update(self._split[root] for root in roots if root in self._split)
        if len(splits) > 1:
            return False
        place = len(self.cases)
        self.cases.append(case)
        self._parent.append(place)
        for root in roots:
            self._parent[root] = place
        for split in splits:
            self._split[place] = split
        for mark in marks:
            self._first.setdefault(mark, place)
        self._index.add(place, case.input_text)
        return True

    def take_all(self, cases: Sequence[Example]) -> None:
        """Take in those that tie nothing together."""
        for case in cases:
            self.take(case)

    def settle(self, splits: Mapping[str, Split]) -> None:
        """Keep the splits to which the cases were dealt."""
        self._split = {self._root(place): splits[case.id] for place, case in enumerate(self.cases)}

    def grouped(self) -> list[Example]:
        """The cases, those that are alike in groups of their own: no split parts them."""
        members: dict[int, list[int]] = {}
        for place in range(len(self.cases)):
            members.setdefault(self._root(place), []).append(place)
        names = {
            place: f"like {self.cases[found[0]].id}"
            for found in members.values()
            if len(found) > 1
            for place in found
        }
        return [
            case.model_copy(update={"group": names[place]}) if place in names else case
            for place, case in enumerate(self.cases)
        ]

    def _root(self, place: int) -> int:
        parent = self._parent
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place


def split_by_cell(
    cases: Sequence[Example],
    seed: int = 0,
    shares: tuple[float, float, float] = SHARES,
    ends: Sequence[int] = (),
) -> Dataset:
    """Deal made-up cases, seeded, such that each situation and difficulty is in all splits as far as it goes.

    Args:
        ends: how many cases there were whenever they were dealt before. Those keep the split that they had
            then (train, if there were too few to hold any back). A later case that is alike one of them goes
            into its split; one that is alike cases of different splits is left out.

    Raises:
        SettingsError: no case, or an id used twice.
    """
    check_ids(cases)
    kin, at = _Kin(), 0
    kept: dict[str, Split] = {}
    for end in sorted({end for end in ends if 0 < end < len(cases)}):
        kin.take_all(cases[at:end])
        kept, at = _splits(split_cases(kin.grouped(), shares, seed, _cell, kept)), end
        kin.settle(kept)
    kin.take_all(cases[at:])
    return split_cases(kin.grouped(), shares, seed, _cell, kept)


def tying(ids: Sequence[str]) -> str:
    """Why these cases are in no split, in a sentence."""
    told = ", ".join(ids[:SHOWN]) + (f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else "")
    are = "case is" if len(ids) == 1 else "cases are"
    return f"{len(ids)} {are} left out, nearly the same as earlier ones of different splits: {told}"


def _splits(dataset: Dataset) -> dict[str, Split]:
    """Of each case its split; of what serves training and validation alike none may be sealed later."""
    order: tuple[Split, ...] = ("validation", "train", "test")
    return {case.id: split for split in order for case in dataset[split]}


def _cell(case: Example) -> str:
    return " ".join(tag for tag in case.tags if tag.startswith(("situation: ", "difficulty: ")))
