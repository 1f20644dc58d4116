"""One HTTP request and its answer, with nothing of a provider in them."""

import asyncio
import functools
import hashlib
import os
import re
import ssl
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, urlsplit

from promptopt.store.receipts import Slip

LARGEST_ANSWER = 64 * 2**20
"""Bytes of an answer that are read before it is given up: a server gone wild must not fill the memory."""

_SECRET_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie")
_SECRET_QUERY = ("key", "api_key", "api-key", "token")
_SHORTEST_SECRET = 8
_REDACTED = b"[redacted]"

KEEP_ALIVE = 30.0
"""Seconds that an idle connection is kept."""


@dataclass(frozen=True)
class HttpRequest:
    """What is sent.

    Attributes:
        headers: without ``Host``, ``Content-Length`` and ``Accept-Encoding``, which the wire sets.
        timeout: seconds for the whole exchange.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout: float
    method: str = "POST"

    @property
    def asked(self) -> str:
        """Hash of method and address."""
        return hashlib.sha256(f"{self.method} {self.url}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class HttpAnswer:
    """What came back, whole.

    Attributes:
        headers: names in lower case; the body is decoded, so none that say how it was encoded.
        seconds: from sending to the end of the body.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    seconds: float = 0.0


WireFault = Literal["unreachable", "untrusted", "late", "broken"]


class WireError(Exception):
    """No whole answer came.

    Attributes:
        fault: ``unreachable`` and ``untrusted`` (its certificate; nothing was sent), ``late`` (time ran out),
            ``broken`` (it went out, and nobody knows what became of it).
    """

    def __init__(self, fault: WireFault, message: str) -> None:
        super().__init__(message)
        self.fault: WireFault = fault


class Wire(Protocol):
    """Carries requests. Used from one event loop.

    Attributes:
        relay: name of the relay that keeps receipts; empty if none does.
    """

    relay: str

    async def prepare(self) -> None:
        """Make ready what the first request would have to wait for."""
        ...

    async def send(self, request: HttpRequest, slip: Slip | None = None) -> HttpAnswer:
        """Send ``request`` once.

        Args:
            slip: what the answer is to be filed under, where receipts are kept.

        Raises:
            WireError: there is no whole answer.
        """
        ...

    async def close(self) -> None:
        """Let go of the connections; it can be used again."""
        ...


class HttpWire:
    """Sends from this process, over connections that are kept. Redirects are not followed.

    Proxies are taken from the environment, as is ``SSL_CERT_FILE``; ``SSL_VERIFY=false`` trusts anybody. What
    a server sends back of the request's own key is taken out.
    """

    relay = ""

    def __init__(self) -> None:
        self._session: Any = None
        self._proxies: dict[str, str | None] = {}

    async def prepare(self) -> None:
        """Import aiohttp and make the session."""
        if self._session is None:
            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE, ssl=_ssl_context()),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                skip_auto_headers=("User-Agent",),
            )

    async def send(self, request: HttpRequest, slip: Slip | None = None) -> HttpAnswer:
        """Send ``request``; see :class:`Wire`. ``slip`` is not looked at: no receipts are kept here."""
        import aiohttp

        await self.prepare()
        try:
            async with asyncio.timeout(request.timeout):
                return await self._exchange(request)
        except TimeoutError:
            raise WireError("late", f"no whole answer within {request.timeout:g} s") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise WireError("untrusted", _words(error.certificate_error)) from None
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            raise WireError("unreachable", _words(error)) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise WireError("broken", _words(error)) from None

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # one turn of the loop, in which the sockets go

    async def _exchange(self, request: HttpRequest) -> HttpAnswer:
        from yarl import URL

        started = time.perf_counter()
        async with self._session.request(
            request.method,
            URL(request.url, encoded=True),
            data=request.body or None,
            headers={**request.headers, "Accept-Encoding": "gzip, deflate"},
            allow_redirects=False,
            proxy=self._proxy(request.url),
        ) as response:
            body = await _read(response)
        seconds = time.perf_counter() - started
        headers = {name.lower(): value for name, value in response.headers.items()}
        for name in ("content-encoding", "content-length", "transfer-encoding"):
            headers.pop(name, None)
        return HttpAnswer(response.status, headers, _without(body, _secrets(request)), seconds)

    def _proxy(self, url: str) -> str | None:
        """The proxy for an address, looked up once for each host."""
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        if place not in self._proxies:
            proxies = urllib.request.getproxies()
            proxy = proxies.get(parts.scheme) or proxies.get("all")
            if urllib.request.proxy_bypass(parts.hostname or ""):
                proxy = None
            self._proxies[place] = f"http://{proxy}" if proxy and "://" not in proxy else proxy
        return self._proxies[place]


async def _read(response: Any) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > LARGEST_ANSWER:
            raise WireError("broken", f"the answer is larger than {LARGEST_ANSWER // 2**20} MiB")
        parts.append(part)
    return b"".join(parts)


def _secrets(request: HttpRequest) -> Iterator[bytes]:
    """The keys that a request carries."""
    for name, value in request.headers.items():
        if name.lower() in _SECRET_HEADERS:
            yield value.rpartition(" ")[2].encode()
    if "?" in request.url:
        for name, value in parse_qsl(urlsplit(request.url).query):
            if name.lower() in _SECRET_QUERY:
                yield value.encode()


def _without(body: bytes, secrets: Iterable[bytes]) -> bytes:
    """``body`` without the secrets, also where JSON, or JSON inside JSON, has written them with escapes."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            body = body.replace(secret, _REDACTED)
            if b"\\" in body:
                body = _escaped(secret).sub(_REDACTED, body)
    return body


@functools.cache
def _escaped(secret: bytes) -> re.Pattern[bytes]:
    """A secret of which each character may be escaped, as ``\\/`` or as ``\\u0061``, at any depth."""
    return re.compile(
        b"".join(rb"(?:\\*%s|\\+[uU](?i:%04x))" % (re.escape(bytes([byte])), byte) for byte in secret)
    )


def _ssl_context() -> ssl.SSLContext | bool:
    """What certificates are checked against.

    Raises:
        WireError: ``SSL_CERT_FILE`` can't be read.
    """
    verify = os.environ.get("SSL_VERIFY", "").strip()
    if verify.lower() in ("false", "0", "no"):
        return False
    try:
        context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or _file(verify))
    except (OSError, ssl.SSLError) as error:
        path = os.environ.get("SSL_CERT_FILE")
        raise WireError(
            "unreachable", f"SSL_CERT_FILE names {path}, which can't be read: {_words(error)}"
        ) from None
    if not os.environ.get("SSL_CERT_FILE"):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _file(path: str) -> str | None:
    return path if path and os.path.isfile(path) else None  # noqa: PTH113 — a setting, maybe no path


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
