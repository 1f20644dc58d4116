"""What servers say of their rate limits, in the headers of answers and refusals."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_LIMITS = (
    # remaining, reset: OpenAI and those who copy it; Anthropic
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def exhausted(headers: Mapping[str, Any]) -> float | None:
    """Seconds until a limit that the answer used up is there again; None if none is used up.

    Args:
        headers: names in lower case.
    """
    waits = [_until(headers.get(reset)) for left, reset in _LIMITS if _number(headers.get(left)) == 0]
    return max((wait for wait in waits if wait is not None), default=None)


def retry_after(headers: Mapping[str, Any]) -> float | None:
    """Seconds that ``retry-after-ms`` or ``retry-after`` (seconds or a date) ask for."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        return _from_now(parsedate_to_datetime(str(value)))
    except ValueError:
        return None


def _until(value: Any) -> float | None:
    """A time to come as seconds from now: ``12``, ``6m0s``, ``20ms``, or a date in ISO 8601."""
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    spans = _SPAN.findall(str(value))
    if spans and _SPAN.sub("", str(value)) == "":
        return sum(float(number) * _UNITS[unit] for number, unit in spans)
    try:
        return _from_now(datetime.fromisoformat(str(value)))
    except ValueError:
        return None


def _from_now(date: datetime) -> float:
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < float("inf") else None
