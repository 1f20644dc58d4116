"""Splits of cases that were made up: each has some of everything, and none a near duplicate of another's."""

from collections.abc import Sequence

from promptopt.domain.alike import NearIndex
from promptopt.domain.dataset import Dataset, Example, split_cases

SHARES = (0.5, 0.25, 0.25)

RELATED = 0.45
"""Share of common runs from which on two cases are kept in one split; less than what is told as a leak."""

SKETCH = 12


def grouped(cases: Sequence[Example]) -> list[Example]:
    """The cases, those that are alike in groups of their own: no split parts them."""
    index: NearIndex[int] = NearIndex(RELATED, short=True, sketch=SKETCH)
    parent = list(range(len(cases)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    first: dict[str, int] = {}
    for place, case in enumerate(cases):
        if case.group is not None:
            parent[root(place)] = root(first.setdefault(case.group, place))
        for other in index.all(case.input_text):
            parent[root(place)] = root(other)
        index.add(place, case.input_text)
    members: dict[int, list[int]] = {}
    for place in range(len(cases)):
        members.setdefault(root(place), []).append(place)
    names = {
        place: f"like {cases[found[0]].id}" for found in members.values() if len(found) > 1 for place in found
    }
    return [
        case.model_copy(update={"group": names[place]}) if place in names else case
        for place, case in enumerate(cases)
    ]


def split_by_cell(
    cases: Sequence[Example], seed: int = 0, shares: tuple[float, float, float] = SHARES
) -> Dataset:
    """Deal made-up cases, seeded, such that each situation and difficulty is in all splits as far as it goes.

    Raises:
        SettingsError: no case, or an id used twice.
    """
    return split_cases(grouped(cases), shares, seed, _cell)


def _cell(case: Example) -> str:
    return " ".join(tag for tag in case.tags if tag.startswith(("situation: ", "difficulty: ")))
