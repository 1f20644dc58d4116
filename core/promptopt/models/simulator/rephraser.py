"""The simulated generator model, asked to put a text in other words: the same facts in other words."""

import re

from promptopt.models.simulator.chance import Dice

_ASKED = re.compile(r"\bin other words\b.*<(text-[0-9a-f]+)>\n(.*)\n</\1>\s*\Z", re.DOTALL)

_WORDS = {
    "hello": ("good morning", "dear team", "hi"),
    "good day": ("hello", "hi there"),
    "hi": ("hello", "good day"),
    "please": ("kindly", "if you can, please"),
    "thanks": ("many thanks", "thank you"),
    "problem": ("issue", "difficulty"),
    "cannot": ("am not able to", "can not"),
    "can't": ("cannot", "am unable to"),
    "does not work": ("is not working", "fails"),
    "no longer": ("not any more",),
    "i have": ("there is", "we have"),
    "need": ("require", "would like"),
    "want": ("would like", "wish"),
    "help": ("support", "a hand"),
    "tell me": ("let me know", "say"),
    "write": ("draft", "put together"),
    "about": ("regarding", "concerning"),
    "question": ("query", "request"),
    "also": ("in addition", "besides"),
    "but": ("however,", "though"),
}
"""What may stand in the place of what."""

_OPENINGS = ("", "", "Just a note: ", "One thing: ", "For your attention: ")


def text_to_rephrase(asked: str) -> str | None:
    """The text that a request wants in other words; None if it wants something else."""
    found = _ASKED.search(asked)
    return found[2] if found else None


def rephrased(text: str, dice: Dice) -> str:
    """The text with other words in some places, and now and then another order of its last two sentences."""

    def other(match: re.Match[str]) -> str:
        word = match[0]
        known = _WORDS[word.lower()]
        if dice.roll(f"word {match.start()}") < 0.3:
            return word
        chosen = dice.pick(known, f"choice {match.start()}")
        return chosen.capitalize() if word[0].isupper() else chosen

    pattern = "|".join(re.escape(word) for word in sorted(_WORDS, key=len, reverse=True))
    changed = re.sub(rf"\b(?:{pattern})\b", other, text, flags=re.IGNORECASE)
    sentences = re.split(r"(?<=[.!?])\s+", changed)
    if len(sentences) > 2 and "\n" not in changed and dice.roll("order") < 0.5:
        sentences[-1], sentences[-2] = sentences[-2], sentences[-1]
        changed = " ".join(sentences)
    return dice.pick(_OPENINGS, "opening") + changed
