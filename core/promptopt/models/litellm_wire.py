"""Our wire below litellm: whatever its clients send goes over it.

The one function through which litellm's clients (the OpenAI SDK's and its own) send a request is wrapped. A
call made inside :func:`carried_by` goes over the given wire, filed under its slip; or, when a relay kept the
answer of an earlier worker's request, that is given back and nothing is sent. Other users of litellm in the
process notice nothing.
"""

import contextlib
import importlib
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextvars import ContextVar
from typing import Any

from promptopt.models.wire import HttpAnswer, HttpRequest, Wire, WireError
from promptopt.store.receipts import Kept, Slip

_SET_BY_THE_WIRE = ("host", "content-length", "accept-encoding", "connection", "transfer-encoding")


class Carriage:
    """How the requests of one call travel; see ``Transport.complete`` for the arguments.

    An address is asked once. Whoever asks it again (some of litellm's clients repeat by themselves what
    failed, and a call is read a second time if the first reader gave up) gets what came the first time.
    """

    def __init__(
        self, wire: Wire, timeout: float, slip: Slip | None = None, kept: Mapping[str, Kept] | None = None
    ) -> None:
        self.timeout = timeout
        self.seconds: float | None = None
        """What the last answer took."""
        self._wire = wire
        self._slip = slip
        self._kept = kept
        self._came: dict[str, HttpAnswer | WireError] = {}

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Send a request, or find its answer among those that were kept.

        Raises:
            WireError: there is no answer.
        """
        asked = request.asked
        if asked not in self._came:
            try:
                self._came[asked] = await self._answer(asked, request)
            except WireError as error:
                self._came[asked] = error
        outcome = self._came[asked]
        if isinstance(outcome, WireError):
            raise outcome
        self.seconds = outcome.seconds
        return outcome

    async def _answer(self, asked: str, request: HttpRequest) -> HttpAnswer:
        if self._kept is None:
            return await self._wire.send(request, self._slip)
        found = self._kept.get(asked)
        if found is None:
            raise WireError("broken", "what was kept answers another request")
        return HttpAnswer(found.status, {"content-type": found.content_type}, found.body, found.seconds)


_carriage: ContextVar[Carriage | None] = ContextVar("carriage", default=None)


@contextlib.contextmanager
def carried_by(carriage: Carriage) -> Generator[None]:
    """Let what the calls in this block send travel by ``carriage``."""
    token = _carriage.set(carriage)
    try:
        yield
    finally:
        _carriage.reset(token)


def wrap_litellm() -> None:
    """Wrap litellm's HTTP transport, once.

    Raises:
        ImportError, AttributeError: this release of litellm has another one.
    """
    transport: Any = importlib.import_module("litellm.llms.custom_httpx.aiohttp_transport")
    cls: Any = transport.LiteLLMAiohttpTransport
    send: Callable[[Any, Any], Awaitable[Any]] = cls.handle_async_request
    if getattr(send, "is_ours", False):
        return
    httpx: Any = importlib.import_module("httpx")

    async def handle_async_request(self: Any, request: Any) -> Any:
        carriage = _carriage.get()
        if carriage is None:
            return await send(self, request)
        try:
            answer = await carriage.send(await _read_request(request, carriage.timeout))
        except WireError as error:
            # A request that was sent and not answered must not look as if it had not been sent: litellm
            # sends again, by itself, what it could not connect for.
            unsent = httpx.ConnectError
            kind = {"unreachable": unsent, "untrusted": unsent, "late": httpx.ReadTimeout}
            raise kind.get(error.fault, httpx.ReadError)(str(error), request=request) from None
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)

    handle_async_request.is_ours = True  # type: ignore[attr-defined]
    cls.handle_async_request = handle_async_request


async def _read_request(request: Any, timeout: float) -> HttpRequest:
    """An httpx request as ours."""
    body: bytes = await request.aread()
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _SET_BY_THE_WIRE}
    return HttpRequest(str(request.url), headers, body, timeout, request.method)
