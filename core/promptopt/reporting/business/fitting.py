"""Letting texts of any length and script fit into boxes, by measuring them with a wide hand."""

import re
import unicodedata
from math import ceil

_LETTER = 0.56
"""Width of a letter of Arial in ems, on average; capitals, digits and the widest texts are below 0.72."""

_LINE = 1.22
"""Height of a line in ems."""

_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


def cells(text: str) -> int:
    """Width in letters: wide characters (Chinese, Japanese, Korean, emoji) count two, marks none."""
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(one) in "WF" else 0 if unicodedata.combining(one) else 1
        for one in text
    )


def right_to_left(text: str) -> bool:
    """Whether a text's first letter belongs to a script that is written from the right."""
    for one in text:
        if _RTL.match(one):
            return True
        if one.isalpha():
            return False
    return False


def lines_of(text: str, width: float, size: float) -> int:
    """Lines that a text takes at most in a box ``width`` points wide, at a font ``size`` in points.

    Words are not broken unless they are longer than a line, so up to a word's length of each line is lost.
    """
    room = max(1.0, width / (size * _LETTER))
    total = 0
    for part in text.split("\n"):
        at = 0.0
        lines = 1
        for word in re.findall(r"\S+\s*", part):
            long = cells(word)
            if _wide(word) or long > room:  # broken anywhere
                at += long
                lines += int(at // room)
                at %= room
            elif at + long > room + 1:
                lines += 1
                at = long
            else:
                at += long
        total += lines
    return total


def height_of(text: str, width: float, size: float) -> float:
    """Points of height that a text takes at most."""
    return lines_of(text, width, size) * size * _LINE


def fitted(text: str, width: float, height: float, largest: float, least: float) -> tuple[str, float]:
    """A text and the font size at which it fits into a box; at the least size it is cut and ends in ``…``."""
    size = largest
    while size > least and height_of(text, width, size) > height:
        size = max(least, size - 0.5)
    return cut(text, width, height, size), size


def cut(text: str, width: float, height: float, size: float) -> str:
    """A text cut so that it fits at a font size."""
    if height_of(text, width, size) <= height:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = ceil((low + high) / 2)
        if height_of(text[:middle].rstrip() + "…", width, size) <= height:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…"


def _wide(word: str) -> bool:
    return not word.isascii() and any(unicodedata.east_asian_width(one) in "WF" for one in word)
