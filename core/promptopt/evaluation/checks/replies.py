"""Verdicts in what a judge replied. A reply may quote what it judges: none is believed for coming first."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

LONGEST = 50_000
"""Characters of a reply; a longer one is no verdict."""

MOST_BRACES = 200
"""Braces that open no JSON object, after which a reply is not looked at any further."""

VERDICTS = ("score", "winner")
"""Keys under which a verdict stands."""

DIFFERENT: Final = object()
"""The value of a key that an object has several times, with different values."""

_NUMBER = r"(?P<value>-?\d+(?:\.\d+)?)(?: ?(?:/|out of) ?(?P<of>\d+))?"
_SCORE = re.compile(rf"\bscore[\"'*_]{{0,4}} ?(?:is|[:=])? ?[\"'*_]{{0,4}} ?{_NUMBER}", re.IGNORECASE)
_PLAIN = re.compile(_NUMBER, re.IGNORECASE)
_MARKS = "\"'*_#>- {"


class NoVerdict(Exception):
    """A reply that holds no verdict, and what is wrong with it."""


class Score(NamedTuple):
    """A score in words: ``4``, ``4/5``. ``of`` is the best one, if that is said."""

    value: float
    of: int | None


class _Found(NamedTuple):
    """A JSON object in a text, with its keys in lower case, and where it stands."""

    table: dict[str, Any]
    start: int
    end: int


def verdict_in(reply: str) -> dict[str, Any]:
    """The JSON object with the verdict in a reply, keys in lower case; empty if there is no JSON object.

    Talk before or after it is no fault. An object in the midst of talk may be a quotation.

    Raises:
        NoVerdict: there are several verdicts, and they differ; or it may be a quotation.
    """
    said = _spoken(reply)
    found = _objects(said)
    verdicts = [one for one in found if any(key in one.table for key in VERDICTS)]
    if not verdicts:
        return found[0].table if found else {}
    given = [{key: one.table.get(key) for key in VERDICTS} for one in verdicts]
    if any(other != given[0] for other in given) or DIFFERENT in given[0].values():
        raise NoVerdict("it holds several verdicts that differ")
    if verdicts[0].start and verdicts[-1].end < len(said):
        raise NoVerdict("the JSON object stands in the midst of other text")
    return verdicts[-1].table


def scores_said(reply: str) -> tuple[list[Score], bool]:
    """The scores that a reply tells outside of JSON, and whether a line begins with the first of them.

    Raises:
        NoVerdict: it can't be looked at.
    """
    said = _spoken(reply)
    for one in reversed(_objects(said)):
        said = f"{said[: one.start]}\n{said[one.end :]}"
    scores: list[Score] = []
    leads = False
    for line in said.splitlines():
        plain = " ".join(line.split())
        for match in _SCORE.finditer(plain):
            leads = leads or (not scores and not plain[: match.start()].strip(_MARKS))
            scores.append(_score(match))
    return scores, leads


def score_of(text: str) -> Score | None:
    """A score that is written as text; None if it is something else."""
    match = _PLAIN.fullmatch(" ".join(text.split()))
    return _score(match) if match else None


def _score(match: re.Match[str]) -> Score:
    return Score(float(match["value"]), int(match["of"]) if match["of"] else None)


def _spoken(reply: str) -> str:
    """A reply without what a model thought aloud before it, and without a fence around it.

    Raises:
        NoVerdict: it is too long, or its thoughts have more than one end.
    """
    if len(reply) > LONGEST:
        raise NoVerdict(f"it is longer than {LONGEST:,} characters")
    text = reply.strip()
    if text.startswith("<think>"):
        if text.count("</think>") > 1:
            raise NoVerdict("its thoughts have more than one end")
        text = (text.partition("</think>")[2] or text).strip()
    if text.startswith("```"):
        text = text.removeprefix("```").lstrip("abcdefghijklmnopqrstuvwxyz")
    return text.removesuffix("```").strip()


def _objects(text: str) -> Sequence[_Found]:
    """Every JSON object in a text, those inside others aside; or the one that it is, cut off at its end."""
    decoder = json.JSONDecoder(object_pairs_hook=_folded, parse_constant=_refused)
    found: list[_Found] = []
    vain = place = 0
    while (start := text.find("{", place)) >= 0:
        if vain > MOST_BRACES:
            raise NoVerdict("it has too many braces")
        try:
            table, place = decoder.raw_decode(text, start)
            found.append(_Found(table, start, place))
        except (ValueError, RecursionError):
            vain, place = vain + 1, start + 1
    for end in ("}", '"}'):
        if not found and text.startswith("{"):
            try:
                found.append(_Found(decoder.decode(text + end), 0, len(text)))
            except (ValueError, RecursionError):
                continue
    return found


def _folded(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        name = key.strip().casefold()
        table[name] = DIFFERENT if name in table and table[name] != value else value
    return table


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
