"""Placeholders for values: the same value is the same placeholder, in every text and after every restart.

Values of the texts that a run is made of are numbered in their order (``[EMAIL_1]``). A value that turns up
later (in what a model wrote, in a person's edit) is called by a hash (``[EMAIL_x3f9a1]``): nothing has to be
kept for it to be called the same again.
"""

import bisect
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from promptopt.domain.pii.finding import LABELS, Finding, Kind
from promptopt.domain.pii.folding import fold
from promptopt.domain.pii.overlaps import without_overlaps

Look = Callable[[str], list[Finding]]

MOST_REMEMBERED = 20_000_000
"""Characters of masked texts that are held, so that what is sent again is not looked through again."""

_PLACEHOLDER = re.compile(
    r"\\?\[(" + "|".join(LABELS.values()) + r")\\?_(\d{1,9}|x[0-9a-f]{5})\\?\]", re.IGNORECASE
)
_WORD = re.compile(r"\w+")
_CHANGE = re.compile(r"\[-(?P<old>.*?)-\]|\{\+(?P<new>.*?)\+\}", re.DOTALL)
_CUT = re.compile(r"…|\.\.\.")
_NEAR_CUT = 80
_SHORTEST_PIECE = 4


@dataclass(frozen=True)
class Masked:
    """A text with placeholders.

    Attributes:
        raws: what each of them stands for, as it was written.
        counts: how many values of each kind.
    """

    text: str
    raws: Mapping[str, str] = field(default_factory=dict[str, str])
    counts: Mapping[Kind, int] = field(default_factory=dict[Kind, int])


@dataclass(frozen=True)
class _Known:
    raw: str
    kind: Kind
    placeholder: str


_Shape = tuple[int, int]
"""Characters before the first word of a value, and of all of it: values that begin with the same word (as all
phone numbers of a country do) differ in few of these, however many they are.
"""

_NO_SHAPES: "Mapping[_Shape, dict[str, _Known]]" = {}


class Masker:
    """Masks the texts of one run.

    Args:
        look: finds what is to be masked.
        salt: of the hashes of late values; the same for all workers of a run.
    """

    def __init__(self, look: Look, salt: str) -> None:
        self._look = look
        self._salt = salt
        self._named: dict[tuple[Kind, str], str] = {}
        self._by_word: dict[str, dict[_Shape, dict[str, _Known]]] = {}
        self._starts: list[tuple[str, _Known]] = []
        self._ends: list[tuple[str, _Known]] = []
        self.of_cases: set[str] = set()
        """Placeholders of values that stand in cases and in none of the run's own texts."""
        self.raws: dict[str, str] = {}
        """What each placeholder stood for where it was put first."""
        self._masked: dict[str, Masked] = {}
        self._held = 0

    def learn(self, own: Iterable[str], cases: Iterable[str]) -> None:
        """Number the values of the texts that a run is made of.

        Args:
            own: prompt, demonstrations, task.
            cases: inputs and expected outputs, in their order.
        """
        own, cases = list(own), list(cases)
        taken = {match[0].upper() for text in (*own, *cases) for match in _PLACEHOLDER.finditer(text)}
        numbers: Counter[Kind] = Counter()
        known: dict[str, _Known] = {}
        for at, text in enumerate((*own, *cases)):
            for found in self._look(text):
                raw = text[found.start : found.end]
                key = found.kind, canonical(found.kind, raw)
                if key not in self._named:
                    self._named[key] = _next(found.kind, numbers, taken)
                    if at >= len(own):
                        self.of_cases.add(self._named[key])
                known.setdefault(raw, _Known(raw, found.kind, self._named[key]))
        self._index(known.values())

    def _index(self, known: Iterable[_Known]) -> None:
        for each in known:
            for form in {each.raw, json.dumps(each.raw)[1:-1]}:
                word = _WORD.search(form)
                if word and len(form) > 2:
                    shapes = self._by_word.setdefault(word.group(), {})
                    shapes.setdefault((word.start(), len(form)), {})[form] = each
            self._starts.append((each.raw, each))
            self._ends.append((each.raw[::-1], each))
        for word, shapes in self._by_word.items():
            self._by_word[word] = dict(sorted(shapes.items(), key=lambda item: -item[0][1]))
        self._starts.sort(key=lambda pair: pair[0])
        self._ends.sort(key=lambda pair: pair[0])

    def mask(self, text: str) -> Masked:
        """``text`` with a placeholder for each value."""
        done = self._masked.get(text)
        if done is None:
            self._held += len(text)
            if self._held > MOST_REMEMBERED:
                self._masked.clear()
                self._held = len(text)
            done = self._masked[text] = self._mask(text)
        return done

    def _mask(self, text: str) -> Masked:
        spans = _apart(self._spans(text))
        if not spans:
            return Masked(text)
        parts: list[str] = []
        raws: dict[str, str] = {}
        counts: Counter[Kind] = Counter()
        at = 0
        for start, end, kind, placeholder in spans:
            raw = text[start:end]
            parts += [text[at:start], placeholder]
            raws.setdefault(placeholder, raw)
            self.raws.setdefault(placeholder, raw)
            counts[kind] += 1
            at = end
        return Masked("".join([*parts, text[at:]]), raws, counts)

    def _spans(self, text: str) -> Iterator["_Span"]:
        for found in self._look(text):
            yield found.start, found.end, found.kind, self._called(found.kind, text[found.start : found.end])
        if "[-" in text or "{+" in text:
            yield from self._in_changes(text)
        if self._by_word:
            yield from self._repeated(text)
            yield from self._cut(text)

    def _called(self, kind: Kind, raw: str) -> str:
        plain = canonical(kind, raw)
        known = self._named.get((kind, plain))
        if known:
            return known
        digest = hashlib.sha256(f"{self._salt}\n{kind}\n{plain}".encode("utf-8", "surrogatepass")).hexdigest()
        return f"[{LABELS[kind]}_x{digest[:5]}]"

    def _repeated(self, text: str) -> Iterator["_Span"]:
        """Known values where nothing introduces them."""
        for word in _WORD.finditer(text):
            for (lead, length), forms in self._by_word.get(word.group(), _NO_SHAPES).items():
                start = word.start() - lead
                end = start + length
                known = forms.get(text[start:end]) if start >= 0 else None
                if known and _whole(text, start, end):
                    yield start, end, known.kind, known.placeholder
                    break

    def _in_changes(self, text: str) -> Iterator["_Span"]:
        """Values that the marks of a difference by words (``[-old-]{+new+}``) run through."""
        for side in ("old", "new"):
            plain, kept = _one_side(text, side)
            for found in self._look(plain):
                start, end = kept[found.start], kept[found.end - 1] + 1
                if end - start != found.end - found.start:
                    placeholder = self._called(found.kind, plain[found.start : found.end])
                    yield start, end, found.kind, placeholder

    def _cut(self, text: str) -> Iterator["_Span"]:
        """The beginnings and ends of known values that a text was cut in."""
        for mark in _CUT.finditer(text):
            before = text[max(0, mark.start() - _NEAR_CUT) : mark.start()].rstrip()
            for start in _word_starts(before):
                known = _with_prefix(self._starts, before[start:])
                if known:
                    end = max(0, mark.start() - _NEAR_CUT) + len(before)
                    yield end - len(before) + start, end, known.kind, known.placeholder
                    break
            after = text[mark.end() : mark.end() + _NEAR_CUT]
            skipped = len(after) - len(after.lstrip())
            after = after.lstrip()
            for end in reversed(_word_ends(after)):
                known = _with_prefix(self._ends, after[:end][::-1])
                if known:
                    start = mark.end() + skipped
                    yield start, start + end, known.kind, known.placeholder
                    break


_Span = tuple[int, int, Kind, str]


def unmask(text: str, raws: Mapping[str, str], but: Collection[str] = ()) -> str:
    """Put the values back in the place of their placeholders, also where a model has escaped those.

    Args:
        raws: what the placeholders of the request stand for.
        but: placeholders that stay.
    """
    if not raws or "_" not in text:
        return text
    in_json = text.lstrip()[:1] in ("{", "[") and not _PLACEHOLDER.match(text.lstrip())

    def put(match: "re.Match[str]") -> str:
        placeholder = f"[{match[1].upper()}_{match[2].lower()}]"
        raw = raws.get(placeholder)
        if raw is None or placeholder in but:
            return match.group()
        return json.dumps(raw, ensure_ascii=False)[1:-1] if in_json else raw

    return _PLACEHOLDER.sub(put, text)


def placeholders_in(text: str) -> Iterator[Kind]:
    """Kinds of the placeholders in a text, one for each."""
    for match in _PLACEHOLDER.finditer(text):
        yield _KIND_OF[match[1].upper()]


_KIND_OF: dict[str, Kind] = {label: kind for kind, label in LABELS.items()}


def canonical(kind: Kind, raw: str) -> str:
    """What two spellings of one value have in common."""
    plain = fold(raw).text.casefold()
    if kind in _GROUPED:
        return re.sub(r"[^\w+]+", "", plain)
    return re.sub(r"\s+", "" if kind == "email" else " ", plain.strip())


_GROUPED: tuple[Kind, ...] = ("phone", "iban", "card", "us_ssn", "de_tax_id", "uk_nino")
"""Kinds of which spaces and signs between the digits mean nothing."""


def _next(kind: Kind, numbers: Counter[Kind], taken: Collection[str]) -> str:
    while True:
        numbers[kind] += 1
        placeholder = f"[{LABELS[kind]}_{numbers[kind]}]"
        if placeholder not in taken:
            return placeholder


def _whole(text: str, start: int, end: int) -> bool:
    """Whether what stands there is not a part of longer words."""
    left = start and text[start - 1].isalnum() and text[start].isalnum()
    right = end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    return not (left or right)


def _apart(spans: Iterable[_Span]) -> list[_Span]:
    """Of spans that overlap, the longest; in order."""
    longest = sorted(spans, key=lambda one: (one[0] - one[1], one[0]))
    return without_overlaps(longest, lambda one: (one[0], one[1]))


def _one_side(text: str, side: str) -> tuple[str, list[int]]:
    """A difference as its old or new text, and where each character of that stands."""
    kept: list[int] = []
    at = 0
    for match in _CHANGE.finditer(text):
        kept.extend(range(at, match.start()))
        if match[side] is not None:
            kept.extend(range(match.start(side), match.end(side)))
        at = match.end()
    kept.extend(range(at, len(text)))
    return "".join(text[place] for place in kept), kept


def _word_starts(text: str) -> list[int]:
    return [
        at for at in range(len(text)) if not text[at].isspace() and (not at or not text[at - 1].isalnum())
    ]


def _word_ends(text: str) -> list[int]:
    last = len(text)
    return [at for at in range(1, last + 1) if at == last or not text[at].isalnum() or text[at].isspace()]


def _with_prefix(values: list[tuple[str, _Known]], piece: str) -> _Known | None:
    """A value that begins with ``piece`` and is longer."""
    if len(piece) < _SHORTEST_PIECE:
        return None
    at = bisect.bisect_left(values, piece, key=lambda pair: pair[0])
    if at < len(values) and values[at][0].startswith(piece) and len(values[at][0]) > len(piece):
        return values[at][1]
    return None
