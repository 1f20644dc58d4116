"""A house style that is easily shown and hardly told: demonstrations matter most."""

from typing import ClassVar

from promptopt.domain.prompt import Prompt
from promptopt.models.simulator.chance import Dice
from tests.benchmarks.surfaces.base import Case, Reading, Rule, Surface, Wording, decoys, example

_KINDS = {
    "late": ("is late", "gone fishing"),
    "broken": ("came broken", "fallen star"),
    "wrong": ("is not what was ordered", "other twin"),
    "lost": ("is lost", "old map"),
    "early": ("came too early", "first light"),
    "refused": ("was refused at the door", "closed gate"),
}
"""A parcel's trouble, how notes tell it, and its name in the house's style."""

_NOISE = ("by noon", "again", "says the driver", "in Ghent", "at the depot", "before the weekend")
_EACH = 2
"""Demonstrations of each kind that the best prompt has."""


class Style(Surface):
    """Notes into the names that a house has for them."""

    name: ClassVar[str] = "style"
    about: ClassVar[str] = "demonstrations matter most: a demonstration of a kind teaches that kind"
    description: ClassVar[str] = "Name the trouble that a parcel is in, in our house style."
    seed_prompt: ClassVar[str] = "Name the trouble of this parcel in our house style."
    spread: ClassVar[float] = 0.35

    def make_rules(self) -> list[Rule]:
        def rule(key: str, told: str) -> Rule:
            said = f"A parcel that {told} has a picture for a name, of two words."
            return Rule(key, "help", (Wording(said, said.lower(), 0.3),))

        form = Wording("Answer with the name alone, two words in lower case.", "the name alone")
        return [
            Rule("form", "help", (form, Wording("Answer in two words.", "in two words", 0.5)), 0.8),
            *(rule(kind, told) for kind, (told, _) in _KINDS.items()),
            *decoys(
                "Our style is known for its wit.",
                "Be creative, but stay in style.",
                "Read the note closely.",
                "You have worked here for years.",
                "Names should be easy to remember.",
                "Keep to the tradition of the house.",
                "Parcels are people's treasures.",
                "Think of the customer.",
            ),
            Rule(
                "harm plain", "harm", (Wording("Say plainly what happened.", "plainly what happened"),), 0.3
            ),
            Rule("harm long", "harm", (Wording("Give the name and its reason.", "and its reason"),), 0.3),
        ]

    def base_of(self, rule: Rule) -> float:
        return super().base_of(rule) + (0.35 if rule.key == "form" else 0.0)

    def make_case(self, number: int, dice: Dice) -> Case:
        kind = dice.pick(tuple(_KINDS), "kind")
        told, name = _KINDS[kind]
        text = f"Note #{10_000 + number}: the parcel {told}, {dice.pick(_NOISE, 'noise')}."
        rival = dice.pick([other for other in _KINDS if other != kind], "rival")
        return Case(number, text, name, ("form", kind), {"kind": kind, "rival": _KINDS[rival][1]})

    def lift(self, case: Case, hurdle: str, reading: Reading) -> float:
        shown = reading.shown
        if hurdle == "form":
            by_demos = 1 - 0.4 ** len(shown)
        else:
            same = sum(output == case.expected and _KINDS[hurdle][0] in asked for asked, output in shown)
            by_demos = 1 - 0.25**same
        return self.gain(hurdle) * max(by_demos, reading.strengths.get(hurdle, 0.0))

    def output(self, case: Case, cleared: set[str], dice: Dice) -> str:
        name = case.expected if case.truth["kind"] in cleared else case.truth["rival"]
        return name if "form" in cleared else f"{name.title()} (as we say)"

    def symptoms(self, case: Case, line: str) -> set[str]:
        plain = line.removesuffix(" (as we say)").lower()
        found = {"form"} if line.endswith(" (as we say)") else set[str]()
        return found | ({case.truth["kind"]} if plain == case.truth["rival"] else set())

    def best_prompt(self) -> Prompt:
        """The rules, and two demonstrations of each kind."""
        cases = self.splits["train"]
        by_kind = [[case for case in cases if case.truth["kind"] == kind][:_EACH] for kind in _KINDS]
        demos = tuple(example(case) for found in by_kind for case in found)
        return super().best_prompt().model_copy(update={"demonstrations": demos})
