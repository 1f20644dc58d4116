"""What can go wrong with one request, and the plan that says when."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """One way in which a provider fails a request."""

    RATE_LIMIT = "rate_limit"  # 429 with Retry-After
    NO_CREDIT = "no_credit"  # 429 (Anthropic: 400): nothing left to pay with
    SERVER_ERROR = "server_error"  # 500
    OVERLOADED = "overloaded"  # 529, Anthropic's word for a full house
    HANG = "hang"  # nothing comes until the server stops
    TRICKLE = "trickle"  # headers at once, then a byte now and then, for ever
    RESET = "reset"  # the connection is reset before any answer
    TRUNCATED = "truncated"  # half the body, then the connection closes
    MALFORMED = "malformed"  # 200 and a body that is not JSON
    NOT_CHAT = "not_chat"  # 200 and JSON of another shape
    WRONG_KEY = "wrong_key"  # 401, with the key in the message
    FORBIDDEN = "forbidden"  # 403
    UNKNOWN_MODEL = "unknown_model"  # 404
    CONTEXT_LENGTH = "context_length"  # 400
    BAD_REQUEST = "bad_request"  # 400
    CONTENT_POLICY = "content_policy"  # 400
    NO_USAGE = "no_usage"  # an answer without token counts
    EMPTY = "empty"  # an answer without text
    PARTS = "parts"  # an answer whose content is a list of parts


ANSWERS = frozenset({Fault.NO_USAGE, Fault.EMPTY, Fault.PARTS})
"""Faults that still are whole answers."""


@dataclass(frozen=True)
class FaultPlan:
    """Says which sending of which body fails, and how. Equal requests meet equal faults in every run.

    Attributes:
        attempts: fault of the first, second … sending of any one body; None is an answer.
        rates: fault to its probability, drawn by a hash of seed, body and attempt, after ``attempts``.
        seed: another seed, other victims.
        most: a body that failed so often is answered from then on.
        only: spoil only requests for models whose name contains this.
        retry_after: what a 429 or 529 says in its Retry-After header; empty leaves the header out.
    """

    attempts: tuple[Fault | None, ...] = ()
    rates: Mapping[Fault, float] = field(default_factory=dict[Fault, float])
    seed: int = 0
    most: int = 2
    only: str = ""
    retry_after: str = "1"

    def pick(self, model: str, body_hash: str, attempt: int) -> Fault | None:
        """The fault for sending ``attempt`` (from 0) of a body, or None."""
        if self.only not in model:
            return None
        if attempt < len(self.attempts):
            return self.attempts[attempt]
        if attempt >= len(self.attempts) + self.most:
            return None
        draw = hashlib.sha256(f"{self.seed}/{body_hash}/{attempt}".encode()).digest()
        point = int.from_bytes(draw[:8], "big") / 2**64
        for fault, rate in self.rates.items():
            point -= rate
            if point < 0:
                return fault
        return None

    @classmethod
    def from_json(cls, text: str) -> "FaultPlan":
        """Read ``{"attempts": ["reset", null], "rates": {"rate_limit": 0.1}, "seed": 1 …}``."""
        said = json.loads(text)
        said["attempts"] = tuple(Fault(name) if name else None for name in said.get("attempts", ()))
        said["rates"] = {Fault(name): float(rate) for name, rate in said.get("rates", {}).items()}
        return cls(**said)
