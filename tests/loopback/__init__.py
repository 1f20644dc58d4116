"""A model server for tests, on loopback, over real HTTP: OpenAI chat completions and embeddings, and
Anthropic messages.

``LoopbackServer`` runs in a thread (``start``/``stop`` or ``with``) or as a process of its own
(``python -m tests.loopback``). It answers by a *behaviour* (a pure function of the request), spoils answers
by a :class:`FaultPlan`, and records every request, so that a test can ask what was sent, and what was
answered twice.
"""

from tests.loopback.faults import Fault, FaultPlan
from tests.loopback.persona import PHRASES, SEED_PROMPT, LabelTask, label_of
from tests.loopback.project import API_KEY, API_KEY_ENV, ticket_cases, write_project
from tests.loopback.server import LoopbackServer, Record, answered_twice_in, key_hash
from tests.loopback.wire import Call

__all__ = [
    "API_KEY",
    "API_KEY_ENV",
    "PHRASES",
    "SEED_PROMPT",
    "Call",
    "Fault",
    "FaultPlan",
    "LabelTask",
    "LoopbackServer",
    "Record",
    "answered_twice_in",
    "key_hash",
    "label_of",
    "ticket_cases",
    "write_project",
]
