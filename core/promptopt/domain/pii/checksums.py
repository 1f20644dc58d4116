"""Numbers that prove themselves.

Sources: ISO 13616 (IBAN, modulo 97, lengths of the SWIFT registry), ISO/IEC 7812 (Luhn, issuers' ranges),
ISO 7064 MOD 11,10 with § 139b AO (German tax id), SSA (social security numbers), HMRC (insurance numbers).
"""

from collections import Counter

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29,
    "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
"""Characters of an IBAN by country."""

_NO_NINO = ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card_issuer(digits: str) -> str:
    """Whose range a card number of this length is in; empty if it is in nobody's."""
    length, two, three, four = len(digits), int(digits[:2]), int(digits[:3]), int(digits[:4])
    if digits[0] == "4" and length in (13, 16, 19):
        return "visa"
    if length == 16 and (51 <= two <= 55 or 2221 <= four <= 2720):
        return "mastercard"
    if length == 15 and two in (34, 37):
        return "amex"
    if length in (16, 19) and (four == 6011 or two == 65 or 644 <= three <= 649):
        return "discover"
    if length == 16 and 3528 <= four <= 3589:
        return "jcb"
    if length == 14 and (two in (36, 38, 39) or 300 <= three <= 305):
        return "diners"
    if length in (16, 19) and (two in (50, 62) or 56 <= two <= 58 or three == 676):
        return "maestro or unionpay"
    return ""


def iban(compact: str) -> bool:
    """Whether an IBAN without spaces, in capitals, has its country's length and its check digits."""
    if IBAN_LENGTHS.get(compact[:2]) != len(compact) or not compact[2:4].isdecimal():
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


def de_tax_id(digits: str) -> bool:
    """Whether eleven digits are a German tax id: one digit of the first ten comes two or three times."""
    if len(digits) != 11 or digits[0] == "0":
        return False
    repeats = sorted(count for count in Counter(digits[:10]).values() if count > 1)
    if repeats not in ([2], [3]):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def us_ssn(digits: str) -> bool:
    """Whether nine digits can be a US social security number."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def uk_nino(compact: str) -> bool:
    """Whether nine characters in capitals can be a UK national insurance number."""
    return compact[:2] not in _NO_NINO and compact[0] not in "DFIQUV" and compact[1] not in "DFIOQUV"
