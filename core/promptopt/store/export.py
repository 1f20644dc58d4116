"""The scored prompt, in the forms in which other programs want it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.settings import ModelSettings

Format = Literal["messages", "text", "json", "openai", "anthropic", "python"]


@dataclass(frozen=True)
class Exported:
    """What is exported.

    Attributes:
        prompt: the prompt, as it was scored.
        columns: names of the cases' columns.
        model: the model that it was scored with.
        record: run, scores and so on, for ``json`` and the remarks of ``python``.
    """

    prompt: Prompt
    columns: tuple[str, ...]
    model: ModelSettings
    record: dict[str, Any] = field(default_factory=dict[str, Any])


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


def export(what: Exported, form: Format) -> str:
    """The prompt in one of the formats: ``text`` as it is, without a final newline; the others end in one."""
    return _WRITERS[form](what)


def _messages(what: Exported) -> list[dict[str, str]]:
    return [message.model_dump() for message in template(what.prompt, what.columns)]


def _as_messages(what: Exported) -> str:
    return _json(_messages(what))


def _as_text(what: Exported) -> str:
    return what.prompt.text


def _as_json(what: Exported) -> str:
    demonstrations = [
        {"inputs": demo.inputs, "expected": demo.expected} for demo in what.prompt.demonstrations
    ]
    return _json(
        {
            **what.record,
            "prompt_id": what.prompt.id,
            "text": what.prompt.text,
            "demonstrations": demonstrations,
            "columns": list(what.columns),
            "messages": _messages(what),
            "model": what.model.model_dump(
                mode="json", include={"model", "temperature", "max_tokens", "params"}
            ),
        }
    )


def _as_openai(what: Exported) -> str:
    """Body of a chat completions request."""
    return _json({**_request(what, "openai"), "messages": _messages(what)})


def _as_anthropic(what: Exported) -> str:
    """Body of a messages request: the system message is a key of its own."""
    messages = _messages(what)
    body = _request(what, "anthropic")
    if messages[0]["role"] == "system":
        body["system"] = messages.pop(0)["content"]
    return _json({**body, "messages": messages})


def _request(what: Exported, provider: str) -> dict[str, Any]:
    model = what.model
    body: dict[str, Any] = {"model": model.model.removeprefix(f"{provider}/"), "max_tokens": model.max_tokens}
    if model.temperature is not None:
        body["temperature"] = model.temperature
    return {**body, **model.params}


def _as_python(what: Exported) -> str:
    """A module without dependencies whose ``messages(case)`` gives what was scored."""
    remarks = "".join(f"# {key}: {json.dumps(value)}\n" for key, value in what.record.items())
    listed = "".join(f"    {message!r},\n" for message in _messages(what))
    return _MODULE.format(id=what.prompt.id, remarks=remarks, columns=list(what.columns), listed=listed)


_MODULE = '''\
"""Prompt {id}: messages(case) gives exactly the messages that were scored."""

import re

{remarks}
COLUMNS = {columns!r}

TEMPLATE = [
{listed}]


def messages(case: dict[str, str]) -> list[dict[str, str]]:
    """The messages to send for a case, a text for each of COLUMNS."""
    whole = "\\n".join(f"{{name}}: {{text}}" for name, text in case.items())
    values = {{"input": next(iter(case.values())) if len(case) == 1 else whole, **case}}
    names = sorted(values, key=len, reverse=True)
    marks = re.compile(r"\\{{(" + "|".join(re.escape(name) for name in names) + r")\\}}")
    *before, last = TEMPLATE
    return [*before, {{**last, "content": marks.sub(lambda mark: values[mark.group(1)], last["content"])}}]
'''


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate can only be written escaped
        return json.dumps(value, indent=2) + "\n"
    return text


_WRITERS: dict[Format, Callable[[Exported], str]] = {
    "messages": _as_messages,
    "text": _as_text,
    "json": _as_json,
    "openai": _as_openai,
    "anthropic": _as_anthropic,
    "python": _as_python,
}
