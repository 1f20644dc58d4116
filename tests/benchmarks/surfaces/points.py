"""Points out of a report: a noisy task whose scores are shares."""

import math
from typing import Any, ClassVar

from promptopt.models.simulator.chance import Dice
from tests.benchmarks.surfaces.base import Case, Reading, Rule, Surface, Wording, decoys

_POINTS = {
    "figure": (
        "sales up 4 percent",
        "costs down 2 percent",
        "12 new hires",
        "3 sites closed",
        "margin 31 percent",
    ),
    "person": ("Orlov leaves", "Meyer joins", "Adeyemi promoted", "Sato on leave", "Quist returns"),
    "risk": ("strike looms", "supplier late", "lawsuit open", "roof leaks", "licence expires"),
    "date": ("audit in May", "launch in June", "review in July", "move in August", "fair in March"),
}
"""Kinds of points, with some of each."""

_ASIDES = ("weather was fine", "lunch was served", "room was warm", "coffee ran out", "chairs were new")
"""What reports have, too, and no list should."""

_DRAWS = 6


class Points(Surface):
    """Reports into lists."""

    name: ClassVar[str] = "points"
    about: ClassVar[str] = "a noisy task with graded scores: no answer is all right or all wrong"
    description: ClassVar[str] = "List the points of a report that the board must know, parted by semicolons."
    seed_prompt: ClassVar[str] = "List the important points of this report, parted by semicolons."
    checks: ClassVar[list[dict[str, Any]]] = [{"type": "list_f1", "separator": ";"}]
    taught: ClassVar[dict[str, float]] = {"aside": 0.5, "figure": 0.2, "date": 0.2}
    sharpness: ClassVar[float] = 2.6
    spread: ClassVar[float] = 0.5

    def make_rules(self) -> list[Rule]:
        def rule(key: str, *said: tuple[str, str]) -> Rule:
            strengths = (1.0, 0.6, 0.25)
            return Rule(
                key,
                "help",
                tuple(Wording(text, mark, s) for (text, mark), s in zip(said, strengths, strict=True)),
            )

        return [
            rule(
                "figure",
                ("List every figure with what it stands for.", "every figure with"),
                ("Figures are important.", "figures are important"),
                ("Mind the numbers.", "mind the numbers"),
            ),
            rule(
                "person",
                ("List everybody who comes, goes or changes roles.", "comes, goes or changes"),
                ("People matter to the board.", "people matter"),
                ("Name names.", "name names"),
            ),
            rule(
                "risk",
                ("List whatever can still go wrong.", "can still go wrong"),
                ("Include risks.", "include risks"),
                ("Be cautious.", "be cautious"),
            ),
            rule(
                "date",
                ("List what is planned, with its month.", "planned, with its month"),
                ("Plans are points too.", "plans are points"),
                ("Think of the calendar.", "of the calendar"),
            ),
            rule(
                "aside",
                ("Leave out rooms, food, weather and other asides.", "food, weather"),
                ("Only list what has consequences.", "has consequences"),
                ("Keep to what matters.", "keep to what matters"),
            ),
            *decoys(
                "You are the secretary of the board.",
                "The board is busy.",
                "Write in a professional tone.",
                "Good lists are balanced.",
                "Follow the order of the report.",
                "Use short phrases.",
                "Read between the lines.",
                "Summaries save time.",
            ),
            Rule("harm few", "harm", (Wording("Three points are enough.", "three points are"),), 0.35),
            Rule("harm own", "harm", (Wording("Add your own advice.", "your own advice"),), 0.3),
        ]

    def make_case(self, number: int, dice: Dice) -> Case:
        chosen: dict[str, str] = {}
        for kind, points in _POINTS.items():
            for at in range(1 + (dice.roll(f"two {kind}") < 0.5)):
                chosen[f"{kind} {at}"] = points[(int(dice.roll(f"{kind}") * 5) + at) % 5]
        asides = [_ASIDES[(int(dice.roll("aside") * 5) + at) % 5] for at in range(2)]
        for at, aside in enumerate(asides):
            chosen[f"aside {at}"] = aside
        order = sorted(chosen.values(), key=lambda point: dice.roll(f"place {point}"))
        expected = [point for key, point in chosen.items() if not key.startswith("aside")]
        text = f"Report #{10_000 + number}: {', '.join(order)}."
        return Case(number, text, "; ".join(expected), tuple(chosen), {"points": chosen})

    def base_of(self, rule: Rule) -> float:
        return super().base_of(rule)

    def _chance(self, case: Case, hurdle: str, reading: Reading) -> float:
        """Points of a kind share its rule; each has a difficulty of its own."""
        kind = hurdle.split()[0]
        level = self.base[kind] + self.lift(case, kind, reading) - reading.burden
        luck = Dice("hurdle", self.name, self.seed, case.number, hurdle).roll("difficulty") - 0.5
        return 1 / (1 + math.exp(-self.sharpness * (level - 1.7 * self.spread * luck)))

    def worth(self, case: Case, chances: dict[str, float]) -> float:
        """Mean F1 over fixed draws: it has no simple form."""
        total = 0.0
        for draw in range(_DRAWS):
            dice = Dice("worth", self.name, self.seed, case.number, draw)
            cleared = {hurdle for hurdle, chance in chances.items() if dice.roll(hurdle) < chance}
            said = self._said(case, cleared)
            wanted = {point for key, point in case.truth["points"].items() if not key.startswith("aside")}
            total += 2 * len(wanted & set(said)) / (len(wanted) + len(said)) if said else 0.0
        return total / _DRAWS

    def _said(self, case: Case, cleared: set[str]) -> list[str]:
        return [
            point
            for key, point in case.truth["points"].items()
            if (key in cleared) != key.startswith("aside")
        ]

    def output(self, case: Case, cleared: set[str], dice: Dice) -> str:
        return "; ".join(self._said(case, cleared)) or "nothing to report"

    def symptoms(self, case: Case, line: str) -> set[str]:
        points = case.truth["points"]
        said = [part.strip() for part in line.split(";")]
        if line == case.expected or not all(part in points.values() for part in said):
            return set()
        found = {key.split()[0] for key, point in points.items() if point not in said and "aside" not in key}
        return found | {"aside" for key, point in points.items() if "aside" in key and point in said}
