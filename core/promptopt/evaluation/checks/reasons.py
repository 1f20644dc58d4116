"""How checks word their reasons. Error categories are told apart by these openings (``categories.py``)."""

import json

LONGEST = 300
"""Characters of a reason."""

EXPECTED = "expected "
LACKS = "lacks "
NOT_JSON = "not JSON"
NOT_BARE_JSON = "there is text around the JSON"
FIELDS_WRONG = "wrong fields: "
NO_MATCH = "does not match "
FORBIDDEN = "contains what it must not: "
NOT_ALLOWED = "not one of the allowed outputs: "
TOO_LONG = "too long: "
TOO_SHORT = "too short: "
BAD_FORM = "wrong form: "
OVER_LIMIT = "over the limit: "
NO_VERDICT = "the judge gave no verdict: "
NO_EMBEDDING = "there is no embedding to compare: "


def quote(text: str, limit: int = 100) -> str:
    """``text`` in double quotes on one line, its end cut off beyond ``limit`` characters."""
    return json.dumps(text if len(text) <= limit else text[: limit - 1] + "…", ensure_ascii=False)


def expected_but_got(expected: str, output: str, limit: int = 100) -> str:
    """``expected "billing", got "sales"``; of long texts the part around the first difference."""
    start = 0
    if max(len(expected), len(output)) > limit:
        pairs = zip(expected, output, strict=False)
        same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(output)))
        start = max(0, same - limit // 3)
    if not start:
        return f"{EXPECTED}{quote(expected, limit)}, got {quote(output, limit)}"
    left, right = "…" + expected[start:], "…" + output[start:]
    return f"{EXPECTED}{quote(left, limit)}, got {quote(right, limit)} (from character {start})"


def lacks_verdict(reason: str) -> bool:
    """Whether a reason says that the judge model gave no verdict; its 0 is then no opinion of the output."""
    return reason.startswith(NO_VERDICT)


def shorten(reason: str) -> str:
    """``reason`` on one line of at most ``LONGEST`` characters."""
    reason = " ".join(reason[: 4 * LONGEST].split())
    return reason if len(reason) <= LONGEST else reason[: LONGEST - 1] + "…"
