"""Pages that need nothing else: every text in them is data, and no page loads or runs anything."""

from functools import lru_cache
from typing import Any

from promptopt.domain.text import sanitize


@lru_cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("promptopt.enterprise.deployment"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return pages


def page(template: str, **values: Any) -> str:
    """A page made of a template of this room."""
    return str(_environment().get_template(template).render(**values))


def _shown(value: Any) -> Any:
    """Plain text without what a terminal or a reader's eye could be led astray by; markup as it is."""
    return sanitize(value) if type(value) is str else value
