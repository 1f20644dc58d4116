"""Two prompts against each other, by words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from promptopt.domain.prompt import Prompt
from promptopt.domain.text import sanitize

KEPT = 160
"""Characters of an unchanged stretch that are shown at each side of a change."""

LONGEST = 4000
"""Characters of a difference that are shown."""

Mark = Literal["=", "-", "+", "…"]
Part = tuple[Mark, str]
"""``=`` is in both, ``-`` only in the first, ``+`` only in the second; ``…`` stands for what is left out."""


@dataclass(frozen=True)
class Difference:
    """What :func:`diff` returns: it shows itself in a cell, or printed, with the changed words marked.

    Attributes:
        first, second: the texts.
    """

    first: str
    second: str

    @property
    def parts(self) -> list[tuple[Literal["=", "-", "+"], str]]:
        """The whole of it; ``=`` and ``-`` together are the first text, ``=`` and ``+`` the second."""
        from promptopt.evaluation.diff import diff_words

        return diff_words(self.first, self.second)

    def __repr__(self) -> str:
        return in_words(changes(self.first, self.second)) or "no difference"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from promptopt.notebook.representing import of_difference

        return of_difference(self)


def diff(first: Prompt | str, second: Prompt | str) -> Difference:
    """The second prompt against the first, word by word."""
    texts = [one.text if isinstance(one, Prompt) else one for one in (first, second)]
    return Difference(*texts)


@lru_cache(maxsize=32)
def changes(old: str, new: str) -> tuple[Part, ...]:
    """The difference as it is shown: safe characters, long unchanged stretches and the far end left out."""
    from promptopt.evaluation.diff import diff_words

    parts = diff_words(sanitize(old), sanitize(new))
    shown: list[Part] = []
    for place, (mark, text) in enumerate(parts):
        if mark == "=":
            shown += _folded(text, first=place == 0, last=place == len(parts) - 1)
        else:
            shown.append((mark, text))
    return tuple(_cut(shown))


def in_words(parts: Sequence[Part]) -> str:
    """A difference as one text: ``the [-cat-]{+dog+} sat``; empty if there is none."""
    if all(mark == "=" for mark, _ in parts):
        return ""
    signs = {"=": "{}", "-": "[-{}-]", "+": "{{+{}+}}", "…": " {} "}
    return "".join(signs[mark].format(text) for mark, text in parts)


def _folded(text: str, *, first: bool, last: bool) -> list[Part]:
    head, tail = 0 if first else KEPT, 0 if last else KEPT
    if first and last:
        return [("=", text)]
    hidden = len(text) - head - tail
    if hidden <= KEPT:
        return [("=", text)]
    gap: Part = ("…", f"… {hidden:,} characters unchanged …")
    return [part for part in (("=", text[:head]), gap, ("=", text[len(text) - tail :])) if part[1]]  # type: ignore[misc]


def _cut(parts: Sequence[Part]) -> list[Part]:
    room, kept = LONGEST, list[Part]()
    for place, (mark, text) in enumerate(parts):
        if len(text) > room:
            rest = len(text) - room + sum(len(other) for _, other in parts[place + 1 :])
            return [*kept, (mark, text[:room]), ("…", f"… {rest:,} characters more")]
        kept.append((mark, text))
        room -= len(text)
    return kept
