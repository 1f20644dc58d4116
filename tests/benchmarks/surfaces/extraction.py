"""Fields out of a note, each in a form that nobody told: the score is the share of right fields."""

import json
import math
from typing import Any, ClassVar

from promptopt.models.simulator.chance import Dice
from tests.benchmarks.surfaces.base import Case, Rule, Surface, Wording, decoys

_MONTHS = ("January", "March", "April", "June", "August", "October", "December")
_NAMES = (
    ("Dana", "Whitfield"),
    ("Omar", "Castell"),
    ("Ines", "Halvorsen"),
    ("Piet", "Nowak"),
    ("Lea", "Brandt"),
    ("Yuki", "Tanabe"),
)
_CURRENCIES = {"EUR": "euros", "USD": "dollars", "GBP": "pounds"}
_MONTH_NUMBERS = {"January": 1, "March": 3, "April": 4, "June": 6, "August": 8, "October": 10, "December": 12}
_PROSE = "Here is what I found: "


class Extraction(Surface):
    """Notes of payments into JSON."""

    name: ClassVar[str] = "extraction"
    about: ClassVar[str] = "extraction with six rules of form, graded by field"
    description: ClassVar[str] = "Read the payment out of a note: date, payer, amount, currency, reference."
    seed_prompt: ClassVar[str] = "Give date, payer, amount, currency and reference of this payment as JSON."
    taught: ClassVar[dict[str, float]] = {
        "json": 0.9,
        "date": 0.5,
        "payer": 0.5,
        "amount": 0.4,
        "currency": 0.4,
        "reference": 0.3,
    }
    checks: ClassVar[list[dict[str, Any]]] = [{"type": "json_fields"}]

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
                "json",
                ("Write one JSON object and nothing before or after it.", "nothing before or after"),
                ("Write JSON only.", "json only"),
                ("A program reads your answer.", "program reads"),
            ),
            rule(
                "date",
                ("Write dates as YYYY-MM-DD.", "yyyy-mm-dd"),
                ("Write dates in ISO style.", "iso style"),
                ("Use one style for dates.", "style for dates"),
            ),
            rule(
                "payer",
                ("Write names as surname, comma, first name.", "surname, comma"),
                ("Surnames come first.", "surnames come first"),
                ("Write full names.", "full names"),
            ),
            rule(
                "amount",
                ("Write amounts as plain numbers, without thousands separators.", "as plain numbers"),
                ("Amounts are numbers.", "amounts are numbers"),
                ("Copy amounts with care.", "copy amounts"),
            ),
            rule(
                "currency",
                ("Write currencies as three-letter codes.", "three-letter codes"),
                ("Use currency codes.", "currency codes"),
                ("Name the currency.", "name the currency"),
            ),
            rule(
                "reference",
                ("If a note has no reference, write null.", "no reference, write null"),
                ("Leave out what is not there.", "leave out what"),
                ("References can be missing.", "can be missing"),
            ),
            *decoys(
                "Read the whole note before you write.",
                "You work for the accounting department.",
                "Be precise.",
                "Check your answer before you send it.",
                "Notes were written in a hurry.",
                "Every payment counts.",
                "Keep the order of the fields.",
                "Use your knowledge of bookkeeping.",
            ),
            Rule("harm fence", "harm", (Wording("Put the JSON in a code block.", "in a code block"),), 0.3),
            Rule("harm fill", "harm", (Wording("Never leave a field empty.", "never leave a field"),), 0.25),
            Rule("harm tell", "harm", (Wording("Comment on each field.", "comment on each"),), 0.35),
        ]

    def base_of(self, rule: Rule) -> float:
        """Most answers are JSON without help, and most fields in another form."""
        return super().base_of(rule) + (0.4 if rule.key == "json" else 0.0)

    def make_case(self, number: int, dice: Dice) -> Case:
        day, month = 1 + int(dice.roll("day") * 28), dice.pick(_MONTHS, "month")
        first, last = dice.pick(_NAMES, "name")
        amount = 1000 + int(dice.roll("amount") * 90_000) / 10
        code = dice.pick(tuple(_CURRENCIES), "currency")
        reference = f"R-{int(dice.roll('reference') * 900) + 100}" if dice.roll("has") < 0.55 else None
        told = f" Reference {reference}." if reference else ""
        text = (
            f"Note #{10_000 + number}: on {day} {month} 2024 {first} {last} paid {amount:,.2f} "
            f"{_CURRENCIES[code]}.{told}"
        )
        right = {
            "date": f"2024-{_MONTH_NUMBERS[month]:02}-{day:02}",
            "payer": f"{last}, {first}",
            "amount": amount,
            "currency": code,
            "reference": reference,
        }
        wrong = {
            "date": f"{day} {month} 2024",
            "payer": f"{first} {last}",
            "amount": f"{amount:,.2f}",
            "currency": _CURRENCIES[code],
            "reference": "n/a",
        }
        hurdles = ("json", "date", "payer", "amount", "currency", *(() if reference else ("reference",)))
        return Case(number, text, json.dumps(right), hurdles, {"right": right, "wrong": wrong})

    def worth(self, case: Case, chances: dict[str, float]) -> float:
        """Nothing without JSON, else the share of right fields."""
        fields = [chances.get(name, 1.0) for name in case.truth["right"]]
        return chances["json"] * math.fsum(fields) / len(fields)

    def output(self, case: Case, cleared: set[str], dice: Dice) -> str:
        right, wrong = case.truth["right"], case.truth["wrong"]
        said = {
            name: value if name in cleared or name not in case.hurdles else wrong[name]
            for name, value in right.items()
        }
        text = json.dumps(said)
        return text if "json" in cleared else f"{_PROSE}{text}"

    def symptoms(self, case: Case, line: str) -> set[str]:
        start = line.find("{")
        if start < 0 or not line.endswith("}"):
            return set()
        try:
            said = json.loads(line[start:])
        except ValueError:
            return set()
        if not isinstance(said, dict) or "payer" not in said:
            return set()
        found = {"json"} if line.startswith(_PROSE) else set[str]()
        return found | {
            name
            for name, value in said.items()
            if value == case.truth["wrong"].get(name) and name in case.hurdles
        }
