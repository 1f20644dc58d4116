"""Keeping what comes over the wire, below litellm: an answer is durable before litellm reads it.

Reading a burst of answers takes litellm some milliseconds each, one after the other; a worker that is
killed meanwhile would have to ask, and pay, for all of them again. So the one function through which
litellm's clients (the OpenAI SDK's and its own) receive a response is wrapped: a whole answer goes to the
call's receipt first, and one that an earlier worker kept is given back in place of a request.
"""

import contextlib
import importlib
import json
from collections.abc import Awaitable, Callable, Generator
from contextvars import ContextVar
from typing import Any

from promptopt.models.transport import Receipt

_receipt: ContextVar[Receipt | None] = ContextVar("receipt", default=None)

_ENCODED = ("content-encoding", "content-length", "transfer-encoding")
"""Headers that describe the body on the wire, not the decoded one that is kept."""


@contextlib.contextmanager
def receipts_to(receipt: Receipt | None) -> Generator[None]:
    """Give what the calls in this block receive to ``receipt``."""
    token = _receipt.set(receipt)
    try:
        yield
    finally:
        _receipt.reset(token)


def wrap_litellm() -> None:
    """Wrap litellm's HTTP transport, once. If another release has another one, nothing is kept."""
    try:
        transport: Any = importlib.import_module("litellm.llms.custom_httpx.aiohttp_transport")
        cls: Any = transport.LiteLLMAiohttpTransport
        receive: Callable[[Any, Any], Awaitable[Any]] = cls.handle_async_request
    except (ImportError, AttributeError):
        return
    if getattr(receive, "keeps_receipts", False):
        return
    httpx: Any = importlib.import_module("httpx")

    async def handle_async_request(self: Any, request: Any) -> Any:
        receipt = _receipt.get()
        if receipt is None:
            return await receive(self, request)
        if receipt.kept is not None:
            headers, body = json.loads(receipt.kept)
            return httpx.Response(200, headers=headers, content=body.encode(), request=request)
        response = await receive(self, request)
        if response.status_code != 200:
            return response
        body = await response.aread()
        headers = [pair for pair in response.headers.multi_items() if pair[0].lower() not in _ENCODED]
        # Cookies and account ids are in the others, and no business of the store's.
        kept = [pair for pair in headers if pair[0].lower() == "content-type"]
        with contextlib.suppress(UnicodeDecodeError):
            await receipt.keep(json.dumps([kept, body.decode()]))
        return httpx.Response(200, headers=headers, content=body, request=request)

    handle_async_request.keeps_receipts = True  # type: ignore[attr-defined]
    cls.handle_async_request = handle_async_request
