"""The scored prompt, in the forms in which other programs want it, and back."""

from collections.abc import Callable

from promptopt.store.export import bodies, documents, modules
from promptopt.store.export.asset import FORMATS, Exported, Format, template

__all__ = ["FORMATS", "Exported", "Format", "export", "template"]


def export(what: Exported, form: Format) -> str:
    """The prompt in one of the formats: ``text`` as it is, without a final newline; the others end in one."""
    return _WRITERS[form](what)


_WRITERS: dict[Format, Callable[[Exported], str]] = {
    "messages": bodies.messages,
    "text": bodies.text,
    "json": bodies.whole,
    "markdown": documents.markdown,
    "openai": bodies.openai,
    "anthropic": bodies.anthropic,
    "python": modules.python,
    "langchain": modules.langchain,
    "dspy": modules.dspy,
    "promptfoo": documents.promptfoo,
}
