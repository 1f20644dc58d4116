"""What a search has added to a prompt, passage by passage, to see at the end what it is good for."""

from collections.abc import Collection
from dataclasses import dataclass

from promptopt.domain.prompt import Prompt
from promptopt.evaluation.sentences import sentences, tokens
from promptopt.optimizers.refine.demonstrating import identity

SHORTEST = 12
"""Characters of a passage that is worth leaving out."""


@dataclass(frozen=True)
class Passage:
    """A sentence of a prompt, or some of its demonstrations.

    Attributes:
        key: names it: the sentence, or what tells the demonstrations from others.
        length: characters.
        shown: the demonstrations' identities, if these are what it is.
    """

    key: str
    length: int
    shown: frozenset[str] = frozenset()

    def without(self, prompt: Prompt) -> Prompt:
        """The prompt without it."""
        if self.shown:
            kept = tuple(demo for demo in prompt.demonstrations if identity(demo) not in self.shown)
            return Prompt(text=prompt.text, demonstrations=kept)
        return Prompt(text=_without(prompt.text, self.key), demonstrations=prompt.demonstrations)

    def __str__(self) -> str:
        if self.shown:
            return "a demonstration" if len(self.shown) == 1 else f"{len(self.shown)} demonstrations"
        return f"“{self.key if len(self.key) <= 80 else self.key[:79] + '…'}”"


def passages(first: Prompt, prompt: Prompt, marks: Collection[str] = ()) -> list[Passage]:
    """What ``prompt`` has that ``first`` has not, in the order in which it is worth leaving out.

    All demonstrations together come first, then sentences and single demonstrations, the longest first.

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
    had = {identity(demo) for demo in first.demonstrations}
    lengths = {
        identity(demo): len(demo.input_text) + len(demo.expected or "")
        for demo in prompt.demonstrations
        if identity(demo) not in had
    }
    found += [Passage(name, length, frozenset({name})) for name, length in lengths.items()]
    found.sort(key=lambda passage: -passage.length)
    if len(lengths) > 1:
        found.insert(0, Passage("+".join(sorted(lengths)), sum(lengths.values()), frozenset(lengths)))
    return found


def _without(text: str, sentence: str) -> str:
    """The text without a sentence, and without the white space or the empty line that it leaves behind."""
    kept: list[str] = []
    for token in tokens(text):
        if token.strip() != sentence:
            kept.append(token)
            continue
        while kept and kept[-1] != "\n" and not kept[-1].strip():
            kept.pop()
        if kept and kept[-1] == "\n":
            kept.pop()
    return "".join(kept).strip("\n")
