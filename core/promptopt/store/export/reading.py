"""Exported files, read back: which format it is, which run it names, and whether it holds a prompt unchanged.

Modules are read, never run.
"""

import ast
import json
import re
from typing import Any, cast

import yaml

from promptopt.store.export import Format, export
from promptopt.store.export.asset import Exported

_REMARK = re.compile(r'^(?:# |- )run_id: "?([\w-]+)"?$', re.MULTILINE)

CONSTANTS: dict[Format, tuple[str, ...]] = {
    "python": ("COLUMNS", "TEMPLATE"),
    "langchain": ("VARIABLES", "TEMPLATE"),
    "dspy": ("FIELDS", "TEXT", "DEMONSTRATIONS"),
}
"""What makes the prompt in a module."""


def format_of(text: str) -> Format:
    """The format of an exported file; whatever is none of the others is ``text``."""
    value = _json(text)
    if isinstance(value, list):
        return "messages"
    if isinstance(value, dict):
        body = cast("dict[str, Any]", value)
        if "prompt_id" in body and "text" in body:
            return "json"
        return "anthropic" if "system" in body else "openai" if "messages" in body else "text"
    if re.search(r"^import dspy$", text, re.MULTILINE) and "\nDEMONSTRATIONS = [" in text:
        return "dspy"
    if "\nTEMPLATE = [" in text:
        return "langchain" if "langchain_core" in text else "python"
    if text.startswith("# Prompt "):
        return "promptfoo" if "\nprompts:\n" in text else "markdown"
    return "text"


def run_of(text: str) -> str:
    """The id of the run that an exported file names; empty if it names none."""
    value = _json(text)
    if isinstance(value, dict):
        return str(cast("dict[str, Any]", value).get("run_id", ""))
    found = _REMARK.search(text)
    return found[1] if found and format_of(text) != "text" else ""


def holds(text: str, what: Exported) -> bool:
    """Whether an exported file sends just what ``what`` sends; remarks, scores and the model may differ."""
    if not what.prompt.demonstrations and text == what.prompt.text:
        return True  # a prompt may itself look like another format
    form = format_of(text)
    if form == "text":
        return False
    mine, theirs = _core(text, form), _core(export(what, form), form)
    return mine is not None and mine == theirs


def _core(text: str, form: Format) -> Any:
    """The part of an exported file that makes the prompt; None if it can't be found."""
    if form in CONSTANTS:
        return _constants(text, CONSTANTS[form])
    if form == "markdown":
        _, begins, messages = text.partition("\n## ")
        return messages if begins else None
    if form == "promptfoo":
        return _promptfoo(text)
    value = _json(text)
    if form == "messages":
        return value
    body = cast("dict[str, Any]", value)
    if form == "json":
        return body.get("text"), body.get("demonstrations")
    system = [{"role": "system", "content": body["system"]}] if "system" in body else []
    messages: Any = body.get("messages")
    return [*system, *messages] if isinstance(messages, list) else None


def _constants(text: str, names: tuple[str, ...]) -> dict[str, Any] | None:
    try:
        tree = ast.parse(text)
        found = {
            target.id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id in names
        }
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return found if len(found) == len(names) else None


def _promptfoo(text: str) -> Any:
    try:
        body = yaml.safe_load(text)
        return json.loads(body["prompts"][0]["raw"])
    except (yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
