"""Landscapes: tasks whose target model has a hidden quality function over what a prompt says.

They have nothing to do with the simulator of promptopt, and optimizers see nothing of them but answers. A
prompt is as good as the rules in it: some help with all inputs, some with inputs of a kind, some do nothing,
some do harm, pairs of them get in each other's way, and long prompts are worse. Whether one input is answered
rightly is chance, partly the input's own and partly of prompt and input together, and stays what it was:
a model at temperature 0.
"""

import hashlib
import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.benchmarks.rule_writer import propose
from tests.loopback.wire import Call

KINDS = ("parcel", "refund", "login", "invoice", "outage", "tariff", "warranty", "contract")
LABELS = ("alpha", "beta", "gamma", "delta")
SEED_PROMPT = "Label the item as alpha, beta, gamma or delta."

_SUBJECTS = """
sender amount date tone device country deadline signature header footer name order reason
history priority channel currency subject quote contact evidence policy urgency attachment
"""
SUBJECTS = tuple(_SUBJECTS.split())
_USEFUL, _NEUTRAL = 9, 7
_HELD_OUT = 800
_PAIRS = 12
_WORDS_FREE = 100

_ITEM = re.compile(r"Item (\w+) about an? (\w+)\.")


@dataclass(frozen=True)
class Rule:
    """What a rule about a subject does, in log-odds of a right answer: to all inputs, and to some kinds."""

    subject: str
    general: float
    kinds: dict[str, float]

    def helps(self, kind: str) -> float:
        return self.general + self.kinds.get(kind, 0.0)


@dataclass(frozen=True)
class Landscape:
    """One task. It is the behaviour of a loopback server that plays both roles.

    Attributes:
        seed: another seed, another task.
        insight: share of the optimizer model's ideas that are good ones for what it is shown.
        scale: of what rules do.
        steady: share of the chance that is the input's own, so that prompts agree on it.
        base: log-odds of a right answer without any rule, on an input of usual difficulty.
    """

    seed: int
    insight: float = 0.5
    scale: float = 1.0
    steady: float = 0.5
    base: float = -0.6

    def __call__(self, call: Call) -> str:
        if "opus" in call.model or "optimizer" in call.model:
            return propose(self, call.text)
        return self.answer(call.messages[0][1], call.last_user)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        dice = random.Random(f"rules of landscape {self.seed}")
        subjects = dice.sample(SUBJECTS, len(SUBJECTS))
        return tuple(self._rule(place, subject, dice) for place, subject in enumerate(subjects))

    @cached_property
    def clashes(self) -> dict[frozenset[str], float]:
        """Pairs of subjects whose rules get in each other's way, or help each other."""
        dice = random.Random(f"clashes of landscape {self.seed}")
        return {
            frozenset(dice.sample(SUBJECTS, 2)): self.scale * dice.uniform(-0.25, 0.1) for _ in range(_PAIRS)
        }

    def cases(self, count: int, name: str) -> list[dict[str, Any]]:
        """``count`` cases as rows of a data file."""
        items = [f"{name}{number}" for number in range(count)]
        return [{"id": item, "input": self.item(item), "expected": self.label(item)} for item in items]

    def item(self, name: str) -> str:
        kind = self.kind(name)
        return f"Item {name} about {'an' if kind[0] in 'aeiou' else 'a'} {kind}."

    def kind(self, name: str) -> str:
        return KINDS[int(self.roll("kind", name) * len(KINDS))]

    def label(self, name: str) -> str:
        return LABELS[int(self.roll("label", name) * len(LABELS))]

    def quality(self, prompt: str) -> float:
        """The chance of a right answer with a prompt, over inputs that nobody sees."""
        names = [f"held-out {number}" for number in range(_HELD_OUT)]
        return sum(self._chance(prompt, name) for name in names) / len(names)

    def answer(self, prompt: str, item: str) -> str:
        """The target's answer: the right label, or the next one."""
        found = _ITEM.search(item)
        name = found[1] if found else item
        right = LABELS.index(self.label(name))
        own = self.roll("which", prompt, name) >= self.steady
        point = self.roll("luck", prompt, name) if own else self.roll("luck", name)
        return LABELS[right] if point < self._chance(prompt, name) else LABELS[(right + 1) % len(LABELS)]

    def said(self, text: str) -> list[str]:
        """The subjects on which a text has a rule."""
        words = set(re.findall(r"\w+", text))
        return [rule.subject for rule in self.rules if rule.subject in words]

    def roll(self, *parts: object) -> float:
        """A draw in [0, 1) that depends on the task and on ``parts``."""
        text = "\x1f".join(map(str, (self.seed, *parts)))
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def _chance(self, prompt: str, name: str) -> float:
        said = self.said(prompt)
        odds = self.base - 1.2 * self._hardness(name) + self._worth(said, self.kind(name))
        odds -= 0.1 * max(0, len(prompt.split()) - _WORDS_FREE) / 50
        return 1 / (1 + math.exp(-odds))

    def _worth(self, said: Sequence[str], kind: str) -> float:
        rules = sum(rule.helps(kind) for rule in self.rules if rule.subject in said)
        return rules + sum(worth for pair, worth in self.clashes.items() if pair <= set(said))

    def _hardness(self, name: str) -> float:
        """Standard normal."""
        one, two = self.roll("hard", name), self.roll("harder", name)
        return math.sqrt(-2 * math.log(max(one, 1e-12))) * math.cos(2 * math.pi * two)

    def _rule(self, place: int, subject: str, dice: random.Random) -> Rule:
        first, second = dice.sample(KINDS, 2)
        general, kinds = 0.0, dict[str, float]()
        if place < _USEFUL:
            if place % 3 == 0:
                general = dice.uniform(0.25, 0.55)
            else:
                kinds = {first: dice.uniform(0.8, 1.8), second: dice.uniform(0.8, 1.8)}
        elif place >= _USEFUL + _NEUTRAL:
            general = -dice.uniform(0.1, 0.5)
            kinds = {first: -dice.uniform(0.4, 1.0)} if dice.random() < 0.5 else {}
        elif dice.random() < 0.5:
            kinds = {first: dice.uniform(0.2, 0.5), second: -dice.uniform(0.2, 0.5)}
        return Rule(subject, self.scale * general, {kind: self.scale * v for kind, v in kinds.items()})
