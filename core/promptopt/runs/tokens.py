"""How many tokens a text has, without its tokenizer: at least, likely, at most."""

from collections.abc import Sequence

from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import Example
from promptopt.domain.forecast import NONE, Spread
from promptopt.domain.prompt import Prompt

BYTES_PER_TOKEN = 4
"""Of English text, about; others have fewer."""

MOST_BYTES_PER_TOKEN = 8
"""No common tokenizer does better on texts that people write."""


def size_of(text: str) -> int:
    """Bytes of a text."""
    return len(text.encode("utf-8", "surrogatepass"))


def tokens_of(size: float, bound: float | None = None) -> Spread:
    """Tokens of a text of so many bytes. ``bound``: the most that they can be, if not a token a byte."""
    return Spread.of(size / MOST_BYTES_PER_TOKEN, size / BYTES_PER_TOKEN, size if bound is None else bound)


def rendered(prompt: Prompt, cases: Sequence[Example]) -> Spread:
    """Tokens of a prompt with a case, on average."""
    if not cases:
        return NONE
    size = bound = 0
    for case in cases:
        request = ChatRequest(model="", messages=tuple(prompt.render(case)))
        bound += request.token_bound()
        size += sum(size_of(m.content) for m in request.messages)
    return tokens_of(size / len(cases), bound / len(cases))
