"""How many cases hold private data: what was made up should hold none that could be somebody's."""

from collections import Counter
from collections.abc import Mapping, Sequence

from promptopt.domain.dataset import Example
from promptopt.domain.pii.find import find_pii
from promptopt.domain.pii.finding import Kind

LONGEST = 20_000
"""Characters of a case that are read."""

INVENTED = frozenset({"name"})
"""Kinds that are told and don't count against a set: nobody can tell an invented name from a real one."""


def private_in(cases: Sequence[Example]) -> dict[Kind, list[str]]:
    """Kind of private data to the ids of the cases with some, in inputs or expected outputs."""
    found: dict[Kind, list[str]] = {}
    for case in cases:
        text = "\n".join((*case.inputs.values(), case.expected or ""))[:LONGEST]
        kinds: dict[Kind, None] = {finding.kind: None for finding in find_pii(text)}
        for kind in kinds:
            found.setdefault(kind, []).append(case.id)
    return found


def counted(found: Mapping[Kind, Sequence[str]]) -> int:
    """Cases with private data that count against a set."""
    return len(Counter(name for kind, names in found.items() if kind not in INVENTED for name in names))
