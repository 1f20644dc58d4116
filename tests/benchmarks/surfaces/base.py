"""What a surface is: cases whose answers depend on what a prompt says, in ways that only the surface knows.

A prompt is read for *rules*: sentences, each with a mark by which it is found again wherever it stands and
whatever stands around it. Helpful rules clear *hurdles*; decoys do nothing, harmful ones make every hurdle
higher. A case has one hurdle or several, each with a difficulty of its own, and whether one is cleared is a
draw that depends on the prompt, the case and nothing else. So a prompt has a true score, the mean of the
chances over a large population of cases, which no optimizer can see and which has no noise.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Literal

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Message, Prompt
from promptopt.models.simulator.chance import Dice

TRAIN, VALIDATION, POPULATION = 60, 40, 300
"""Cases of each kind; the population is what true scores are means over."""

ROOM_WORDS = 150
"""Words that a prompt may have before it wears on attention …"""

WEAR = 0.15
"""… and what each hundred words more cost."""

Kind = Literal["help", "decoy", "harm"]


@dataclass(frozen=True)
class Wording:
    """A way to say a rule: the sentence, and a part of it in lower case that makes it count."""

    sentence: str
    mark: str
    strength: float = 1.0


@dataclass(frozen=True)
class Rule:
    """A thing that a prompt can say.

    Attributes:
        key: its name, which is its hurdle's too.
        gain: what it adds at full strength; of a harmful one, what it takes from every hurdle.
        wordings: clear ones first.
    """

    key: str
    kind: Kind
    wordings: tuple[Wording, ...]
    gain: float = 1.0


@dataclass(frozen=True)
class Case:
    """A case as the surface knows it. ``truth`` is whatever its answers are made from."""

    number: int
    text: str
    expected: str
    hurdles: tuple[str, ...]
    truth: dict[str, Any] = field(default_factory=dict[str, Any], hash=False, compare=False)

    @property
    def row(self) -> dict[str, str]:
        return {"id": f"c{self.number}", "input": self.text, "expected": self.expected}


@dataclass(frozen=True)
class Reading:
    """What a prompt says: strength of each rule found, harm and wear, and what it demonstrates."""

    strengths: dict[str, float]
    burden: float
    shown: tuple[tuple[str, str], ...]
    print_: str


def decoys(*sentences: str) -> list[Rule]:
    """Rules without any effect."""
    return [Rule(f"decoy {n}", "decoy", (Wording(s, s.lower()),)) for n, s in enumerate(sentences)]


class Surface(ABC):
    """One task with its hidden model. Another seed makes other cases, difficulties and effects.

    Attributes:
        name, about: for the report.
        description: what optimizers are told of the task.
        seed_prompt: the prompt to start from.
        checks: of the project file.
        sharpness: how far chances are from even ones; a lower one is a noisier task.
        spread: standard deviation of the hurdles' difficulties.
        taught: hurdles that any demonstrations help over, with the most that they are worth, as a strength.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    description: ClassVar[str]
    seed_prompt: ClassVar[str]
    checks: ClassVar[list[dict[str, Any]]] = [{"type": "exact"}]
    sharpness: ClassVar[float] = 5.0
    spread: ClassVar[float] = 0.45
    taught: ClassVar[dict[str, float]] = {}

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = Dice("surface", self.name, seed)
        self.rules = self.make_rules()
        self.base = {rule.key: self.base_of(rule) for rule in self.rules if rule.kind == "help"}
        cases = [self.make_case(n, Dice("case", self.name, seed, n)) for n in range(self.sizes_total)]
        self.splits = {
            "train": cases[:TRAIN],
            "validation": cases[TRAIN : TRAIN + VALIDATION],
            "population": cases[TRAIN + VALIDATION :],
        }
        self._by_text = {case.text: case for case in cases}
        self._read = lru_cache(maxsize=4096)(self._read_afresh)
        self._true: dict[str, float] = {}

    sizes_total: ClassVar[int] = TRAIN + VALIDATION + POPULATION

    # --- what a surface says of itself ---

    @abstractmethod
    def make_rules(self) -> list[Rule]: ...

    @abstractmethod
    def make_case(self, number: int, dice: Dice) -> Case: ...

    @abstractmethod
    def output(self, case: Case, cleared: set[str], dice: Dice) -> str:
        """What the target says that clears these hurdles of the case."""

    @abstractmethod
    def symptoms(self, case: Case, line: str) -> set[str]:
        """Rules whose lack a line of text shows, if the line is a wrong answer to the case."""

    def worth(self, case: Case, chances: dict[str, float]) -> float:
        """The expected score of a case, from the chance to clear each hurdle."""
        return math.prod(chances.values())

    def base_of(self, rule: Rule) -> float:
        """How far a hurdle is cleared without any help; -0.2 is a chance of three in ten."""
        return -0.2 + 0.2 * (self.dice.roll(f"base {rule.key}") - 0.5)

    def lift(self, case: Case, hurdle: str, reading: Reading) -> float:
        """How far the prompt lifts the target over a hurdle of a case."""
        by_demos = self.taught.get(hurdle, 0.0) * (1 - 0.5 ** len(reading.shown))
        return self.gain(hurdle) * max(reading.strengths.get(hurdle, 0.0), by_demos)

    # --- what follows from it ---

    def gain(self, key: str) -> float:
        """What the rule is worth at full strength, on this seed."""
        return 1.0 + 0.2 * (self.dice.roll(f"gain {key}") - 0.5)

    def read(self, prompt: Prompt) -> Reading:
        """What a prompt says."""
        shown = tuple((demo.input_text, demo.expected or "") for demo in prompt.demonstrations)
        return self._read(prompt.text, shown)

    def answer(self, messages: Sequence[Message], sample: int) -> str:
        """The target's answer to a request."""
        system = "\n".join(message.content for message in messages if message.role == "system")
        turns = [message for message in messages if message.role != "system"]
        pairs = zip(turns[:-1:2], turns[1:-1:2], strict=True)
        shown = tuple((asked.content, said.content) for asked, said in pairs)
        case = self._by_text.get(turns[-1].content)
        if case is None:
            return "I need more information."
        reading = self._read(system, shown)
        dice = Dice("draw", self.name, self.seed, reading.print_, case.number, sample)
        cleared = {
            hurdle for hurdle, chance in self.chances(case, reading).items() if dice.roll(hurdle) < chance
        }
        return self.output(case, cleared, dice)

    def chances(self, case: Case, reading: Reading) -> dict[str, float]:
        """Hurdle to the chance that it is cleared."""
        return {hurdle: self._chance(case, hurdle, reading) for hurdle in case.hurdles}

    def true_score(self, prompt: Prompt) -> float:
        """Mean expected score over the population."""
        if prompt.id not in self._true:
            reading = self.read(prompt)
            cases = self.splits["population"]
            total = math.fsum(self.worth(case, self.chances(case, reading)) for case in cases)
            self._true[prompt.id] = total / len(cases)
        return self._true[prompt.id]

    def best_prompt(self) -> Prompt:
        """The best that is known: every helpful rule in its clearest wording, and nothing else."""
        rules = [rule.wordings[0].sentence for rule in self.rules if rule.kind == "help"]
        return Prompt(text="\n".join([self.seed_prompt, *rules]))

    def _chance(self, case: Case, hurdle: str, reading: Reading) -> float:
        difficulty = self.spread * _normal(Dice("hurdle", self.name, self.seed, case.number, hurdle))
        level = self.base.get(hurdle, 0.0) + self.lift(case, hurdle, reading) - reading.burden - difficulty
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, self.sharpness * level))))

    def _read_afresh(self, text: str, shown: tuple[tuple[str, str], ...]) -> Reading:
        plain = " ".join(text.lower().split())
        strengths: dict[str, float] = {}
        burden = 0.0
        for rule in self.rules:
            found = max((w.strength for w in rule.wordings if w.mark in plain), default=0.0)
            if found and rule.kind == "help":
                strengths[rule.key] = found
            elif found and rule.kind == "harm":
                burden += rule.gain
        burden += WEAR * max(0, len(plain.split()) - ROOM_WORDS) / 100
        return Reading(strengths, burden, shown, repr((text, shown)))


def example(case: Case) -> Example:
    """A case as the engine has it."""
    return Example(id=f"c{case.number}", inputs={"input": case.text}, expected=case.expected)


def _normal(dice: Dice) -> float:
    """A draw from the standard normal distribution (Box and Muller)."""
    radius = math.sqrt(-2 * math.log(1 - dice.roll("radius")))
    return radius * math.cos(2 * math.pi * dice.roll("angle"))
