"""Text from prompts, models and people, put into Markdown as data."""

import re

from promptopt.domain.text import one_line

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&])")
_LEADING = re.compile(r"^(\d+)([.)])|^([-+=])")


def inline(text: str) -> str:
    """A text as part of a line of Markdown that it can't change the look of."""
    plain = _SPECIAL.sub(r"\\\1", one_line(text))
    return _LEADING.sub(lambda match: f"{match[1] or ''}\\{match[2] or match[3]}", plain)


def fenced(text: str) -> str:
    """A text as it is in a block of Markdown, whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
