"""The journal: every answered call of a run, and every attempt that may have cost something."""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, delete, func, insert, select

from promptopt.domain.chat import LLMResponse, Request
from promptopt.domain.events import Role
from promptopt.store.database import Database
from promptopt.store.receipts import Kept, Place, Receipts, receipts_dir
from promptopt.store.schema import attempts, calls, intents

READ_AHEAD = 500
"""Recorded calls that are read at once."""

MOST_AHEAD = 4 * READ_AHEAD
"""Recorded calls that are held until they are asked for; some never are."""

_OUTCOMES = select(
    calls.c.key,
    calls.c.path,
    calls.c.occurrence,
    calls.c.response,
    calls.c.error,
    calls.c.usd,
    calls.c.prompt_tokens,
    calls.c.completion_tokens,
    calls.c.latency,
    calls.c.at,
)

Q = TypeVar("Q", bound=Select[*tuple[Any, ...]])


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
        answers: as a relay kept them, by what was asked.
        tokens, usd: what was reserved for it, and counts as uncertain until it is recorded.
    """

    intent_id: str
    answers: Mapping[str, Kept]
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
    """What the journal held when a worker took the run up.

    Attributes:
        answered: calls that need not be made again; answers that were received and not yet read count, too.
        lost: requests of which nobody knows what became.
        spending: by role; what was lost or is still under way counts as uncertain.
        reused: answers that other runs paid for, by run.
    """

    answered: int
    lost: int
    spending: dict[Role, Spending] = field(default_factory=dict[Role, Spending])
    reused: dict[str, int] = field(default_factory=dict[str, int])


class Journal:
    """One run's journal. A call is known by its content, its path in the run and its occurrence there.

    Args:
        settled: told, from the writing thread, of each intent whose outcome has become durable.
    """

    def __init__(
        self, database: Database, run_id: str, settled: Callable[[str], object] | None = None
    ) -> None:
        self._db = database
        self._run_id = run_id
        self._settled = settled
        self._keys: set[Place] = set()
        self._receipts = Receipts(receipts_dir(run_id))
        self._unread: dict[Place, str] = {}
        self._ahead: dict[Place, Any] = {}
        """Rows that were read and not yet asked for, those read last at the end."""
        self._read_until = math.inf
        """When the last call of those was made that were read in order."""
        self._cases: dict[Place, str] = {}

    def take_over(self, patience: float) -> Found:
        """Take the run up where an earlier worker left it.

        Args:
            patience: seconds to wait for relays of a killed worker that have not yet noted what they were
                told to send.
        """
        self._receipts.read(patience)
        query = select(intents.c.id, intents.c.role, intents.c.relay)
        with self._db.read() as connection:
            unsettled = connection.execute(_open_only(query, self._run_id)).all()
        for intent_id, role, relay in unsettled:
            if self._receipts.never_sent(intent_id, relay):
                self.settle(intent_id, role, "unsent", 0.0, 0, "killed before it was sent")
        self._db.transact(lambda _: None).result()
        found = self.load()
        self._count_as_lost()
        return found

    def load(self) -> Found:
        """Read which calls are answered (not their texts) and what they cost."""
        self._receipts.read()
        query = select(calls.c.key, calls.c.path, calls.c.occurrence).where(calls.c.run_id == self._run_id)
        with self._db.read() as connection:
            self._keys = {(row.key, row.path, row.occurrence) for row in connection.execute(query)}
            given_up = set(connection.scalars(select(attempts.c.id).where(attempts.c.run_id == self._run_id)))
            spending, lost = _spending(connection, self._run_id)
            reused = _reused(connection, self._run_id)
        self._unread = {
            place: at
            for at, place in self._receipts.places().items()
            if place not in self._keys and at not in given_up
        }
        waiting = sum(self._receipts.under_way(at) for at in self._unread.values())
        unread = len(self._unread)
        return Found(
            answered=len(self._keys) + unread - waiting,
            lost=max(0, lost - unread),
            spending=spending,
            reused=reused,
        )

    def requests(self) -> Iterator[str]:
        """What was sent, as JSON, of all calls that have an outcome."""
        query = select(calls.c.request).where(calls.c.run_id == self._run_id, calls.c.reused_from == "")
        with self._db.read() as connection:
            yield from connection.execution_options(yield_per=READ_AHEAD).scalars(query)

    def recent(self, role: Role, seconds: float) -> list[tuple[float, int]]:
        """Requests of the last ``seconds``: how long ago each went out, and the tokens that it used, or can
        have used; oldest first. Limits per minute outlive the worker that kept them.
        """
        now = time.time()
        used = func.coalesce(calls.c.prompt_tokens + calls.c.completion_tokens, intents.c.tokens)
        query = (
            select(intents.c.at, used)
            .outerjoin(calls, calls.c.id == intents.c.id)
            .where(intents.c.run_id == self._run_id, intents.c.role == role, intents.c.at > now - seconds)
            .order_by(intents.c.at)
        )
        with self._db.read() as connection:
            return [(max(0.0, now - at), tokens) for at, tokens in connection.execute(query)]

    def _count_as_lost(self) -> None:
        """Settle what no answer can come for any more, so that it is told as lost once and not ever again."""
        query = select(intents.c.id, intents.c.role, intents.c.usd, intents.c.tokens)
        with self._db.read() as connection:
            unsettled = connection.execute(_open_only(query, self._run_id)).all()
        waited_for = set(self._unread.values())
        for intent_id, role, usd, tokens in unsettled:
            if intent_id not in waited_for:
                self.settle(intent_id, role, "unknown", usd, tokens, "lost with its worker")

    def knows(self, place: Place) -> bool:
        """Whether a call was answered, or an earlier worker's answer to it may still be read."""
        return place in self._keys or place in self._unread

    def take(self, key: str, path: str, occurrence: int) -> Recorded | None:
        """The recorded outcome of a call, or None if it has to be made."""
        place = (key, path, occurrence)
        if place not in self._keys:
            return None
        if place not in self._ahead:
            self._read_ahead(place)
        return _recorded(self._ahead.pop(place))

    def _read_ahead(self, place: Place) -> None:
        """Read a call, and those made about then and after it: a run that is taken up asks for them next.

        It asks in the order in which they were asked for, they lie in the order in which they were answered:
        what was read and is not asked for yet stays.
        """
        key, path, occurrence = place
        run = _OUTCOMES.where(calls.c.run_id == self._run_id)
        this = run.where(calls.c.key == key, calls.c.path == path, calls.c.occurrence == occurrence)
        in_order = run.order_by(calls.c.at).limit(READ_AHEAD)
        with self._db.read() as connection:
            found = connection.execute(this).one()
            rows: Sequence[Any] = ()
            if found.at > self._read_until:
                rows = connection.execute(in_order.where(calls.c.at > self._read_until)).all()
            if not rows or rows[-1].at < found.at:
                rows = connection.execute(in_order.where(calls.c.at >= found.at)).all()
        self._read_until = rows[-1].at
        self._ahead |= {(row.key, row.path, row.occurrence): row for row in (*rows, found)}
        for old in [*self._ahead][:-MOST_AHEAD]:
            del self._ahead[old]

    def under_way(self, place: Place) -> bool:
        """The relay of an earlier worker has sent this call's request and waits for the answer."""
        intent_id = self._unread.get(place)
        return intent_id is not None and self._receipts.under_way(intent_id)

    def received(self, place: Place) -> Received | None:
        """The answer that an earlier worker's relay received for a call and that nobody recorded, once."""
        intent_id = self._unread.pop(place, None)
        answers = self._receipts.answers(intent_id) if intent_id else None
        if not intent_id or not answers:
            return None
        query = select(intents.c.tokens, intents.c.usd).where(intents.c.id == intent_id)
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
        return Received(intent_id, answers, row.tokens, row.usd) if row else None

    def tidy(self) -> None:
        """Remove receipts of earlier workers that nobody needs any more."""
        self._receipts.tidy(set(self._unread.values()))

    def concerns(self, at: Place, case_id: str) -> None:
        """Say which case a call is about that is to be made; it is stored with the call and its attempts."""
        self._cases[at] = case_id

    def intend(
        self,
        intent_id: str,
        role: Role,
        usd: float,
        tokens: int,
        relay: str = "",
        at: Place = ("", "", 0),
    ) -> "Future[None]":
        """Say that a request is about to be sent, what it can cost at most, and which relay will send it.

        Args:
            at: the call that it is made for.
        """
        row = {"id": intent_id, "run_id": self._run_id, "role": role, "usd": usd, "tokens": tokens}
        row |= {"key": at[0], "path": at[1], "case_id": self._cases.get(at, "")}
        return self._db.write(insert(intents), {**row, "at": time.time(), "relay": relay})

    def settle(
        self, intent_id: str, role: Role, outcome: str, usd: float, tokens: int, error: str
    ) -> "Future[None]":
        """Say how an attempt without an answer ended: ``refused``, ``unknown`` (maybe billed), ``unsent``."""
        row = {"id": intent_id, "run_id": self._run_id, "role": role, "outcome": outcome, "usd": usd}
        settled = self._db.write(
            insert(attempts), {**row, "tokens": tokens, "error": error, "at": time.time()}
        )
        return self._tell(settled, intent_id)

    def record(
        self,
        intent_id: str,
        role: Role,
        request: Request,
        at: Place,
        outcome: LLMResponse | str,
        *,
        reused_from: str = "",
    ) -> "Future[None]":
        """Store how a call ended: its response, or the error that the run goes on from.

        Args:
            at: content key, path and occurrence.
            reused_from: the run that paid for the answer, if it was not this one.
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
            "case_id": self._cases.pop(at, ""),
            "reused_from": reused_from,
        }
        if isinstance(outcome, str):
            row["error"] = outcome
        else:
            reply = {"text": outcome.text, "metadata": outcome.metadata}
            row["response"] = json.dumps(reply | ({"vector": outcome.vector} if outcome.vector else {}))
            row["usd"] = outcome.cost
            row["latency"] = outcome.latency
            row |= {name: outcome.usage.get(name, 0) for name in ("prompt_tokens", "completion_tokens")}
        self._keys.add(at)
        return self._tell(self._db.write(insert(calls), row), intent_id)

    def _tell(self, written: "Future[None]", intent_id: str) -> "Future[None]":
        """Say that an intent is settled once that is durable."""
        if self._settled is not None:
            told = self._settled
            written.add_done_callback(lambda done: done.exception() or told(intent_id))
        return written

    def forget(self, recorded: Iterable[Place]) -> None:
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


def answers_in_time(database: Database, run_id: str) -> list[tuple[float, float]]:
    """When each answer that the run paid for came, and USD of all up to it (0 where no price is known)."""
    query = select(calls.c.at, calls.c.usd).where(
        calls.c.run_id == run_id, calls.c.response.is_not(None), calls.c.reused_from == ""
    )
    found: list[tuple[float, float]] = []
    total = 0.0
    with database.read() as connection:
        for at, usd in connection.execute(query.order_by(calls.c.at)):
            total += usd or 0.0
            found.append((at, total))
    return found


def _recorded(row: Any) -> Recorded:
    if row.response is None:
        return Recorded(response=None, error=row.error)
    reply: dict[str, Any] = json.loads(row.response)
    response = LLMResponse.model_construct(
        text=reply["text"],
        vector=reply.get("vector", ""),
        usage={"prompt_tokens": row.prompt_tokens, "completion_tokens": row.completion_tokens},
        cost=row.usd,
        latency=row.latency,
        metadata={**reply["metadata"], "replayed": True},
    )
    return Recorded(response=response, error="")


def spending_of(database: Database, run_id: str, since: float = 0.0) -> Spending:
    """What a run has spent, all roles together, as its journal tells it: also while it runs, or is dead.

    Args:
        since: only what was spent then and later (seconds since the epoch).
    """
    with database.read() as connection:
        found, _ = _spending(connection, run_id, since)
    total = Spending()
    for spent in found.values():
        for name, value in vars(spent).items():
            setattr(total, name, getattr(total, name) + value)
    return total


def _spending(connection: Connection, run_id: str, since: float = 0.0) -> tuple[dict[Role, Spending], int]:
    found: dict[Role, Spending] = {}
    tokens = func.sum(calls.c.prompt_tokens + calls.c.completion_tokens)
    answered = (
        select(calls.c.role, func.count(), tokens, func.sum(calls.c.usd), func.count(calls.c.usd))
        .where(
            calls.c.run_id == run_id,
            calls.c.response.is_not(None),
            calls.c.reused_from == "",
            calls.c.at >= since,
        )
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
        .where(attempts.c.run_id == run_id, attempts.c.outcome != "unsent", attempts.c.at >= since)
        .group_by(attempts.c.role, attempts.c.outcome)
    )
    for role, outcome, number, used, usd in connection.execute(failed):
        spent = found.setdefault(role, Spending())
        if outcome == "refused":
            spent.calls += number
        else:
            spent.uncertain_calls += number
            spent.uncertain_tokens += used
            spent.uncertain_usd += usd
    sums = select(intents.c.role, func.count(), func.sum(intents.c.tokens), func.sum(intents.c.usd))
    in_flight = _open_only(sums, run_id).where(intents.c.at >= since).group_by(intents.c.role)
    lost = 0
    for role, number, used, usd in connection.execute(in_flight):
        spent = found.setdefault(role, Spending())
        spent.uncertain_calls += number
        spent.uncertain_tokens += used
        spent.uncertain_usd += usd
        lost += number
    return found, lost


def _reused(connection: Connection, run_id: str) -> dict[str, int]:
    query = (
        select(calls.c.reused_from, func.count().label("number"))
        .where(calls.c.run_id == run_id, calls.c.reused_from != "")
        .group_by(calls.c.reused_from)
    )
    return {row.reused_from: row.number for row in connection.execute(query)}


def _open_only(query: Q, run_id: str) -> Q:
    """``query`` for a run's intents that neither an answer nor a failed attempt has settled."""
    return (
        query.outerjoin(calls, calls.c.id == intents.c.id)
        .outerjoin(attempts, attempts.c.id == intents.c.id)
        .where(intents.c.run_id == run_id, calls.c.id.is_(None), attempts.c.id.is_(None))
    )
