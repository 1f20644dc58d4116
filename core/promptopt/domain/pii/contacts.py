"""E-mail addresses and phone numbers."""

import re
from collections.abc import Iterator

from promptopt.domain.pii.finding import Finding

TLD = (
    r"(?:com|org|net|edu|gov|info|biz|name|io|co|ai|app|dev|me|tv|eu|de|at|ch|li|uk|ie|fr|es|it|nl|be|lu"
    r"|dk|se|no"
    r"|fi|pl|cz|sk|hu|ro|pt|gr|us|ca|au|nz|in|jp|cn|br|mx|ru|tr|za|online|shop|tech|cloud|gmbh|berlin|bayern)"
)
EMAIL = re.compile(
    r"(?<![\w.+%'-])[\w.+%'-]{1,128}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-]{0,2}@)(?:\b|$)"
)
_APART = re.compile(
    r"(?<![\w.+%'-])[^\W_][\w.+%'-]{0,127}@[ ]{1,2}(?=[\w-]{0,62}[^\W\d_])(?:[\w-]{1,63}\.){1,8}"
    rf"{TLD}(?![\w(\[@=-]|\.\w)"
)
"""With a line break after the sign that became a space."""

_BRACKETED_AT = r"(?:\s{0,2}[(\[{<]\s?(?:at|ät|AT|@)\s?[)\]}>]\s{0,2}|\s{1,2}@\s{1,2}|@)"
_BRACKETED_DOT = r"(?:\s{0,2}[(\[{<]\s?(?:dot|punkt|DOT|\.)\s?[)\]}>]\s{0,2})"
_ANY_DOT = rf"(?:{_BRACKETED_DOT}|\s{{1,2}}(?:dot|punkt|DOT)\s{{1,2}}|\s\.\s|\.)"
_WORD_DOT = rf"(?:{_BRACKETED_DOT}|\s{{1,2}}(?:dot|punkt|DOT)\s{{1,2}})"
_LOCAL = rf"(?<![\w.+-])[\w+-]{{1,40}}(?:{_ANY_DOT}[\w+-]{{1,40}}){{0,3}}"
_HOST = rf"[\w-]{{1,40}}(?:{_ANY_DOT}[\w-]{{1,40}}){{0,2}}"
_SPELLED = re.compile(
    rf"{_LOCAL}{_BRACKETED_AT}{_HOST}{_ANY_DOT}{TLD}\b"
    rf"|{_LOCAL}\s{{1,2}}(?:at|ät|AT)\s{{1,2}}{_HOST}{_WORD_DOT}{TLD}\b"
)
_SPELLINGS = (
    *("(at)", "[at]", "{at}", "<at>", "( at", "[ at", "(@", "[@", "(ät)", "[ät]", " @ "),
    *(" dot ", " punkt ", "(dot", "[dot", "(punkt", "[punkt", "(.)", "[.]"),
)

_PHONE = re.compile(
    r"(?<![\w.,:/+$€£#-])(?<![$€£#] )(?:\+|\()?\d(?:[ ().\-/]{0,3}\d){5,17}(?![\w%€$£]|[.,:/-]\d)"
)
PHONE_WORDS = re.compile(
    r"(?i)(?:phone(?![ -](?:models?|cases?|covers?|bills?)\b)|tele|tel\b|mobile|cell"
    r"|call(?![ -](?:volumes?|counts?|rates?|durations?|queues?|logs?|minutes)\b)"
    r"(?![ -]cent(?:er|re)s?\b(?![ -](?:number|line|phone)))|dial|fax|ring|reach|text me|sms|whatsapp|contact"
    r"|handy|mobil|ruf(?!volumen|aufkommen|zahl)|\bnummer"
    r"|erreich|durchwahl|hotline|festnetz|my number|\bt:|\bm:|\bph\b)"
)
_HEADING = re.compile(r"(?i):\s{0,4}$|\b(?:tel|ph|mob|fax)\.\s{0,4}$")
_OTHER_WORDS = re.compile(
    r"(?i)(?:order|invoice|bestell|rechnung|auftrag|artikel|part|sku|ref|ticket|case|tracking|serial"
    r"|isbn|issn|model|version"
    r"|vorgang|kundennummer|kunden-?nr|customer (?:no|number|id)|account|konto|vertrag|contract|policy"
    r"|batch|lot|charge|build"
    r"|sendung|paket|ean|gtin|upc|imei|\bid\b|patent|doi|page|seite|line|zeile|port|timestamp|epoch"
    r"|bytes|population"
    r"|hash|commit|vin|zip|plz|postal|meter|zähler|tax|steuer|ust|vat|hrb|\bid:)"
)
_DATE_OR_TIME = re.compile(
    r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d{2}))(?:[ T]\d{1,2}.*)?"
    r"|\d{4} ?- ?\d{4}"
)
_NANP = re.compile(r"(?:\+?1[ .-]?)?(?:\(([2-9]\d\d)\) ?|([2-9]\d\d)[ .-])([2-9]\d\d)[ .-]?\d{4}")
_NATIONAL = re.compile(r"\(?0\d{1,5}\)?(?: ?[/-] ?|[ .]| )\d{2,9}(?:[ ./-]?\d{1,6}){0,4}")
_MOBILE = re.compile(r"0(?:1[567]\d{8,9}|7[1-9]\d{8})")
_COUNTRY = re.compile(
    r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|2\d\d|3[578]\d|42\d|5[09]\d|6[789]\d"
    r"|8[058]\d|9[679]\d"
)


def find_emails(text: str) -> Iterator[Finding]:
    """E-mail addresses, also with spaces, and with ``at`` and ``dot`` for signs."""
    if "@" in text:
        for match in EMAIL.finditer(text):
            start, found = match.start(), match.group()
            while found[0] in ".'-%":
                start, found = start + 1, found[1:]
            # git@github.com:owner/repository is an address of another kind.
            if not (found.startswith("git@") and text[match.end() : match.end() + 1] in (":", "/")):
                yield Finding("email", start, match.end(), 0.99)
        if "@ " in text:
            yield from (Finding("email", m.start(), m.end(), 0.85) for m in _APART.finditer(text))
    lower = text.lower()
    if any(spelling in lower for spelling in _SPELLINGS):
        yield from (Finding("email", m.start(), m.end(), 0.85) for m in _SPELLED.finditer(text))


def find_phones(text: str) -> Iterator[Finding]:
    """Phone numbers: international, North American, German and British forms, others where one is named."""
    for match in _PHONE.finditer(text):
        end = match.start() + len(match.group().rstrip(" ().-/"))
        start = match.start()
        confidence = phone_confidence(_introduction(text[max(0, start - 40) : start]), text[start:end])
        if confidence:
            yield Finding("phone", start, end, confidence)


def _introduction(before: str) -> str:
    """What stands before in the line; where that is nothing, a heading as ``Tel.:`` in the line before."""
    above, _, line = before.rpartition("\n")
    if not line.strip() and _HEADING.search(above):
        return above.rpartition("\n")[2]
    return line


def phone_confidence(before: str, found: str) -> float:
    """How sure it is that this is a phone number; 0 if it is not taken for one.

    Args:
        before: what stands before it in its line.
    """
    digits = "".join(filter(str.isdecimal, found))
    if found.count("(") != found.count(")") or _DATE_OR_TIME.fullmatch(found):
        return 0.0
    named = _last(PHONE_WORDS, before)
    other = _last(_OTHER_WORDS, before)
    if other > named and not found.startswith("+"):
        return 0.0
    if found.startswith(("+", "00")):
        return _international(found, digits)
    if named >= 0 and 6 <= len(digits) <= 15 and not _grouped_number(found):
        return 0.85
    return _national(found, digits)


def _international(found: str, digits: str) -> float:
    number = digits if found.startswith("+") else digits[2:]
    if not (8 <= len(number) <= 15 and _COUNTRY.match(number)):
        return 0.0
    bare = found.startswith("00") and found.isdecimal()
    return 0.6 if bare and len(digits) < 12 else 0.9


def _national(found: str, digits: str) -> float:
    """By its form alone, without anything that says what it is."""
    if _NANP.fullmatch(found):
        return 0.8
    if _MOBILE.fullmatch(found) and not found.startswith("00"):
        return 0.65
    if _NATIONAL.fullmatch(found) and 8 <= len(digits) <= 13 and digits[1] != "0":
        return 0.75
    return 0.0


def _grouped_number(found: str) -> bool:
    """Whether it is a number with its thousands apart, as in 1.234.567."""
    return re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})+", found) is not None


def _last(words: "re.Pattern[str]", text: str) -> int:
    """Where the last of some words begins; -1 if none is there."""
    at = -1
    for match in words.finditer(text):
        at = match.start()
    return at
