"""What people ask of an optimizer's proposals: notes, and what every prompt must or must not contain."""

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

Form = Literal["note", "keep", "avoid"]
"""``note``: free text; ``keep``: every proposal must contain it; ``avoid``: none may."""

FORMS: tuple[Form, ...] = ("note", "keep", "avoid")

GIVEN: dict[Form, str] = {
    "note": "{}",
    "keep": "The prompt must contain this text, word for word: {}",
    "avoid": "The prompt must not contain this text: {}",
}
"""What the optimizer model is told of a wish."""

SHOWN = 120
"""Characters of a text that are named in a refusal."""


class Guidance(BaseModel):
    """One wish. ``number`` names it in its run."""

    model_config = ConfigDict(frozen=True)

    number: int
    form: Form
    text: str
    by: str = ""
    reason: str = ""

    def met_by(self, prompt: str) -> bool:
        """Whether a prompt is as wished: white space does not count, nor case where a text is avoided."""
        if self.form == "keep":
            return _plain(self.text) in _plain(prompt)
        if self.form == "avoid":
            return _plain(self.text).casefold() not in _plain(prompt).casefold()
        return True

    def __str__(self) -> str:
        said = {"note": "note", "keep": "must contain", "avoid": "must not contain"}[self.form]
        return f"{said}: {self.text}"


def objection(wishes: Iterable[Guidance], prompt: str) -> str:
    """What speaks against a prompt, in words for who wrote it; empty if it is as wished."""
    broken = next((wish for wish in wishes if not wish.met_by(prompt)), None)
    if broken is None:
        return ""
    text = broken.text if len(broken.text) <= SHOWN else f"{broken.text[:SHOWN]}…"
    if broken.form == "keep":
        return f"the prompt must contain this text, word for word: {text}"
    return f"the prompt must not contain this text: {text}"


def addendum(wishes: Sequence[Guidance]) -> str:
    """What the optimizer model is told of people's wishes; empty if there are none."""
    if not wishes:
        return ""
    lines = [_told(wish) for form in FORMS[::-1] for wish in wishes if wish.form == form]
    return "\n".join(
        [
            "<guidance>",
            "The person who runs this optimization asks the following of every prompt that you write. It",
            "comes before your own judgement, and changes nothing of the form that your reply must have.",
            *lines,
            "</guidance>",
        ]
    )


def _told(wish: Guidance) -> str:
    return "- " + GIVEN[wish.form].replace("{}", wish.text.strip())


def _plain(text: str) -> str:
    return " ".join(text.split())
