"""The simulated target model: answers a case as well as its instruction deserves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ProjectSettings
from promptopt.models.simulator import wording
from promptopt.models.simulator.chance import Dice
from promptopt.models.simulator.freeform import Freeform
from promptopt.models.simulator.oracle import Match, Oracle, parsed
from promptopt.models.simulator.reading import Instruction, read
from promptopt.models.simulator.skills import FACULTIES, Situation, chances, trap_of
from promptopt.models.simulator.wording import Draft

USUAL_TEMPERATURE = 1.0
"""What providers take when the request names none."""

MOVED_BY_PROMPT = 0.08
"""Share of draws that change when any word of the instruction does: luck, not merit."""

MOVED_BY_SAMPLE = 0.10
"""Share of draws that change between samples of one request, per degree of temperature."""

REFUSES, REFUSES_IF_TOLD, REFUSES_IF_FORBIDDEN = 0.02, 0.06, 0.003

_TOPIC_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True)
class Luck:
    """Draws that are mostly the case's own, so that a better prompt solves the same cases and more."""

    case: Dice
    prompt: Dice
    sample: Dice | None
    temperature: float

    def roll(self, name: str) -> float:
        moved = f"moved {name}"
        if self.sample and self.sample.roll(moved) < MOVED_BY_SAMPLE * self.temperature:
            return self.sample.roll(name)
        if self.prompt.roll(moved) < MOVED_BY_PROMPT:
            return self.prompt.roll(name)
        return self.case.roll(name)


@dataclass(frozen=True)
class Outcome:
    """What of the answer comes out right."""

    vocabulary: bool
    form: bool
    judgement: bool


class Target:
    """Answers by reading the instruction; see ``skills`` for what it is worth.

    Args:
        name: of the model; models of equal talent still differ by luck.
        talent: added to what the model can do without help; 0 is usual.
    """

    def __init__(
        self, name: str, talent: float, oracle: Oracle, settings: ProjectSettings, seed: int
    ) -> None:
        self._name = name
        self._talent = talent
        self._oracle = oracle
        self._seed = seed
        self._freeform = Freeform(settings)
        described = [settings.task.description, *map(str, settings.task.output_format.values())]
        self._topic = frozenset(_words(" ".join(described)))
        self._read = lru_cache(maxsize=256)(self._read_afresh)

    def answer(self, request: ChatRequest, sample: int) -> str:
        """The reply, before it is cut at the request's ``max_tokens``."""
        system, shown, message = _parts(request.messages)
        match = self._oracle.find(message) or Match(self._unknown(message), "")
        case = match.case
        instruction, topic = self._read("\n".join([*system, match.rest]).strip(), shown)
        luck = self._luck(case, instruction, request, sample)
        situation = self._situation(case, instruction, topic, luck.case)
        if luck.roll("refusal") < _refuses(instruction):
            return luck.case.pick(wording.REFUSALS, "refusal")(_draft("", case, situation, luck.case))
        chance = chances(situation, self._talent)
        outcome = Outcome(**{faculty: luck.roll(faculty) < chance[faculty] for faculty in FACULTIES})
        return self._worded(case, situation, outcome, luck.case)

    def _unknown(self, message: str) -> Example:
        """A case that is not in the dataset: whatever is answered, it is a guess."""
        labels = self._oracle.labels
        guess = Dice(self._seed, "unknown", message).pick(labels, "guess") if labels else None
        return Example(id="", inputs={"input": message}, expected=guess)

    def _read_afresh(self, text: str, shown: tuple[str, ...]) -> tuple[Instruction, float]:
        words = _words(text)
        topic = len(words & self._topic) / len(self._topic) if self._topic else min(1.0, len(words) / 40)
        return read(text, self._oracle.labels + self._oracle.fields, shown), topic

    def _luck(self, case: Example, instruction: Instruction, request: ChatRequest, sample: int) -> Luck:
        about = case.input_text
        temperature = USUAL_TEMPERATURE if request.temperature is None else request.temperature
        return Luck(
            case=Dice(self._seed, about),
            prompt=Dice(self._seed, self._name, instruction.text, *sorted(instruction.shown), about),
            sample=Dice(self._seed, self._name, request.content_key(), sample) if temperature > 0 else None,
            temperature=temperature,
        )

    def _situation(self, case: Example, instruction: Instruction, topic: float, dice: Dice) -> Situation:
        kind = self._oracle.kind(case)
        label = (case.expected or "").strip()
        terms = {"label": (label,), "json": tuple(parsed(case))}.get(kind, ())
        rival = self._oracle.confusable(case, dice) if kind == "label" else ""
        return Situation(instruction, kind, terms, rival, trap_of(case, dice), topic)

    def _worded(self, case: Example, situation: Situation, outcome: Outcome, dice: Dice) -> str:
        if situation.kind == "json":
            return self._object(case, outcome, dice)
        if situation.kind == "label":
            bare = _label(case, situation, outcome, dice)
        elif situation.kind == "text":
            bare = self._text(case, outcome, dice)
        else:
            return self._freeform.answer(case, situation.instruction, outcome.vocabulary, outcome.form, dice)
        if outcome.form:
            return bare
        draft = _draft(bare, case, situation, dice)
        if "steps" in situation.instruction.demands:
            return wording.thoughts(draft)
        return dice.pick(wording.WRAPPED, "wrapping")(draft)

    def _text(self, case: Example, outcome: Outcome, dice: Dice) -> str:
        draft = Draft((case.expected or "").strip(), case.input_text, "", dice)
        if not outcome.judgement:
            peer = self._oracle.peer(case, dice)
            if peer and dice.roll("mixes up") < 0.5:
                return (peer.expected or "").strip()
            return dice.pick(wording.INVENTIONS, "invention")(draft)
        return draft.answer if outcome.vocabulary else dice.pick(wording.TEXT_SLIPS, "slip kind")(draft)

    def _object(self, case: Example, outcome: Outcome, dice: Dice) -> str:
        fields = dict(parsed(case))
        if fields and not outcome.judgement:
            at = dice.pick(list(fields), "wrong field")
            peer = self._oracle.peer(case, dice)
            other = parsed(peer).get(at, fields[at]) if peer else fields[at]
            if other != fields[at] and dice.roll("mixes up") < 0.6:
                fields[at] = other
            else:
                fields = dice.pick(wording.FIELD_INVENTIONS, "invention")(fields, at)
        if fields and not outcome.vocabulary:
            fields = dice.pick(wording.FIELD_SLIPS, "slip")(fields, dice.pick(list(fields), "slip at"))
        return (
            wording.as_json(fields) if outcome.form else dice.pick(wording.UNSTRUCTURED, "wrapping")(fields)
        )


def _label(case: Example, situation: Situation, outcome: Outcome, dice: Dice) -> str:
    right = (case.expected or "").strip()
    label = right if outcome.judgement else situation.rival
    if not outcome.vocabulary:
        return dice.pick(wording.LABEL_SLIPS, "slip")(_draft(label, case, situation, dice))
    return situation.instruction.named.get(label, label)


def _draft(answer: str, case: Example, situation: Situation, dice: Dice) -> Draft:
    right = (case.expected or "").strip()
    return Draft(answer, case.input_text, right if answer == situation.rival else situation.rival, dice)


def _refuses(instruction: Instruction) -> float:
    if "always_answer" in instruction.demands:
        return REFUSES_IF_FORBIDDEN
    return REFUSES_IF_TOLD if "refuse_unknown" in instruction.demands else REFUSES


def _parts(messages: Sequence[Message]) -> tuple[list[str], tuple[str, ...], str]:
    """The system texts, the answers of demonstrations, and the message that is to be answered."""
    system = [message.content for message in messages if message.role == "system"]
    shown = tuple(message.content.strip() for message in messages if message.role == "assistant")
    asked = [message.content for message in messages if message.role == "user"]
    return system, shown, asked[-1] if asked else ""


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _TOPIC_WORD.findall(text)}
