"""What was found, and how it is called."""

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "name",
    "email",
    "phone",
    "iban",
    "card",
    "ip",
    "address",
    "birth_date",
    "us_ssn",
    "de_tax_id",
    "uk_nino",
    "national_id",
    "secret",
]

KINDS: tuple[Kind, ...] = get_args(Kind)

LABELS: dict[Kind, str] = {
    "name": "NAME",
    "email": "EMAIL",
    "phone": "PHONE",
    "iban": "IBAN",
    "card": "CARD",
    "ip": "IP",
    "address": "ADDRESS",
    "birth_date": "BIRTHDATE",
    "us_ssn": "SSN",
    "de_tax_id": "TAXID",
    "uk_nino": "NINO",
    "national_id": "NATID",
    "secret": "SECRET",
}
"""What stands in the place of a value: ``EMAIL`` of ``[EMAIL_1]``."""

WORDS: dict[Kind, tuple[str, str]] = {
    "name": ("name", "names"),
    "email": ("e-mail address", "e-mail addresses"),
    "phone": ("phone number", "phone numbers"),
    "iban": ("IBAN", "IBANs"),
    "card": ("payment card", "payment cards"),
    "ip": ("IP address", "IP addresses"),
    "address": ("postal address", "postal addresses"),
    "birth_date": ("date of birth", "dates of birth"),
    "us_ssn": ("US social security number", "US social security numbers"),
    "de_tax_id": ("German tax id", "German tax ids"),
    "uk_nino": ("UK insurance number", "UK insurance numbers"),
    "national_id": ("national id number", "national id numbers"),
    "secret": ("key or password", "keys or passwords"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One value in a text. It holds where the value stands, never the value: it may be logged.

    Attributes:
        start, end: characters of the text as it was given, ``end`` exclusive.
        confidence: in (0, 1]: 0.99 with a checksum or a vendor's form, about 0.8 by a format, 0.6 by its
            surroundings alone.
    """

    kind: Kind
    start: int
    end: int
    confidence: float


def in_words(counts: dict[Kind, int]) -> str:
    """``2 names, 1 e-mail address``, in the order of :data:`KINDS`."""
    return ", ".join(f"{counts[kind]} {WORDS[kind][counts[kind] != 1]}" for kind in KINDS if counts.get(kind))
