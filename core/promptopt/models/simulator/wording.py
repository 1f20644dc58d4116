"""How the simulated target words what it says: right answers, and the usual ways of getting them wrong.

Each list holds functions of one :class:`Draft`; which one a case meets is drawn from its content.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from promptopt.models.simulator.chance import Dice

_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True)
class Draft:
    """An answer to be worded.

    Attributes:
        answer: the bare answer.
        about: the text of the case.
        rival: another answer that comes to mind; empty if there is none.
        dice: draws of the case.
    """

    answer: str
    about: str
    rival: str
    dice: Dice

    @property
    def quote(self) -> str:
        """A few words of the case, as models like to repeat them."""
        words = self.about.split()
        start = int(self.dice.roll("quote") * max(1, len(words) - 6))
        return " ".join(words[start : start + 6]) or "the text"

    @property
    def title(self) -> str:
        return self.answer.replace("_", " ").replace("-", " ").title()


Wording = Callable[[Draft], str]

REFUSALS: tuple[Wording, ...] = (
    lambda d: "I'm sorry, but I can't help with that request.",
    lambda d: "I'm unable to process this without more information. Could you please give more context?",
    lambda d: "I cannot assist with this, as it may contain personal information.",
)

WRAPPED: tuple[Wording, ...] = (
    lambda d: f'The answer is {d.answer}, because the text says "{d.quote}".',
    lambda d: (
        f'**Answer:** {d.answer}\n\n**Reason:** The message mentions "{d.quote}", which points to it. '
        "Let me know if you would like me to look at anything else!"
    ),
    lambda d: (
        f'Based on the text, I would go with {d.answer}. The key phrase is "{d.quote}", and nothing else '
        "in it suggests another reading."
    ),
    lambda d: f"```\n{d.answer}\n```",
    lambda d: f"Sure! Here is the result:\n\n{d.answer}",
    lambda d: (
        f'Let me think about this. "{d.quote}" is what matters here. So the answer would be: {d.answer}'
    ),
    lambda d: (
        f'{d.answer}\n\nThis fits best since the sender writes "{d.quote}". '
        "Please check it before you act on it."
    ),
)
"""The answer inside more than was wanted."""

LABEL_SLIPS: tuple[Wording, ...] = (
    lambda d: f"{d.title} Issue",
    lambda d: f"{d.title} Department",
    lambda d: "Customer Support",
    lambda d: "general inquiry",
    lambda d: f"{d.title} / {d.rival.title()}" if d.rival else f"{d.title} / Other",
    lambda d: f"{d.answer}_request",
    lambda d: f"High priority - {d.answer}",
    lambda d: "Complaint",
)
"""Labels that the task does not have."""


def _half(draft: Draft) -> str:
    words = draft.answer.split()
    return (
        " ".join(words[: max(1, len(words) // 2)])
        if len(words) > 1
        else draft.answer[: max(1, len(draft.answer) // 2)]
    )


def _swap_letters(draft: Draft) -> str:
    words = list(_WORD.finditer(draft.answer))
    if not words:
        return f"about {draft.answer}"
    at = draft.dice.pick(words, "slip").start() + 1
    text = draft.answer
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _shift_number(draft: Draft) -> str:
    found = re.search(r"\d+", draft.answer)
    if not found:
        return f"{draft.answer} in 2019"
    return f"{draft.answer[: found.start()]}{int(found.group()[:12]) + 1}{draft.answer[found.end() :]}"


TEXT_SLIPS: tuple[Wording, ...] = (
    _half,
    _half,
    _swap_letters,
    lambda d: f"{_half(d)}, among other things",
)
"""Too little, or a slip in it."""

INVENTIONS: tuple[Wording, ...] = (
    _shift_number,
    lambda d: f"{d.answer}, as confirmed by the 2021 Harrington report",
)
"""Facts that nobody gave."""

Fields = dict[str, Any]
FieldSlip = Callable[[Fields, str], Fields]
"""Changes an object at the field that the case stumbles over."""

FIELD_SLIPS: tuple[FieldSlip, ...] = (
    lambda fields, at: {name: value for name, value in fields.items() if name != at},
    lambda fields, at: {name: value for name, value in fields.items() if name != at},
    lambda fields, at: {(f"{name}_value" if name == at else name): value for name, value in fields.items()},
    lambda fields, at: {**fields, at: [fields[at]]},
)
"""Fields missing, renamed or of another type."""

FIELD_INVENTIONS: tuple[FieldSlip, ...] = (
    lambda fields, at: {**fields, "confidence": 0.92},
    lambda fields, at: {**fields, at: f"{fields[at]} (estimated)"},
)
"""Fields and values that nobody asked for."""


def as_json(fields: Fields) -> str:
    return json.dumps(fields, ensure_ascii=False)


UNSTRUCTURED: tuple[Callable[[Fields], str], ...] = (
    lambda fields: (
        f"Here is the JSON you asked for:\n\n```json\n{as_json(fields)}\n```\n\nLet me know if it helps!"
    ),
    lambda fields: f"```json\n{as_json(fields)}\n```",
    lambda fields: "\n".join(f"{name.title()}: {value}" for name, value in fields.items()),
    lambda fields: as_json(fields).replace('"', "'"),
    lambda fields: f"{as_json(fields)}\n\nI read these values from the text.",
    lambda fields: (
        "The text gives " + ", ".join(f"{value} as the {name}" for name, value in fields.items()) + "."
    ),
)
"""The right object in a shape that a parser chokes on."""


def thoughts(draft: Draft) -> str:
    """Reasoning, with the answer at its end."""
    doubt = f" It could be {draft.rival}, but that fits less." if draft.rival else ""
    return (
        f'Step 1: the text says "{draft.quote}".\nStep 2: I compare that with what is asked.{doubt}\n'
        f"Step 3: I decide.\n\nFinal answer: {draft.answer}"
    )
