"""Telling somebody of a look: a JSON body by POST, without any text of a case unless that is wanted."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line, storable
from promptopt.enterprise.deployment.recording import Deployment
from promptopt.enterprise.media import slack
from promptopt.enterprise.monitoring.looks import Look

TIMEOUT = 10.0
"""Seconds for one attempt."""

ATTEMPTS = 3
PAUSES = (1.0, 3.0)
"""Seconds between attempts."""

AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""Answers after which another attempt may do better."""


@dataclass(frozen=True)
class Told:
    """What became of a message. ``host`` is all that is ever said of the address: the rest is a secret."""

    host: str
    sent: bool
    attempts: int
    detail: str


class _NoRedirect(HTTPRedirectHandler):
    """An address that sends elsewhere is not followed: the figures are for the one that was named."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def check_address(url: str) -> str:
    """The host of an address that a message can be sent to.

    Raises:
        SettingsError: it is no address of the web. The address itself is not repeated.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() or ord(c) < 32 for c in url):
        raise SettingsError(
            "the webhook is no address that a message can be sent to",
            where="--webhook",
            fix="give one that begins with https:// (or http://)",
        )
    return f"{host}:{port}" if port else host


def message(deployment: Deployment, look: Look, failed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The body: ``text`` for Slack and the like, figures for programs.

    Args:
        failed: texts of failed cases by id, if they are to be told.
    """
    label = " (simulated)" if look.simulated else ""
    name = one_line(deployment.name, 80)
    then, now = deployment.figure, f"{look.score:.1%} [{look.low:.1%}, {look.high:.1%}]"
    lines = [
        f"{name}: {look.verdict}{label}. {look.cases} fresh cases: {now}; test: {then.score:.1%} "
        f"[{then.low:.1%}, {then.high:.1%}], n = {then.n}.",
        look.reason,
        *([f"New kinds of failure: {', '.join(look.new)}."] if look.new else []),
        *(f"Inputs have shifted: {one.what}, {one.then} then, {one.now} now." for one in look.shifted),
        f"Deployment {deployment.id}, run {look.run_id}.",
    ]
    body: dict[str, Any] = {
        "text": "\n".join(slack(line) for line in lines),
        "deployment_id": deployment.id,
        "name": name,
        "verdict": look.verdict,
        "reason": look.reason,
        "score": look.score,
        "interval": [look.low, look.high],
        "cases": look.cases,
        "errors": look.errors,
        "test": {"score": then.score, "interval": [then.low, then.high], "n": then.n},
        "fall": look.fall.fall,
        "margin": look.fall.margin,
        "p_value": look.fall.p_value,
        "new_categories": list(look.new),
        "shifted": [one.what for one in look.shifted],
        "run_id": look.run_id,
        "simulated": look.simulated,
    }
    if failed is not None:
        body["failed"] = [{"id": key, "input": text} for key, text in failed.items()]
    return body


def post(url: str, body: Mapping[str, Any], sleep: Callable[[float], object] = time.sleep) -> Told:
    """Send a message; tries :data:`ATTEMPTS` times, and raises nothing but for an address that is none.

    Raises:
        SettingsError: as :func:`check_address`.
    """
    host = check_address(url)
    data = storable(json.dumps(body, ensure_ascii=False)).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "promptopt"}
    detail = ""
    for attempt in range(1, ATTEMPTS + 1):
        again, detail = _attempt(Request(url, data, headers, method="POST"))
        if not detail:
            return Told(host, True, attempt, "")
        if not again:
            return Told(host, False, attempt, detail)
        if attempt < ATTEMPTS:
            sleep(PAUSES[attempt - 1])
    return Told(host, False, ATTEMPTS, detail)


def _attempt(request: Request) -> tuple[bool, str]:
    """Whether another attempt may help, and what went wrong; nothing if it arrived."""
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT) as reply:
            reply.read(1_000)
            return False, ""
    except HTTPError as error:
        error.close()
        return error.code in AGAIN, f"it answered {error.code}"
    except URLError as error:
        return True, one_line(f"it can't be reached ({_reason(error.reason)})", 200)
    except (OSError, HTTPException, ValueError) as error:
        return True, one_line(f"it broke off ({type(error).__name__})", 200)


def _reason(cause: object) -> str:
    return (cause.strerror or type(cause).__name__) if isinstance(cause, OSError) else type(cause).__name__
