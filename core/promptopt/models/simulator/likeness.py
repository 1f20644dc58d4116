"""The simulated embedding model: words and parts of words, hashed into a few numbers.

What it knows of meaning is which words two texts share, and which words share a stem.
"""

import re
import zlib

DIMENSIONS = 256

_WORD = re.compile(r"\w+")


def embedding(text: str) -> list[float]:
    """The simulated embedding of a text; the same everywhere, never all zeros."""
    numbers = [0.0] * DIMENSIONS
    numbers[0] = 1.0  # what all texts have in common, as with real models
    for word in _WORD.findall(text.casefold()):
        _add(numbers, word, 1.0)
        for start in range(len(word) - 3):
            _add(numbers, word[start : start + 4], 0.5)
    return numbers


def _add(numbers: list[float], part: str, weight: float) -> None:
    place = zlib.crc32(part.encode("utf-8", "surrogatepass"))
    numbers[1 + place % (DIMENSIONS - 1)] += weight if place >> 31 else -weight
