"""What the simulated optimizer reads in a request: the current prompt, and what the feedback shows."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from promptopt.domain.results import CATEGORIES

_FENCED_PROMPT = re.compile(r"current prompt[^\n]*\n+```[a-z]*\n(.*?)\n```", re.DOTALL | re.IGNORECASE)
_HEADED_PROMPT = re.compile(r"current prompt[^\n:]*:[ \t]*\n?(.+?)(?:\n\s*\n|\Z)", re.DOTALL | re.IGNORECASE)

_FACT = re.compile(
    r"^\W*(?P<name>expected|wanted|reference|actual|got|output|answered|input|case|ticket|text)\b[^:=>\n]{0,40}[:=>]"
    r"[ \t]*(?P<value>.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE = re.compile(
    r"expected\s+[\"'`«“]?(?P<expected>[^\"'`»”,;\n]{1,60}?)[\"'`»”]?\s*[,;]?\s+(?:but\s+)?(?:got|was|actual(?:ly)?)\s+"
    r"[\"'`«“]?(?P<actual>[^\"'`»”,;\n]{1,60})",
    re.IGNORECASE,
)
_SEALED = re.compile(
    r"^\[(?P<name>input|expected|actual) (?P<seal>\w+)\]\n(?P<value>.*?)\n\[/(?P=name) (?P=seal)\]$",
    re.DOTALL | re.MULTILINE,
)
_CHOICES = re.compile(r"\bone of: (?P<list>\"[^\n]*)")
_QUOTED = re.compile(r'"([^"\n]{1,60})"')
_KINDS = {
    **dict.fromkeys(("expected", "wanted", "reference"), "expected"),
    **dict.fromkeys(("actual", "got", "output", "answered"), "actual"),
    **dict.fromkeys(("input", "case", "ticket", "text"), "input"),
}
_CATEGORY = re.compile(rf"(?<![\w-])(?:{'|'.join(CATEGORIES)})(?![\w-])")
_NUMBER = re.compile(r"\d+")
_TAG = re.compile(r"</?[a-z_]+>")
_LONGEST_LABEL = 40
_MOST_LABEL_WORDS = 4


@dataclass
class Failure:
    """One failed case, as far as the feedback shows it."""

    input: str = ""
    expected: str = ""
    actual: str = ""


@dataclass(frozen=True)
class Clues:
    """What a request shows.

    Attributes:
        request: all of it.
        prompt: the current prompt.
        feedback: the feedback's text; the whole request if it marks none.
        counts: error categories to how many cases they hit.
        failures: expected against actual.
        labels: short outputs that were expected.
        fields: field names of the objects that were expected.
        missed: labels by how often something else was answered.
    """

    request: str
    prompt: str
    feedback: str
    counts: dict[str, int]
    failures: list[Failure] = field(default_factory=list[Failure])
    labels: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


def read_request(text: str) -> Clues:
    """Read the meta-prompt ``text``: the last marked prompt and the last marked feedback count."""
    prompt = marked("current_prompt", text) or _last(_FENCED_PROMPT, text) or _last(_HEADED_PROMPT, text)
    feedback = marked("feedback", text) or text
    failures = _failures(feedback)
    expected = [failure.expected for failure in failures if failure.expected]
    objects = [found for found in map(_object, expected) if found]
    labels = () if objects else tuple(dict.fromkeys(filter(_is_label, [*_choices(feedback), *expected])))
    wrong = Counter(
        f.expected
        for f in failures
        if f.expected in labels and f.expected.casefold() not in f.actual.casefold()
    )
    return Clues(
        request=text,
        prompt=prompt.strip("\n"),
        feedback=feedback,
        counts=_counts(feedback),
        failures=failures,
        labels=labels,
        fields=tuple(dict.fromkeys(name for found in objects for name in found)),
        missed=tuple(label for label, _ in wrong.most_common()),
    )


def marked(name: str, text: str) -> str:
    """What stands in the last ``<name>`` … ``</name>``; the marks are also spoken of before."""
    end = text.rfind(f"</{name}>")
    start = text.rfind(f"<{name}>", 0, max(end, 0))
    return text[start + len(name) + 2 : end].strip("\n") if start >= 0 else ""


def _last(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.findall(text)
    return found[-1] if found else ""


def _choices(feedback: str) -> list[str]:
    """Labels that a suggestion lists."""
    found = _CHOICES.search(feedback)
    return _QUOTED.findall(found["list"]) if found else []


def _counts(feedback: str) -> dict[str, int]:
    """The first category that each line names, with the first number on that line (1 if it has none)."""
    counts: dict[str, int] = {}
    for line in feedback.casefold().splitlines():
        named = _CATEGORY.search(line)
        if named:
            number = _NUMBER.search(line)
            counts.setdefault(named.group(), int(number.group()[:6]) if number else 1)
    return counts


def _failures(feedback: str) -> list[Failure]:
    failures: list[Failure] = []
    current = Failure()
    for match in list(_SEALED.finditer(feedback)) or _FACT.finditer(feedback):
        kind, value = _KINDS[match["name"].casefold()], _bare(match["value"])
        if getattr(current, kind) or (kind == "input" and current.expected):
            failures.append(current)
            current = Failure()
        setattr(current, kind, value)
    failures.append(current)
    failures += [Failure("", _bare(m["expected"]), _bare(m["actual"])) for m in _INLINE.finditer(feedback)]
    return [failure for failure in failures if failure.expected]


def _bare(text: str) -> str:
    text = " ".join(_TAG.sub("", text).split()).rstrip(",").strip()
    return text if text.startswith("{") else text.strip("\"'`«»“”*").strip()


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return dict.fromkeys(re.findall(r'"([^"]+)"\s*:', text)) or None


def _is_label(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_LABEL and len(text.split()) <= _MOST_LABEL_WORDS
