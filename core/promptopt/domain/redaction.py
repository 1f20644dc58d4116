"""Keeps keys out of everything that is written or shown.

Providers and their client libraries put keys, whole or in part, into error messages; some proxies send the
request's headers back. So whatever is written (errors, events, traces, exports) passes a :class:`Redactor`.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, urlsplit

from promptopt.domain.pii.vendors import VENDOR_KEYS
from promptopt.domain.secrets import secret_variables, variable_name
from promptopt.domain.settings import ModelSettings

REDACTED = "[redacted]"

SHORTEST_SECRET = 8
"""A shorter value is not searched for: it would be found in ordinary words."""

# Every part that may be tried from many places has a bound; see domain/pii/vendors.py.
_HEADERS = re.compile(
    r"""(?P<name>(?<![a-z])(?:authorization|(?:x-|x-goog-)?api[-_]?key)["']?\s{0,4}[:=]\s{0,4}["']?
        (?:(?:bearer|basic|token)\s{1,4})? | \bbearer\s{1,4})
        (?P<value>[^\s"',;{}\[\]]{8,})""",
    re.VERBOSE | re.IGNORECASE,
)
_MASKED = re.compile(r"[\w-]{0,64}\*{3,}[\w-]{0,64}")


class Redactor:
    """Replaces secrets in texts.

    Known are the values of the variables that ``models`` name with ``api_key_env`` and of the providers'
    standard variables, as they are when the redactor is made; besides, anything shaped like a vendor's key or
    an authorization header.

    Args:
        models: the models in use.
        environ: where variables are looked up; the process's environment if not given.
    """

    def __init__(
        self, models: Iterable[ModelSettings] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._models = list(models)
        self._gather()

    def learn(self, model: ModelSettings) -> None:
        """Know the key of one more model."""
        self._models.append(model)
        self._gather()

    def _gather(self) -> None:
        models, environ = self._models, self._environ
        variables = {*secret_variables(), *(model.api_key_env or "" for model in models)}
        secrets = {environ.get(name, "").strip() for name in variables}
        for model in models:
            secrets.update(_out_of_place(model))
        self._secrets = frozenset(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
        forms = self._secrets.union(quote(secret, safe="") for secret in self._secrets)
        # The longest first, so that a key which begins with another is replaced whole.
        known = [re.escape(form) for form in sorted(forms, key=len, reverse=True)]
        self._known = re.compile("|".join(known)) if known else None

    def redact(self, text: str) -> str:
        """Return ``text`` with every secret in it replaced by ``[redacted]``."""
        if self._known:
            text = self._known.sub(REDACTED, text)
        text = VENDOR_KEYS.sub(REDACTED, text)
        text = _HEADERS.sub(_blank_value, text)
        if "***" in text:
            text = _MASKED.sub(self._blank_masked, text)
        return text

    def _blank_masked(self, match: re.Match[str]) -> str:
        """Blank a key that was masked by somebody else (``sk-ab****wxyz``), but not just any asterisks."""
        head, tail = re.split(r"\*{3,}", match.group(), maxsplit=1)
        if not (head or tail):
            return match.group()
        ours = any(secret.startswith(head) and secret.endswith(tail) for secret in self._secrets)
        return REDACTED if ours or head.startswith("sk-") else match.group()


def _blank_value(match: re.Match[str]) -> str:
    if match["value"] == REDACTED:
        return match.group()
    name = match["name"]
    # "bearer of good news" is prose: alone, the word must be followed by something like a token.
    if name.strip().lower() == "bearer" and not re.search(r"\d", match["value"]):
        return match.group()
    return name + REDACTED


def _out_of_place(model: ModelSettings) -> Iterator[str]:
    """Secrets that were written into the settings: a key for a variable's name, a password in an address."""
    named = model.api_key_env or ""
    if named and variable_name(named) != named:
        yield named
    try:
        yield urlsplit(model.base_url or "").password or ""
    except ValueError:
        return
