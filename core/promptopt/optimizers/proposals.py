"""Reading a proposer's reply, and refusing proposals that can't be used."""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, cast

from rapidfuzz.distance import Indel

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.text import storable

NEAR_DUPLICATE = 0.985
"""Word similarity to a prompt already tried, from which a proposal is a repetition."""

LEAK_WORDS = 8
"""So many words in a row from a sealed or validation case make a proposal a copy of it."""


class Malformed(ValueError):
    """A reply that holds no proposal; the message says why, for the proposer."""


@dataclass(frozen=True)
class Proposal:
    """A proposed prompt. ``confidence`` in [0, 1] if the proposer gave one."""

    prompt: str
    reasoning: str
    confidence: float | None


def parse_proposal(reply: str) -> Proposal:
    """Find the JSON object ``{"prompt", "reasoning", "confidence"}`` in a reply.

    Prose or a code fence around it is tolerated.

    Raises:
        Malformed: there is no such object, or it has no usable prompt.
    """
    found = _find_object(reply)
    if found is None:
        raise Malformed('the reply holds no JSON object with a "prompt"')
    text = found.get("prompt")
    if not isinstance(text, str) or not text.strip():
        raise Malformed('"prompt" must be a text that is not empty')
    reasoning = found.get("reasoning", "")
    return Proposal(
        prompt=storable(text.strip()),
        reasoning=storable(reasoning if isinstance(reasoning, str) else json.dumps(reasoning)),
        confidence=_confidence(found.get("confidence")),
    )


@dataclass(frozen=True)
class Rules:
    """What a proposal has to keep.

    Attributes:
        columns: names that may stand in braces.
        placeholders: marks that the prompt to start from has, and every proposal must have.
        max_chars: longest prompt.
        guarded: cases whose texts must not be copied into a prompt.
    """

    columns: Collection[str]
    placeholders: Collection[str]
    max_chars: int
    guarded: tuple[Example, ...] = ()

    def objection(self, proposal: Proposal, tried: Iterable[Prompt]) -> str | None:
        """Why the proposal can't be used, in words for the proposer; None if it can."""
        prompt = Prompt(text=proposal.prompt)
        missing = [name for name in self.placeholders if name not in prompt.placeholders(self.columns)]
        if missing:
            marks = ", ".join(f"{{{name}}}" for name in missing)
            return f"the prompt lost {marks}, which marks where the case goes; keep it exactly"
        if len(prompt.text) > self.max_chars:
            return f"the prompt has {len(prompt.text)} characters; at most {self.max_chars} are allowed"
        words = prompt.text.split()
        if any(_similarity(words, other.text.split()) >= NEAR_DUPLICATE for other in tried):
            return "the prompt is (nearly) one that was tried before; propose a different change"
        if self._copies(words):
            return (
                "the prompt copies a case that is kept for validation or test; state the rule, not the case"
            )
        return None

    def _copies(self, words: list[str]) -> bool:
        shingles = {tuple(words[at : at + LEAK_WORDS]) for at in range(len(words) - LEAK_WORDS + 1)}
        return any(
            tuple(text[at : at + LEAK_WORDS]) in shingles
            for case in self.guarded
            for value in case.inputs.values()
            for text in [value.split()]
            for at in range(len(text) - LEAK_WORDS + 1)
        )


def _similarity(a: list[str], b: list[str]) -> float:
    return Indel.normalized_similarity(a, b)


def _confidence(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return min(1.0, max(0.0, float(value)))


def _find_object(reply: str) -> dict[str, Any] | None:
    """The largest JSON object with a ``prompt`` in a text. Literal newlines in strings are tolerated."""
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
        if isinstance(value, dict) and "prompt" in value and (best is None or length > best[0]):
            best = (length, cast("dict[str, Any]", value))
    return best[1] if best else None
