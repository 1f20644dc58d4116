"""The scored prompt with the case left open, and what belongs to it."""

import json
import keyword
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Message, Prompt, marks
from promptopt.domain.settings import ModelSettings

Format = Literal[
    "messages", "text", "json", "markdown", "openai", "anthropic", "python", "langchain", "dspy", "promptfoo"
]

FORMATS: dict[Format, tuple[str, str]] = {
    "messages": ("messages.json", "a JSON list of messages, the case left open"),
    "text": ("prompt.txt", "the instruction alone"),
    "json": ("prompt.json", "prompt, messages, scores and origin"),
    "markdown": ("prompt.md", "to read: the messages, scores and origin"),
    "openai": ("openai.json", "the body of a chat completions request"),
    "anthropic": ("anthropic.json", "the body of a messages request"),
    "python": ("prompt.py", "a module without dependencies"),
    "langchain": ("langchain_prompt.py", "a module with a ChatPromptTemplate"),
    "dspy": ("dspy_program.py", "a module with a DSPy program"),
    "promptfoo": ("promptfooconfig.yaml", "a promptfoo configuration"),
}
"""Each format's usual file name, and what it is in words."""

RESERVED = {"self", "true", "false", "none", "null", "loop", "range", "env", "cycler", "joiner", "caller"}
"""Names that templates or calls give a meaning of their own."""


@dataclass(frozen=True)
class Exported:
    """What is exported.

    Attributes:
        prompt: the prompt, as it was scored.
        columns: names of the cases' columns.
        model: the model that it was scored with.
        record: run, scores and so on, for the formats that can carry it.
        output: what the task calls its output.
    """

    prompt: Prompt
    columns: tuple[str, ...]
    model: ModelSettings
    record: dict[str, Any] = field(default_factory=dict[str, Any])
    output: str = "output"


def template(prompt: Prompt, columns: Sequence[str]) -> list[Message]:
    """The messages of ``prompt`` with the case left open: ``{input}`` or ``{column}`` marks its place.

    Filling the marks of the last message with a case gives exactly what ``Prompt.render`` sends for it.
    """
    *before, last = prompt.render(Example(id="open", inputs={name: f"{{{name}}}" for name in columns}))
    if prompt.placeholders(columns):
        content = prompt.text
    else:
        content = "{input}" if len(columns) == 1 else last.content
    return [*before, Message(role="user", content=content)]


def parts(content: str, columns: Iterable[str]) -> list[tuple[bool, str]]:
    """The last message of a template in parts: whether it is a mark, and its name or the text."""
    found = marks({*columns, "input"}).split(content)
    return [(bool(place % 2), part) for place, part in enumerate(found) if place % 2 or part]


def variables(columns: Sequence[str]) -> dict[str, str]:
    """For each mark that a template of these columns may have, the variable that stands for it elsewhere."""
    taken: set[str] = set()
    found = {name: plain_name(name, taken) for name in columns}
    if "input" not in found:  # of one column it is that column, of several all of them together
        found["input"] = found[columns[0]] if len(columns) == 1 else plain_name("input", taken)
    return found


def plain_name(name: str, taken: set[str], reserved: Iterable[str] = ()) -> str:
    """A name that other templates take, not ``taken`` yet: letters, digits, ``_``, no word of theirs."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name).strip("_") or "field"
    if not plain[0].isalpha() or keyword.iskeyword(plain) or plain.lower() in {*RESERVED, *reserved}:
        plain = f"field_{plain}"
    while plain in taken:
        plain += "_2"
    taken.add(plain)
    return plain


def used(what: Exported) -> dict[str, str]:
    """The marks that the last message has, and their variables."""
    last = template(what.prompt, what.columns)[-1].content
    there = {name for is_mark, name in parts(last, what.columns) if is_mark}
    return {name: plain for name, plain in variables(what.columns).items() if name in there}


def remarks(what: Exported) -> str:
    """The record as remarks, a line each; nothing in it can end its line."""
    return "".join(f"# {key}: {json.dumps(value)}\n" for key, value in what.record.items())


def as_json(value: Any) -> str:
    """``value`` as readable JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate can only be written escaped
        return json.dumps(value, indent=2) + "\n"
    return text


def messages_of(what: Exported) -> list[dict[str, str]]:
    """The template as JSON values."""
    return [message.model_dump() for message in template(what.prompt, what.columns)]
