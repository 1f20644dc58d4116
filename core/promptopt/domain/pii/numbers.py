"""Accounts, cards, ids, dates of birth and IP addresses."""

import ipaddress
import re
from collections.abc import Iterator

from promptopt.domain.pii import checksums
from promptopt.domain.pii.finding import Finding

_IBAN_GAP = r"(?:[ .-]|[ \t]{0,2}[\r\n]{1,2}[ \t>]{0,4})?"
_IBAN_HEAD = re.compile(
    rf"(?<![A-Za-z0-9])([A-Za-z]{{2}}){_IBAN_GAP}(\d){_IBAN_GAP}(\d)(?={_IBAN_GAP}[A-Za-z0-9])"
)
_SEPARATORS = " .-"
_BREAKS = "\r\n\t>"

_CARD = re.compile(r"(?<![\d.,/-])(?<!\w)\d(?:[ .-]{0,2}\d){12,22}(?![\d%]|[.,/-]\d)")
CARD_WORDS = re.compile(
    r"(?i)card|karte|visa|master|amex|american express|kredit|credit|debit|cvv|cvc|maestro"
)
_NO_CARD_WORDS = re.compile(
    r"(?i)order|invoice|tracking|serial|serien|imei|bestell|rechnung|sendung|auftrag|\bid\b|timestamp|ean|gtin"
    r"|isbn|batch|ticket"
)
CARD_LENGTHS = (19, 16, 15, 14, 13)
_GROUPS = (
    [4, 4, 4, 4],
    [4, 6, 5],
    [4, 6, 4],
    [4, 4, 4, 4, 3],
    [4, 3, 3, 3],
    [4, 4, 4, 1],
    [4, 4, 5],
    [6, 13],
)

_SSN = re.compile(r"(?<![\w-])(\d{3})([ -])(\d{2})\2(\d{4})(?![\w-])")
_SSN_NAMED = re.compile(
    r"(?i)(?:\bssn\b|social security(?: number| no\.?| #)?|sozialversicherungsnummer \(us\))[^\d\n]{0,20}"
    r"(?P<value>\d(?:[ .-]?\d){8})(?!\d)"
)
_TAX_ID = re.compile(r"(?<![\w.,+/-])[1-9]\d(?:[ .-]?\d{3}){3}(?![\w/-]|[.,]\d)")
_TAX_WORDS = re.compile(r"(?i)steuer|idnr|id-nr|identifikationsnummer|\btin\b|\btax\b|st\.?-?id")
_NO_TAX_WORDS = re.compile(
    r"(?i)order|bestell|rechnung|auftrag|invoice|ticket|sendung|tracking|konto|kunden|artikel|serial|ean"
)
_NINO = re.compile(
    r"(?<![A-Za-z0-9])[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z]"
    r"(?:[ .-]?\d{2}){3}[ .-]?[A-Da-d](?![A-Za-z0-9])"
)
_NINO_WORDS = re.compile(r"(?i)nino|national insurance|\bni\b")

_MONTH = (
    r"(?:Jan(?:uary|uar)?|Jänner|Feb(?:ruary|ruar)?|Mar(?:ch)?|März|Mrz|Apr(?:il)?|May|Mai|June?|Juni"
    r"|July?|Juli|Aug(?:ust)?"
    r"|Sept?(?:ember)?|O[ck]t(?:ober)?|Nov(?:ember)?|De[cz](?:ember)?)"
)
_DATE = (
    rf"(?:\d{{4}}\s?[-./]\s?\d{{1,2}}\s?[-./]\s?\d{{1,2}}"
    rf"|\d{{1,2}}\s?[-./]\s?\d{{1,2}}\s?[-./]\s?(?:\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.)?\s(?:of\s)?{_MONTH}\.?,?\s\d{{4}}|{_MONTH}\.?\s\d{{1,2}}(?:st|nd|rd"
    rf"|th)?,?\s\d{{4}})"
)
_BORN = re.compile(
    r"(?i)(?:\bborn\b|\bd\.?o\.?b\b\.?|date[ _]of[ _]birth|birth[ _-]?(?:date|day)|\bgeboren\b|\bgeb\."
    r"|geburts(?:datum|tag)"
    rf"|\bgeb\b|born on)[^\d\n]{{0,25}}?(?P<value>(?-i:{_DATE})(?!\d))"
)
_BORN_MARKS = ("born", "dob", "d.o.b", "birth", "geb")

_IPV4 = re.compile(r"(?<![\w.+-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_VERSION_WORDS = re.compile(
    r"(?i)(?:version|\bv|release|build|firmware|driver|section|chapter|abschnitt|kapitel|§"
    r"|update)[\s.:#]{0,3}$"
    r"|\b(?:firmware|version|release|build|driver|treiber)(?:[ -](?:version|release|build|update))?"
    r"(?:[ ](?:number|nummer|no\.?|nr\.?|is|was|ist|war|now|jetzt|currently|aktuell|still|noch|updated to"
    r"|upgraded to|(?:\d{1,3}\.){3}\d{1,3} (?:to|auf|->|→))){0,3}[ ]?[ :=(\"]{0,2}$"
)


def find_ibans(text: str) -> Iterator[Finding]:
    """IBANs with their check digits, with or without spaces, dots or dashes, in any case."""
    for head in _IBAN_HEAD.finditer(text):
        length = checksums.IBAN_LENGTHS.get(head[1].upper())
        if length:
            compact, end, broken = _take(text, head.start(), length)
            if (
                len(compact) == length
                and not text[end : end + 1].isalnum()
                and checksums.iban(compact.upper())
                and (not broken or _like_an_account(compact))
            ):
                yield Finding("iban", head.start(), end, 0.99)


def _take(text: str, start: int, length: int) -> tuple[str, int, bool]:
    """So many letters and digits from a place on, where they end, and whether a line does within them."""
    taken: list[str] = []
    at, gap, gap_in_break, broken = start, 0, 0, False
    while at < len(text) and len(taken) < length and gap < 3 and gap_in_break < 8:
        char = text[at]
        if char.isascii() and char.isalnum():
            taken.append(char)
            broken = broken or gap_in_break > 0
            gap = gap_in_break = 0
        elif char in _BREAKS or (gap_in_break and char == " "):
            gap_in_break += 1
        elif char in _SEPARATORS:
            gap += 1
        else:
            break
        at += 1
    return "".join(taken), at, broken


def _like_an_account(compact: str) -> bool:
    """Whether it is no text with check digits that are right by chance: digits, and letters of one size."""
    digits = sum(map(str.isdecimal, compact))
    return 2 * digits >= len(compact) and (compact.isupper() or compact.islower())


def find_cards(text: str) -> Iterator[Finding]:
    """Card numbers in an issuer's range with their check digit, grouped as cards are or not at all."""
    for match in _CARD.finditer(text):
        places = [at for at in range(match.start(), match.end()) if text[at].isdecimal()]
        found = card_in(text, places)
        if found:
            start, end = found
            before = text[max(0, start - 40) : start]
            named = CARD_WORDS.search(before)
            if named or not (text[start:end].isdecimal() and _NO_CARD_WORDS.search(before)):
                yield Finding("card", start, end, 0.97 if named else 0.9)


def card_in(text: str, places: list[int]) -> tuple[int, int] | None:
    """Where a card number stands among digits that may be more than it; None if none does."""
    for first in range(max(1, len(places) - CARD_LENGTHS[-1] + 1)):
        if first and places[first] == places[first - 1] + 1:
            continue  # inside a group
        for length in CARD_LENGTHS:
            last = first + length - 1
            if last >= len(places) or (last + 1 < len(places) and places[last + 1] == places[last] + 1):
                continue
            digits = "".join(text[at] for at in places[first : last + 1])
            if checksums.card_issuer(digits) and len(set(digits)) > 1 and checksums.luhn(digits):
                groups = [len(part) for part in re.findall(r"\d+", text[places[first] : places[last] + 1])]
                if len(groups) == 1 or groups in _GROUPS or set(groups) == {1}:
                    return places[first], places[last] + 1
    return None


def find_ids(text: str) -> Iterator[Finding]:
    """US social security numbers, German tax ids and UK insurance numbers."""
    for match in _SSN.finditer(text):
        if checksums.us_ssn(match[1] + match[3] + match[4]):
            yield Finding("us_ssn", match.start(), match.end(), 0.85)
    for match in _SSN_NAMED.finditer(text):
        if checksums.us_ssn(re.sub(r"\D", "", match["value"])):
            yield Finding("us_ssn", match.start("value"), match.end("value"), 0.95)
    for match in _TAX_ID.finditer(text):
        if checksums.de_tax_id(re.sub(r"\D", "", match.group())):
            before = text[max(0, match.start() - 40) : match.start()]
            named = _TAX_WORDS.search(before)
            if named or not _NO_TAX_WORDS.search(before):
                yield Finding("de_tax_id", match.start(), match.end(), 0.97 if named else 0.75)
    for match in _NINO.finditer(text):
        value = re.sub(r"[ .-]", "", match.group())
        before = text[max(0, match.start() - 40) : match.start()]
        if checksums.uk_nino(value.upper()) and (value.isupper() or _NINO_WORDS.search(before)):
            yield Finding("uk_nino", match.start(), match.end(), 0.9)


def find_birth_dates(text: str) -> Iterator[Finding]:
    """Dates that are said to be somebody's date of birth."""
    lower = text.lower()
    if any(mark in lower for mark in _BORN_MARKS):
        for match in _BORN.finditer(text):
            yield Finding("birth_date", match.start("value"), match.end("value"), 0.9)


def find_ips(text: str) -> Iterator[Finding]:
    """IP addresses of hosts, but for those that are every machine's own."""
    for match in _IPV4.finditer(text):
        if not _VERSION_WORDS.search(text[max(0, match.start() - 40) : match.start()]):
            yield from _ip(match, 0.85)
    if "::" in text or text.count(":") >= 7:
        for match in _IPV6.finditer(text):
            groups = [part for part in match.group().split(":") if part]
            if len(groups) >= 3 and any(char.isdecimal() for char in match.group()):
                yield from _ip(match, 0.9)


def _ip(match: "re.Match[str]", confidence: float) -> Iterator[Finding]:
    try:
        address = ipaddress.ip_address(match.group())
    except ValueError:
        return
    if (
        not (address.is_loopback or address.is_unspecified or address.is_multicast)
        and address.packed[-1] != 255
    ):
        # What a house calls its machines tells little of a person; it is told all the same.
        yield Finding("ip", match.start(), match.end(), 0.6 if address.is_private else confidence)
