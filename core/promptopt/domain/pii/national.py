"""Personal identity numbers of many countries, by presidio's recognizers with check digits.

Only what our own patterns do not look for: on the labelled messages presidio finds nothing of their kinds
that they miss. The recognizers are asked one by one: no language model is loaded, and nothing is fetched.
"""

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from promptopt.domain.pii.finding import Finding

PACKAGE = "presidio_analyzer"

RECOGNIZERS = (
    "AuMedicareRecognizer",
    "AuTfnRecognizer",
    "DeHealthInsuranceRecognizer",
    "DeIdCardRecognizer",
    "DePassportRecognizer",
    "DeSocialSecurityRecognizer",
    "EsNieRecognizer",
    "EsNifRecognizer",
    "FiPersonalIdentityCodeRecognizer",
    "InAadhaarRecognizer",
    "ItFiscalCodeRecognizer",
    "KrFrnRecognizer",
    "KrRrnRecognizer",
    "NgNinRecognizer",
    "NhsRecognizer",
    "PlPeselRecognizer",
    "SePersonnummerRecognizer",
    "SgFinRecognizer",
    "ThTninRecognizer",
    "TrNationalIdRecognizer",
    "UkDrivingLicenceRecognizer",
    "ZaIdNumberRecognizer",
)
"""Of persons, not of firms. A release that lacks one of them goes without it."""

PROVEN = 0.99
"""Score of what passes its check digits."""

NEAR = 80
"""Characters around a number without letters in which a word must say what it is: of ten-digit order numbers
one in eleven has the check digit of an NHS number.
"""

_LETTER = re.compile(r"[A-Za-z]")
_DIGIT = re.compile(r"[0-9]")


def installed() -> bool:
    """Whether the package is there; it is not imported."""
    return find_spec(PACKAGE) is not None


def find_national_ids(text: str) -> list[Finding]:
    """What passes the check digits of a country, in the order of the recognizers; they may overlap.

    Raises:
        ImportError: the package is not there.
    """
    if not _DIGIT.search(text):
        return []
    found: list[Finding] = []
    for analyze, words in _recognizers():
        for each in analyze(text):
            start, end = int(each.start), int(each.end)
            if each.score >= PROVEN and (_LETTER.search(text[start:end]) or _told(text, start, end, words)):
                found.append(Finding("national_id", start, end, PROVEN))
    return found


def _told(text: str, start: int, end: int, words: "re.Pattern[str] | None") -> bool:
    around = f"{text[max(0, start - NEAR) : start]} {text[end : end + NEAR]}"
    return words is not None and words.search(around) is not None


@cache
def _recognizers() -> "tuple[tuple[Callable[[str], list[Any]], re.Pattern[str] | None], ...]":
    """Each recognizer's search, and the words that tell of its numbers."""
    module: Any = import_module(f"{PACKAGE}.predefined_recognizers")
    made: list[tuple[Callable[[str], list[Any]], re.Pattern[str] | None]] = []
    for name in RECOGNIZERS:
        kind: Any = getattr(module, name, None)
        if kind is None:
            continue
        one = kind(supported_language="en")
        words = sorted({re.escape(str(word)) for word in one.context or ()}, key=len, reverse=True)
        pattern = re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE) if words else None
        made.append((_search(one), pattern))
    return tuple(made)


def _search(recognizer: Any) -> Callable[[str], list[Any]]:
    def search(text: str) -> list[Any]:
        return recognizer.analyze(text, recognizer.supported_entities, None) or []

    return search
