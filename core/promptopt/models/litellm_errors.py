"""What litellm's exceptions mean for a caller.

Their classes alone do not say: a connection that broke after sending and a body that was not JSON both come
as "internal server error", and some HTTP errors come as another class than their status. So the status is
taken from the HTTP response where there was one, and from the class only where there was none.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, cast

from promptopt.domain.redaction import Redactor
from promptopt.domain.text import one_line
from promptopt.models.rate_headers import retry_after
from promptopt.models.transport import TransportError

_LONGEST = 240
"""Characters of a provider's own words that a message quotes."""


@dataclass(frozen=True)
class CallSite:
    """Who was called, for messages.

    Attributes:
        model: the model's name in the project.
        endpoint: host and port, or the provider's name.
        key: the variable that holds the key, empty if no key is sent.
        key_hint: what to do when there is no key.
        custom: the endpoint is the project's own ``base_url``.
        no_version: it is one in OpenAI's format, and without the usual ``/v1``.
    """

    model: str
    endpoint: str
    key: str
    key_hint: str
    custom: bool
    no_version: bool = False


class _Kind(Enum):
    KEY = auto()
    CREDIT = auto()
    MODEL = auto()
    RATE = auto()
    REFUSED = auto()
    SERVER = auto()
    SLOW_SERVER = auto()
    TIMEOUT = auto()
    UNREACHABLE = auto()
    UNTRUSTED = auto()
    BROKEN = auto()
    NAME = auto()
    NO_WAY = auto()
    SETUP = auto()
    UNEXPECTED = auto()


_FATAL = {
    _Kind.KEY,
    _Kind.CREDIT,
    _Kind.MODEL,
    _Kind.NAME,
    _Kind.NO_WAY,
    _Kind.SETUP,
    _Kind.UNTRUSTED,
}
_UNSENT = {_Kind.UNREACHABLE, _Kind.UNTRUSTED, _Kind.NAME, _Kind.NO_WAY, _Kind.SETUP}
_RETRYABLE = {
    _Kind.RATE,
    _Kind.SERVER,
    _Kind.SLOW_SERVER,
    _Kind.TIMEOUT,
    _Kind.UNREACHABLE,
    _Kind.BROKEN,
}
# The request went out and nobody knows what became of it.
_BILLED = {_Kind.SLOW_SERVER, _Kind.TIMEOUT, _Kind.BROKEN}

_CROWDED = {_Kind.RATE, _Kind.SLOW_SERVER, _Kind.TIMEOUT}
_OVERLOADED = (503, 529)

_KIND_OF_STATUS = {
    401: _Kind.KEY,
    402: _Kind.CREDIT,
    403: _Kind.KEY,
    404: _Kind.MODEL,
    405: _Kind.MODEL,
    408: _Kind.SLOW_SERVER,
    409: _Kind.SERVER,
    425: _Kind.SERVER,
    429: _Kind.RATE,
    504: _Kind.SLOW_SERVER,
    524: _Kind.SLOW_SERVER,
}
_NOT_CONNECTED = ("ConnectError", "ConnectTimeout", "ProxyError")
_KIND_OF_CLASS = (
    ("LiteLLMUnknownProvider", _Kind.NO_WAY),
    ("APITimeoutError", _Kind.TIMEOUT),
    ("AuthenticationError", _Kind.KEY),
    ("PermissionDeniedError", _Kind.KEY),
    ("NotFoundError", _Kind.MODEL),
    ("RateLimitError", _Kind.RATE),
    ("BadRequestError", _Kind.REFUSED),
    ("UnprocessableEntityError", _Kind.REFUSED),
    ("APIError", _Kind.BROKEN),
)
_NO_CREDIT = re.compile(
    r"insufficient_quota|credit balance|exceeded your current quota|billing_not_active", re.I
)
_NOT_SET_UP = re.compile(
    r"must be set|(?:is|are) not set|unable to locate credentials|default credentials", re.I
)
_CERTIFICATE = re.compile(r"certificate.verify.failed|certificate is not valid for", re.I)
_NO_JSON = re.compile(r"unable to get json|expecting value|JSONDecodeError|empty or invalid response", re.I)
_WEB_PAGE = re.compile(r"<!doctype html|<html\b", re.I)
_MODERATED = re.compile(r"moderation|flagged", re.I)

_MESSAGE = re.compile(r'"message"\s*:\s*("(?:[^"\\]|\\.)*")')
_CLASSES = re.compile(r"^(?:\s*(?:litellm\.)?[A-Z]\w*(?:Error|Exception|Timeout)\b\s*[:-]*\s*)+")
_NOISE = re.compile(
    r"Traceback \(most|Handle with `|Give Feedback|Original Response|Received Model Group|\bError_str:"
)


def timed_out(site: CallSite, seconds: float) -> TransportError:
    """The error for a call that brought nothing in time."""
    text = f"{site.endpoint} gave no whole answer within {seconds:g} s ({site.model})"
    return TransportError(text, retryable=True, billed=True, crowded=True)


def translate(error: Exception, site: CallSite, redactor: Redactor) -> TransportError:
    """The :class:`TransportError` that says what ``error`` means: short, with no key and no stack in it."""
    links = list(_chain(error))
    kind = _kind(links)
    said = _said(error, redactor)
    body = next((link.doc for link in links if isinstance(link, json.JSONDecodeError)), "")
    inner = next(type(link).__name__ for link in reversed(links) if not isinstance(link, StopIteration))
    return TransportError(
        redactor.redact(_message(kind, site, said, inner, [str(link) for link in links], body)),
        retryable=kind in _RETRYABLE,
        fatal=kind in _FATAL,
        billed=kind in _BILLED,
        retry_after=_retry_after(links) if kind in (_Kind.RATE, _Kind.SERVER) else None,
        unsent=kind in _UNSENT,
        crowded=kind in _CROWDED or _status(links) in _OVERLOADED,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made from, outermost first."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _kind(links: list[BaseException]) -> _Kind:
    names = {cls.__name__ for cls in type(links[0]).__mro__}
    text = str(links[0])
    status = _status(links)
    kind = _kind_of_status(status) if status else None
    if kind is None:
        kind = _kind_without_status(links, names)
    if _NO_CREDIT.search(text) and kind in (_Kind.RATE, _Kind.REFUSED, _Kind.KEY):
        return _Kind.CREDIT
    if status == 403 and _MODERATED.search(text):
        return _Kind.REFUSED
    # A wrong key can come as 400 (Gemini); litellm knows these cases.
    if kind is _Kind.REFUSED and "AuthenticationError" in names:
        return _Kind.KEY
    return kind


def _status(links: list[BaseException]) -> int | None:
    """Of the HTTP response, where there was one."""
    return next(filter(None, map(_http_status, links)), None)


def _kind_of_status(status: int) -> _Kind | None:
    if status in _KIND_OF_STATUS:
        return _KIND_OF_STATUS[status]
    if status >= 500:
        return _Kind.SERVER
    return _Kind.REFUSED if status >= 400 else None


def _kind_without_status(links: list[BaseException], names: set[str]) -> _Kind:
    unsent = [str(link) for link in links if type(link).__name__ in _NOT_CONNECTED]
    if unsent:
        return _Kind.UNTRUSTED if _CERTIFICATE.search(unsent[-1]) else _Kind.UNREACHABLE
    if "LLM Provider NOT provided" in str(links[0]):
        return _Kind.NAME
    if any(isinstance(link, ImportError) for link in links) or _NOT_SET_UP.search(str(links[0])):
        return _Kind.SETUP
    return next((kind for name, kind in _KIND_OF_CLASS if name in names), _Kind.UNEXPECTED)


def _http_status(link: BaseException) -> int | None:
    if "HTTPStatusError" not in {cls.__name__ for cls in type(link).__mro__}:
        return None
    status = getattr(getattr(link, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


_WORDS = {
    _Kind.KEY: "{host} refused the key in {key} for {model}{said}; put a key that may use it into {key}",
    _Kind.CREDIT: "the account at {host} has nothing left to pay {model} with{said}",
    _Kind.MODEL: "{host} has no model {model}{said}; check the model's name{or_address}",
    _Kind.RATE: "{host} limits the rate of requests ({model}){said}",
    _Kind.REFUSED: "{host} refused the request to {model}{said}",
    _Kind.SERVER: "{host} failed ({model}){said}",
    _Kind.SLOW_SERVER: "{host} failed ({model}){said}",
    _Kind.TIMEOUT: "{host} gave no whole answer in time ({model})",
    _Kind.UNREACHABLE: "{host} can't be reached ({model}); check the connection{or_address}",
    _Kind.UNTRUSTED: "{host} shows a certificate that is not trusted ({model}): {cause}; "
    "name the file of the authority that signed it in SSL_CERT_FILE",
    _Kind.BROKEN: "the answer of {host} ({model}) broke off or can't be read ({inner})",
    _Kind.NAME: "no provider is known for {model}; write it as provider/model, such as openai/gpt-4o-mini",
    _Kind.NO_WAY: "litellm has no way to get that of {model}; take a model of another provider",
    _Kind.SETUP: "{model} can't be called as this machine is set up: {inner}{said}",
    _Kind.UNEXPECTED: "the call of {model} at {host} failed: {inner}{said}",
}


def _message(kind: _Kind, site: CallSite, said: str, inner: str, causes: Sequence[str], body: str) -> str:
    words = _WORDS[kind]
    if kind is _Kind.BROKEN and any(map(_WEB_PAGE.search, (body, *causes))):
        inner = "it is a web page"
        words += "; check base_url" if site.custom else ""
    elif kind is _Kind.BROKEN and any(map(_NO_JSON.search, (inner, *causes))):
        inner = "it is no JSON"
    if kind is _Kind.KEY and not site.key:
        words = "{host} wants a key for {model}{said}; {hint}"
    if kind is _Kind.MODEL and site.no_version:
        words += "; the base_url of an OpenAI-compatible server usually ends in /v1"
    return words.format(
        host=site.endpoint,
        model=site.model,
        key=site.key,
        hint=site.key_hint,
        said=f": {said}" if said else "",
        inner=inner,
        cause=one_line(causes[-1], _LONGEST).rstrip(" ."),
        or_address=" and base_url" if site.custom else "",
    )


def _said(error: Exception, redactor: Redactor) -> str:
    """The provider's own words, without what litellm and the client library wrap around them."""
    text = redactor.redact(str(error))
    found = _MESSAGE.search(text)
    if found:
        try:
            text = str(json.loads(found[1]))
        except ValueError:
            text = found[1]
    text = _CLASSES.sub("", text)
    noise = _NOISE.search(text)
    if noise:
        text = text[: noise.start()]
    return one_line(text, _LONGEST).rstrip(" .-")


def _retry_after(links: list[BaseException]) -> float | None:
    for link in links:
        response = getattr(link, "response", None)
        for headers in (getattr(link, "litellm_response_headers", None), getattr(response, "headers", None)):
            seconds = retry_after(cast("Mapping[str, Any]", headers)) if headers else None
            if seconds is not None:
                return seconds
    return None
