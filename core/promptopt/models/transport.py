"""What the gateway needs of anything that answers requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from promptopt.domain.chat import Request
from promptopt.store.receipts import Kept, Slip


@dataclass(frozen=True)
class Reply:
    """One answer, as the provider gave it.

    Attributes:
        text: the reply; empty if it is an embedding.
        vector: the embedding (see ``domain.vectors``); empty if the reply is text.
        prompt_tokens, completion_tokens: the provider's count; None if it gave none.
        finish_reason: ``stop``, ``length``, ``content_filter`` …
        model: the model that answered, as it names itself.
        seconds: from sending to the whole answer, where the transport measures it.
        wait: seconds for which the server would refuse the next request, by its own account.
    """

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    finish_reason: str = "stop"
    model: str = ""
    seconds: float | None = None
    wait: float | None = None
    vector: str = ""


class TransportError(Exception):
    """A call that brought no answer.

    Attributes:
        retryable: another attempt may help (rate limit, overload, lost connection, malformed body).
        fatal: no other call of this role can succeed either (wrong key, unknown model).
        billed: the provider may have done, and billed, the work (a timeout).
        retry_after: seconds that the server asked to wait, if it did.
        unsent: no request went out.
        crowded: the server has, or is sent, too much (rate limit, overload, no answer in time).
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        fatal: bool = False,
        billed: bool = False,
        retry_after: float | None = None,
        unsent: bool = False,
        crowded: bool = False,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.fatal = fatal
        self.billed = billed
        self.retry_after = retry_after
        self.unsent = unsent
        self.crowded = crowded


class Transport(Protocol):
    """Answers requests for one model. Raises TransportError, and nothing else but cancellation."""

    @property
    def relay(self) -> str:
        """Name of the relay that keeps receipts of what is sent; empty if none does."""
        ...

    async def prepare(self) -> None:
        """Make ready what the first call would have to wait for. Raises what a missing library raises."""
        ...

    async def complete(
        self,
        request: Request,
        *,
        sample: int,
        timeout: float,
        slip: Slip | None = None,
        kept: Mapping[str, Kept] | None = None,
    ) -> Reply:
        """Answer ``request``.

        Args:
            sample: numbers repeated draws of the same request, from 0.
            timeout: seconds for the whole call.
            slip: what the answer is filed under, where receipts are kept.
            kept: what a relay kept of the answer (``Receipts.answers``): it is read, and nothing is sent.
        """
        ...

    async def close(self) -> None: ...
