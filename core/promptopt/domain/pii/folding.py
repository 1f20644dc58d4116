"""One spelling for the many that hide a value: full-width digits, odd dashes and spaces, invisible signs.

Looking is done in the folded text; what is found there is told in characters of the text as it was given.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_INVISIBLE = frozenset(
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
)
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u30fc\ufe58\ufe63\uff0d")
_DOTS = frozenset("\u2024\u3002\uff0e\uff61\ufe52\u00b7\u2027")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text to look in.

    Attributes:
        kept: where each character stood before; None if each stands where it stood.
    """

    text: str
    kept: list[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of the folded text stands in the text as it was given."""
        if self.kept is None:
            return start, end
        return self.kept[start], self.kept[end - 1] + 1


def fold(text: str) -> Folded:
    """Fold a text; plain ASCII, as most text is, costs nothing."""
    if text.isascii():
        return Folded(text)
    odd = {ord(char): folded for char in set(text) if (folded := _folded(char)) != char}
    if not odd:
        return Folded(text)
    if "" not in odd.values():
        return Folded(text.translate(odd))
    kept = [at for at, char in enumerate(text) if char not in _INVISIBLE]
    return Folded(text.translate(odd), kept)


@lru_cache(maxsize=4096)
def _folded(char: str) -> str:
    if char.isascii():
        return char
    if char in _INVISIBLE:
        return ""
    if char in _DASHES:
        return "-"
    if char in _DOTS:
        return "."
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if unicodedata.category(char) == "Zs":
        return " "
    plain = unicodedata.normalize("NFKC", char)
    digit_like = unicodedata.category(char) == "No"  # of m² the 2 is no digit of a number
    return plain if len(plain) == 1 and plain.isascii() and not digit_like else char
