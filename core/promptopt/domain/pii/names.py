"""Names of persons, by what stands around them: greetings, signatures, titles, introductions, fields.

A name that nothing introduces is not found by patterns; those that matter can be given (``names`` of
:func:`promptopt.domain.pii.find.find_pii`). A name that was introduced once is found again in the same text.
"""

import re
from collections.abc import Collection, Iterable, Iterator

from promptopt.domain.pii.finding import Finding


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UP = r"[A-ZÀ-ÖØ-ÞĀĂĄĆĈČĎĐĒĘĚĞĢİĶĹĽŁŃŇŐŒŔŘŚŞŠŢŤŪŮŰŲŹŻŽ]"
_WORD = rf"{_UP}[^\W\d_]*(?:['’-][^\W\d_]+)*"
_SMALL = r"(?:von|van|de|der|den|del|della|di|da|dos|du|la|le|bin|al|el|zu|zum|zur|ter|ten|und)"
_PARTICLE = re.compile(_SMALL)
_MORE = rf"[ ](?:{_UP}\.|(?:{_SMALL}[ ]){{1,2}}{_WORD}|{_WORD})"
_FIRST = rf"(?:{_UP}\.[ ]?){{0,2}}{_WORD}"
_NAME = rf"(?P<name>{_FIRST}(?:{_MORE}){{0,3}})"
_FULL = rf"(?P<name>{_FIRST}(?:{_MORE}){{1,3}})"
_TITLE = r"(?:(?:Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Frau|Herrn?|Hr|Fr|Professor|Doctor|Ing|med|Dipl)\b[.-]?[ ]?){0,3}"
_STOP = r"(?=[ ]*(?:[,!.:;?–—\n-]|$))"
_END = r"(?=[ ]*(?:[.,|(/]|\n|$|\\n))"
_LINE_END = r"(?=[ ]*(?:[.,|(/\"<\]}\r]|\n|$|\\n))"
_NEXT_LINE = r"(?:[ ]*(?:\r?\n|(?:\\r)?\\n))+[ ]*"

_ENGLISH = (
    (
        "dear hi hello hey hiya good",
        rf"\b(?:Dear|Hi|Hello|Hey|Hiya|[Gg]ood (?:morning|afternoon|evening)),?[ ]+{_TITLE}{_NAME}{_STOP}",
    ),
    (
        "mr mrs ms mx miss dr prof professor",
        rf"\b(?:Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Professor)\.?[ ]+{_NAME}",
    ),
    (
        "name called call go",
        rf"\b(?:[Mm]y (?:full |first |last )?name(?: is|['’]s)|[Nn]ame['’]s|I am called|[Cc]all me"
        rf"|I go by)[ ]+{_NAME}",
    ),
    (
        "am i this it",
        rf"\b(?:I am|I['’]m|[Tt]his is|[Ii]t['’]s)[ ]+{_FULL}(?=[ ]*,?[ ]*(?:from|calling|speaking"
        rf"|writing|here|and I|with|at|again)\b|[ ]*[.,\n])",
    ),
    (
        "spoke talked chatted speaking meet met meeting dealt corresponded appointment",
        rf"\b(?:[Ss]poke|[Tt]alked|[Cc]hatted|[Ss]peaking|[Mm]eet|[Mm]et|[Mm]eeting|[Dd]ealt"
        rf"|[Cc]orresponded|[Aa]ppointment)"
        rf"[ ](?:with[ ]|to[ ])?{_TITLE}{_NAME}",
    ),
    (
        "named called",
        rf"\b(?:named|called)[ ]{_FULL}",
    ),
    (
        "colleague manager representative technician neighbor neighbour wife husband son daughter "
        "brother sister boss friend mother father assistant supervisor customer client patient tenant "
        "employee",
        r"\b(?:[Cc]olleague|[Mm]anager|[Rr]epresentative|[Tt]echnician|[Nn]eighbou?r|wife|husband|son"
        r"|daughter|brother|sister|boss"
        rf"|friend|mother|father|assistant|supervisor|[Cc]ustomer|[Cc]lient|[Pp]atient|[Tt]enant"
        rf"|[Ee]mployee),?[ ]{_FULL}",
    ),
    (
        "regards wishes best sincerely yours thanks thank cheers respectfully take love cordially "
        "nregards nbest nsincerely nyours nthanks nthank ncheers",
        rf"(?:^|\n|\\n|[.!?;][ ]{{1,3}})[ ]*(?:(?:(?:[Bb]est|[Kk]ind|[Ww]arm|[Ww]armest|[Mm]any)[ ])?"
        rf"(?:[Rr]egards|[Ww]ishes)|Best|Sincerely|[Yy]ours(?: (?:truly"
        r"|sincerely|faithfully))?|(?:Many )?[Tt]hanks(?: (?:again|so much|a lot|in advance"
        r"|and regards))?|Thank you(?: very much)?"
        rf"|Cheers|Respectfully|Take care|Love|Cordially|Yours)[,.!]?{_NEXT_LINE}{_TITLE}{_NAME}{_LINE_END}",
    ),
    (
        "regards wishes",
        rf"\b(?:[Rr]egards|[Ww]ishes)[,!]?{_NEXT_LINE}{_TITLE}{_NAME}{_LINE_END}",
    ),
    (
        "thanks thank regards wishes cheers best sincerely love",
        r"(?:[Tt]hanks|[Tt]hank you|[Rr]egards|[Ww]ishes|[Cc]heers|[Bb]est|[Ss]incerely|[Ll]ove)[ ]*[,!.–—-]+"
        rf"[ ]*{_TITLE}{_NAME}{_END}",
    ),
    (
        "-",
        rf"(?:\n|\\n)[ ]*[-–—~]{{1,2}}[ ]?{_TITLE}{_NAME}[ ]*$",
    ),
    ("here", rf"{_FULL}[ ]here\b"),
    (
        "signed",
        rf"\b[Ss]igned(?: by)?[,:]?[ ]+{_TITLE}{_NAME}",
    ),
)
_GERMAN = (
    (
        "sehr",
        rf"\b[Ss]ehr geehrte[rs]?[ ]+{_TITLE}{_NAME}",
    ),
    (
        "liebe lieber liebes hallo hi hey moin servus grüezi grüß guten",
        rf"\b(?:Liebe[rs]?|Hallo|Hi|Hey|Moin|Servus|Grüezi|Grüß Gott|[Gg]uten (?:Tag|Morgen"
        rf"|Abend)),?[ ]+{_TITLE}{_NAME}{_STOP}",
    ),
    (
        "frau herr herrn fr hr familie eheleute",
        r"\b(?:Frau|Herrn?|Fr\.|Hr\.|Familie|Eheleute)[ ]+(?:(?:Dr|Prof|Dipl|med|Ing)\b[.-]?[ ]?){0,3}"
        + _NAME,
    ),
    (
        "name heiße heisse",
        rf"\b(?:[Mm]ein (?:voller )?[Nn]ame (?:ist|lautet)|[Ii]ch (?:heiße|heisse))[ ]+{_TITLE}{_NAME}",
    ),
    (
        "bin hier",
        rf"\b(?:[Ii]ch bin|[Hh]ier (?:ist|spricht|schreibt))[ ]+(?:die |der )?{_FULL}(?=[ ]*(?:[,.!\n]"
        rf"|und|aus|von|vom|hier|wohne)|$)",
    ),
    (
        "namens genannt",
        rf"\b(?:namens|genannt)[ ]{_NAME}",
    ),
    (
        "kollege kollegin kollegen mann ehemann ehefrau sohn tochter bruder schwester chef chefin "
        "nachbar nachbarin freund freundin techniker kunde kundin kunden patient patientin patienten "
        "mieter mieterin mitarbeiter mitarbeiterin",
        r"\b(?:Kolleg(?:e|in|en)|Mann|Ehemann|Ehefrau|Sohn|Tochter|Bruder|Schwester|Chef(?:in)?"
        r"|Nachbar(?:in)?|Freund(?:in)?|Techniker"
        rf"|Kunde|Kundin|Kunden|Patient(?:in|en)?|Mieter(?:in)?|Mitarbeiter(?:in)?),?[ ]{_FULL}",
    ),
    (
        "kollege kollegin kollegen mann sohn tochter bruder schwester chef chefin nachbar nachbarin "
        "freund freundin",
        rf"\b(?:[Mm]ein(?:e|en|er|em)?|[Uu]nser(?:e|en|er|em)?) (?:Kolleg(?:e|in|en)|Mann|Sohn|Tochter|Bruder"
        rf"|Schwester|Chef(?:in)?"
        rf"|Nachbar(?:in)?|Freund(?:in)?)[ ]{_NAME}",
    ),
    (
        "grüßen gruessen grüssen grüße gruesse grüsse mfg lg vg bg gruß gruss hochachtungsvoll danke "
        "dank ihr ihre dein deine euer eure nmfg nlg nvg nviele nmit",
        r"(?:^|\n|\\n|[.!?;,][ ]{1,3})[ ]*(?:[Mm]it (?:freundlichen|besten|lieben|herzlichen|vielen"
        r"|sonnigen)(?: und \w+)?[ ](?:Grüßen|Gruessen|Grüssen)"
        r"|(?:[Ff]reundliche|[Vv]iele|[Ll]iebe|[Bb]este|[Hh]erzliche|[Ss]chöne|[Ss]onnige)[ ]Gr(?:ü"
        r"|ue)(?:ß|ss)e|MfG|LG|VG|BG|Gruß|Gruss"
        r"|Hochachtungsvoll|Danke(?: und Gruß)?|Vielen Dank|Besten Dank|Ihre?|Deine?|Euer|Eure)"
        rf"[,.!]?{_NEXT_LINE}(?:Ihre?[ ]|Deine?[ ])?{_TITLE}{_NAME}{_LINE_END}",
    ),
    (
        "grüßen gruessen grüße gruesse grüssen grüsse mfg lg vg gruß gruss danke dank hochachtungsvoll",
        r"(?:Gr(?:ü|ue)(?:ß|ss)en?|MfG|LG|VG|Gruß|Gruss|Danke|Vielen Dank|Hochachtungsvoll)[ ]*[,!.–—-]*"
        rf"[ ]+(?:Ihre?[ ]|Deine?[ ])?{_TITLE}{_NAME}{_END}",
    ),
    (
        "grüßt grüsst",
        r"\bgrü(?:ß|ss)t(?: Sie| [Dd]ich| [Ee]uch)?[ ]*,?(?:herzlich|freundlich)?[ ]*(?:\n|\\n)+[ ]*"
        rf"{_TITLE}{_NAME}{_END}",
    ),
    (
        "gez gezeichnet",
        rf"\bgez(?:eichnet|\.)[ ]*{_TITLE}{_NAME}",
    ),
)
_FIELDS = re.compile(
    r"""(?:^|[\n,;|{([\t]|\\n)[ ]*["'*]*(?i:full[ _]?name|first[ _]?name|last[ _]?name|sur_?name
    |given[ _]name|customer(?:[ _]name)?
        |client(?:[ _]name)?|patient(?:[ _]name)?|contact(?:[ ]person)?|employee(?:[ _]name)?|applicant
        |tenant|cardholder(?:[ ]name)?
        |account[ ]holder|passenger|guest|recipient|sender|attn|attention|reported[ ]by|assigned[ ]to
        |requested[ ]by|submitted[ ]by
        |author|from|to|cc|user[ _]?name|vorname|nachname|familienname|kunden?(?:name)?|kundin
        |patient(?:in)?|ansprechpartner(?:in)?
        |kontakt(?:person)?|mitarbeiter(?:in)?|versicherungsnehmer(?:in)?|versicherter?|kontoinhaber(?:in)?
        |karteninhaber(?:in)?
        |mieter(?:in)?|absender(?:in)?|empfänger(?:in)?|von|an|bearbeiter(?:in)?|auftraggeber(?:in)?
        |teilnehmer(?:in)?|caller(?:[ _]name)?|handled[ ]by|sachbearbeiter(?:in)?
        |anrufer(?:in)?|betreuer(?:in)?)
        ["'*]*[ ]*[:=][ ]*["'*]*"""
    + _TITLE.replace(" ", "[ ]").replace("[[ ]]", "[ ]")
    + _NAME,
    re.VERBOSE,
)
_GENDERED = r"(?:in|/-?in|[*:_]in|[ ]?\((?:in|m/w/d|w/m/d)\))?"
_FIELDS_ANYWHERE = re.compile(
    r"""(?<![\w-])(?<![Uu]ser[ ])(?i:(?:customer|client|patient|employee|tenant|cardholder|caller|applicant
    |agent|owner|account[ ](?:holder|owner|manager)|policy[ ]?holder)(?:['’]s)?(?:[ _](?:full[ ])?name)?
    |contact(?:[ ](?:person|name))?|case[ ]?(?:worker|handler)|attn
    |(?:handled|reported|assigned|requested|submitted|processed|approved|taken)[ ](?:by|to)
    |kund(?:e|in)|kundenname|kontakt(?:person)?|ansprechperson|versicherte[rn]?
    |name[ ]des[ ](?:kunden|patienten|mieters)
    |(?:bearbeitet|gemeldet|betreut|genehmigt)[ ](?:von|durch)
    |(?:patient|ansprechpartner|(?:sach)?bearbeiter|mitarbeiter|betreuer|anrufer|kontoinhaber|karteninhaber|mieter
    |versicherungsnehmer|auftraggeber|antragsteller|teilnehmer)"""
    + _GENDERED
    + r""")["'*]*[ ]?:[ ]*["'*]*"""
    + _TITLE.replace(" ", "[ ]").replace("[[ ]]", "[ ]")
    + _FULL,
    re.VERBOSE,
)
"""Words that ordinary text has before no colon: wherever they stand, a first and a last name behind one is
a person's."""

_FIELD_CUES = _words(
    """
    name full first last surname sur given customer client patient contact employee applicant tenant
    cardholder account passenger guest
    recipient sender attn attention reported assigned requested submitted author from to cc user username
    firstname lastname fullname
    vorname nachname familienname kunde kunden kundenname kundin patientin ansprechpartner
    ansprechpartnerin kontakt kontaktperson
    mitarbeiter mitarbeiterin versicherungsnehmer versicherungsnehmerin versicherte versicherter
    kontoinhaber kontoinhaberin karteninhaber
    karteninhaberin mieter mieterin absender absenderin empfänger empfängerin von an bearbeiter
    bearbeiterin auftraggeber auftraggeberin
    teilnehmer teilnehmerin caller agent owner holder policyholder caseworker worker handler handled processed
    approved taken sachbearbeiter
    sachbearbeiterin anrufer anruferin betreuer betreuerin bearbeitet gemeldet betreut genehmigt
    ansprechperson antragsteller antragstellerin versicherten patienten mieters
    """
)
_NAME_FIELD = re.compile(rf"(?:^|[\n{{,;.]|\\n)[ ]*[\"'*]*[Nn]ame[\"'*]*[ ]*[:=][ ]*[\"'*]*{_TITLE}{_FULL}")
_SAID_SMALL = re.compile(
    r"(?i:\b(?:my (?:full |first |last )?name(?: is|['’]s)|mein name (?:ist|lautet)|ich (?:heiße"
    r"|heisse)))[ ]+"
    r"(?P<name>[^\W\d_][^\W\d_'’-]+(?:[ ][^\W\d_][^\W\d_'’-]+)?)"
)

_NOT_NAMES = _words(
    """
    i im the this that these those thanks thank please my we your our it its you he she they there here all
    everyone everybody team
    support customer customers sir madam sirs ladies gentlemen world folks guys friend friends colleague
    colleagues manager managers hiring
    committee service services sales billing department office help helpdesk admin administrator user users
    member members valued
    neighbor neighbour guest guests client clients patient patients parent parents student students
    applicant candidate reader readers
    subscriber sender recipient staff concerned best regards kind sincerely cheers love yours sent from to
    subject re fwd date
    english german french spanish bot assistant ai chatbot agent bank company corporation corp inc ltd llc
    gmbh ag kg group account
    accounts order orders invoice payment product product's number not no yes ok okay sorry just also in on
    at for and or but if when
    how what why where who is are was were do does did can could would should will have has had a an of
    with by as so any some
    again back new old good great nice happy well very important urgent question questions request issue
    problem sie ihr ihre ihnen ihrem
    ich wir du er es der die das den dem des ein eine einen einem einer mein meine meinen unser unsere kein
    keine nicht und oder aber
    bitte danke vielen dank damen herren kunde kunden kundin kundinnen kollege kollegen kollegin
    kolleginnen freunde freundin mitglied
    mitglieder leser leserinnen nutzer nutzerinnen bewerber bewerberin gast gäste nachbarn eltern zusammen
    leute alle allerseits
    zuerst liebe lieber hallo guten tag morgen abend herr herrn frau familie firma gesellschaft
    kundenservice kundendienst kundensupport
    vertrieb buchhaltung abteilung verwaltung hausverwaltung personalabteilung geschäftsführung rechnung
    bestellung bestellnummer
    rechnungsnummer vorgang betreff datum telefon adresse email mail nummer inhaber inhaberin neukunde
    stammkunde premium gold silber
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august
    september october november
    december montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar märz april mai juni
    juli august september oktober
    november dezember today tomorrow yesterday heute gestern none null unknown anonymous unbekannt keiner
    niemand
    pepper hörer hören wie was wann wo warum mit ohne für zum zur am im auf aus bei von nach seit über unter
    viele grüße grüßen grüsse grüssen gruesse gruessen gruß gruss freundliche freundlichen beste besten
    herzliche herzlichen schöne sonnige mfg lg vg bg warm warmest many take tel fax phone mobile mobil
    handy ext
    siri alexa cortana god universe america python java linux windows google amazon apple microsoft openai
    chatgpt claude
    """
)
_LOWER_STOPS = _words(
    """
    and but i im i'm my from the a an is on in at so with to for und aber ich aus von vom mit wohne bin
    """
)
_OF_A_TEAM = frozenset(("support", "team", "customer", "kunden", "kunde", "service", "sales", "dear"))
_OF_A_FIRM = _words(
    """
    gmbh ag kg ohg se ug mbh ev inc corp corporation company co ltd llc plc group holding holdings bank
    foundation university industries logistics solutions systems software technologies labs studio
    stiftung verein verlag
    """
)
_AGAIN_NOT = _words(
    """
    will mark may bill rose grace hope faith art sunny summer lang klein groß gross kurz jung alt weiß weiss
    braun koch bauer long young white black brown green king page price gold stone field wood day
    """
)
"""Words that are names and much else: alone they are not taken for one."""

_PATTERNS = {
    language: [(frozenset(cues.split()), re.compile(pattern)) for cues, pattern in patterns]
    for language, patterns in {"en": _ENGLISH, "de": _GERMAN}.items()
}
LANGUAGES = tuple(_PATTERNS)
_WORDS = re.compile(r"[^\W\d_]+")


def find_names(text: str, languages: Collection[str], public: Collection[str] = ()) -> Iterator[Finding]:
    """Names that something in a folded text introduces, and every other place where they stand in it.

    Args:
        public: in lower case, what is no person's name though it is introduced as one is: a product's.
    """
    found: dict[tuple[int, int], float] = {}
    for match, confidence in _introduced(text, languages):
        _add(found, text, match.span("name"), confidence)
    for start, end in [span for span in found if text[slice(*span)].casefold() in public]:
        del found[start, end]
    small = _SAID_SMALL.finditer(text) if "ame" in text or "hei" in text or "AME" in text else ()
    for match in small:
        _add_small(found, text, match.span("name"))
    for (start, end), confidence in found.items():
        yield Finding("name", start, end, confidence)
    yield from _again(text, found)


def _introduced(text: str, languages: Collection[str]) -> Iterator[tuple["re.Match[str]", float]]:
    # A pattern is tried only if one of its words is there: most texts have few of them.
    words = {*_WORDS.findall(text.lower())}
    if "\n" in text and any(dash in text for dash in "-~"):
        words.add("-")
    for language in languages:
        for cues, pattern in _PATTERNS[language]:
            if not words.isdisjoint(cues):
                yield from ((match, 0.8) for match in _every(pattern, text))
    if (":" in text or "=" in text) and not words.isdisjoint(_FIELD_CUES):
        for pattern in (_FIELDS, _NAME_FIELD):
            yield from ((match, 0.75) for match in pattern.finditer(text))
        yield from ((match, 0.75) for match in _FIELDS_ANYWHERE.finditer(text) if _of_a_person(match["name"]))


def _of_a_person(name: str) -> bool:
    """Whether what stands in a field is a first and a last name, and names no firm."""
    words = name.split()
    return not any(map(_no_part, words[:2])) and _OF_A_FIRM.isdisjoint(word.lower() for word in words)


def _every(pattern: "re.Pattern[str]", text: str) -> Iterator["re.Match[str]"]:
    """Matches, each of which may begin in the name of the one before: ``Thank you. Regards, Jane``."""
    at = 0
    while match := pattern.search(text, at):
        yield match
        at = max(match.start() + 1, match.start("name"))


def find_given(text: str, given: Iterable[str]) -> Iterator[Finding]:
    """Names that somebody gave, in any case, as whole words."""
    named = sorted({name.strip() for name in given if name.strip()}, key=len, reverse=True)
    if named:
        for match in given_pattern(tuple(named)).finditer(text):
            yield Finding("name", match.start(), match.end(), 0.95)


_GIVEN: dict[tuple[str, ...], "re.Pattern[str]"] = {}


def given_pattern(names: tuple[str, ...]) -> "re.Pattern[str]":
    """Finds any of some names, their words apart by any white space; made once for each list."""
    pattern = _GIVEN.get(names)
    if pattern is None:
        each = "|".join(r"\s{1,3}".join(map(re.escape, name.split())) for name in names)
        pattern = _GIVEN[names] = re.compile(rf"(?<!\w)(?:{each})(?!\w)", re.IGNORECASE)
    return pattern


def _add(found: dict[tuple[int, int], float], text: str, span: tuple[int, int], confidence: float) -> None:
    """Take a name in, less the words at its end that belong to no name; none if nothing is left."""
    start, end = span
    words = list(re.finditer(r"\S+", text[start:end]))
    kept = 0
    for word in words:
        if _no_part(word.group()):
            break
        kept += 1
    if kept > 2 and text.startswith(":", start + words[kept - 1].end()):
        kept -= 1  # the name of the next field
    while kept and not words[kept - 1].group()[0].isupper():
        kept -= 1
    rest = {word.group().lower() for word in words[kept:]}
    if not kept or rest & _OF_A_TEAM or (kept == 1 and _no_name_alone(words[0].group())):
        return
    end = start + words[kept - 1].end()
    found[start, end] = max(confidence, found.get((start, end), 0.0))


def _no_part(word: str) -> bool:
    """A word that is in no name: with a capital it is one of those, small it is not ``von`` or the like."""
    if word[0].islower():
        return not _PARTICLE.fullmatch(word)
    return any(part in _NOT_NAMES for part in (word.rstrip(".").lower(), *word.lower().split("-")))


def _no_name_alone(word: str) -> bool:
    """An initial, an abbreviation in capitals."""
    return len(word.rstrip(".")) < 2 or (word.isupper() and len(word) > 2 and len(word) < 5)


def _add_small(found: dict[tuple[int, int], float], text: str, span: tuple[int, int]) -> None:
    """A name that its owner wrote without capitals."""
    start, end = span
    words = list(re.finditer(r"\S+", text[start:end]))
    kept = next(
        (at for at, word in enumerate(words) if word.group().lower() in _LOWER_STOPS | _NOT_NAMES), len(words)
    )
    if kept and not any(start <= other[0] < end or other[0] <= start < other[1] for other in found):
        found[start, start + words[kept - 1].end()] = 0.7


def _again(text: str, found: Collection[tuple[int, int]]) -> Iterator[Finding]:
    """The other places where a found name stands, whole or one of its words."""
    known: set[str] = set()
    for start, end in found:
        name = text[start:end]
        known.add(name)
        known.update(
            word
            for word in re.split(r"[ ]", name)
            if len(word) > 2 and word[0].isupper() and word.lower() not in _AGAIN_NOT | _NOT_NAMES
        )
    if not known:
        return
    every = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    for match in re.finditer(rf"(?<!\w)(?:{every})(?!\w)", text):
        yield Finding("name", match.start(), match.end(), 0.6)
