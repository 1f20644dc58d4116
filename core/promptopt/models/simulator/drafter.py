"""The simulated generator model: drafts a small task from a description, varies cases that it is shown, makes
cases of scenarios up, and puts requests in other words.

What it makes up is meant to be looked at in place of a real model's: it is well-formed, and not clever.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from promptopt.domain.chat import ChatRequest
from promptopt.models.simulator.chance import Dice
from promptopt.models.simulator.rephraser import rephrased, text_to_rephrase
from promptopt.models.simulator.storyteller import Storyteller

_COUNT = re.compile(r"\b(\d+) (?:different|new) cases\b")
_MARKED = re.compile(
    r"<(description|task|cases|wish|scenario|company|cells|earlier)-(\w+)>\n(.*?)\n</\1-\2>",
    re.DOTALL,
)
_LABELS = re.compile(
    r"\b(?:as|is|into|either|one of)[: ]+((?:[\w-]+(?:, | or | and ))+(?:or |and )?[\w-]+)", re.I
)
_OPENINGS = (
    "Hello,",
    "A question:",
    "Urgent!",
    "Hi there,",
    "To whom it may concern:",
    "Quick one:",
    "Again:",
)
_MATTERS = (
    "the first one I tried did not work",
    "my colleague and I can't agree on this",
    "it was fine last week and is not any more",
    "please have a look before Monday",
    "we need this for a customer",
    "nobody answered my last message",
    "it works, but not as we hoped",
    "this is about the order of last month",
)
_FEWEST = 3


class Drafter:
    """Answers requests of :mod:`promptopt.synthetic`."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._storyteller = Storyteller(seed)

    def answer(self, request: ChatRequest, sample: int) -> str:
        """JSON: a whole draft, or cases, by what the request shows."""
        dice = Dice(self._seed, request.content_key(), sample)
        asked = "\n".join(message.content for message in request.messages)
        text = text_to_rephrase(asked)
        if text is not None:
            return rephrased(text, dice)
        found = _COUNT.search(asked)
        count = max(_FEWEST, int(found[1])) if found else _FEWEST
        parts = {name: text for name, _, text in _MARKED.findall(asked)}
        if "cells" in parts:
            return self._storyteller.answer(request, sample, parts)
        if "description" in parts:
            return json.dumps(_draft(parts["description"], count, dice), ensure_ascii=False, indent=1)
        return json.dumps({"cases": _varied(_shown(parts.get("cases", "")), count, dice)}, ensure_ascii=False)


def _draft(description: str, count: int, dice: Dice) -> dict[str, Any]:
    found = _LABELS.search(description)
    labels = [word for word in re.split(r",\s*(?:or |and )?| or | and ", found[1]) if word] if found else []
    labels = labels or ["yes", "no"]
    words = re.findall(r"[^\W\d_]{4,}", description)
    name = " ".join(words[:3]).lower() or "new task"
    cases = [
        {"input": _text(number, dice), "expected": labels[number % len(labels)], "tags": ["drafted"]}
        for number in range(count)
    ]
    return {
        "name": name,
        "description": f"{description.strip().rstrip('.')}. Answer with one of: {', '.join(labels)}.",
        "prompt": f"{description.strip()}\n\n{{input}}",
        "checks": [{"type": "exact", "ignore_case": True}],
        "cases": cases,
    }


def _varied(shown: Sequence[dict[str, Any]], count: int, dice: Dice) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = []
    for number in range(count):
        case = dict(shown[number % len(shown)]) if shown else {"input": "", "expected": "yes"}
        case["input"] = f"{_text(number, dice)} {case.get('input', '')}".strip()
        cases.append({**case, "tags": ["made up"]})
    return cases


def _text(number: int, dice: Dice) -> str:
    opening = dice.pick(_OPENINGS, f"opening {number}")
    return f"{opening} {_MATTERS[number % len(_MATTERS)]} ({number + 1})."


def _shown(lines: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in lines.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(cast("dict[str, Any]", value))
    return found
