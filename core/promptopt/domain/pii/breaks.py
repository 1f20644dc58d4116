"""E-mail addresses, phone numbers and cards that a line break runs through.

Only what stands right before and right after a break is looked at, so time grows with the length only.
"""

import re
from collections.abc import Iterator

from promptopt.domain.pii.contacts import EMAIL, PHONE_WORDS, TLD, phone_confidence
from promptopt.domain.pii.finding import Finding
from promptopt.domain.pii.numbers import CARD_WORDS, card_in

_BREAK = re.compile(r"=?[ \t]{0,8}(?:\r\n|\n|\r)[ \t>]{0,8}")
"""Also with the sign of a soft break (``=``), and behind the marks of a quoted mail."""

_MOST = 130
"""Characters that are looked at on each side."""

_WORD_BEFORE = re.compile(r"[\w.+%'@-]+\Z")
_WORD_AFTER = re.compile(r"[\w.+%'@-]+")
_ENDS_IN_TLD = re.compile(rf"\.{TLD}$", re.IGNORECASE)
_INTRODUCED = re.compile(
    r"(?i)(?:^|[:<(\[=,\"']|\b(?:e-?mail|mail|mailto|address|adresse|to|at|an|unter|cc|via|is|ist|lautet|write|reach"
    r"|contact))[ \t\"'<(\[]{0,3}$"
)
_AS_A_MAIL = re.compile(r"(?i)(?:[:<(=]|\b(?:e-?mail|mail|mailto|address|adresse))[ \t\"'<(\[]{0,3}$")
_OF_A_FILE = re.compile(
    r"(?i)\.(?:pdf|docx?|xlsx?|pptx?|csv|txt|json|ya?ml|toml|xml|html?|png|jpe?g|zip|py|js|md)$"
)

_DIGITS_BEFORE = re.compile(r"(?:\+|\()?\d(?:[ ().\-/]{0,3}\d){0,14}[ ().\-/]{0,3}\Z|\+\Z")
_DIGITS_AFTER = re.compile(r"\(?\d(?:[ ().\-/]{0,3}\d){0,14}(?![\w%€$£]|[.,:/-]\d)")
_CARD_BEFORE = re.compile(r"\d(?:[ .-]{0,2}\d){0,17}[ .-]{0,2}\Z")
_CARD_AFTER = re.compile(r"\d(?:[ .-]{0,2}\d){0,17}(?![\d%]|[.,/-]\d)")
_NOT_BEFORE = re.compile(r"[\w.,:/+$€£#-]\Z|[€$£#] \Z")
_POSTAL_CODE = re.compile(r"\d{4,5} [^\W\d_a-z]")
_COMPLETE, _COMPLETE_ABROAD = 8, 10
"""Digits from which on a number, without and with its country, may be whole: what follows in the next line is
another.
"""


def find_broken(text: str, *, emails: bool, phones: bool, cards: bool) -> Iterator[Finding]:
    """Addresses and numbers of which a part stands in the next line of a folded text.

    A card must be called one: in a table of figures the check digit of one number in ten is right by chance.
    """
    emails = emails and "@" in text
    for match in _BREAK.finditer(text):
        before = text[max(0, match.start() - _MOST) : match.start()]
        after = text[match.end() : match.end() + _MOST]
        if not before or not after:
            continue
        if phones and after[0] in "(0123456789" and before[-1] in "+0123456789-/().":
            number = _number(before, after)
            if number:
                yield Finding("phone", match.start() - number[0], match.end() + number[1], number[2])
        if cards and after[0].isdecimal() and before[-1] in "0123456789-.":
            card = _card(before, after)
            if card:
                yield Finding("card", match.start() - card[0], match.end() + card[1], 0.97)
        if emails:
            address = _address(before, after)
            if address:
                yield Finding("email", match.start() - address[0], match.end() + address[1], 0.99)


def _card(before: str, after: str) -> tuple[int, int] | None:
    """Digits of a named card before and after a break, in characters; None if there is none."""
    left, right = _CARD_BEFORE.search(before), _CARD_AFTER.match(after)
    if not left or not right or not CARD_WORDS.search(before[: left.start()].rpartition("\n")[2]):
        return None
    # As if it stood in one line, the break a space.
    joined = f"{left[0].rstrip(' ')} {right[0]}"
    found = card_in(joined, [at for at, char in enumerate(joined) if char.isdecimal()])
    edge = len(left[0].rstrip(" "))
    if found is None or not found[0] < edge < found[1]:
        return None
    return len(left[0]) - found[0], found[1] - edge - 1


def _address(before: str, after: str) -> tuple[int, int] | None:
    """Characters of an address before and after a break; None if there is none."""
    left, right = _WORD_BEFORE.search(before), _WORD_AFTER.match(after)
    if not left or not right or ("@" in left[0]) == ("@" in right[0]):
        return None
    head, tail = left[0].lstrip(".'-%"), right[0].rstrip(".'-%+")
    whole = EMAIL.match(head + tail)
    if not whole or whole.end() <= len(head):
        return None
    if "@" in head:
        goes_on = _host_goes_on(head.partition("@")[2], tail)
    else:
        goes_on = (
            _ENDS_IN_TLD.search(whole[0]) is not None
            if tail[0] == "@"  # else a decorator of Python, or a name in a chat, would do
            else _local_goes_on(before[: len(before) - len(head)], head)
        )
    return (len(head), whole.end() - len(head)) if goes_on else None


def _host_goes_on(host: str, tail: str) -> bool:
    """Whether a host's name before a break lacks what stands after it."""
    if _ENDS_IN_TLD.search(host) or tail.startswith(("www.", "http")):
        return False
    if not host:
        return True
    if "." not in host.rstrip(".") and host[-1] != "." and "." not in tail:
        return False
    return _ENDS_IN_TLD.search(host + tail) is not None


def _local_goes_on(introduction: str, head: str) -> bool:
    """Whether a word at the end of a line begins an address rather than ends a sentence."""
    if not re.search(r"\w[._+]", head) or _ENDS_IN_TLD.search(head) or _OF_A_FILE.search(head):
        return False
    introduced = _INTRODUCED if head[-1] != "." else _AS_A_MAIL
    return not head.lower().startswith("www.") and introduced.search(introduction) is not None


def _number(before: str, after: str) -> tuple[int, int, float] | None:
    """Characters of a phone number before and after a break, and how sure it is; None if there is none."""
    left, right = _DIGITS_BEFORE.search(before), _DIGITS_AFTER.match(after)
    if not left or not right or _POSTAL_CODE.match(after) or _NOT_BEFORE.search(before[: left.start()]):
        return None
    head = left[0].strip()
    digits = sum(map(str.isdecimal, head))
    abroad = head.startswith("+")
    unfinished = left[0][-1] in "-/(+"
    if not unfinished and digits >= (_COMPLETE_ABROAD if abroad else _COMPLETE):
        return None
    line = before[: left.start()].rpartition("\n")[2]
    if not PHONE_WORDS.search(line) and not (abroad and (unfinished or _no_figure(head, digits, right[0]))):
        return None
    confidence = phone_confidence(line, f"{head} {right[0]}")
    return (len(before) - left.start(), right.end(), confidence) if confidence else None


def _no_figure(head: str, digits: int, tail: str) -> bool:
    """Whether it is none of a column of figures, where one with its sign may stand above others."""
    if not head[1:].replace(".", "").isdecimal():
        return True
    country_only = "." not in head and digits <= 3
    return digits >= 7 or (country_only and (not tail.isdecimal() or len(tail) >= 9))
