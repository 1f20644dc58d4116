"""What servers say of their limits."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from promptopt.models.rate_headers import exhausted, retry_after


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("1s", 1), ("6m0s", 360), ("20ms", 0.02), ("1h2m3.5s", 3723.5), ("7", 7), ("0.5", 0.5)],
)
def test_a_limit_that_is_used_up_is_waited_for(reset: str, seconds: float) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset}
    assert exhausted(headers) == pytest.approx(seconds)
    assert exhausted({**headers, "x-ratelimit-remaining-requests": "1"}) is None


def test_dates() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    headers = {
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": soon.isoformat().replace("+00:00", "Z"),
    }
    assert exhausted(headers) == pytest.approx(30, abs=2)
    assert retry_after({"retry-after": format_datetime(soon)}) == pytest.approx(30, abs=2)
    assert retry_after({"retry-after": format_datetime(soon - timedelta(hours=1))}) == 0


def test_the_longest_wait_counts() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "2s",
    }
    assert exhausted(headers) == 2


@pytest.mark.parametrize("said", ["", "soon", "-5", "nan", "inf", "12 parsecs", "1s and a half"])
def test_nonsense_is_no_wait(said: str) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": said}
    assert exhausted(headers) is None
    assert retry_after({"retry-after": said}) is None
