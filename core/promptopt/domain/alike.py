"""Texts that are nearly the same, found without comparing each with each.

Two texts are alike by Jaccard's index of their runs of three words. Candidates are those that share one of
their smallest hashes (a bottom-k sketch, Broder 1997, "On the resemblance and containment of documents"); so
the cost grows with the number of texts, not with its square.
"""

import zlib
from array import array
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

ALIKE = 0.8
"""Share of common runs from which on two inputs of a data set are told to be near duplicates."""

FEWEST_RUNS = 8
"""Shorter texts: a word more or less changes what they mean."""

_SKETCH = 4
_CROWD = 20
_GRAM = 4


class NearIndex(Generic[Key]):
    """Texts that were seen, by what they are like.

    Args:
        alike: index in (0, 1] from which on two texts are alike.
        short: short texts are compared too, by their runs of four characters.
        sketch: smallest hashes that are looked at; more of them find less similar pairs.
    """

    def __init__(self, alike: float = ALIKE, *, short: bool = False, sketch: int = _SKETCH) -> None:
        self._alike = alike
        self._short = short
        self._sketch = sketch
        self._buckets: dict[int, list[int]] = {}
        self._runs: list[array[int]] = []
        self._keys: list[Key] = []
        self._last: tuple[str, set[int]] = ("", set())
        """Runs of the text that was looked at last: it mostly is the next one to be added."""

    def find(self, text: str) -> Key | None:
        """The key of a text that was added and that this one is like; None if there is none."""
        return next(self._like(text), None)

    def all(self, text: str) -> list[Key]:
        """The keys of all texts that this one is like, each once."""
        return list(dict.fromkeys(self._like(text)))

    def _like(self, text: str) -> Iterator[Key]:
        own = self._of(text)
        for mark in sorted(own)[: self._sketch]:
            for place in self._buckets.get(mark, ()):
                runs = self._runs[place]
                common = len(own.intersection(runs))
                if common >= self._alike * (len(own) + len(runs) - common):
                    yield self._keys[place]

    def add(self, key: Key, text: str) -> None:
        """Remember a text. Of many alike the first ones are enough."""
        own = self._of(text)
        if not own:
            return
        place = len(self._keys)
        self._keys.append(key)
        self._runs.append(array("L", sorted(own)))
        for mark in sorted(own)[: self._sketch]:
            bucket = self._buckets.setdefault(mark, [])
            if len(bucket) < _CROWD:
                bucket.append(place)

    def _of(self, text: str) -> set[int]:
        if self._last[0] is not text:
            self._last = (text, self._runs_of(text))
        return self._last[1]

    def _runs_of(self, text: str) -> set[int]:
        words = text.casefold().split()
        runs = {
            zlib.crc32(" ".join(words[at : at + 3]).encode("utf-8", "replace"))
            for at in range(len(words) - 2)
        }
        if len(runs) >= FEWEST_RUNS:
            return runs
        if not self._short:
            return set()
        plain = " ".join(words)
        grams = (
            {plain[at : at + _GRAM] for at in range(max(1, len(plain) - _GRAM + 1))} if plain else set[str]()
        )
        return {zlib.crc32(gram.encode("utf-8", "replace")) for gram in grams}
