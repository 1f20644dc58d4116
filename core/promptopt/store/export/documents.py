"""The prompt as a document: Markdown to read, and promptfoo's configuration."""

import json
import re
from typing import Any

import yaml

from promptopt.domain.markdown import fenced, inline
from promptopt.store.export.asset import Exported, as_json, parts, remarks, template, used, variables
from promptopt.store.promptfoo_models import PREFIXES

_SPECIAL = re.compile(r"\{(?=[{%#]|\Z)|#(?=\})")
"""What promptfoo's templates (Nunjucks) would read as the beginning of something, or could with what follows,
and the end of a comment, which they refuse where none began."""


def markdown(what: Exported) -> str:
    """The messages as they are, each in a block of its own; scores and origin as a list."""
    lines = [f"# Prompt {what.prompt.id}", ""]
    lines += [f"- {key}: {inline(_told(key, value))}" for key, value in what.record.items() if value]
    lines += ["", f"Columns of a case: {', '.join(inline(name) for name in what.columns)}", ""]
    for message in template(what.prompt, what.columns):
        lines += [f"## {message.role}", "", fenced(message.content), ""]
    return "\n".join(lines)


def promptfoo(what: Exported) -> str:
    """A configuration with the prompt as a chat, and the model as its provider.

    promptfoo fills every string of a chat by Nunjucks: what is text here, and would be a template there, is
    written as an expression that gives that text.
    """
    *before, last = template(what.prompt, what.columns)
    plain = variables(what.columns)
    content = "".join(
        f"{{{{ {plain[part]} }}}}" if is_mark else literal(part)
        for is_mark, part in parts(last.content, what.columns)
    )
    chat = [{"role": each.role, "content": literal(each.content)} for each in before]
    chat.append({"role": last.role, "content": content})
    config: dict[str, Any] = {"max_tokens": what.model.max_tokens}
    if what.model.temperature is not None:
        config["temperature"] = what.model.temperature
    body: dict[str, Any] = {
        "description": f"prompt {what.prompt.id}",
        # Of several lines, or promptfoo might take it for the name of a file.
        "prompts": [{"label": f"prompt {what.prompt.id}", "raw": as_json(chat)}],
        "providers": [{"id": provider(what.model.model), "config": {**config, **what.model.params}}],
    }
    dumped = yaml.safe_dump(body, allow_unicode=True, sort_keys=False, width=2**31)
    try:
        dumped.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate can only be written escaped
        dumped = yaml.safe_dump(body, sort_keys=False, width=2**31)
    asked = ", ".join(dict.fromkeys(used(what).values()))
    return f"# Prompt {what.prompt.id}. Add tests with these vars: {asked}\n{remarks(what)}{dumped}"


def _told(key: str, value: Any) -> str:
    """An entry of the record in words: its scores and its comparison in short."""
    if key == "scores":
        return "; ".join(
            f"{split} {score['score']:.1%} [{score['low']:.1%}, {score['high']:.1%}], "
            f"{score['passed']} of {score['n']} pass"
            for split, score in value.items()
            if score
        )
    if key == "comparison":
        low, high = (f"{bound * 100:+.1f}" for bound in value["interval"])
        return (
            f"{value['verdict']} on the sealed test, against the prompt to start from: "
            f"{value['difference'] * 100:+.1f} points [{low}, {high}] on {value['n']} cases"
        )
    return value if isinstance(value, str) else json.dumps(value)


def literal(text: str) -> str:
    """``text`` as a Nunjucks template that gives exactly it."""
    return _SPECIAL.sub(lambda found: f'{{{{ "{found[0]}" }}}}', text)


def provider(model: str) -> str:
    """promptfoo's name of a model: ``openai/gpt-4o`` is ``openai:gpt-4o``."""
    prefix, _, name = model.partition("/")
    known = {theirs: ours for ours, theirs in reversed(PREFIXES.items())}
    if prefix == "anthropic":
        return f"anthropic:messages:{name}"
    return f"{known[prefix]}:{name}" if prefix in known and name else f"litellm:{model}"
