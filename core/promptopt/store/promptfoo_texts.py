"""promptfoo's prompts: where they stand, chats, and templates (``{{name}}``)."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.store.casefiles import text_of
from promptopt.store.promptfoo_tests import file_text
from promptopt.store.textfiles import is_file, parse_yaml

Lose = Callable[[str, str], None]

_MARK = re.compile(r"\{\{-?\s*([A-Za-z_][\w.]*)\s*-?\}\}")
_LOGIC = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_SEPARATOR = re.compile(r"^---\s*$", re.MULTILINE)
_TEXT_FILES = (".txt", ".md", ".json", ".jsonl", ".yaml", ".yml", ".j2")


class Template(NamedTuple):
    """A prompt with its variables in order of appearance.

    ``notices`` tell what became of it; ``logic`` is the first piece of it that is more than a variable.
    """

    text: str
    variables: list[str]
    notices: list[str]
    logic: str = ""


def read_prompts(value: Any, folder: Path, lose: Lose) -> list[Template]:
    """The prompts that ``prompts`` stands for; those that are code are lost.

    Raises:
        SettingsError: a file that is missing or can't be read.
    """
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [
        template
        for number, item in enumerate(items)
        for template in _prompts(item, folder, f"prompts[{number}]", lose)
    ]


def render(text: str, variables: Mapping[str, Any], flat: bool = False) -> tuple[str, str]:
    """``text`` with its variables filled in, and the first template in it that can't be.

    Args:
        flat: ``variables`` has dotted names as they stand.
    """

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        value = variables.get(name, match.group()) if flat else value_of(variables, name, match.group())
        return text_of(value)

    left = [found for found in _LOGIC.findall(text) if _fails(found, variables, flat)]
    return _MARK.sub(fill, text), left[0] if left else ""


def value_of(variables: Mapping[str, Any], name: str, default: Any = "") -> Any:
    """The value of a variable, or of a key in one: ``user.name``."""
    if name in variables:
        return variables[name]
    value: Any = variables
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return default
        value = cast("Mapping[str, Any]", value)[part]
    return value


def tell_template(template: Template, lose: Lose) -> None:
    """Note the logic in a template, which stays in the prompt as it is."""
    if template.logic:
        lose(f"logic in the prompt, which stays there as text: {one_line(template.logic, 60)}", "prompts")


def _fails(found: str, variables: Mapping[str, Any], flat: bool) -> bool:
    mark = _MARK.fullmatch(found)
    if mark is None:
        return True
    return mark.group(1) not in variables if flat else value_of(variables, mark.group(1), None) is None


def _prompts(item: Any, folder: Path, where: str, lose: Lose) -> list[Template]:
    if isinstance(item, dict):
        told = cast("dict[str, Any]", item)
        item = told.get("raw", told.get("content", told.get("id")))
    if not isinstance(item, str) or not item.strip():
        raise SettingsError("found no text, expected a prompt or a file", where=f"{folder}, {where}")
    named = "\n" not in item and not item.startswith("file://") and Path(item).suffix in _TEXT_FILES
    if named and is_file(folder / item):
        item = f"file://{item}"
    if re.search(r"\.(py|js|mjs|cjs|ts)(:\w+)?$", item) and "\n" not in item:
        lose(f"a prompt that is code: {one_line(item, 60)}", where)
        return []
    text = file_text(item, folder)
    parts = (
        [part for part in _SEPARATOR.split(text) if part.strip()] if item.startswith("file://") else [text]
    )
    return [_template(part.strip(), folder / item.removeprefix("file://")) for part in parts]


def _template(text: str, path: Path) -> Template:
    text = _COMMENT.sub("", text)
    notices: list[str] = []
    messages = _chat(text, path)
    if messages is not None:
        text, notices = _joined(messages)
    variables = list(dict.fromkeys(_MARK.findall(text)))
    logic = next((found for found in _LOGIC.findall(text) if not _MARK.fullmatch(found)), "")
    return Template(text, [name for name in variables if not name.startswith("env.")], notices, logic)


def _chat(text: str, path: Path) -> list[tuple[str, str]] | None:
    """Messages, if the prompt is a chat in JSON or YAML."""
    value: Any = None
    try:
        if text.lstrip().startswith("["):
            value = json.loads(text)
        elif path.suffix.lower() in (".yaml", ".yml") or re.match(r"-\s+role:", text):
            value = parse_yaml(text, path)
    except (ValueError, RecursionError, SettingsError):
        return None
    if not isinstance(value, list):
        return None
    messages = [cast("dict[str, Any]", item) for item in cast("list[Any]", value) if isinstance(item, dict)]
    found = [(str(item.get("role", "user")), item.get("content")) for item in messages]
    if not found or not all(isinstance(content, str) for _, content in found):
        return None
    return [(role, str(content)) for role, content in found]


def _joined(messages: Sequence[tuple[str, str]]) -> tuple[str, list[str]]:
    """One text for a chat. A system message and a variable as user message are sent so anyway."""
    if len(messages) == 1:
        return messages[0][1], []
    (first, system), last = messages[0], messages[-1][1]
    if (
        len(messages) == 2
        and first == "system"
        and _MARK.fullmatch(last.strip())
        and not _MARK.search(system)
    ):
        return system, []
    return "\n\n".join(text for _, text in messages), [
        f"the {len(messages)} messages of the prompt are sent as one, in their order"
    ]
