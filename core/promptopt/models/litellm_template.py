"""litellm's formats without litellm's cost per call.

What litellm does around a request (logging, callbacks, price look-ups, clients) costs milliseconds; what its
formats say depends, for one model with one set of parameters, on nothing but the texts of the messages. So
litellm writes the first request of each shape (sequence of roles), with marks in place of the texts; those
after it are copies with other texts. A second request that litellm writes shows whether the copies are right;
if they are not, there is no template, and every call goes through litellm as a whole. Answers are read by the
provider's own configuration object (``BaseConfig.transform_response``).
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from promptopt.domain.prompt import Message
from promptopt.models.litellm_wire import Carriage
from promptopt.models.wire import HttpAnswer, HttpRequest, WireError
from promptopt.store.receipts import Slip

Complete = Callable[[Sequence[Message], Carriage], Awaitable[Any]]
"""Has litellm make a whole call of messages, with everything else as the model's settings say."""

_MARK = "zq7Kx{}Wv9"
_TRIAL = '{} "quoted" \\ back, line\nbreak, ümläut 漢字, {{input}} '


@dataclass(frozen=True)
class Template:
    """One shape of request of one model.

    Attributes:
        url, headers: as litellm sends them.
        pieces: the body's JSON text between the texts of the messages.
        order: which message's text stands in each gap.
    """

    url: str
    headers: dict[str, str]
    pieces: tuple[str, ...]
    order: tuple[int, ...]

    def write(self, messages: Sequence[Message], timeout: float) -> HttpRequest:
        """The request for ``messages``, whose roles must be those of the template.

        Raises:
            UnicodeEncodeError: a text has half a surrogate pair.
        """
        parts = [self.pieces[0]]
        for piece, number in zip(self.pieces[1:], self.order, strict=True):
            parts.append(_escaped(messages[number].content))
            parts.append(piece)
        return HttpRequest(self.url, self.headers, "".join(parts).encode(), timeout)


def roles_of(messages: Sequence[Message]) -> tuple[str, ...] | None:
    """The shape that ``messages`` have; None if a text might be treated as no other is (blank ones are)."""
    if any(not message.content.strip() for message in messages):
        return None
    if messages[-1].role == "assistant":  # some providers trim what the answer is to go on from
        return None
    return tuple(message.role for message in messages)


async def learn(complete: Complete, roles: Sequence[str]) -> Template | None:
    """The template of requests with ``roles``, or None if litellm's can't be copied."""
    marks = [_MARK.format(number) for number in range(len(roles))]
    trial = [_TRIAL.format(number).rstrip() for number in range(len(roles))]
    sample = await _written(complete, _messages(roles, marks))
    other = await _written(complete, _messages(roles, trial))
    if sample is None or other is None:
        return None
    template = _cut(sample, marks)
    if template is None:
        return None
    copy = template.write(_messages(roles, trial), other.timeout)
    same = json.loads(copy.body) == json.loads(other.body)
    return template if same and (copy.url, copy.headers) == (other.url, other.headers) else None


def _messages(roles: Sequence[str], texts: Sequence[str]) -> list[Message]:
    return [
        Message.model_validate({"role": role, "content": text})
        for role, text in zip(roles, texts, strict=True)
    ]


def _cut(request: HttpRequest, marks: Sequence[str]) -> Template | None:
    """Cut a request's body at the marks."""
    try:
        rest = json.dumps(json.loads(request.body), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return None
    pieces: list[str] = []
    order: list[int] = []
    while found := [(at, number) for number, mark in enumerate(marks) if (at := rest.find(mark)) >= 0]:
        at, number = min(found)
        pieces.append(rest[:at])
        order.append(number)
        rest = rest[at + len(marks[number]) :]
    if set(order) != set(range(len(marks))) or request.method != "POST":
        return None
    return Template(request.url, dict(request.headers), (*pieces, rest), tuple(order))


def _escaped(text: str) -> str:
    """A text as it stands inside a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


class _Catcher:
    """A wire that sends nothing and keeps what it should have sent."""

    relay = ""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    async def prepare(self) -> None: ...

    async def send(self, request: HttpRequest, slip: Slip | None = None) -> HttpAnswer:
        self.requests.append(request)
        raise WireError("broken", "only written, not sent")

    async def close(self) -> None: ...


async def _written(complete: Complete, messages: Sequence[Message]) -> HttpRequest | None:
    """The one request that litellm makes of ``messages``; None if it makes another number of them."""
    catcher = _Catcher()
    try:
        await complete(messages, Carriage(catcher, timeout=0.0))
    except Exception:
        return catcher.requests[0] if len(catcher.requests) == 1 else None
    return None
