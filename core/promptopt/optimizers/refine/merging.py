"""Merging prompts that come from one: three ways, by sentences, as version control merges files."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.evaluation.sentences import tokens
from promptopt.optimizers.refine.demonstrating import identity


@dataclass(frozen=True)
class _Hunk:
    """A change: the tokens from ``start`` to ``end`` are replaced by ``new``."""

    start: int
    end: int
    new: tuple[str, ...]

    @property
    def inserts(self) -> bool:
        return self.start == self.end


def merge_texts(base: str, one: str, other: str) -> str | None:
    """``one`` with what ``other`` changes of ``base``, too; None if both change the same passage differently.

    What both add at the same place stands there one after the other.
    """
    old = tokens(base)
    hunks = _combined(_hunks(old, tokens(one)), _hunks(old, tokens(other)))
    if hunks is None:
        return None
    merged: list[str] = []
    at = 0
    for hunk in hunks:
        merged += [*old[at : hunk.start], *hunk.new]
        at = hunk.end
    return "".join([*merged, *old[at:]])


def merge_demonstrations(
    base: Sequence[Example], one: Sequence[Example], other: Sequence[Example], most: int
) -> tuple[Example, ...]:
    """The demonstrations of whichever side changed them; of both, if both did, at most ``most``."""
    if tuple(one) == tuple(base):
        return tuple(other)
    if tuple(other) == tuple(base):
        return tuple(one)
    own = {identity(demo): demo for demo in one}
    more = {identity(demo): demo for demo in other}
    return tuple((more | own)[name] for name in dict.fromkeys([*own, *more]))[:most]


def merge_prompts(base: Prompt, one: Prompt, other: Prompt, most: int) -> Prompt | None:
    """Two prompts that come from ``base`` as one; None if their changes contradict each other.

    Args:
        most: demonstrations.
    """
    text = merge_texts(base.text, one.text, other.text)
    if text is None:
        return None
    demos = merge_demonstrations(base.demonstrations, one.demonstrations, other.demonstrations, most)
    return Prompt(text=text, demonstrations=demos)


def _hunks(old: Sequence[str], new: Sequence[str]) -> list[_Hunk]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [
        _Hunk(i1, i2, tuple(new[j1:j2])) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"
    ]


def _combined(ours: Sequence[_Hunk], theirs: Sequence[_Hunk]) -> list[_Hunk] | None:
    """Both sides' changes in their order; None if two are of the same passage and differ."""
    left = list(theirs)
    combined: list[_Hunk] = []
    for hunk in ours:
        same = [other for other in left if _touches(hunk, other)]
        if not same:
            combined.append(hunk)
            continue
        if same == [hunk]:
            combined.append(hunk)
        elif len(same) == 1 and hunk.inserts and same[0].inserts:
            combined.append(_Hunk(hunk.start, hunk.end, _both(hunk.new, same[0].new)))
        else:
            return None
        left = [other for other in left if other not in same]
    # Of changes that begin at one place, what is inserted comes before what is replaced.
    return sorted([*combined, *left], key=lambda hunk: (hunk.start, hunk.end))


def _touches(one: _Hunk, other: _Hunk) -> bool:
    if one.inserts and other.inserts:
        return one.start == other.start
    if one.inserts or other.inserts:
        point, span = (one, other) if one.inserts else (other, one)
        return span.start < point.start < span.end
    return one.start < other.end and other.start < one.end


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """What both add, one after the other; a line that both add stands there once."""
    said = {line.strip() for line in "".join(one).split("\n") if line.strip()}
    kept = [line for line in "".join(other).split("\n") if line.strip() not in said]
    return one if not any(line.strip() for line in kept) else (*one, "\n".join(kept))
