"""What was found, and how it is called."""

from collections.abc import Mapping
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


def in_words(counts: Mapping[Kind, int] | Mapping[str, int]) -> str:
    """``2 names, 1 e-mail address``, in the order of :data:`KINDS`."""
    numbers = {str(kind): number for kind, number in counts.items()}
    found = [(numbers[kind], WORDS[kind]) for kind in KINDS if numbers.get(kind)]
    return ", ".join(f"{number} {words[number != 1]}" for number, words in found)


def withheld_in_words(
    redacted: Mapping[str, int], calls: int, refused: Mapping[str, int]
) -> list[tuple[str, str]]:
    """What a policy has kept from the models, as labels and words; nothing if there was none.

    Args:
        redacted: values that placeholders took the place of, by kind, in ``calls`` calls.
        refused: values for which calls were not made, by kind.
    """
    said: list[tuple[str, str]] = []
    if redacted:
        said.append((f"sent as placeholders in {calls:,} call{'s' * (calls != 1)}", in_words(redacted)))
    if refused:
        said.append(("not sent, by compliance", f"calls with {in_words(refused)}"))
    return said
