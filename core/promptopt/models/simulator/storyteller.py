"""The simulated generator model at scenarios: cases from templates, one for each cell that is asked for.

It makes the mistakes that models make: a reply that is cut off or is only talk, a case much like another, a
label that there is not, an answer that breaks the rules.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from promptopt.domain.chat import ChatRequest
from promptopt.models.simulator.chance import Dice
from promptopt.models.simulator.slots import Slots

CUT_OFF, TALK, FENCED = 0.04, 0.03, 0.12
"""Shares of replies that are cut off, hold no JSON, or have talk and a fence around it."""

ALIKE, NO_LABEL, BAD_ANSWER = 0.05, 0.03, 0.05
"""Shares of cases that repeat another, have a label that there is not, or an answer that breaks the rules."""

_CELL = re.compile(
    r"^(\d+)\. persona: (?P<persona>[^|(]+)(?P<who>\([^|]*\))? ?"
    r"\| difficulty: (?P<difficulty>[^|(]+)(?:\([^|]*\))? ?\| situation: (?P<situation>[^|(]+)"
    r"(?P<what>\([^|]*\))?$",
    re.MULTILINE,
)
_LABEL = re.compile(r'^- "(?P<name>[^"]+)": one of (?P<values>[^:\n]+)', re.MULTILINE)
_SCENES = {
    "internal_email": ("internal_communication", "email"),
    "internal_meeting": ("internal_communication", "meeting"),
    "internal_report": ("internal_communication", "report"),
    "customer_support": ("customer_support", ""),
    "content_creation": ("content_creation", "content"),
    "technical_documentation": ("technical_documentation", "page"),
}
_PARTS = {"e-mail": "email", "notes": "meeting", "report": "report"}


class Cell(NamedTuple):
    """A cell as it stands in a request."""

    number: int
    persona: str
    difficulty: str
    situation: str
    who: str
    what: str


class Wanted(NamedTuple):
    """What a request wants each case to have."""

    labels: Mapping[str, tuple[str, ...]]
    facts: bool
    answer: bool


def cells_in(text: str) -> list[Cell]:
    """The cells that a request lists."""
    return [
        Cell(
            int(match[1]),
            *(match[name].strip() for name in ("persona", "difficulty", "situation")),
            *((match[name] or "").strip("() ") for name in ("who", "what")),
        )
        for match in _CELL.finditer(text)
    ]


class Storyteller:
    """Answers requests for cases of a scenario."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def answer(self, request: ChatRequest, sample: int, parts: Mapping[str, str]) -> str:
        """JSON with a case for each cell, mostly."""
        key = request.content_key()
        asked = request.messages[0].content
        again = len(request.messages) > 2
        labels = {
            match["name"]: tuple(v.strip() for v in match["values"].split(","))
            for match in _LABEL.finditer(asked)
        }
        wanted = Wanted(labels, '"facts"' in asked, '"expected"' in asked)
        cases: list[dict[str, Any]] = []
        for cell in cells_in(parts.get("cells", "")):
            dice = Dice(self._seed, key, sample, cell.number)
            told = dice.roll("repeats") < ALIKE and cases
            case = _case(cell, parts, wanted, dice)
            if told:
                case = {**cases[-1], "cell": cell.number, "input": f"{cases[-1]['input']} Thanks."}
            cases.append(case)
        reply = json.dumps({"cases": cases}, ensure_ascii=False)
        return reply if again else _spoilt(reply, Dice(self._seed, key, sample, "form"))


def _spoilt(reply: str, dice: Dice) -> str:
    draw = dice.roll("form")
    if draw < CUT_OFF:
        return reply[: int(len(reply) * (0.3 + 0.6 * dice.roll("where")))]
    if draw < CUT_OFF + TALK:
        return "Sure! I would be glad to make up some cases for you. Which ones shall I begin with?"
    if draw < CUT_OFF + TALK + FENCED:
        return f"Here are the cases:\n\n```json\n{reply}\n```\nLet me know if you need more!"
    return reply


def _case(cell: Cell, parts: Mapping[str, str], wanted: Wanted, dice: Dice) -> dict[str, Any]:
    name, part = _SCENES.get(parts.get("scenario", "").strip(), ("", ""))
    scene = _scene(name) if name else {}
    if name == "internal_communication" or parts.get("scenario", "").strip() == "internal_communication":
        scene = _scene("internal_communication")
        part = part or next((kind for word, kind in _PARTS.items() if word in cell.what[:24]), "email")
    slots = Slots(parts.get("company", ""), scene.get("products", ()), dice)
    situation: dict[str, Any] = scene.get("situations", {}).get(cell.situation, {})
    text = _text(cell, scene, situation, slots, dice)
    case: dict[str, Any] = {"cell": cell.number, "input": text}
    labels = _labels(cell, situation, wanted, dice)
    case |= labels
    facts = [value for slot in scene.get("facts", ()) for value in slots.used(slot) if value in text][:3]
    if wanted.facts:
        case["facts"] = facts or [word for word in text.split() if len(word) > 5][:1]
    if wanted.answer:
        case["expected"] = _expected(scene, situation, part, labels, case.get("facts", []), slots, dice)
    return case


def _labels(cell: Cell, situation: Mapping[str, Any], wanted: Wanted, dice: Dice) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, values in wanted.labels.items():
        said = situation.get(name)
        if name == "urgency" and said is None:
            high = cell.persona in ("angry customer", "business buyer") or cell.situation in (
                "locked out",
                "something fails",
            )
            said = (
                "high" if high and dice.roll("high") < 0.7 else "low" if dice.roll("low") < 0.3 else "normal"
            )
        found[name] = said if said in values else dice.pick(values, f"label {name}")
        if dice.roll(f"no {name}") < NO_LABEL:
            found[name] = "other"
    return found


def _text(
    cell: Cell, scene: Mapping[str, Any], situation: Mapping[str, Any], slots: Slots, dice: Dice
) -> str:
    persona: dict[str, Any] = scene.get("personas", {}).get(cell.persona, {})
    core = (
        dice.pick(situation["texts"], "core")
        if situation
        else f"It is about this: {cell.what or cell.situation}, {{product}}."
    )
    if situation.get("bare"):
        return slots.filled(core) + dice.pick(("", "", "!", "??", " {name}"), "mark").replace(
            "{name}", slots.value("name")
        )
    sentences = [
        dice.pick(persona.get("open", [f"I write as {cell.persona or 'somebody'}, {{name}}."]), "open"),
        core,
        *_more(cell, scene, dice),
        dice.pick(persona.get("close", ["Thank you, {name}"]), "close"),
    ]
    return slots.filled(" ".join(sentences))


def _more(cell: Cell, scene: Mapping[str, Any], dice: Dice) -> list[str]:
    details: Sequence[str] = scene.get(
        "details", ("It has been so since {day}.", "There are {count} of them.", "{name2} knows of it.")
    )
    seconds: Sequence[str] = scene.get("seconds", ("There is a second matter with {product2}.",))
    one = dice.pick(details, "detail")
    if cell.difficulty == "easy":
        return [one]
    other = dice.pick([text for text in details if text != one], "other detail")
    if cell.difficulty == "hard":
        return [dice.pick(seconds, "second"), one, other]
    return [one, other]


def _expected(
    scene: Mapping[str, Any],
    situation: Mapping[str, Any],
    part: str,
    labels: Mapping[str, str],
    facts: Sequence[str],
    slots: Slots,
    dice: Dice,
) -> str:
    head = "".join(f"{name.capitalize()}: {value}\n" for name, value in labels.items())
    if dice.roll("bad answer") < BAD_ANSWER:
        return f"{head}\nI will get back to you, [Name]."
    listed = ", ".join(facts)
    words: dict[str, list[str]] = scene.get("words", {})
    if part in scene:
        body = str(scene[part]["expected"])
        body = body.replace("{facts}", listed).replace("{marked}", ", ".join(f"`{fact}`" for fact in facts))
        for name, choices in words.items():
            body = body.replace(f"{{{name}}}", dice.pick(choices, f"word {name}"))
        return slots.filled(body)
    if "expected" in scene:
        said = {name: dice.pick(choices, f"said {name}") for name, choices in scene["expected"].items()}
        answer = dice.pick(situation.get("answer", ["we look into it and come back to you."]), "answer")
        body = f"{said['open']}\n\n{said['body'].capitalize()} {answer} {said['next']}\n\n{said['close']}"
        return slots.filled(f"{head}\n{body}")
    return slots.filled(f"{head}\nThis is taken care of: {listed or '{product}'}.".strip())


@lru_cache(maxsize=16)
def _scene(name: str) -> dict[str, Any]:
    path = Path(str(files("promptopt.models.simulator"))) / "scenes" / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
