"""The simulated judge model: it scores by words in common with what is right, and says that it does."""

import json
import re

from rapidfuzz import fuzz

from promptopt.domain.chat import ChatRequest
from promptopt.models.simulator.chance import Dice
from promptopt.models.simulator.oracle import Oracle

_PART = re.compile(r"<(\w+)-([0-9a-f]{6,})>\n(.*?)\n</\1-\2>", re.DOTALL)
_SCALE = re.compile(r"from 1 to (\d+)")
_REFUSAL = re.compile(r"\b(?:can't|cannot|can not|unable to|won't) \w+", re.IGNORECASE)

WAVERS = 0.15
"""Share of verdicts that are a step too high or too low, as if read in a hurry."""

ALIKE = 0.08
"""Difference in worth below which two outputs are a tie, or the one that stands first seems better."""


class Arbiter:
    """Answers judging requests by their content: a score, or the better one of a pair.

    Args:
        oracle: knows the right answer of a case that is shown without a reference.
        seed: of all draws.
    """

    def __init__(self, oracle: Oracle, seed: int) -> None:
        self._oracle = oracle
        self._seed = seed

    def answer(self, request: ChatRequest, sample: int) -> str:
        """The JSON object with ``reason`` and ``score``, or ``winner`` and ``confidence``."""
        text = "\n".join(message.content for message in request.messages)
        parts = {name: body for name, _, body in _PART.findall(text)}
        dice = Dice(self._seed, "judge", request.content_key(), sample)
        if "cell" in parts:
            return json.dumps(_realism(parts.get("output", ""), dice), ensure_ascii=False)
        verdict = self._pair(parts, dice) if "second" in parts else self._score(parts, text, dice)
        return json.dumps(verdict, ensure_ascii=False)

    def _score(self, parts: dict[str, str], text: str, dice: Dice) -> dict[str, object]:
        found = _SCALE.search(text)
        best = int(found[1]) if found else 5
        worth = self._worth(parts, parts.get("output", ""))
        score = 1 + round(worth * (best - 1))
        if dice.roll("wavers") < WAVERS:
            score += 1 if dice.roll("up") < 0.5 else -1
        return {"reason": _said(f"worth {worth:.0%} of what is wanted"), "score": min(best, max(1, score))}

    def _pair(self, parts: dict[str, str], dice: Dice) -> dict[str, object]:
        first, second = (self._worth(parts, parts.get(name, "")) for name in ("first", "second"))
        if abs(first - second) < ALIKE:
            winner = "first" if dice.roll("prefers the first") < 0.5 else "tie"
        else:
            winner = "first" if first > second else "second"
        reason = _said(f"worth {first:.0%} and {second:.0%} of what is wanted")
        sure = round(0.5 + min(0.5, abs(first - second)), 2)
        return {"reason": reason, "winner": winner, "confidence": sure}

    def _worth(self, parts: dict[str, str], output: str) -> float:
        """In [0, 1]: likeness to what is right, else to what was asked."""
        if not output.strip() or _REFUSAL.search(output[:200]):
            return 0.0
        match = self._oracle.find(parts.get("input", ""))
        right = parts.get("reference") or (match.case.expected if match else None)
        if right:
            return _likeness(right, output)
        return 0.3 + 0.7 * fuzz.token_set_ratio(parts.get("input", "")[:5000], output[:5000]) / 100


def _realism(text: str, dice: Dice) -> dict[str, object]:
    """From 0 to 10: texts with something specific in them seem more real."""
    words = text.split()
    specific = len(
        {word for word in words if any(letter.isdigit() for letter in word) or word[1:] != word[1:].lower()}
    )
    worth = 6.0 + min(2.0, 0.5 * specific) + (1.0 if len(words) > 12 else 0.0) + 2 * dice.roll("realism") - 1
    return {"reason": _said(f"{specific} specific details"), "score": min(10, max(0, round(worth)))}


def _likeness(right: str, output: str) -> float:
    if right.strip().casefold() == output.strip().casefold():
        return 1.0
    return 0.9 * fuzz.token_sort_ratio(right[:5000].casefold(), output[:5000].casefold()) / 100


def _said(what: str) -> str:
    return f"simulated verdict: {what}"
