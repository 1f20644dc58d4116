"""Prompts: immutable, identified by what they send."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from promptopt.domain.dataset import Example
from promptopt.domain.demonstrations import with_demonstrations


class Message(BaseModel):
    """One chat message, as it is sent."""

    model_config = ConfigDict(frozen=True)

    role: Literal["system", "user", "assistant"]
    content: str


class Prompt(BaseModel):
    """An instruction, with optional demonstrations.

    ``{input}`` or ``{column}`` in the text marks where the case goes: then the filled-in text is sent as
    the user message. Without such a mark the text is the system message and the case the user message.
    Other braces (JSON in a prompt, say) are left alone.

    Attributes:
        text: the instruction.
        demonstrations: cases with expected outputs, sent before the case as user/assistant turns.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    demonstrations: tuple[Example, ...] = ()

    @property
    def id(self) -> str:
        """Hash of the messages that the prompt renders to, the case left open: 12 hexadecimal digits."""
        shown = [[demo.inputs, demo.expected] for demo in self.demonstrations]
        text = json.dumps([self.text, shown], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    @property
    def in_words(self) -> str:
        """The text and the demonstrations as one text for people: what two prompts are compared by."""
        shown = [(demo.inputs, demo.expected or "") for demo in self.demonstrations]
        return with_demonstrations(self.text, shown)

    def placeholders(self, columns: Iterable[str]) -> list[str]:
        """Names of the marks in the text, in order of first appearance, each once."""
        found = marks({*columns, "input"}).findall(self.text)
        return list(dict.fromkeys(found))

    def render(self, case: Example) -> list[Message]:
        """The messages to send for ``case``."""
        if not self.placeholders(case.inputs):
            messages = [Message(role="system", content=self.text)] if self.text else []
            for demo in self.demonstrations:
                messages.append(Message(role="user", content=demo.input_text))
                messages.append(Message(role="assistant", content=demo.expected or ""))
            return [*messages, Message(role="user", content=case.input_text)]
        messages: list[Message] = []
        for demo in self.demonstrations:
            messages.append(Message(role="user", content=self._fill(demo)))
            messages.append(Message(role="assistant", content=demo.expected or ""))
        return [*messages, Message(role="user", content=self._fill(case))]

    def _fill(self, case: Example) -> str:
        values: Mapping[str, str] = {"input": case.input_text, **case.inputs}
        return marks(values).sub(lambda match: values[match.group(1)], self.text)


class OptimizedPrompt(Prompt):
    """What an optimizer gives back: the prompt and how it came about.

    Attributes:
        metadata: lineage and figures: run, parent, optimizer, scores.
    """

    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])

    def __repr_args__(self) -> Iterator[tuple[str, object]]:
        """Figures and lineage are long: they are in ``metadata``, not in what a notebook shows."""
        yield "id", self.id
        yield "text", self.text if len(self.text) <= 200 else self.text[:199] + "…"
        yield "demonstrations", len(self.demonstrations)
        yield "metadata", list(self.metadata)

    @property
    def examples(self) -> tuple[Example, ...]:
        """The demonstrations."""
        return self.demonstrations


def marks(names: Iterable[str]) -> re.Pattern[str]:
    """Finds the marks ``{name}`` of these names in a text; its first group is the name."""
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(r"\{(" + "|".join(re.escape(name) for name in longest_first) + r")\}")
