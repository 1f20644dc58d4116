"""The last step: leaving out what a search has put into its prompt and that makes no difference."""

import re
from collections.abc import Sequence

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.evaluation.gates import no_worse
from promptopt.evaluation.racing import gap
from promptopt.evaluation.together import together
from promptopt.optimizers.grpo.measuring import Measurements

GROWN = 300
"""Characters by which a prompt must have grown until it is looked at."""

MOST = 4
"""Sections that are tried without."""


def sections(text: str, keep: str, fixed: Sequence[str]) -> list[tuple[int, int]]:
    """Where a text has sections that may go, the longest first: paragraphs, or the lines of a single one.

    Args:
        keep: what stands in this text stays.
        fixed: texts, such as placeholders, whose sections stay.
    """
    parts = _split(text, r"\n\s*\n")
    parts = parts if len(parts) > 1 else _split(text, r"\n")
    found = [
        (start, end)
        for start, end in parts
        if text[start:end].strip() not in keep and not any(one in text[start:end] for one in fixed)
    ]
    found = found if len(found) < len(parts) else found[1:]
    return sorted(found, key=lambda part: (part[0] - part[1], part[0]))[:MOST]


def without(text: str, parts: Sequence[tuple[int, int]]) -> str:
    """The text without some of its sections, and without the empty lines that they would leave."""
    kept = list(text)
    for start, end in parts:
        while end < len(text) and text[end] == "\n":
            end += 1
        kept[start:end] = [""] * (end - start)
    return "".join(kept).strip()


async def trimmed(
    prompt: Prompt, cases: Sequence[Example], keep: str, fixed: Sequence[str], known: Measurements
) -> Prompt | None:
    """The prompt without the sections that it does as well without, on some cases; None if it needs all.

    Each section is left out alone; it goes if the lower 80 % bound of the paired difference is no loss of
    more than a point.
    """
    parts = sections(prompt.text, keep, fixed)
    if len(prompt.text) - len(keep) < GROWN or not parts:
        return None
    shorter = [prompt.model_copy(update={"text": without(prompt.text, [part])}) for part in parts]
    admitted = [await known.may_score(one, prompt, "trim: without a section") for one in shorter]
    parts = [part for part, may in zip(parts, admitted, strict=True) if may]
    shorter = [one for one, may in zip(shorter, admitted, strict=True) if may]
    rewards = await together(
        known.rewarded(one, cases, quietly=one is not prompt) for one in (prompt, *shorter)
    )
    table = {str(place): found for place, found in enumerate(rewards)}
    weights = {case.id: case.weight for case in cases}
    spare: list[tuple[int, int]] = []
    for place, part in enumerate(parts, start=1):
        mean, error, n = gap(table, "0", str(place), weights)
        if n and no_worse(mean, error):
            spare.append(part)
    return prompt.model_copy(update={"text": without(prompt.text, spare)}) if spare else None


def _split(text: str, between: str) -> list[tuple[int, int]]:
    """Start and end of what stands between the matches."""
    found: list[tuple[int, int]] = []
    start = 0
    for match in [*re.finditer(between, text), None]:
        end = match.start() if match else len(text)
        if text[start:end].strip():
            found.append((start, end))
        start = match.end() if match else end
    return found
