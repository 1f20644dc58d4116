"""Reading a proposer's reply, and refusing proposals that can't be used."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from rapidfuzz.distance import Indel

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.text import storable

NEAR_DUPLICATE = 0.985
"""Word similarity to a prompt already tried, from which a proposal is a repetition."""

NEW_WORDS = 6
"""Words added and left out that make a new prompt of a long one, however similar it still is."""

LEAK_WORDS = 8
"""So many words in a row from a sealed or validation case make a proposal a copy of it."""

LABEL_WORDS = 3
"""Expected outputs of so many words may be labels, which prompts have to name."""


class Malformed(ValueError):
    """A reply that holds no proposal; the message says why, for the proposer."""


@dataclass(frozen=True)
class Proposal:
    """A proposed prompt. ``confidence`` in [0, 1] if the proposer gave one."""

    prompt: str
    reasoning: str
    confidence: float | None


def parse_proposal(reply: str, base: str | None = None) -> Proposal:
    """Find the JSON object ``{"prompt", "reasoning", "confidence"}`` in a reply.

    Prose or a code fence around it is tolerated.

    Args:
        base: the prompt that ``"edits": [{"find", "replace"}]`` in the place of ``"prompt"`` are of; None: a
            whole prompt is wanted.

    Raises:
        Malformed: there is no such object, or it has no usable prompt.
    """
    found = _find_object(reply, ("prompt",) if base is None else ("prompt", "edits"))
    if found is None:
        wanted = '"prompt"' if base is None else '"prompt" or "edits"'
        raise Malformed(f"the reply holds no JSON object with a {wanted}")
    text = found.get("prompt")
    if base is not None and "edits" in found and not text:
        text = apply_edits(base, found["edits"])
    if not isinstance(text, str) or not text.strip():
        raise Malformed('"prompt" must be a text that is not empty')
    reasoning = found.get("reasoning", "")
    return Proposal(
        prompt=storable(text.strip()),
        reasoning=storable(reasoning if isinstance(reasoning, str) else json.dumps(reasoning)),
        confidence=_confidence(found.get("confidence")),
    )


def apply_edits(base: str, edits: Any) -> str:
    """A prompt with passages replaced, one edit after the other.

    Args:
        edits: as they were read: a list of tables with the texts ``find`` and ``replace``.

    Raises:
        Malformed: they are no such list, or what is to be found is not in the text exactly once.
    """
    if not isinstance(edits, list) or not edits:
        raise Malformed('"edits" must be a list of at least one {"find": "...", "replace": "..."}')
    text = base
    for number, edit in enumerate(cast("list[Any]", edits), 1):
        table = cast("dict[str, Any]", edit) if isinstance(edit, dict) else {}
        find, replace = table.get("find"), table.get("replace")
        if not isinstance(find, str) or not isinstance(replace, str) or not find:
            raise Malformed(f'edit {number} must have the texts "find" (not empty) and "replace"')
        count = text.count(find)
        if count != 1:
            where = "is not in the prompt" if not count else f"is in the prompt {count} times"
            raise Malformed(f'edit {number}: what it is to find {where}; "find" must match exactly one place')
        text = text.replace(find, replace)
    return text


@dataclass(frozen=True)
class Rules:
    """What a proposal has to keep.

    Attributes:
        columns: names that may stand in braces.
        placeholders: marks that the prompt to start from has, and every proposal must have.
        max_chars: longest prompt.
        guarded: cases whose texts must not be copied into a prompt.
        answers: texts that must not stand in a prompt, such as :func:`guarded_answers`.
        secret: texts of which a prompt must not quote ``LEAK_WORDS`` words in a row: what proposers are told.
        protected: texts that every prompt must have, byte for byte.
        near_duplicate: word similarity to a prompt already tried, from which a proposal is a repetition.
    """

    columns: Collection[str]
    placeholders: Collection[str]
    max_chars: int
    guarded: tuple[Example, ...] = ()
    answers: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    near_duplicate: float = NEAR_DUPLICATE

    def objection(self, proposal: Proposal, tried: Iterable[Prompt]) -> str | None:
        """Why the proposal can't be used, in words for the proposer; None if it can."""
        prompt = Prompt(text=proposal.prompt)
        missing = [name for name in self.placeholders if name not in prompt.placeholders(self.columns)]
        if missing:
            marks = ", ".join(f"{{{name}}}" for name in missing)
            return f"the prompt lost {marks}, which marks where the case goes; keep it exactly"
        lost = next((text for text in self.protected if text not in prompt.text), None)
        if lost is not None:
            return f"the prompt lost or changed a protected text; it must stand in it exactly: {lost}"
        if len(prompt.text) > self.max_chars:
            return f"the prompt has {len(prompt.text)} characters; at most {self.max_chars} are allowed"
        words = prompt.text.split()
        if any(repeats(prompt.text, other.text, self.near_duplicate) for other in tried):
            return "the prompt is (nearly) one that was tried before; propose a different change"
        values = (value for case in self.guarded for value in case.inputs.values())
        if _quotes(words, values) or _has_any(words, self.answers):
            return (
                "the prompt copies a case that is kept for validation or test; state the rule, not the case"
            )
        if _quotes(words, self.secret):
            return "the prompt repeats these instructions; write only what the target model needs"
        return None


def guarded_answers(dataset: Dataset, known: str) -> tuple[str, ...]:
    """Expected outputs of validation cases that would give these away: of more than ``LABEL_WORDS`` words.

    Not those that training cases have too, nor those that stand in ``known`` texts (the prompt to start from,
    the task), which a proposer may use.
    """
    if not dataset.held_back:
        return ()
    shown = {(case.expected or "").strip() for case in dataset.train}
    answers = dict.fromkeys((case.expected or "").strip() for case in dataset.validation)
    return tuple(
        text
        for text in answers
        if len(text.split()) > LABEL_WORDS and text not in shown and text not in known
    )


def _shingles(words: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def _quotes(words: Sequence[str], texts: Iterable[str]) -> bool:
    """Whether ``words`` have ``LEAK_WORDS`` words in a row of any of the texts."""
    own = set(_shingles(words, LEAK_WORDS))
    return any(shingle in own for text in texts for shingle in _shingles(text.split(), LEAK_WORDS))


def _has_any(words: Sequence[str], texts: Iterable[str]) -> bool:
    """Whether ``words`` have all of any of the texts, or of a long one its first ``LEAK_WORDS`` words."""
    own: dict[int, set[tuple[str, ...]]] = {}
    for text in texts:
        wanted = tuple(text.split()[:LEAK_WORDS])
        size = len(wanted)
        if wanted in own.setdefault(size, set(_shingles(words, size))):
            return True
    return False


def repeats(text: str, other: str, threshold: float = NEAR_DUPLICATE) -> bool:
    """Whether texts are (nearly) the same; in a long one, a new rule of a few words is no repetition."""
    first, second = text.split(), other.split()
    distance = Indel.distance(first, second)
    similar = 1 - distance / max(1, len(first) + len(second))
    return distance < NEW_WORDS and similar >= threshold


def _confidence(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return min(1.0, max(0.0, float(value)))


def _find_object(reply: str, keys: Collection[str]) -> dict[str, Any] | None:
    """The largest JSON object in a text with one of the keys. Literal newlines in strings are tolerated."""
    decoder = json.JSONDecoder(strict=False)
    best: tuple[int, dict[str, Any]] | None = None
    position = 0
    for match in re.finditer(r"\{", reply):
        if match.start() < position:
            continue
        try:
            value, end = decoder.raw_decode(reply, match.start())
        except (json.JSONDecodeError, RecursionError):
            continue
        position = end
        length = end - match.start()
        if not isinstance(value, dict) or (best is not None and length <= best[0]):
            continue
        table = cast("dict[str, Any]", value)
        if any(key in table for key in keys):
            best = (length, table)
    return best[1] if best else None
