"""Constraints as a business writes them, ``tone: business_casual``, and what becomes of each.

One is *checked* in every output by a rule, *judged* by a judge model and told to the others, or *recorded*:
told to the models and to the reader of a report, for no single output can show whether it is kept.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from promptopt.domain.text import one_line
from promptopt.store.textfiles import closest

Kind = Literal["checked", "judged", "recorded"]


class Unfit(ValueError):
    """A constraint that is not there, or not with this value; the message says what is."""


@dataclass(frozen=True)
class Pack:
    """What a constraint's value turns into.

    Attributes:
        kind: what becomes of it.
        values: what it can be, in words.
        fields: reads a value, and gives what it adds to a ``BusinessContext``, by field.
    """

    kind: Kind
    values: str
    fields: Callable[[Any], dict[str, Any]] = field(repr=False)


def packs() -> dict[str, Pack]:
    """All constraints that there are, by key."""
    return dict(_PACKS)


def read(key: str, value: Any) -> dict[str, Any]:
    """What ``key: value`` adds to a business context: fields to their values.

    Raises:
        Unfit: there is no such constraint, or none with such a value; the message names those that there are.
    """
    pack = _PACKS.get(key)
    if pack is None:
        near = closest(key, _PACKS)
        hint = f"did you mean {near}? " if near else ""
        raise Unfit(f"there is no constraint {one_line(key, 60)!r}; {hint}there are: {', '.join(_PACKS)}")
    try:
        return pack.fields(value)
    except Unfit as error:
        told = f"; {error}" if str(error) else ""
        raise Unfit(f"found {one_line(repr(value), 60)}, expected {pack.values}{told}") from None


def combined(added: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What several constraints add together: rules, lists and policies of all; of all else the last one's."""
    found: dict[str, Any] = {}
    for one in added:
        for key, value in one.items():
            before = found.get(key)
            if isinstance(value, Mapping) and isinstance(before, Mapping):
                found[key] = {**cast("dict[str, Any]", before), **cast("dict[str, Any]", value)}
            elif isinstance(value, tuple) and isinstance(before, tuple):
                found[key] = (*cast("tuple[Any, ...]", before), *cast("tuple[Any, ...]", value))
            else:
                found[key] = value
    return found


# Words that a model is told, or a phrase of one's own

TONES = {
    "business_casual": "business casual: relaxed and direct, as among colleagues, but no slang and no jokes",
    "concise": "concise: what matters first, no filler and no small talk",
    "empathetic": "empathetic: takes the reader's situation seriously before it turns to the matter",
    "enthusiastic": "enthusiastic: lively and positive, without exaggeration",
    "formal": "formal: full sentences, titles and last names, no contractions",
    "friendly": "friendly: warm and simple, speaks to the reader as a person",
    "neutral": "neutral: facts without praise, blame or feeling",
    "professional": "professional: courteous, precise, to the matter",
    "professional_friendly": "professional and friendly: courteous and precise, warm but never chummy",
    "technical": "technical: exact terms, numbers and steps, for readers who know the matter",
}
"""Tones by name, and what each means."""


def _tone(value: Any) -> dict[str, Any]:
    said = _text(value)
    if said in TONES:
        return {"tone": TONES[said]}
    if " " in said:
        return {"tone": said}
    near = closest(said, TONES)
    raise Unfit(f"did you mean {near}?" if near else "")


def _told(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: _text(value)}


# How long

_MOST = r"<=?|≤|under|below|less than|fewer than|at most|up to|no more than|max(?:imum)?\.?"
_LEAST = r">=?|≥|over|above|more than|at least|no less than|min(?:imum)?\.?"
_UNIT = r"(?P<unit>words?|char(?:acter)?s?)"
_BOUND = re.compile(rf"(?:(?P<most>{_MOST})|(?P<least>{_LEAST}))?\s*(?P<number>\d[\d,_]*)\s*{_UNIT}")
_RANGE = re.compile(rf"(?P<low>\d[\d,_]*)\s*(?:-|–|to|\.\.)\s*(?P<high>\d[\d,_]*)\s*{_UNIT}")
_STRICT = ("<", ">", "under", "below", "less than", "fewer than", "over", "above", "more than")


def _length(value: Any) -> dict[str, Any]:
    said = _text(value).lower()
    if found := _RANGE.fullmatch(said):
        low, high = _whole(found["low"]), _whole(found["high"])
        if low > high:
            raise Unfit("the smaller number comes first")
        return {**_bound(found["unit"], "min", low), **_bound(found["unit"], "max", high)}
    found = _BOUND.fullmatch(said)
    if found is None:
        raise Unfit
    number = _whole(found["number"])
    if found["least"]:
        return _bound(found["unit"], "min", number + (found["least"] in _STRICT))
    return _bound(found["unit"], "max", number - (found["most"] in _STRICT))


def _bound(unit: str, end: str, number: int) -> dict[str, Any]:
    words = unit.startswith("word")
    if number < 1:
        raise Unfit("that leaves no output")
    if end == "min" and not words:
        raise Unfit("a least length is given in words")
    return {f"{end}_{'words' if words else 'chars'}": number}


def _count(name: str) -> Callable[[Any], dict[str, Any]]:
    def fields(value: Any) -> dict[str, Any]:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise Unfit
        return {name: value}

    return fields


# What an output looks like

_GREETINGS = (
    r"dear|hello|hi|hey|good (?:morning|afternoon|evening|day)|greetings|to whom it may concern"
    r"|sehr geehrte\w*|guten (?:morgen|tag|abend)|lieber?|hallo|moin|servus|grüezi"
    r"|bonjour|bonsoir|chère?s?|madame|monsieur|salut|hola|estimad[oa]s?|buen[oa]s|querid[oa]s?"
    r"|ciao|gentil[ei]|buon(?:giorno|asera)|car[oaie]|olá|prezad[oa]s?|bom dia"
    r"|beste|geachte|goede(?:morgen|middag)"
)
_CLOSINGS = (
    r"(?:with )?(?:kind|best|warm|many|friendly)(?:est)? (?:regards|wishes|thanks)|regards|best|cheers"
    r"|thanks(?: again| in advance| and regards)?|thank you|respectfully"
    r"|(?:yours )?(?:sincerely|faithfully|truly)|mit (?:freundlichen|besten|herzlichen|vielen) grüßen"
    r"|(?:viele|beste|freundliche|herzliche|liebe|schöne) grüße"
    r"|cordialement|bien à vous|(?:meilleures )?salutations|saludos|un saludo|atentamente|cordialmente"
    r"|(?:cordiali|distinti) saluti|a presto|atenciosamente|met vriendelijke groet(?:en)?"
)
_ENDING = r"(?:[ \t]+(?:from|to|aus|von|de|da)\b[^\n]{0,30})?[ \t]*(?:[,.!–-][^\n]{0,40})?[ \t]*(?=\n|\Z)"
_SUBJECT = r"(?:\W{0,3}(?:subject|betreff|objet|asunto|oggetto|assunto|onderwerp)\W{0,3}:[^\n]*\n\s*)?"

EMAIL = (
    {
        "name": "e-mail: greeting",
        "regex": rf"(?i)\A\s*{_SUBJECT}(?:{_GREETINGS})\b",
        "description": "it begins with a greeting, such as Dear Ms Lee; the subject may stand before it",
    },
    {
        "name": "e-mail: body",
        "regex": rf"(?i)\A\s*{_SUBJECT}(?:{_GREETINGS})\b[^\n]*\n\s*(?!(?:{_CLOSINGS})\b{_ENDING})\S",
        "description": "after the line of the greeting comes the text, on lines of its own",
    },
    {
        "name": "e-mail: closing",
        "regex": rf"(?im)^[ \t]*(?:{_CLOSINGS})\b{_ENDING}(?:\n[^\n]*){{0,5}}\s*\Z",
        "description": "it ends with a closing on its own line, such as Kind regards, and the sender below",
    },
)
"""The standard template of an e-mail: greeting, body, closing. They weigh as much as one rule together."""

_FORMATS: dict[str, tuple[dict[str, Any], ...]] = {
    "standard_email_template": EMAIL,
    "plain_text": (
        {
            "name": "plain text",
            "not_regex": r"(?m)^ {0,3}(?:#{1,6} |```|[-*_]{3,} *$|\|.*\| *$)|\*\*[^*\n]+\*\*|\]\(\w+:",
            "description": "plain text: no Markdown headings, bold, links, tables or code blocks",
        },
    ),
    "bullet_points": (
        {
            "name": "bullet points",
            "regex": r"\A(?:[^\n]*\n)?(?:\s*(?:[-*•–]|\d{1,2}[.)])\s+\S[^\n]*(?:\n|\Z))+\s*\Z",
            "description": "a list of bullet points, with at most one line before it",
        },
    ),
    "single_paragraph": (
        {
            "name": "single paragraph",
            "not_regex": r"\S[ \t]*\n[ \t]*\n\s*\S",
            "description": "one paragraph: no empty line in it",
        },
    ),
    "single_line": (
        {"name": "single line", "not_regex": r"\S[ \t]*\n\s*\S", "description": "one line, no line break"},
    ),
    "json": ({"name": "JSON", "json_output": True, "description": "valid JSON and nothing else"},),
}


def _format(value: Any) -> dict[str, Any]:
    said = _text(value)
    rules = _FORMATS.get(said)
    if rules is None:
        near = closest(said, _FORMATS)
        raise Unfit(f"did you mean {near}?" if near else "")
    share = 1 / len(rules)
    weighed = ({**rule, "weight": share} if len(rules) > 1 else rule for rule in rules)
    return {"rules": tuple(weighed)}


def _listed(name: str) -> Callable[[Any], dict[str, Any]]:
    def fields(value: Any) -> dict[str, Any]:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not given:
            raise Unfit
        words = cast("list[Any]", given)
        if not all(isinstance(word, str) and word.strip() for word in words):
            raise Unfit
        return {name: tuple(words)}

    return fields


# What is promised

PRIVACY = {
    "no_customer_data_retention": "customers' data is used for this one answer only: it is not kept, not "
    "passed on, and no answer says that it was stored for later",
    "no_personal_data": "no answer repeats names, addresses, numbers or other personal data without need",
    "anonymous": "no answer names a person or tells who is meant",
}
"""What can be promised about people's data, by name."""

_WITHIN = re.compile(
    rf"(?:{_MOST}|within)?\s*(?P<number>\d+(?:\.\d+)?)\s*"
    r"(?P<unit>(?:business |working )?(?:minute|min|hour|h|day|d|week)s?)"
)
_UNITS = {"min": "minutes", "h": "hours", "d": "days"}


def _response_time(value: Any) -> dict[str, Any]:
    found = _WITHIN.fullmatch(_text(value).lower())
    if found is None or not float(found["number"]):
        raise Unfit
    unit = _UNITS.get(found["unit"], found["unit"])
    return {
        "policies": {"max_response_time": f"whoever writes has an answer within {found['number']} {unit}"}
    }


def _privacy(value: Any) -> dict[str, Any]:
    said = _text(value)
    if said not in PRIVACY:
        near = closest(said, PRIVACY)
        raise Unfit(f"did you mean {near}?" if near else "")
    return {"policies": {"privacy": PRIVACY[said]}}


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unfit
    return " ".join(value.split())


def _whole(text: str) -> int:
    return int(re.sub("[,_]", "", text))


_PACKS: dict[str, Pack] = {
    "tone": Pack("judged", f"one of {', '.join(TONES)}, or some words of your own", _tone),
    "audience": Pack("judged", "whom the outputs are for, in words", _told("audience")),
    "language": Pack("judged", "a language, in words", _told("language")),
    "length": Pack(
        "checked", 'a length such as "< 200 words", "50-120 words" or "< 500 characters"', _length
    ),
    "max_words": Pack("checked", "a whole number from 1", _count("max_words")),
    "min_words": Pack("checked", "a whole number from 1", _count("min_words")),
    "max_chars": Pack("checked", "a whole number from 1", _count("max_chars")),
    "format": Pack("checked", f"one of {', '.join(_FORMATS)}", _format),
    "forbidden_words": Pack("checked", "a list of words", _listed("forbidden_words")),
    "required_phrases": Pack("checked", "a list of phrases", _listed("required_phrases")),
    "max_response_time": Pack("recorded", 'a time such as "< 24 hours" or "2 business days"', _response_time),
    "privacy": Pack("recorded", f"one of {', '.join(PRIVACY)}", _privacy),
}
