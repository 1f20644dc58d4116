"""A proposer of mediocre quality, the same for every optimizer, whatever form of reply it asks for.

It knows how to tell, in words, every rule of a surface; which one is called for it sees only in failures that
a request shows: a wrong output beside its case. It often draws the wrong conclusion, words it badly, or
proposes what does harm. What a request says was tried before it mostly avoids. It never sees a score of a
prompt, a validation case that it is not shown, or what a rule is worth.
"""

import contextlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from promptopt.domain.chat import ChatRequest
from promptopt.models.simulator.forms import Fenced, Fields, form_of
from tests.benchmarks.surfaces.base import Case, Rule, Surface

SKILL = (0.6, 0.65, 0.7)
"""Chance to draw the right conclusion from one failure of a kind, from two, from more."""

FROM_CASES, UNAIDED = 0.3, 0.12
"""The same where a request shows cases but no failure, and where it shows no case at all."""

HARM = 0.3
"""Share of the wrong conclusions that do harm; the others do nothing."""

SECOND = 0.4
"""Share of proposals that make a second change."""

WORDED = (0.6, 0.25, 0.15)
"""How often a rule is worded clearly, vaguely, or beside the point."""

REPEATS = 0.3
"""How often it says again what the request says was tried."""

DROPS, MALFORMED = 0.07, 0.03
"""Share of proposals that lose a line of the prompt, and of replies that can't be read."""

_CASE = re.compile(r"#(\d{5})\b")
_LABEL = re.compile(r"^(?:Got|Expected|Actual|Output|Answer|- Output|output)\s*:\s*", re.IGNORECASE)
_CURRENT = re.compile(r"<current_prompt>\n?(.*?)\n?</current_prompt>", re.DOTALL)
_OTHER = re.compile(r"<other_prompt>\n?(.*?)\n?</other_prompt>", re.DOTALL)
_HINTS = re.compile(
    r"\[\[ ## (?:dataset_description|tip) ## \]\]\n(.*?)(?=\n\[\[ ##|\Z)"
    r"|Lessons from earlier groups:\n(.*?)(?=\n\n|\Z)",
    re.DOTALL,
)
_ADDED = re.compile(r"\{\+(.*?)\+\}", re.DOTALL)
_AGAIN = re.compile(r"with exactly \d+ variants, for the slots ([\d, ]+)\.")
_SLOT = re.compile(r"^slot (\d+): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class _Asked:
    """A request as the proposer reads it.

    Attributes:
        base: the prompt to improve.
        other: a second prompt, to be merged with it.
        rest: what else it says, advice left out.
        evidence: rules that are called for, by how many failures or pieces of advice say so.
        met: rules that some case shown is about, whatever was answered.
    """

    text: str
    base: str
    other: str
    rest: str
    evidence: Counter[str]
    met: Sequence[str]


class Proposer:
    """Answers any optimizer's request for a better prompt."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._rules = {rule.key: rule for rule in surface.rules}
        cases = [*surface.splits["train"], *surface.splits["validation"]]
        self._cases = {case.number: case for case in cases}

    def answer(self, request: ChatRequest, sample: int) -> str:
        """The reply."""
        dice = random.Random(f"{self._surface.name}/{self._surface.seed}/{request.content_key()}/{sample}")
        text = "\n".join(message.content for message in request.messages)
        form = form_of(text)
        if form is not None:
            return self._in_form(text, form, dice)
        if dice.random() < MALFORMED:
            return "I would make it clearer. Shall I go on?"
        asked = self._read(text, _last(_CURRENT, text))
        if '"operations"' in text:
            return self._lessons(asked, dice)
        slots = _SLOT.findall(text)
        if '"variants"' in text and slots:
            wanted = _AGAIN.search(request.messages[-1].content)
            numbers = wanted.group(1).split(", ") if wanted else [number for number, _ in slots]
            variants = [self._variant(asked, *slot, dice) for slot in slots if slot[0] in numbers]
            return json.dumps({"variants": variants})
        prompt, because = self._improved(asked, dice)
        if '"edits"' in text:
            return self._as_edits(asked.base, prompt, because)
        confidence = round(0.3 + 0.6 * dice.random(), 2)
        return json.dumps({"prompt": prompt, "reasoning": because, "confidence": confidence})

    # --- forms ---

    def _in_form(self, text: str, form: Fields | Fenced, dice: random.Random) -> str:
        asked = self._read(text, form.prompt or self._surface.seed_prompt)
        if isinstance(form, Fields) and not any("instruction" in name for name in form.names):
            said = [rule.wordings[0].sentence for rule in self._guesses(asked, dice)]
            return form.write(asked.base, said or ["There is little to say."], said)
        prompt, because = self._improved(asked, dice)
        return form.write(prompt, [because], [because])

    def _variant(self, asked: _Asked, number: str, strategy: str, dice: random.Random) -> dict[str, object]:
        lines = asked.base.split("\n")
        if strategy.startswith("make it clearly shorter") and len(lines) > 1:
            lines.pop(dice.randrange(1, len(lines)))
            prompt, because = "\n".join(lines), "Left something out."
        else:
            merges = strategy.startswith("take over")
            prompt, because = self._improved(asked if merges else replace(asked, other=""), dice)
        return {"slot": int(number), "prompt": prompt, "reasoning": because, "lessons": [], "confidence": 0.5}

    def _lessons(self, asked: _Asked, dice: random.Random) -> str:
        """What the better one of two prompts says more, or what the failures shown call for."""
        added = " ".join(_ADDED.findall(asked.text)).lower()
        said = [
            rule
            for rule in self._rules.values()
            if any(wording.mark in added for wording in rule.wordings) and dice.random() < SKILL[0]
        ]
        operations = [
            {
                "op": "ADD",
                "target": "",
                "when": "such an input comes",
                "do": rule.wordings[0].sentence,
                "evidence_cases": ["C1"],
            }
            for rule in (said or self._guesses(asked, dice))[:2]
        ]
        return json.dumps({"operations": operations})

    def _as_edits(self, base: str, prompt: str, because: str) -> str:
        """The change as one replacement of a line, where it only adds lines behind it."""
        lines = base.split("\n")
        last = lines[-1]
        if prompt.startswith(base) and base.count(last) == 1:
            edits = [{"find": last, "replace": last + prompt[len(base) :]}]
            return json.dumps({"edits": edits, "reasoning": because, "confidence": 0.5})
        return json.dumps({"prompt": prompt, "reasoning": because, "confidence": 0.5})

    # --- reading ---

    def _read(self, text: str, base: str) -> _Asked:
        other = _last(_OTHER, text)
        evidence: Counter[str] = Counter()
        met: dict[str, None] = {}
        plain = _unpacked(text)
        marks = list(_CASE.finditer(plain))
        for mark, following in zip(marks, [*marks[1:], None], strict=False):
            case = self._cases.get(int(mark.group(1)) - 10_000)
            if case is not None:
                end = following.start() if following else len(plain)
                evidence.update(self._symptoms(case, plain[mark.end() : end]))
                met |= dict.fromkeys(hurdle.split()[0] for hurdle in case.hurdles)
        hints = ["".join(found) for found in _HINTS.findall(text)]
        for key, rule in self._rules.items():
            evidence[key] += sum(rule.wordings[0].sentence in hint for hint in hints)
        rest = text.replace(base, "") if base else text
        for hint in hints:
            rest = rest.replace(hint, "")
        return _Asked(text, base, other, rest, +evidence, [key for key in met if key in self._rules])

    def _symptoms(self, case: Case, window: str) -> set[str]:
        lines = {_LABEL.sub("", line.strip()).strip() for line in window.splitlines()}
        return {key for line in lines if line for key in self._surface.symptoms(case, line)}

    # --- thinking ---

    def _improved(self, asked: _Asked, dice: random.Random) -> tuple[str, str]:
        """A new prompt, and the reason given."""
        lines = [line for line in asked.base.split("\n") if line.strip()]
        if asked.other:
            lines += [line for line in asked.other.split("\n") if line.strip() and line not in lines]
            return "\n".join(lines), "The good parts of both."
        if len(lines) > 1 and dice.random() < DROPS:
            lines.pop(dice.randrange(1, len(lines)))
        changes = 2 if dice.random() < SECOND else 1
        said: list[str] = []
        for _ in range(changes):
            sentence = self._sentence(asked, lines, dice)
            if sentence and sentence not in lines:
                lines.append(sentence)
                said.append(sentence)
        return "\n".join(lines), f"Added: {' '.join(said)}" if said else "Tightened."

    def _sentence(self, asked: _Asked, lines: Sequence[str], dice: random.Random) -> str:
        """One thing to say; what the request says was tried is mostly left alone."""
        sentence = ""
        for _ in range(4):
            sentence = self._worded(self._conclusion(asked, dice), lines, dice)
            if sentence and (sentence not in asked.rest or dice.random() < REPEATS):
                return sentence
        return sentence

    def _conclusion(self, asked: _Asked, dice: random.Random) -> Rule:
        """The rule that it finds is called for."""
        known = Counter({key: n for key, n in asked.evidence.items() if key in self._rules})
        wanted = dice.choices([*known], [*known.values()])[0] if known else ""
        skill = SKILL[min(known[wanted], len(SKILL)) - 1] if wanted else FROM_CASES if asked.met else UNAIDED
        helpful = [rule.key for rule in self._rules.values() if rule.kind == "help"]
        right = [wanted] if wanted else asked.met or helpful
        if right and dice.random() < skill:
            return self._rules[dice.choice(right)]
        kind = "harm" if dice.random() < HARM else "decoy"
        return dice.choice([rule for rule in self._rules.values() if rule.kind == kind])

    def _worded(self, rule: Rule, lines: Sequence[str], dice: random.Random) -> str:
        wordings = rule.wordings
        chosen = dice.choices(wordings, WORDED[: len(wordings)])[0]
        said = " ".join(lines)
        return "" if chosen.sentence in said else chosen.sentence

    def _guesses(self, asked: _Asked, dice: random.Random) -> list[Rule]:
        """What it would tell somebody else, who has not seen the cases."""
        found = [self._conclusion(asked, dice) for _ in range(2)]
        return [rule for rule in found if rule.kind == "help"]


def _unpacked(text: str) -> str:
    """The text with each line that is a list of objects in JSON as the texts in these, line by line."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if line.startswith("[{"):
            with contextlib.suppress(ValueError):
                lines[at] = "\n".join(_texts(json.loads(line)))
    return "\n".join(lines)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inside in value.values():
            yield from _texts(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _texts(inside)


def _last(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.findall(text)
    return found[-1].strip("\n") if found else ""
