"""Two classifications: one in which instructions matter, and one in which nothing helps."""

from typing import ClassVar

from promptopt.models.simulator.chance import Dice
from tests.benchmarks.surfaces.base import Case, Reading, Rule, Surface, Wording, decoys

QUEUES = ("billing", "shipping", "technical", "account", "sales")
_SYNONYMS = {
    "billing": "payments",
    "shipping": "delivery",
    "technical": "tech support",
    "account": "user profile",
    "sales": "orders",
}
_ITEMS = ("router", "lamp", "sensor", "door lock", "camera", "speaker", "hub", "thermostat")
_MOODS = (
    "Please help.",
    "Third message now.",
    "Thanks.",
    "This is urgent.",
    "No rush.",
    "We are a small firm.",
)

_TRAPS = {
    "asked": ("mentions a {other} matter in passing, but asks about {right}", 0.24),
    "irony": ("praises the {item} so highly that it can only be meant ironically; it is about {right}", 0.14),
    "resold": ("bought the {item} from a partner shop; the shop's paper speaks of {other}", 0.16),
    "undelivered": ("wants the money back for a {item} that never came, {other} said wait", 0.16),
    "locked": ("can't open a page about {other}, the {item} app says no access", 0.12),
}
"""Why a case is hard, what its text says, and the share of such cases."""


def _rule(key: str, clear: str, vague: str, off: str, marks: tuple[str, str, str], gain: float = 1.0) -> Rule:
    wordings = (
        Wording(clear, marks[0]),
        Wording(vague, marks[1], 0.6),
        Wording(off, marks[2], 0.25),
    )
    return Rule(key, "help", wordings, gain)


def _harm(key: str, sentence: str, gain: float) -> Rule:
    return Rule(key, "harm", (Wording(sentence, sentence.lower()),), gain)


_HARMFUL = (
    _harm("harm explain", "Explain how you came to your answer, so that a reader can follow it.", 0.35),
    _harm("harm warm", "Show empathy and thank the customer for the message.", 0.25),
    _harm("harm doubt", "If you are not entirely sure, say so and list what it could be.", 0.3),
)
_DECOYS = (
    "Work carefully and read everything twice.",
    "You are an experienced professional in this field.",
    "Accuracy matters more than speed.",
    "Treat each message as if it were the only one.",
    "Consider the context before you decide.",
    "Keep the company's values in mind.",
    "Pay attention to every detail of the text.",
    "Stay neutral and objective.",
    "Think about what a senior colleague would say.",
    "Use plain language.",
)


class Triage(Surface):
    """Tickets into queues."""

    name: ClassVar[str] = "triage"
    about: ClassVar[str] = "classification, seven instructions matter, one helps another"
    description: ClassVar[str] = "Route a support ticket to the queue that has to act on it."
    seed_prompt: ClassVar[str] = "Which queue should get this ticket?"
    taught: ClassVar[dict[str, float]] = {"bare": 0.9, "names": 0.6, "asked": 0.2}

    def make_rules(self) -> list[Rule]:
        return [
            _rule(
                "bare",
                "Answer with the queue's name alone, in lower case.",
                "Keep the answer to the queue.",
                "Answer briefly.",
                ("name alone", "to the queue", "answer briefly"),
                0.8,
            ),
            _rule(
                "names",
                "The queues are: billing, shipping, technical, account, sales.",
                "Use one of our five queue names.",
                "Use the usual queue names.",
                ("queues are: billing", "five queue names", "usual queue names"),
                0.8,
            ),
            _rule(
                "asked",
                "What the writer asks for decides, not what is only mentioned.",
                "Look for the main request.",
                "Some tickets touch several topics.",
                ("asks for decides", "main request", "several topics"),
            ),
            _rule(
                "irony",
                "Praise can be ironic: take it as a complaint about the thing praised.",
                "Mind the tone of the message.",
                "Customers can be emotional.",
                ("can be ironic", "mind the tone", "be emotional"),
            ),
            _rule(
                "resold",
                "What was bought from a partner shop goes to sales, whatever the paper says.",
                "Partner shops are special.",
                "Note where it was bought.",
                ("goes to sales, whatever", "shops are special", "where it was bought"),
            ),
            _rule(
                "undelivered",
                "Money back for a parcel that never came is a matter of shipping.",
                "Missing parcels come before money.",
                "Parcels can get lost.",
                ("never came is a matter", "parcels come before", "can get lost"),
            ),
            _rule(
                "locked",
                "Whoever has no access goes to account, whatever the page is about.",
                "Access problems come first.",
                "Apps can fail to open.",
                ("no access goes to account", "access problems come", "fail to open"),
            ),
            *decoys(*_DECOYS),
            *_HARMFUL,
        ]

    def base_of(self, rule: Rule) -> float:
        """Form and names are right every other time without help; traps seldom."""
        return super().base_of(rule) + (0.5 if rule.key in ("bare", "names") else 0.0)

    def make_case(self, number: int, dice: Dice) -> Case:
        trap = dice.pick_weighted([*((t, share) for t, (_, share) in _TRAPS.items()), ("", 0.4)], "trap")
        right = {"resold": "sales", "undelivered": "shipping", "locked": "account"}.get(
            trap, dice.pick(QUEUES, "queue")
        )
        other = dice.pick([queue for queue in QUEUES if queue != right], "other")
        item = dice.pick(_ITEMS, "item")
        said = _TRAPS[trap][0] if trap else "writes about {right} and nothing else"
        told = said.format(right=right, other=other, item=item)
        text = f"Ticket #{10_000 + number}: the customer {told}. {dice.pick(_MOODS, 'mood')}"
        hurdles = ("bare", "names", *((trap,) if trap else ()))
        return Case(number, text, right, hurdles, {"trap": trap, "other": other})

    def lift(self, case: Case, hurdle: str, reading: Reading) -> float:
        """To know what is asked for is of half the use to whom nobody told the queues."""
        lift = super().lift(case, hurdle, reading)
        return lift * (0.5 + 0.5 * reading.strengths.get("names", 0.0)) if hurdle == "asked" else lift

    def output(self, case: Case, cleared: set[str], dice: Dice) -> str:
        trap = case.truth["trap"]
        queue = case.truth["other"] if trap and trap not in cleared else case.expected
        named = queue if "names" in cleared else _SYNONYMS[queue]
        return named if "bare" in cleared else f"This ticket should go to: {named}, I would say."

    def symptoms(self, case: Case, line: str) -> set[str]:
        found: set[str] = set()
        bare = line.removeprefix("This ticket should go to: ").removesuffix(", I would say.")
        if bare != line:
            found.add("bare")
        queue = next((queue for queue, synonym in _SYNONYMS.items() if synonym == bare), "")
        if queue:
            found.add("names")
        queue = queue or (bare if bare in QUEUES else "")
        if queue and queue == case.truth["other"] and case.truth["trap"]:
            found.add(case.truth["trap"])
        return found


class Null(Surface):
    """A classification whose inputs do not tell: no instruction helps, some do harm."""

    name: ClassVar[str] = "null"
    about: ClassVar[str] = "nothing helps, some instructions do harm"
    description: ClassVar[str] = "Say whether the visitor will come back: yes, no or maybe."
    seed_prompt: ClassVar[str] = "Will this visitor come back? Answer yes, no or maybe."
    sharpness: ClassVar[float] = 2.0

    def make_rules(self) -> list[Rule]:
        return [*decoys(*_DECOYS, *self._guesses()), *_HARMFUL]

    def _guesses(self) -> list[str]:
        kinds = ("short visits", "visits at night", "visits from abroad", "long forms", "many clicks")
        answers = ("yes", "no", "maybe")
        return [f"Mostly {kind} mean {answer}." for kind in kinds for answer in answers]

    def make_case(self, number: int, dice: Dice) -> Case:
        kind = dice.pick(("short", "nightly", "foreign", "busy", "long"), "kind")
        clicks = int(dice.roll("clicks") * 40)
        text = f"Visit #{10_000 + number}: {kind}, {clicks} clicks, from page {number % 7}."
        return Case(number, text, dice.pick(("yes", "no", "maybe"), "answer"), ("luck",))

    def lift(self, case: Case, hurdle: str, reading: Reading) -> float:
        return 0.0

    def output(self, case: Case, cleared: set[str], dice: Dice) -> str:
        if "luck" in cleared:
            return case.expected
        return dice.pick([answer for answer in ("yes", "no", "maybe") if answer != case.expected], "wrong")

    def symptoms(self, case: Case, line: str) -> set[str]:
        """Whoever looks for a pattern finds one."""
        wrong = line in ("yes", "no", "maybe") and line != case.expected
        return {f"decoy {len(_DECOYS) + case.number % 15}"} if wrong else set()
