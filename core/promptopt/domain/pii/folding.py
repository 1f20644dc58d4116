"""One spelling for the many that hide a value: full-width digits, odd dashes and spaces, invisible signs,
escapes.

Looking is done in the folded text; what is found there is told in characters of the text as it was given.
"""

import html
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

_INVISIBLE = frozenset(
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
)
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u30fc\ufe58\ufe63\uff0d")
_DOTS = frozenset("\u2024\u3002\uff0e\uff61\ufe52\u00b7\u2027")

_ESCAPE = re.compile(
    r"\\{1,4}(?:u(?:0{4})?(?P<json>[0-9A-Fa-f]{4})|x(?P<byte>[0-7][0-9A-Fa-f]))|\\{1,4}(?P<control>[nrt\"/])"
    r"|%(?:25)?(?P<url>2[0BDEF]|3[AD]|40|5F|7E|2[bdef]|3[ad]|5f|7e)"
    r"|(?P<html>&(?:amp;)?(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|commat|period|plus|lowbar|hyphen|dash|nbsp);)"
)
"""Characters as JSON, addresses of the web and HTML write them. Of ``%XX`` only signs: no writer of addresses
writes letters and digits so, and ``15%30`` is more likely a figure.
"""
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "/": "/"}


@dataclass(frozen=True, slots=True)
class Folded:
    """A text to look in.

    Attributes:
        runs: for each stretch of the text that stands elsewhere than before: where it begins here, where it
            began, and where its first character ended (an escape is several). None if each is where it was.
    """

    text: str
    runs: tuple[list[int], list[int], list[int]] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of the folded text stands in the text as it was given."""
        return self._place(start)[0], self._place(end - 1)[1]

    def _place(self, at: int) -> tuple[int, int]:
        if self.runs is None:
            return at, at + 1
        begins, origins, ends = self.runs
        run = bisect_right(begins, at) - 1
        past = at - begins[run]
        return (ends[run] + past - 1, ends[run] + past) if past else (origins[run], ends[run])


def fold(text: str) -> Folded:
    """Fold a text; plain ASCII without escapes, as most text is, costs next to nothing."""
    escaped = any(sign in text for sign in "\\%&") and _ESCAPE.search(text) is not None
    if text.isascii() and not escaped:
        return Folded(text)
    odd = {ord(char): folded for char in set(text) if (folded := _folded(char)) != char}
    hidden = "".join(re.escape(chr(code)) for code, folded in odd.items() if not folded)
    if not escaped and not hidden:
        return Folded(text.translate(odd)) if odd else Folded(text)
    return _in_runs(text, re.compile(_ESCAPE.pattern + (f"|[{hidden}]" if hidden else "")), odd)


def _in_runs(text: str, pieces: "re.Pattern[str]", odd: dict[int, str]) -> Folded:
    """Fold a text in which some pieces become shorter."""
    parts: list[str] = []
    begins, origins, ends = [0], [0], [1]
    length = at = 0

    def run(begin: int, origin: int, end: int) -> None:
        if begins[-1] == begin:
            origins[-1], ends[-1] = origin, end
        else:
            begins.append(begin)
            origins.append(origin)
            ends.append(end)

    for match in pieces.finditer(text):
        before = text[at : match.start()].translate(odd)
        char = _meant(match)
        parts += (before, char)
        length += len(before) + len(char)
        if char:
            run(length - 1, match.start(), match.end())
        at = match.end()
        run(length, at, at + 1)
    parts.append(text[at:].translate(odd))
    return Folded("".join(parts), (begins, origins, ends))


def _meant(match: "re.Match[str]") -> str:
    """The character, folded, that an escape or an invisible sign stands for: one or none."""
    if match["json"]:
        code = int(match["json"], 16)
        # Half of a character beyond the first plane, a control: neither belongs to a value.
        char = "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)
    elif match["byte"]:
        char = chr(int(match["byte"], 16))
    elif match["control"]:
        char = _CONTROLS[match["control"]]
    elif match["url"]:
        char = chr(int(match["url"], 16))
    elif match["html"]:
        char = html.unescape(html.unescape(match["html"]))[:1]
    else:
        return ""
    return _folded(char)


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
