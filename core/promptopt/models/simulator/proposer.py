"""The simulated optimizer model: reads feedback and proposes the next prompt, mostly well."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptopt.domain.chat import ChatRequest
from promptopt.models.simulator.chance import Dice
from promptopt.models.simulator.clues import Clues, read_request
from promptopt.models.simulator.edits import GOOD, MISSTEPS, Edit, insert, read_prompt
from promptopt.models.simulator.forms import form_of
from promptopt.models.simulator.groups import lessons, variants, wants_lessons, wants_several
from promptopt.models.simulator.heeding import heeding

MALFORMED = 0.05
"""Share of replies that can't be read as JSON."""

MISSTEP = 0.18
"""Share of proposals that do harm."""

TWO_AT_ONCE = 0.3
"""Share of good proposals that carry the second-best idea too."""

_TAKES_THE_BEST = 0.8


class Proposer:
    """Proposes an edit of the current prompt: ``clues`` is what it reads, ``edits`` what it can do."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def answer(self, request: ChatRequest, sample: int) -> str:
        """The reply: mostly JSON, with ``prompt``, ``reasoning`` and ``confidence``, or what is asked for."""
        dice = Dice(self._seed, request.content_key(), sample)
        text = "\n".join(message.content for message in request.messages)
        if wants_lessons(text):
            return _dressed(lessons(text), dice)
        clues, form = read_request(text), form_of(text)
        if form is not None:
            draft = _draft(replace(clues, prompt=form.prompt), dice)
            return form.write(heeding(draft.prompt, text), draft.because, draft.rules)
        if wants_several(text):
            return _dressed(variants(clues, dice, _proposal), dice)
        return _dressed(_as_fields(_draft(clues, dice), clues), dice)


def _proposal(clues: Clues, dice: Dice) -> dict[str, object]:
    return _as_fields(_draft(clues, dice), clues)


@dataclass(frozen=True)
class _Draft:
    prompt: str
    because: list[str]
    rules: list[str]
    confidence: float


def _draft(clues: Clues, dice: Dice) -> _Draft:
    useful = _useful(clues, dice)
    if not useful or dice.roll("misstep") < MISSTEP:
        untried = [misstep for misstep in MISSTEPS if misstep.because not in clues.request]
        misstep = dice.pick(untried or MISSTEPS, "which misstep")
        changed = misstep.change(clues.prompt, dice)
        return _Draft(changed, [misstep.because], [changed], 0.3 + 0.5 * dice.roll("confidence"))
    chosen = _chosen(useful, dice)
    prompt = clues.prompt
    for _, rule in chosen:
        prompt = insert(prompt, rule)
    because = [edit.because for edit, _ in chosen]
    return _Draft(prompt, because, [rule for _, rule in chosen], 0.55 + 0.4 * dice.roll("confidence"))


def _useful(clues: Clues, dice: Dice) -> list[tuple[Edit, str]]:
    """Edits that the feedback calls for, the prompt lacks and nobody tried lately, the best first."""
    prompt = read_prompt(clues)
    ranked = sorted(GOOD, key=lambda edit: -edit.appeal(clues))
    drafted = [(edit, edit.rule(clues, prompt, dice)) for edit in ranked if edit.appeal(clues) > 0]
    return [(edit, rule) for edit, rule in drafted if rule and not _was_tried(rule, clues)]


def _was_tried(rule: str, clues: Clues) -> bool:
    """Whether an earlier reply in the request, which is JSON, has the rule."""
    return json.dumps(rule, ensure_ascii=False)[1:-1] in clues.request


def _chosen(useful: Sequence[tuple[Edit, str]], dice: Dice) -> list[tuple[Edit, str]]:
    if len(useful) > 1 and dice.roll("two at once") < TWO_AT_ONCE:
        return list(useful[:2])
    best = len(useful) == 1 or dice.roll("takes the best") < _TAKES_THE_BEST
    return [useful[0] if best else dice.pick(useful[1:], "another idea")]


def _as_fields(draft: _Draft, clues: Clues) -> dict[str, object]:
    reasoning = " ".join(draft.because)
    return {
        "prompt": heeding(draft.prompt, clues.request),
        "reasoning": reasoning,
        "confidence": round(draft.confidence, 2),
    }


def _dressed(fields: dict[str, object], dice: Dice) -> str:
    """The reply's text: JSON, at times in a fence or after a sentence, now and then spoiled."""
    text = json.dumps(fields, ensure_ascii=False, indent=2)
    luck = dice.roll("dress")
    if luck < MALFORMED / 2:
        idea = fields.get("reasoning", "I have some ideas.")
        return f"I would suggest this: {idea} Shall I write the new prompt out?"
    if luck < MALFORMED:
        return text[: len(text) * 2 // 3]
    if luck < 0.30:
        return f"```json\n{text}\n```"
    if luck < 0.42:
        return f"Here is what you asked for.\n\n{text}"
    return text
