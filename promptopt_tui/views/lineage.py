"""The family of the candidates: which came from which.

The line that leads to the best candidate goes straight down; what was tried beside it branches off.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from promptopt.runs.standings import Candidate


@dataclass(frozen=True)
class Member:
    """A candidate and its place in the tree. ``branch`` is drawn before it."""

    candidate: Candidate
    branch: str
    parent: Candidate | None = None


def family(candidates: Mapping[str, Candidate], ahead: Iterable[str] = ()) -> list[Member]:
    """Every candidate once, each after its parent.

    Args:
        ahead: ids of candidates to which the straight lines lead, the most important first.
    """
    tree = _Tree(candidates, ahead)
    for one, candidate in candidates.items():
        if (candidate.parent_id or "") not in candidates:
            tree.walk(one)
    for one in candidates:  # of a circle, which no run tells but a broken store might
        tree.walk(one)
    return tree.members


class _Tree:
    def __init__(self, candidates: Mapping[str, Candidate], ahead: Iterable[str]) -> None:
        self.members: list[Member] = []
        self._candidates = candidates
        self._children = _children(candidates)
        self._straight = _ways_to(candidates, ahead)
        self._sizes = _sizes(candidates, self._children)
        self._seen: set[str] = set()

    def walk(self, root: str) -> None:
        """Add a candidate and all that came from it."""
        # A stack of our own: a line of candidates may be longer than Python's.
        stack = [(root, "", "")]
        while stack:
            one, branch, rail = stack.pop()
            if one in self._seen:
                continue
            self._seen.add(one)
            candidate = self._candidates[one]
            self.members.append(Member(candidate, branch, self._candidates.get(candidate.parent_id or "")))
            stack += self._below(one, rail)

    def _below(self, one: str, rail: str) -> list[tuple[str, str, str]]:
        """The children, the last one first: what branches off, then the line that goes on."""
        below = [child for child in self._children.get(one, ()) if child not in self._seen]
        main = max(below, key=self._weight, default="")
        if main not in self._straight and self._sizes.get(main, 1) == 1:
            main = ""  # nothing but attempts: none of them is the line
        found = [(main, rail, rail)] if main else []
        for place, child in enumerate(reversed([child for child in below if child != main])):
            last = place == 0 and not main
            found.append((child, rail + ("└─" if last else "├─"), rail + ("  " if last else "│ ")))
        return found

    def _weight(self, child: str) -> tuple[bool, int]:
        return child in self._straight, self._sizes[child]


def _children(candidates: Mapping[str, Candidate]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for candidate in candidates.values():
        if candidate.parent_id in candidates:
            children.setdefault(candidate.parent_id or "", []).append(candidate.id)
    return children


def _ways_to(candidates: Mapping[str, Candidate], ahead: Iterable[str]) -> set[str]:
    """The candidates on the way from a root to one of ``ahead``; of two ways the first is straight."""
    ways: set[str] = set()
    used: set[str] = set()  # parents whose straight line is taken
    for one in ahead:
        way: list[str] = []
        here = one
        while here in candidates and here not in way:
            way.append(here)
            here = candidates[here].parent_id or ""
        for child in reversed(way):
            parent = candidates[child].parent_id or ""
            if child not in ways and parent in used:
                break
            ways.add(child)
            used.add(parent)
    return ways


def _sizes(candidates: Mapping[str, Candidate], children: Mapping[str, list[str]]) -> dict[str, int]:
    """How many candidates each one's branch has, itself included."""
    sizes = dict.fromkeys(candidates, 1)
    order: list[str] = []
    stack = [one for one, each in candidates.items() if each.parent_id not in candidates]
    seen = set(stack)
    while stack:
        one = stack.pop()
        order.append(one)
        fresh = [child for child in children.get(one, ()) if child not in seen]
        seen |= set(fresh)
        stack += fresh
    for one in reversed(order):
        sizes[one] += sum(sizes[child] for child in children.get(one, ()))
    return sizes
