"""What a person who looks at cases wants to be told of each: private data in it, others that are like it."""

from collections.abc import Sequence

from promptopt.domain.alike import NearIndex
from promptopt.domain.dataset import Example
from promptopt.domain.pii.find import find_pii
from promptopt.domain.pii.finding import Finding
from promptopt.synthetic.private import INVENTED, LONGEST
from promptopt.synthetic.splitting import RELATED, SKETCH

MOST_ALIKE = 5
"""Others that are named of one case."""


def private_of(text: str) -> list[Finding]:
    """Private data in a text, without names: nobody can tell an invented one from a real one."""
    return [found for found in find_pii(text[:LONGEST]) if found.kind not in INVENTED]


def has_private(case: Example) -> bool:
    """Whether a case holds private data, in its input or its expected output."""
    return any(private_of(text) for text in (*case.inputs.values(), case.expected or ""))


def alike_among(cases: Sequence[Example]) -> dict[str, list[str]]:
    """Id of each case that others are like (as near as cases of one split are kept) to their ids."""
    index: NearIndex[str] = NearIndex(RELATED, short=True, sketch=SKETCH)
    found: dict[str, list[str]] = {}
    for case in cases:
        for other in index.all(case.input_text)[:MOST_ALIKE]:
            found.setdefault(case.id, []).append(other)
            found.setdefault(other, []).append(case.id)
        index.add(case.id, case.input_text)
    return {name: others[:MOST_ALIKE] for name, others in found.items()}
