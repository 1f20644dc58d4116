"""The grid of cases: which persona, how difficult, which situation, and how many cases each cell gets."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from promptopt.synthetic.scenarios import Facet, Scenario

SWAPS = 20
"""Rounds in which cells that were dealt twice are looked at again."""


class Cell(NamedTuple):
    """One cell of a grid."""

    persona: Facet
    difficulty: Facet
    situation: Facet

    @property
    def told(self) -> str:
        """The cell for a model, on one line."""
        return " | ".join(
            f"{kind}: {facet.name}{f' ({facet.text})' if facet.text else ''}"
            for kind, facet in zip(("persona", "difficulty", "situation"), self, strict=True)
        )

    @property
    def tags(self) -> tuple[str, ...]:
        """What its cases are tagged with."""
        edge = ("edge case",) if any(facet.edge for facet in self) else ()
        return (
            f"persona: {self.persona.name}",
            f"difficulty: {self.difficulty.name}",
            f"situation: {self.situation.name}",
            *edge,
        )


def cells_of(scenario: Scenario) -> tuple[Cell, ...]:
    """All cells: by persona, then difficulty, then situation."""
    return tuple(
        Cell(persona, difficulty, situation)
        for persona in scenario.personas
        for difficulty in scenario.difficulties
        for situation in scenario.situations
    )


def dealt(scenario: Scenario, count: int, seed: int) -> list[int]:
    """``count`` places in :func:`cells_of`, in the order in which they are to be filled.

    Each persona, each difficulty and each situation gets as many cases as the others, or one more or less;
    and no cell gets more than one case more than another as long as that can be had.
    """
    sizes = (len(scenario.personas), len(scenario.difficulties), len(scenario.situations))
    total = sizes[0] * sizes[1] * sizes[2]
    rng = random.Random(f"grid/{seed}")
    places: list[int] = []
    for _ in range(count // total):
        whole = list(range(total))
        rng.shuffle(whole)
        places += whole
    return places + _some(sizes, count % total, rng)


def _some(sizes: Sequence[int], count: int, rng: random.Random) -> list[int]:
    """So many places, each dimension dealt evenly; cells that come up twice exchange their situations."""
    columns = [_evenly(size, count, rng) for size in sizes]
    for _ in range(SWAPS):
        again = _repeated(columns)
        if not again:
            break
        for place in again:
            _exchange(columns, place, rng)
    return [(p * sizes[1] + d) * sizes[2] + s for p, d, s in zip(*columns, strict=True)]


def _evenly(size: int, count: int, rng: random.Random) -> list[int]:
    values: list[int] = []
    while len(values) < count:
        block = list(range(size))
        rng.shuffle(block)
        values += block
    return values[:count]


def _repeated(columns: Sequence[list[int]]) -> list[int]:
    seen: set[tuple[int, ...]] = set()
    again: list[int] = []
    for place, cell in enumerate(zip(*columns, strict=True)):
        if cell in seen:
            again.append(place)
        seen.add(cell)
    return again


def _exchange(columns: Sequence[list[int]], place: int, rng: random.Random) -> None:
    """Exchange a value of ``place`` with another place, such that both cells are new; sums stay."""
    there = set(zip(*columns, strict=True))
    others = list(range(len(columns[0])))
    rng.shuffle(others)
    for column in reversed(columns):
        for other in others:
            column[place], column[other] = column[other], column[place]
            one, two = ((columns[0][at], columns[1][at], columns[2][at]) for at in (place, other))
            if one not in there and two not in there and one != two:
                return
            column[place], column[other] = column[other], column[place]
