"""The built-in models: a target that labels tickets, and an optimizer that knows what helps.

Both are pure functions of the request. The target gets more tickets right the more of ``PHRASES`` its
instruction has; the optimizer adds the first phrase that the current prompt lacks.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from itertools import combinations

from promptopt.models.simulator.forms import form_of
from tests.loopback.wire import Call

PHRASES = (
    "Answer with one word.",
    "Read the whole ticket first.",
    "Money questions are billing.",
    "Things that used to work are bugs.",
)
SEED_PROMPT = "Label the support ticket as billing, bug, account or feature."

_LABEL_OF_WORD = {
    "invoice": "billing",
    "refund": "billing",
    "crashes": "bug",
    "freezes": "bug",
    "password": "account",
    "login": "account",
    "wish": "feature",
    "export": "feature",
}
LABELS = ("billing", "bug", "account", "feature")
WORDS = tuple(_LABEL_OF_WORD)

_TICKET = re.compile(r"Ticket \d+: [^\n]*")
_TRIED = re.compile(r"^#\d+\w? .* → ", re.MULTILINE)
_SLOT = re.compile(r"^slot (\d+):", re.MULTILINE)
_AGAIN = re.compile(r"for the slots ([\d, ]+)\.")
_ADDED = re.compile(r"\{\+(.*?)\+\}", re.DOTALL)
_WON = re.compile(r"^Case (C\d+) \(the better one won\)", re.MULTILINE)
_CURRENT = re.compile(r"<current_prompt>\n?(.*?)\n?</current_prompt>", re.DOTALL)


def label_of(ticket: str) -> str:
    """The right label of a ticket: that of the first tell-tale word in it."""
    return next((label for word, label in _LABEL_OF_WORD.items() if word in ticket), "feature")


@dataclass(frozen=True)
class LabelTask:
    """The behaviour of a server that plays both roles.

    Attributes:
        base: share of tickets that are right without any phrase.
        ceiling: share that is right with all of them.
        salt: another salt, other tickets are hard.
    """

    base: float = 0.4
    ceiling: float = 1.0
    salt: str = ""

    def __call__(self, call: Call) -> str:
        if "opus" in call.model or "optimizer" in call.model:
            return propose(call)
        return self.label(call)

    def share(self, instruction: str) -> float:
        """Share of tickets that ``instruction`` gets right in the long run."""
        known = sum(phrase in instruction for phrase in PHRASES) / len(PHRASES)
        return self.base + (self.ceiling - self.base) * known

    def solves(self, instruction: str, ticket: str) -> bool:
        """Whether ``instruction`` gets this ticket right. Once right, more phrases never make it wrong."""
        digest = hashlib.sha256(f"{self.salt}{ticket}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64 < self.share(instruction)

    def label(self, call: Call) -> str:
        """The target's answer: the label; or, for a ticket it gets wrong, another label or chatter."""
        found = _TICKET.findall(call.last_user)
        ticket = found[-1] if found else call.last_user
        right = label_of(ticket)
        if self.solves(call.text, ticket):
            return right
        if len(ticket) % 3 == 0:
            return f"I think that this ticket is probably about {right}, but I am not sure."
        return LABELS[(LABELS.index(right) + 1) % len(LABELS)]


def propose(call: Call) -> str:
    """The optimizer's answer, in the form that the request asks for.

    It knows what helps: the last ``<current_prompt>`` of the request with the next missing phrase. Each of
    several variants gets others of them, and again others the more was tried; words without effect if none is
    missing. A lesson is what the better prompt has more.
    """
    form = form_of(call.text)
    if form is not None:  # DSPy's, or gepa's
        base = form.prompt or SEED_PROMPT
        missing = [phrase for phrase in PHRASES if phrase not in base] or [""]
        number = int(hashlib.sha256(call.text.encode()).hexdigest()[:8], 16) % len(missing)
        return form.write(f"{base}\n{missing[number]}".strip(), ["It is missing."], [missing[number]])
    if '"operations"' in call.text:
        return _lessons(call)
    found = _CURRENT.findall(call.text)
    current = found[-1] if found else SEED_PROMPT
    missing = [phrase for phrase in PHRASES if phrase not in current]
    if '"variants"' in call.text:
        tried = len(_TRIED.findall(call.text))
        return json.dumps({"variants": [_variant(slot, current, missing, tried) for slot in _slots(call)]})
    if not missing:
        return json.dumps({"prompt": current, "reasoning": "Nothing is missing.", "confidence": 0.1})
    reasoning = f"The failed tickets show that this is missing: {missing[0]}"
    return json.dumps({"prompt": f"{current}\n{missing[0]}", "reasoning": reasoning, "confidence": 0.8})


def _slots(call: Call) -> list[int]:
    """The slots that are asked for: those of the list, or of the last correction."""
    asked = _AGAIN.findall(call.last_user)
    numbers = asked[-1].split(",") if asked else _SLOT.findall(call.text)
    return [int(number) for number in numbers]


def _variant(slot: int, current: str, missing: list[str], tried: int) -> dict[str, object]:
    choices = [some for size in range(1, len(missing) + 1) for some in combinations(missing, size)]
    if choices:
        added = "\n".join(choices[(slot - 1 + tried) % len(choices)])
        reasoning = f"This is missing: {added}"
    else:
        added, reasoning = (
            f"This is attempt {tried + slot} at the same thing.",
            "Nothing seems to be missing.",
        )
    return {"slot": slot, "prompt": f"{current}\n{added}", "reasoning": reasoning, "confidence": 0.5}


def _lessons(call: Call) -> str:
    difference = " ".join(_ADDED.findall(call.last_user))
    helped = [phrase for phrase in PHRASES if phrase in difference]
    operations = [
        {
            "op": "ADD",
            "when": "tickets fail",
            "do": f"say: {phrase}",
            "evidence_cases": _WON.findall(call.last_user),
        }
        for phrase in helped
    ]
    return json.dumps({"operations": operations})
