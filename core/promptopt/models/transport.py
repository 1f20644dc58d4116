"""What the gateway needs of anything that answers requests."""

from dataclasses import dataclass
from typing import Protocol

from promptopt.domain.chat import ChatRequest


@dataclass(frozen=True)
class Reply:
    """One answer, as the provider gave it.

    Attributes:
        text: the reply.
        prompt_tokens, completion_tokens: the provider's count; None if it gave none.
        finish_reason: ``stop``, ``length``, ``content_filter`` …
        model: the model that answered, as it names itself.
    """

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    finish_reason: str = "stop"
    model: str = ""


class Receipt:
    """Keeps what comes over the wire for one request, before anything is done with it.

    Attributes:
        kept: what an earlier worker kept of this very request; it is read, and nothing is sent.
    """

    def __init__(self, kept: str | None = None) -> None:
        self.kept = kept

    async def keep(self, raw: str) -> None:
        """Make a whole answer durable. By default nobody needs it."""


class TransportError(Exception):
    """A call that brought no answer.

    Attributes:
        retryable: another attempt may help (rate limit, overload, lost connection, malformed body).
        fatal: no other call of this role can succeed either (wrong key, unknown model).
        billed: the provider may have done, and billed, the work (a timeout).
        retry_after: seconds that the server asked to wait, if it did.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        fatal: bool = False,
        billed: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.fatal = fatal
        self.billed = billed
        self.retry_after = retry_after


class Transport(Protocol):
    """Answers requests for one model. Raises TransportError, and nothing else but cancellation."""

    async def prepare(self) -> None:
        """Make ready what the first call would have to wait for. Raises what a missing library raises."""
        ...

    async def complete(
        self, request: ChatRequest, *, sample: int, timeout: float, receipt: Receipt | None = None
    ) -> Reply:
        """Answer ``request``. ``sample`` numbers repeated draws of the same request, from 0.

        A transport that pays for its answers gives each to ``receipt`` first, if it can.
        """
        ...

    async def close(self) -> None: ...
