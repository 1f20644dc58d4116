"""The journal: every answered call of a run, and every attempt that may have cost something."""

import json
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from promptopt.domain.chat import ChatRequest, LLMResponse
from promptopt.domain.events import Role
from promptopt.store.database import Database
from promptopt.store.schema import attempts, calls, intents, receipts


@dataclass(frozen=True)
class Recorded:
    """The outcome of a call that the run went on from: a response, or the error it ended in."""

    response: LLMResponse | None
    error: str


@dataclass(frozen=True)
class Received:
    """An answer that an earlier worker received and had no time to read.

    Attributes:
        intent_id: of the request that it answers.
        raw: as the transport kept it.
        tokens, usd: what was reserved for it, and counts as uncertain until it is recorded.
    """

    intent_id: str
    raw: str
    tokens: int
    usd: float


@dataclass
class Spending:
    """What one role has spent. ``uncertain``: in flight at a kill, or timed out, and maybe billed."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    unpriced_calls: int = 0
    uncertain_calls: int = 0
    uncertain_tokens: int = 0
    uncertain_usd: float = 0.0


@dataclass(frozen=True)
class Found:
    """What the journal held when a worker took the run up. ``answered`` counts answers not yet read, too."""

    answered: int
    lost: int
    spending: dict[Role, Spending] = field(default_factory=dict[Role, Spending])


class Journal:
    """One run's journal. A call is known by its content, its path in the run and its occurrence there."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._db = database
        self._run_id = run_id
        self._keys: set[tuple[str, str, int]] = set()
        self._received: dict[tuple[str, str, int], str] = {}
        self._receipts: set[str] = set()

    def load(self) -> Found:
        """Read which calls are answered (not their texts) and what they cost."""
        query = select(calls.c.key, calls.c.path, calls.c.occurrence).where(calls.c.run_id == self._run_id)
        with self._db.read() as connection:
            self._keys = {(row.key, row.path, row.occurrence) for row in connection.execute(query)}
            waiting = connection.execute(
                select(receipts.c.id, receipts.c.key, receipts.c.path, receipts.c.occurrence)
                .outerjoin(attempts, attempts.c.id == receipts.c.id)
                .where(receipts.c.run_id == self._run_id, attempts.c.id.is_(None))
            ).all()
            spending, lost = _spending(connection, self._run_id)
        places = {(row.key, row.path, row.occurrence): row.id for row in waiting}
        self._received = {place: at for place, at in places.items() if place not in self._keys}
        self._receipts = set(self._received.values())
        unread = len(self._received)
        return Found(answered=len(self._keys) + unread, lost=lost - unread, spending=spending)

    def take(self, key: str, path: str, occurrence: int) -> Recorded | None:
        """The recorded outcome of a call, or None if it has to be made."""
        if (key, path, occurrence) not in self._keys:
            return None
        query = select(calls).where(
            calls.c.run_id == self._run_id,
            calls.c.key == key,
            calls.c.path == path,
            calls.c.occurrence == occurrence,
        )
        with self._db.read() as connection:
            row = connection.execute(query).mappings().one()
        if row["response"] is None:
            return Recorded(response=None, error=row["error"])
        reply: dict[str, Any] = json.loads(row["response"])
        response = LLMResponse(
            text=reply["text"],
            usage={"prompt_tokens": row["prompt_tokens"], "completion_tokens": row["completion_tokens"]},
            cost=row["usd"],
            latency=row["latency"],
            metadata={**reply["metadata"], "replayed": True},
        )
        return Recorded(response=response, error="")

    def received(self, place: tuple[str, str, int]) -> Received | None:
        """The answer that an earlier worker received for a call and did not get to record, once."""
        intent_id = self._received.pop(place, None)
        if intent_id is None:
            return None
        query = select(receipts.c.raw, intents.c.tokens, intents.c.usd).join(
            intents, intents.c.id == receipts.c.id
        )
        with self._db.read() as connection:
            row = connection.execute(query.where(receipts.c.id == intent_id)).one()
        return Received(intent_id, row.raw, row.tokens, row.usd)

    def receive(self, intent_id: str, place: tuple[str, str, int], raw: str) -> "Future[None]":
        """Store what came over the wire, until the call is recorded."""
        key, path, occurrence = place
        self._receipts.add(intent_id)
        row = {"id": intent_id, "run_id": self._run_id, "key": key, "path": path, "occurrence": occurrence}
        return self._db.write(insert(receipts), {**row, "raw": raw})

    def intend(self, intent_id: str, role: Role, usd: float, tokens: int) -> "Future[None]":
        """Say that a request is about to be sent, and what it can cost at most."""
        row = {"id": intent_id, "run_id": self._run_id, "role": role, "usd": usd, "tokens": tokens}
        return self._db.write(insert(intents), {**row, "at": time.time()})

    def settle(
        self, intent_id: str, role: Role, outcome: str, usd: float, tokens: int, error: str
    ) -> "Future[None]":
        """Say how an attempt without an answer ended: ``refused``, ``unknown`` (maybe billed), ``unsent``."""
        row = {"id": intent_id, "run_id": self._run_id, "role": role, "outcome": outcome, "usd": usd}
        settled = self._db.write(
            insert(attempts), {**row, "tokens": tokens, "error": error, "at": time.time()}
        )
        if intent_id in self._receipts:
            self.unreceive(intent_id)
        return settled

    def record(
        self,
        intent_id: str,
        role: Role,
        request: ChatRequest,
        at: tuple[str, str, int],
        outcome: LLMResponse | str,
    ) -> "Future[None]":
        """Store how a call ended: its response, or the error that the run goes on from.

        Args:
            at: content key, path and occurrence.
        """
        key, path, occurrence = at
        row: dict[str, Any] = {
            "id": intent_id,
            "run_id": self._run_id,
            "key": key,
            "path": path,
            "occurrence": occurrence,
            "role": role,
            "model": request.model,
            "request": request.model_dump_json(),
            "response": None,
            "error": "",
            "usd": 0.0,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "latency": 0.0,
            "at": time.time(),
        }
        if isinstance(outcome, str):
            row["error"] = outcome
        else:
            row["response"] = json.dumps({"text": outcome.text, "metadata": outcome.metadata})
            row["usd"] = outcome.cost
            row["latency"] = outcome.latency
            row |= {name: outcome.usage.get(name, 0) for name in ("prompt_tokens", "completion_tokens")}
        self._keys.add(at)
        recorded = self._db.write(insert(calls), row)
        if intent_id in self._receipts:
            self.unreceive(intent_id)
        return recorded

    def unreceive(self, intent_id: str) -> None:
        """Forget what came over the wire: the call is being recorded, or it can't be read (queued)."""
        self._receipts.discard(intent_id)
        self._db.write(delete(receipts).where(receipts.c.id == intent_id))

    def forget(self, recorded: Iterable[tuple[str, str, int]]) -> None:
        """Take back errors, so that a resumed run makes those calls again (queued)."""
        places = list(recorded)
        self._keys.difference_update(places)

        def take_back(connection: Connection) -> None:
            for key, path, occurrence in places:
                connection.execute(
                    delete(calls).where(
                        calls.c.run_id == self._run_id,
                        calls.c.key == key,
                        calls.c.path == path,
                        calls.c.occurrence == occurrence,
                        calls.c.response.is_(None),
                    )
                )

        self._db.transact(take_back)


def _spending(connection: Connection, run_id: str) -> tuple[dict[Role, Spending], int]:
    found: dict[Role, Spending] = {}
    tokens = func.sum(calls.c.prompt_tokens + calls.c.completion_tokens)
    answered = (
        select(calls.c.role, func.count(), tokens, func.sum(calls.c.usd), func.count(calls.c.usd))
        .where(calls.c.run_id == run_id, calls.c.response.is_not(None))
        .group_by(calls.c.role)
    )
    for role, number, used, usd, priced in connection.execute(answered):
        spent = found.setdefault(role, Spending())
        spent.calls, spent.tokens, spent.usd = number, used or 0, usd or 0.0
        spent.unpriced_calls = number - priced
    failed = (
        select(
            attempts.c.role,
            attempts.c.outcome,
            func.count(),
            func.sum(attempts.c.tokens),
            func.sum(attempts.c.usd),
        )
        .where(attempts.c.run_id == run_id, attempts.c.outcome != "unsent")
        .group_by(attempts.c.role, attempts.c.outcome)
    )
    for role, outcome, number, used, usd in connection.execute(failed):
        spent = found.setdefault(role, Spending())
        spent.calls += number
        if outcome == "unknown":
            spent.uncertain_tokens += used
            spent.uncertain_usd += usd
    in_flight = (
        select(intents.c.role, func.count(), func.sum(intents.c.tokens), func.sum(intents.c.usd))
        .outerjoin(calls, calls.c.id == intents.c.id)
        .outerjoin(attempts, attempts.c.id == intents.c.id)
        .where(intents.c.run_id == run_id, calls.c.id.is_(None), attempts.c.id.is_(None))
        .group_by(intents.c.role)
    )
    lost = 0
    for role, number, used, usd in connection.execute(in_flight):
        spent = found.setdefault(role, Spending())
        spent.uncertain_calls += number
        spent.uncertain_tokens += used
        spent.uncertain_usd += usd
        lost += number
    return found, lost
