"""The simulated optimizer's answers to requests for several prompts at once, and for lessons.

It goes by what a request asks for: the names in the JSON that it wants, and its list of numbered slots.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from promptopt.domain.results import CATEGORIES
from promptopt.models.simulator.chance import Dice
from promptopt.models.simulator.clues import Clues, marked
from promptopt.models.simulator.edits import insert

Fields = dict[str, object]
Propose = Callable[[Clues, Dice], Fields]
"""One proposal: ``prompt``, ``reasoning``, ``confidence``."""

_SLOT = re.compile(r"^slot (\d+): (.*)$", re.MULTILINE)
_AGAIN = re.compile(r"for the slots ([\d, ]+)\.")
_LESSON = re.compile(r"^(L\d+): (.*)$", re.MULTILINE)
_RULE = re.compile(r"«(.*?)»")
_ADDED = re.compile(r"\{\+(.*?)\+\}", re.DOTALL)
_LEFT_OUT = re.compile(r"\[-(.*?)-\]", re.DOTALL)
_WON = re.compile(r"^Case (\w+) \(the better one won\)", re.MULTILINE)
_LONGEST_RULE = 160
_SHORTEST_RULE = 12


@dataclass(frozen=True)
class Slot:
    """One prompt that is asked for, and in which way."""

    number: int
    asked: str


def wants_several(request: str) -> bool:
    """Whether a request asks for several prompts in one reply."""
    return '"variants"' in request and _SLOT.search(request) is not None


def wants_lessons(request: str) -> bool:
    """Whether a request asks what is to be learned from two prompts."""
    return '"operations"' in request and "<difference>" in request


def variants(clues: Clues, dice: Dice, propose: Propose) -> Fields:
    """A prompt for each slot, no two of them with the same idea, as far as there are so many."""
    made: list[Fields] = []
    known = clues
    for slot in _slots(clues.request):
        fields = _variant(slot, known, dice, propose)
        # What stands in the request was tried: so the next slot gets another idea.
        known = replace(known, request=f"{known.request}\n{fields['reasoning']}\n{_quoted(fields, clues)}")
        made.append({"slot": slot.number, **fields})
    return {"variants": made}


def lessons(request: str) -> Fields:
    """What the better prompt has more, or less, as lessons."""
    difference = marked("difference", request)
    won = _WON.findall(request)
    added, gone = _rules(_ADDED.findall(difference)), _rules(_LEFT_OUT.findall(difference))
    operations = [_lesson(f"have a rule like «{rule}»", won) for rule in added[:1]]
    operations += [_lesson(f"do without «{rule}»", won) for rule in gone[:1]]
    return {"operations": operations}


def _variant(slot: Slot, clues: Clues, dice: Dice, propose: Propose) -> Fields:
    own = Dice(dice.roll(f"slot {slot.number}"), slot.number)
    asked = slot.asked.casefold()
    if "lesson" in asked:
        applied = _applied(slot, clues)
        if applied is not None:
            return applied
    elif "other prompt" in asked:
        merged = _merged(clues, own)
        if merged is not None:
            return merged
    elif "shorter" in asked:
        shorter = _shorter(clues, own)
        if shorter is not None:
            return shorter
    named = [name for name in CATEGORIES if name in asked]
    if named:
        clues = replace(clues, counts={name: clues.counts.get(name, 1) for name in named})
    return propose(clues, own)


def _applied(slot: Slot, clues: Clues) -> Fields | None:
    """The current prompt with what the slot's lessons say; None if it has that."""
    wanted = set(re.findall(r"L\d+", slot.asked))
    prompt, applied = clues.prompt, list[str]()
    for name, text in _LESSON.findall(clues.request):
        rule = _RULE.search(text)
        if name not in wanted or rule is None:
            continue
        before = prompt
        if "do without" in text:
            prompt = _without(prompt, rule[1])
        elif rule[1] not in prompt:
            prompt = insert(prompt, rule[1])
        applied += [name] if prompt != before else []
    if not applied:
        return None
    reasoning = f"It takes the lessons {', '.join(applied)} to heart."
    return {"prompt": prompt, "reasoning": reasoning, "confidence": 0.7, "lessons": applied}


def _merged(clues: Clues, dice: Dice) -> Fields | None:
    """The current prompt with a line or two of the other one; None if that has none of its own."""
    own = {line.strip() for line in clues.prompt.splitlines()}
    spare = [line for line in marked("other_prompt", clues.request).splitlines() if line.strip() not in own]
    if not spare:
        return None
    first = int(dice.roll("line") * len(spare))
    prompt = clues.prompt
    for line in spare[first : first + 2]:
        prompt = insert(prompt, line.strip())
    return {"prompt": prompt, "reasoning": "It takes over rules of the other prompt.", "confidence": 0.6}


def _shorter(clues: Clues, dice: Dice) -> Fields | None:
    """The current prompt without one of its lines; None if it has only one that could go."""
    lines = clues.prompt.split("\n")
    spare = [at for at, line in enumerate(lines) if at and line.strip() and "{" not in line]
    if not spare:
        return None
    gone = dice.pick(spare, "line")
    prompt = "\n".join(line for at, line in enumerate(lines) if at != gone)
    return {"prompt": prompt, "reasoning": "One line seems to do no work.", "confidence": 0.5}


def _slots(request: str) -> list[Slot]:
    """The slots that are asked for: all of the list, or those that a correction names."""
    found = [Slot(int(number), asked) for number, asked in _SLOT.findall(request)]
    again = _AGAIN.findall(request)
    if not again:
        return found
    wanted = {int(number) for number in again[-1].split(",")}
    return [slot for slot in found if slot.number in wanted]


def _quoted(fields: Fields, clues: Clues) -> str:
    """What a proposal adds, as a reply shows it: with quotation marks and line breaks escaped."""
    prompt = str(fields["prompt"])
    added = [line for line in prompt.splitlines() if line not in clues.prompt]
    return "\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in added)


def _without(prompt: str, rule: str) -> str:
    kept = [line for line in prompt.split("\n") if rule not in line]
    return "\n".join(kept) if any(line.strip() for line in kept) else prompt


def _rules(parts: Sequence[str]) -> list[str]:
    """Lines of a difference that can be a rule."""
    lines = [" ".join(line.split()) for part in parts for line in part.splitlines()]
    return [line for line in lines if _SHORTEST_RULE <= len(line) <= _LONGEST_RULE and "«" not in line]


def _lesson(what: str, won: Sequence[str]) -> Fields:
    return {"op": "ADD", "when": "", "do": what, "evidence_cases": list(won[:3])}
