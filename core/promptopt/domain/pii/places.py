"""Postal addresses: streets with numbers, and post boxes, in English and German forms."""

import re
from collections.abc import Iterator

from promptopt.domain.pii.finding import Finding

_W = r"[A-ZÀ-ÖØ-Þ][\w'’.-]{0,30}"
_STREET_EN = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Way|Place|Pl|Square|Sq"
    r"|Terrace|Close|Crescent"
    r"|Parkway|Pkwy|Highway|Hwy|Circle|Cir|Trail|Gardens|Grove|Mews|Row|Walk|Quay)"
)
_STREETS = tuple(f" {word}" for word in _STREET_EN[3:-1].split("|"))
_TAIL_EN = (
    rf"(?:,? ?(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.? ?#?\w{{1,6}})?"
    rf"(?:,? ?\n?{_W}(?: {_W}){{0,2}},? ?(?:[A-Z]{{2}} \d{{5}}(?:-\d{{4}})?"
    rf"|[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}}\b))?"
)
_EN = re.compile(
    rf"(?<![\w.,$€£-])\d{{1,5}}[A-Za-z]?,? (?:[NSEW]\.? |North |South |East |West )?(?:(?:{_W}"
    rf"|\d{{1,3}}(?:st|nd|rd|th)) ){{1,3}}"
    rf"{_STREET_EN}\b\.?(?! (?:of|the|for|to)\b){_TAIL_EN}"
)
_BOX = re.compile(
    r"\b(?:P\.? ?O\.? ?Box|Post(?:al)? Box|Postfach)[ :]{1,2}\d[\d ]{1,9}\d?(?:,? ?\d{5} [A-ZÄÖÜ][\wäöüß-]+)?"
)
_SUFFIX_DE = (
    r"(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|damm|ufer|chaussee|steig|pfad|graben|markt|berg|tor)"
)
_PART_DE = r"[A-ZÄÖÜ][\wäöüß.-]{0,40}"
_TAIL_DE = r"(?:,? ?\n?(?:D-|A-|CH-)?\d{4,5} [A-ZÄÖÜ][\wäöüß-]+(?: (?:am|an der|ob der) [A-ZÄÖÜ][\wäöüß]+)?)?"
_NUMBER_DE = (
    r"\d{1,4} ?(?:[a-h]\b|- ?\d{1,4}\b)?"
    r"(?![\w%€]|[.,:]\d| (?:Uhr|Euro|EUR|Stück|Minuten|Tage|Prozent|Meter|km|m)\b)"
)
_PLACE_DE = (
    r"(?:[A-ZÄÖÜ][\wäöüß-]{0,25})?(?:[Bb]erg|[Ff]eld|[Tt]al|[Bb]ach|[Hh]of|[Gg]rund|[Ss]ee|[Ww]ald|[Gg]arten|[Aa]nger"
    r"|[Mm]arkt|[Hh]ang|[Rr]ain|[Bb]ruch|[Kk]amp|[Bb]runnen|[Tt]or|[Mm]ühle|[Gg]raben|[Pp]ark|[Uu]fer|[Ww]all|[Ll]inden"
    r"|[Ee]ichen|[Bb]uchen|[Dd]orf|[Ss]tein|[Ee]ck|[Ww]inkel|[Ww]iesen?|[Kk]irche|[Bb]ahnhof|[Ss]chloss|[Rr]athaus)"
)
"""Places that streets without a word for street are called by, as in Am Kirchberg."""
_DE = re.compile(
    rf"(?<![\w.-])(?:[A-ZÄÖÜ][\wäöüß.-]{{1,40}}?{_SUFFIX_DE}|(?:{_PART_DE}[ -]){{1,3}}(?:Straße|Strasse|Str\."
    r"|Weg|Platz|Allee|Gasse|Ring|Damm|Ufer|Chaussee|Steig)"
    rf"|(?:Am|An der|An den|Im|In der|Auf der|Auf dem|Zum|Zur|Unter den|Unter der) {_PLACE_DE})"
    rf" {_NUMBER_DE}{_TAIL_DE}"
)
_NO_STREET = re.compile(
    r"(?i)^(?:hinweg|umweg|ausweg|rückweg|arbeitsweg|radweg|fußweg|feldweg|schulweg|rechtsweg|dienstweg"
    r"|lieferweg|versandweg"
    r"|arbeitsplatz|parkplatz|stellplatz|sitzplatz|spielplatz|sportplatz|stehplatz|tennisplatz"
    r"|fensterplatz|speicherplatz|startplatz"
    r"|bahnsteig|handelsplatz|marktplatz|motor|vektor|faktor|sektor|reaktor|direktor|monitor|editor"
    r"|generator|operator|transistor"
    r"|ventilator|prozessor|sensor|adapter|ehering|ohrring|dichtring|datenring|supermarkt|baumarkt"
    r"|arbeitsmarkt|aktienmarkt|finanzmarkt"
    r"|doktor|autor|faktor|kompressor|rotor|trakt?or|adaptor|kondensator|netzwerk|hering|schlüsselring"
    r"|o-ring|(?:am|im) (?:montag|dienstag"
    r"|mittwoch|donnerstag|freitag|samstag|sonntag|januar|februar|märz|april|mai|juni|juli|august"
    r"|september|oktober|november|dezember"
    r"|anfang|ende|wochenende|jahr|schnitt|durchschnitt|bereich|kapitel|abschnitt|raum|zimmer|lager|set"
    r"|paket)|zum (?:preis|beispiel|kapitel)"
    r"|zur (?:version|seite|bestellung|rechnung)|in der (?:version|woche|klasse|liste|tabelle|zeile)"
    r"|auf der (?:seite|liste|etage)"
    r"|auf dem (?:stand|platz)|im (?:kurs|modul)|am (?:gate|tag|schalter|standort))\b"
)


def find_addresses(text: str) -> Iterator[Finding]:
    """Streets with house numbers, and post boxes."""
    if any(word in text for word in _STREETS):
        yield from (Finding("address", match.start(), match.end(), 0.8) for match in _EN.finditer(text))
    for match in _BOX.finditer(text):
        yield Finding("address", match.start(), match.end(), 0.8)
    for match in _DE.finditer(text):
        if not _NO_STREET.match(match.group()):
            yield Finding("address", match.start(), match.end(), 0.75)
