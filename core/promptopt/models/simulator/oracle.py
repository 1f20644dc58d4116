"""What the simulated target knows of the project: which case a request is about, and its answer."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from promptopt.domain.dataset import Dataset, Example
from promptopt.models.simulator.chance import Dice

Kind = Literal["label", "json", "text", "open"]

ANCHOR = 12
"""Case texts are looked up by so many first characters, then whole, once for each length that they have: a
search costs the message's length, however many cases there are."""

_MOST_LABELS = 30
_LONGEST_LABEL = 40


@dataclass(frozen=True)
class Match:
    """A case found in a message, and the message without the case's texts."""

    case: Example
    rest: str


@dataclass(frozen=True)
class _Entry:
    text: str
    case: Example


_ByLength = dict[int, dict[str, list[_Entry]]]
"""Length of a text, the text, and the cases that have it."""


class Oracle:
    """The dataset, indexed once.

    Attributes:
        labels: the outputs of a labelling task, sorted; empty for other tasks.
        fields: field names of structured outputs, in order of first appearance.
    """

    def __init__(self, dataset: Dataset | None) -> None:
        cases = list(dataset.cases()) if dataset else []
        self.labels = _labels(cases)
        self.fields = tuple(dict.fromkeys(name for case in cases for name in _object(case.expected) or {}))
        self._peers = [case for case in cases if case.expected]
        self._exact: dict[str, Example] = {}
        self._anchored: dict[str, _ByLength] = {}
        self._short: _ByLength = {}
        for case in cases:
            self._index(case)

    def _index(self, case: Example) -> None:
        for text in dict.fromkeys([case.input_text.strip(), *(v.strip() for v in case.inputs.values())]):
            if not text:
                continue
            self._exact.setdefault(text, case)
            group = self._short if len(text) < ANCHOR else self._anchored.setdefault(text[:ANCHOR], {})
            group.setdefault(len(text), {}).setdefault(text, []).append(_Entry(text, case))

    def kind(self, case: Example) -> Kind:
        """What sort of answer ``case`` wants."""
        if case.expected is None:
            return "label" if self.labels else "open"
        if _object(case.expected) is not None:
            return "json"
        return "label" if case.expected.strip() in self.labels else "text"

    def find(self, message: str) -> Match | None:
        """The case that ``message`` is, or that stands in it: the last one, as the others are examples."""
        whole = self._exact.get(message.strip())
        if whole is not None:
            return Match(whole, "")
        spans = list(self._spans(message)) or list(self._short_spans(message))
        if not spans:
            return None
        by_case: dict[str, list[tuple[int, int, _Entry]]] = {}
        for start, end, entry in spans:
            by_case.setdefault(entry.case.id, []).append((start, end, entry))
        best = max(by_case.values(), key=lambda found: (max(end for _, end, _ in found), _covered(found)))
        return Match(best[0][2].case, _cut(message, [(start, end) for start, end, _ in best]))

    def _spans(self, message: str) -> Iterator[tuple[int, int, _Entry]]:
        for start in range(len(message) - ANCHOR + 1):
            for length, texts in self._anchored.get(message[start : start + ANCHOR], {}).items():
                for entry in texts.get(message[start : start + length], ()):
                    yield start, start + length, entry

    def _short_spans(self, message: str) -> Iterator[tuple[int, int, _Entry]]:
        """The last place of each short text, unless it is inside a word there."""
        for length, texts in self._short.items():
            last = {message[start : start + length]: start for start in range(len(message) - length + 1)}
            for text in sorted(last.keys() & texts.keys()):
                start, end = last[text], last[text] + length
                if not _inside_word(message, start, end):
                    yield from ((start, end, entry) for entry in texts[text])

    def confusable(self, case: Example, dice: Dice) -> str:
        """The wrong label that ``case`` is taken for: fixed for the case, and mostly the same for a label."""
        others = [label for label in self.labels if label != (case.expected or "").strip()]
        if not others:
            return "none of these"
        usual = Dice("usual confusion", case.expected, *others).pick(others, "label")
        return usual if dice.roll("usual confusion") < 0.5 else dice.pick(others, "confusion")

    def peer(self, case: Example, dice: Dice) -> Example | None:
        """Another case with another answer: where a plausible wrong value comes from."""
        for attempt in range(8):
            if not self._peers:
                return None
            peer = dice.pick(self._peers, f"peer {attempt}")
            if peer.expected != case.expected:
                return peer
        return None


def parsed(case: Example) -> Mapping[str, Any]:
    """The fields of a structured reference; empty if it is not structured."""
    return _object(case.expected) or {}


def _object(text: str | None) -> dict[str, Any] | None:
    if not text or not text.lstrip().startswith("{"):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _labels(cases: list[Example]) -> tuple[str, ...]:
    outputs = [case.expected.strip() for case in cases if case.expected]
    distinct = sorted(set(outputs))
    repeated = len(distinct) <= max(2, len(outputs) // 3)
    short = all(len(label) <= _LONGEST_LABEL and not label.startswith(("{", "[")) for label in distinct)
    return tuple(distinct) if distinct and repeated and short and len(distinct) <= _MOST_LABELS else ()


def _covered(found: list[tuple[int, int, _Entry]]) -> int:
    return sum(end - start for start, end, _ in found)


def _inside_word(message: str, start: int, end: int) -> bool:
    before = message[start - 1] if start else " "
    after = message[end] if end < len(message) else " "
    return before.isalnum() or after.isalnum()


def _cut(message: str, spans: list[tuple[int, int]]) -> str:
    kept: list[str] = []
    position = 0
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        if start >= position:
            kept += [message[position:start], "…"]
            position = end
    return "".join([*kept, message[position:]])
