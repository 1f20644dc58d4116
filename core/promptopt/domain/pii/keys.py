"""Keys, tokens and passwords.

Every part that may be tried from many places has a bound: model output can be a megabyte of anything, and
time must grow with its length only.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

from promptopt.domain.pii.finding import Finding
from promptopt.domain.pii.vendors import VENDOR_KEYS

_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[\s\S]{0,8000}?-----END [A-Z0-9 ]{0,60}-----|[A-Za-z0-9+/=\s\\]{0,8000})"
)
_WEBHOOK = re.compile(
    r"hooks\.slack\.com/services/[A-Z0-9]{6,}/[A-Z0-9]{6,}/\w{16,}"
    r"|discord(?:app)?\.com/api/webhooks/\d{5,}/[\w-]{30,}"
)
_BEARER = re.compile(r"\b[Bb]earer\s{1,4}(?P<value>(?=[^\s]{0,200}\d)[\w.~+/=-]{16,})")
_IN_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:(?P<value>[^\s:/@]{3,128})@")
_STEMS = (
    *("passw", "pwd", "secret", "token", "key", "kennwort", "credential"),
    *("passphrase", "passcode", "zugangscode"),
)
_ASSIGNED = re.compile(
    r"""(?P<name>passwor[dt]|passwd|passphrase|passcode|pwd|kennwort|zugangscode|secret|credentials?
        |(?:api|access|auth|private|account|shared|signing|encryption|master|license)[ _-]?key|token)
        (?P<more>[\w-]{0,20})["'`]?\s{0,3}
        (?P<sign>:=|=>|[:=]|\b(?:is|was|lautet|ist|war|lautete)\b:?)\s{0,3}["'`]?
        (?P<value>[^\s"'`,;<>]{4,200})""",
    re.VERBOSE | re.IGNORECASE,
)
_STAND_IN = re.compile(
    r"(?i)your|example|sample|dummy|placeholder|redacted|change.?me|xxx|\*\*\*|\.\.\.|…|insert|here$"
    r"|todo|^none$|^null$"
    r"|^true$|^false$|^str\b|^string|^optional|^required|(?-i:^[A-Z]+_\d+\]?$|^\[[A-Z]+_)"
)
_NOT_A_VALUE = re.compile(r"^[$%{(\[]|\(|^(?:os|env|process|self|config|settings|secrets)\.|\)$")
_SENTENCE_END = ".?)]}"


def find_keys(text: str) -> Iterator[Finding]:
    """Secrets in a folded text; those with a vendor's form first."""
    yield from (_found(match, 0, 0.99) for match in VENDOR_KEYS.finditer(text))
    if "PRIVATE KEY" in text:
        yield from (_found(match, 0, 0.99) for match in _PRIVATE_KEY.finditer(text))
    if "hooks" in text:
        yield from (_found(match, 0, 0.99) for match in _WEBHOOK.finditer(text))
    if "earer" in text:
        yield from (_found(match, "value", 0.95) for match in _BEARER.finditer(text))
    if "://" in text and "@" in text:
        for match in _IN_ADDRESS.finditer(text):
            if not _STAND_IN.search(match["value"]) and not _NOT_A_VALUE.search(match["value"]):
                yield _found(match, "value", 0.9)
    lower = text.lower()
    if any(stem in lower for stem in _STEMS):
        yield from _assigned(text)


def _assigned(text: str) -> Iterator[Finding]:
    """Values that are said to be a password, a key or a token."""
    for match in _ASSIGNED.finditer(text):
        value = match["value"].rstrip(_SENTENCE_END)
        spoken = match["sign"][0].isalpha()
        password = match["name"][:2].lower() in ("pa", "pw", "ke", "zu")
        if _secretive(value, password=password, spoken=spoken):
            start = match.start("value")
            yield Finding("secret", start, start + len(value), 0.85 if not spoken else 0.75)


def _secretive(value: str, *, password: bool, spoken: bool) -> bool:
    """Whether a value looks like chosen to be secret, rather than a word, a number or code."""
    if _STAND_IN.search(value) or _NOT_A_VALUE.search(value):
        return False
    letters = any(char.isalpha() for char in value)
    digits = any(char.isdigit() for char in value)
    signs = any(not char.isalnum() and char not in "._-" for char in value)
    if password:
        mixed = letters and (digits or signs)
        return mixed and len(value) >= (6 if spoken else 4)
    return letters and digits and len(value) >= 12 and entropy(value) >= 3.0


def entropy(value: str) -> float:
    """Shannon entropy in bits per character."""
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())


def _found(match: "re.Match[str]", group: int | str, confidence: float) -> Finding:
    return Finding("secret", match.start(group), match.end(group), confidence)
