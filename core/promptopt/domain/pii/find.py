"""Everything personal or secret in one text."""

import re
from collections.abc import Collection, Iterable, Iterator

from promptopt.domain.pii.breaks import find_broken
from promptopt.domain.pii.contacts import find_emails, find_phones
from promptopt.domain.pii.finding import KINDS, Finding, Kind
from promptopt.domain.pii.folding import fold
from promptopt.domain.pii.keys import find_keys
from promptopt.domain.pii.names import LANGUAGES, find_given, find_names
from promptopt.domain.pii.numbers import find_birth_dates, find_cards, find_ibans, find_ids, find_ips
from promptopt.domain.pii.overlaps import without_overlaps
from promptopt.domain.pii.places import find_addresses

_ORDER: dict[Kind, int] = {
    kind: place
    for place, kind in enumerate(
        (
            "secret",
            "iban",
            "email",
            "card",
            "us_ssn",
            "de_tax_id",
            "uk_nino",
            "national_id",
            "birth_date",
            "ip",
            "phone",
            "address",
            "name",
        )
    )
}
"""Which of two that overlap is meant."""

_DIGIT = re.compile(r"[0-9]")
_SEVERAL = re.compile(r"[0-9](?s:.){0,3}?[0-9](?s:.){0,3}?[0-9](?s:.){0,3}?[0-9]|::")
"""At least four digits near each other, as every number of a person has, or an IPv6 address."""


def find_pii(
    text: str,
    languages: Collection[str] = LANGUAGES,
    *,
    kinds: Collection[Kind] = KINDS,
    names: Iterable[str] = (),
    public: Collection[str] = (),
    least: float = 0.5,
) -> list[Finding]:
    """What is personal or secret in ``text``, in order, no two overlapping.

    Args:
        languages: whose greetings, titles and introductions tell of names: ``en``, ``de``.
        kinds: what to look for; ``national_id`` is looked for elsewhere (:mod:`.national`).
        names: exact names to find wherever they stand.
        public: in lower case, names of products and the like that are taken for no person's.
        least: smallest confidence that counts.
    """
    folded = fold(text)
    found = [
        each for each in _every(folded.text, languages, kinds, names, public) if each.confidence >= least
    ]
    if not found:
        return []
    spans = [(each, *folded.span(each.start, each.end)) for each in apart(found)]
    return [Finding(each.kind, start, end, each.confidence) for each, start, end in spans]


def _every(
    text: str,
    languages: Collection[str],
    kinds: Collection[Kind],
    names: Iterable[str],
    public: Collection[str],
) -> Iterator[Finding]:
    if "secret" in kinds:
        yield from find_keys(text)
    if "email" in kinds:
        yield from find_emails(text)
    if _DIGIT.search(text):
        yield from _numbers(text, kinds)
    if "\n" in text or "\r" in text:
        yield from find_broken(text, emails="email" in kinds, phones="phone" in kinds, cards="card" in kinds)
    if "name" in kinds:
        yield from find_given(text, names)
        yield from find_names(text, languages, public)


def _numbers(text: str, kinds: Collection[Kind]) -> Iterator[Finding]:
    """What has digits in it."""
    if "address" in kinds:
        yield from find_addresses(text)
    if "birth_date" in kinds:
        yield from find_birth_dates(text)
    if not _SEVERAL.search(text):
        return
    if "iban" in kinds:
        yield from find_ibans(text)
    if "card" in kinds:
        yield from find_cards(text)
    if not {"us_ssn", "de_tax_id", "uk_nino"}.isdisjoint(kinds):
        yield from (each for each in find_ids(text) if each.kind in kinds)
    if "ip" in kinds:
        yield from find_ips(text)
    if "phone" in kinds:
        yield from find_phones(text)


def apart(found: Iterable[Finding]) -> list[Finding]:
    """Of findings that overlap, the one of the surer kind, and of a kind the surer and longer one."""
    preferred = sorted(
        found, key=lambda one: (_ORDER[one.kind], -one.confidence, one.start - one.end, one.start)
    )
    return without_overlaps(preferred, lambda one: (one.start, one.end))
