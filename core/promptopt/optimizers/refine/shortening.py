"""What a search has added to a prompt, passage by passage, to see at the end what it is good for."""

from dataclasses import dataclass

from promptopt.domain.prompt import Prompt
from promptopt.optimizers.refine.merging import sentences, tokens

SHORTEST = 12
"""Characters of a passage that is worth leaving out."""


@dataclass(frozen=True)
class Passage:
    """A sentence or a demonstration of a prompt.

    Attributes:
        key: the sentence, or the demonstration's id.
        length: characters.
    """

    key: str
    length: int
    shown: bool = False

    def without(self, prompt: Prompt) -> Prompt:
        """The prompt without it."""
        if self.shown:
            kept = tuple(demo for demo in prompt.demonstrations if demo.id != self.key)
            return Prompt(text=prompt.text, demonstrations=kept)
        return Prompt(text=_without(prompt.text, self.key), demonstrations=prompt.demonstrations)

    def __str__(self) -> str:
        what = "the demonstration" if self.shown else "the passage"
        return f"{what} “{self.key if len(self.key) <= 60 else self.key[:59] + '…'}”"


def passages(first: Prompt, prompt: Prompt, marks: tuple[str, ...] = ()) -> list[Passage]:
    """What ``prompt`` has that ``first`` has not, the longest first.

    Args:
        marks: a sentence with one of these is left alone: the case is put there.
    """
    own = set(sentences(first.text))
    added = dict.fromkeys(sentence for sentence in sentences(prompt.text) if sentence not in own)
    found = [
        Passage(sentence, len(sentence))
        for sentence in added
        if len(sentence) >= SHORTEST and not any(mark in sentence for mark in marks)
    ]
    had = {demo.id for demo in first.demonstrations}
    found += [
        Passage(demo.id, len(demo.input_text) + len(demo.expected or ""), shown=True)
        for demo in prompt.demonstrations
        if demo.id not in had
    ]
    return sorted(found, key=lambda passage: -passage.length)


def _without(text: str, sentence: str) -> str:
    """The text without a sentence, and without the white space or the empty line that it leaves behind."""
    kept: list[str] = []
    for token in tokens(text):
        if token.strip() == sentence:
            while kept and kept[-1].strip(" \t") == "" and kept[-1] != "\n":
                kept.pop()
            if kept and kept[-1] == "\n":
                kept.pop()
            continue
        kept.append(token)
    return "".join(kept).strip("\n")
