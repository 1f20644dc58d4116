"""Every call of a run, one after the other: answered, failed, refused, lost, and those still under way."""

import heapq
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from sqlalchemy import ColumnElement, Connection, Select, func, null, or_, select

from promptopt.domain.events import Role
from promptopt.domain.vectors import unpack
from promptopt.store.database import Database
from promptopt.store.schema import attempts, calls, intents

if TYPE_CHECKING:
    from promptopt.domain.settings import ProjectSettings

Outcome = Literal["answered", "failed", "refused", "lost"]
"""``failed``: no answer after all attempts, the run went on from that; ``refused``: an attempt that was not
billed; ``lost``: an attempt whose answer never came, and that may have been billed."""

BATCH = 500
"""Rows that are read at once."""


@dataclass(frozen=True)
class TracedCall:
    """One call, or one attempt that brought no answer.

    Attributes:
        at: when it ended, seconds since the epoch; of one under way, when it was sent.
        status: an outcome, or ``waiting``.
        seconds: from sending to the end; None if that is not known.
        usd: what it cost, or ``lost`` may have cost at most; None if the price is unknown.
        tokens: sent and generated, or at most.
        path: its place in the run, of calls of an optimizer.
        case_id: the case that was asked about; of several equal ones, the first.
        request: as JSON; empty if it was not asked for, or is not known.
        answer: the text, or what stands for an embedding; None without one.
        error: why there is no answer.
        reused_from: the run that paid for the answer, if it was another one.
    """

    id: str
    at: float
    role: Role
    model: str
    status: str
    seconds: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    tokens: int
    usd: float | None
    path: str
    case_id: str
    occurrence: int
    request: str
    answer: str | None
    error: str
    reused_from: str = ""


@dataclass(frozen=True)
class Wanted:
    """Which calls to tell of. Each filter that is given has to hold.

    Attributes:
        case_id: calls about this case; and those whose content is in ``keys``, which are about an equal one.
        text: calls in whose request, answer or error it may be, upper and lower case alike. The caller looks
            again: what is stored is escaped.
        requests: with the requests, which are most of what there is to read.
        call_id: the call with this id.
        since, until: calls that ended (one under way: was sent) at this time or later, or at it or earlier.
        open_since: of those without an outcome the ones that were sent at this time or later: to look for
            older ones goes through all of a long run.
    """

    role: Role | None = None
    status: Outcome | None = None
    case_id: str = ""
    keys: Collection[str] = ()
    text: str = ""
    requests: bool = False
    call_id: str = ""
    since: float | None = None
    until: float | None = None
    open_since: float | None = None


def models_of(settings: "ProjectSettings") -> dict[Role, str]:
    """Names of a run's models by role, for :func:`trace`."""
    models: dict[Role, str] = {role: model.model for role, model in settings.models.items()}
    if settings.judges:  # which of them an attempt was made with, its path tells
        models["judge"] = "a judge" if len(settings.panel) > 1 else settings.judges[0].model
    return models


def messages_of(call: TracedCall) -> list[dict[str, str]]:
    """The messages of a request, or the text that was to be embedded; empty if it is not there."""
    request: dict[str, Any] = json.loads(call.request) if call.request else {}
    if "text" in request:
        return [{"role": "text", "content": request["text"]}]
    return request.get("messages", [])


def says(call: TracedCall, text: str) -> bool:
    """Whether ``text``, case-folded, is in what was sent or answered, or in the error."""
    parts = [call.answer or "", call.error, *(message["content"] for message in messages_of(call))]
    return any(text in part.casefold() for part in parts)


def trace(
    database: Database,
    run_id: str,
    models: Mapping[Role, str],
    wanted: Wanted,
    *,
    live: bool = False,
    newest_first: bool = False,
) -> Iterator[TracedCall]:
    """The calls of a run in the order in which they ended, read as they are asked for.

    Args:
        models: names of the models by role: an attempt does not store them.
        live: the run has a worker, so what has no outcome yet is under way.
        newest_first: the other way round.
    """
    with database.read() as connection:
        streams = [
            _stream(connection, _in_order(query, at, newest_first), make)
            for query, at, make in _sources(run_id, models, wanted, live)
        ]
        yield from heapq.merge(*streams, key=lambda call: call.at, reverse=newest_first)


_Make = Callable[[Any], TracedCall]
_Source = tuple[Select[Any], ColumnElement[float], _Make]


def _sources(run_id: str, models: Mapping[Role, str], wanted: Wanted, live: bool) -> Iterator[_Source]:
    if wanted.status in (None, "answered", "failed"):
        yield _calls(run_id, wanted), calls.c.at, _call
    if wanted.status in (None, "refused", "lost"):
        yield _attempts(run_id, wanted), attempts.c.at, lambda row: _attempt(row, models)
    if wanted.status is None or (wanted.status == "lost" and not live):
        status = "waiting" if live else "lost"
        yield _open(run_id, wanted), intents.c.at, lambda row: _waiting(row, models, status)


def _calls(run_id: str, wanted: Wanted) -> Select[Any]:
    shown = calls.c.request if wanted.requests else null().label("request")
    rest = [column for column in calls.c if column.name not in ("run_id", "request", "key")]
    query = select(*rest, shown).where(calls.c.run_id == run_id)
    if wanted.role:
        query = query.where(calls.c.role == wanted.role)
    if wanted.status:
        answered = wanted.status == "answered"
        query = query.where(calls.c.response.is_not(None) if answered else calls.c.response.is_(None))
    if wanted.case_id:
        query = query.where(or_(calls.c.case_id == wanted.case_id, calls.c.key.in_(wanted.keys)))
    if _plain(wanted.text):
        query = query.where(_has(wanted.text, calls.c.request, calls.c.response, calls.c.error))
    return _between(query, wanted, calls.c.id, calls.c.at)


def _attempts(run_id: str, wanted: Wanted) -> Select[Any]:
    query = (
        select(
            attempts,
            intents.c.path,
            intents.c.case_id,
            intents.c.at.label("sent_at"),
            _asked(wanted),
        )
        .outerjoin(intents, intents.c.id == attempts.c.id)
        .where(attempts.c.run_id == run_id, attempts.c.outcome != "unsent")
    )
    if wanted.role:
        query = query.where(attempts.c.role == wanted.role)
    if wanted.status:
        query = query.where(attempts.c.outcome == ("refused" if wanted.status == "refused" else "unknown"))
    return _between(_about(query, wanted), wanted, attempts.c.id, attempts.c.at)


def _open(run_id: str, wanted: Wanted) -> Select[Any]:
    query = (
        select(intents, _asked(wanted))
        .outerjoin(calls, calls.c.id == intents.c.id)
        .outerjoin(attempts, attempts.c.id == intents.c.id)
        .where(intents.c.run_id == run_id, calls.c.id.is_(None), attempts.c.id.is_(None))
    )
    if wanted.role:
        query = query.where(intents.c.role == wanted.role)
    if wanted.open_since is not None:
        query = query.where(intents.c.at >= wanted.open_since)
    return _between(_about(query, wanted), wanted, intents.c.id, intents.c.at)


def _between(
    query: Select[Any], wanted: Wanted, name: ColumnElement[str], at: ColumnElement[float]
) -> Select[Any]:
    """Of ``query`` the one call that is wanted, or those of the time that is wanted."""
    if wanted.call_id:
        query = query.where(name == wanted.call_id)
    if wanted.since is not None:
        query = query.where(at >= wanted.since)
    return query if wanted.until is None else query.where(at <= wanted.until)


def _asked(wanted: Wanted) -> ColumnElement[Any]:
    """The request of an intent, which a call of equal content has stored, if one has come to its end."""
    if not wanted.requests:
        return null().label("request")
    other = calls.alias().c
    same = (other.run_id == intents.c.run_id) & (other.key == intents.c.key)
    return select(other.request).where(same).limit(1).scalar_subquery().label("request")


def _about(query: Select[Any], wanted: Wanted) -> Select[Any]:
    if not wanted.case_id:
        return query
    return query.where(or_(intents.c.case_id == wanted.case_id, intents.c.key.in_(wanted.keys)))


def _plain(text: str) -> bool:
    """Whether ``text`` is stored as it is, so that the store can look for it."""
    return bool(text) and text.isascii() and text.isprintable() and not set(text) & set('"\\')


def _has(text: str, *columns: ColumnElement[str | None]) -> ColumnElement[bool]:
    wanted = text.lower()
    return or_(*(func.lower(column).contains(wanted, autoescape=True) for column in columns))


def _in_order(query: Select[Any], at: ColumnElement[float], newest_first: bool) -> Select[Any]:
    return query.order_by(at.desc() if newest_first else at)


def _stream(connection: Connection, query: Select[Any], make: _Make) -> Iterator[TracedCall]:
    for row in connection.execution_options(yield_per=BATCH).execute(query):
        yield make(row)


def _call(row: Any) -> TracedCall:
    answer = None if row.response is None else _answer(json.loads(row.response))
    return TracedCall(
        id=row.id,
        at=row.at,
        role=row.role,
        model=row.model,
        status="failed" if answer is None else "answered",
        seconds=None if answer is None else row.latency,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        tokens=row.prompt_tokens + row.completion_tokens,
        usd=0.0 if row.reused_from else row.usd,
        path=row.path,
        case_id=row.case_id,
        occurrence=row.occurrence,
        request=row.request or "",
        answer=answer,
        error=row.error,
        reused_from=row.reused_from,
    )


def _answer(reply: Mapping[str, Any]) -> str:
    if reply.get("vector"):
        return f"[an embedding of {len(unpack(reply['vector'])):,} numbers]"
    return str(reply["text"])


def _attempt(row: Any, models: Mapping[Role, str]) -> TracedCall:
    role = cast(Role, row.role)
    return TracedCall(
        id=row.id,
        at=row.at,
        role=role,
        model=models.get(role, ""),
        status="refused" if row.outcome == "refused" else "lost",
        seconds=None if row.sent_at is None else max(0.0, row.at - row.sent_at),
        prompt_tokens=None,
        completion_tokens=None,
        tokens=row.tokens,
        usd=row.usd,
        path=row.path or "",
        case_id=row.case_id or "",
        occurrence=0,
        request=row.request or "",
        answer=None,
        error=row.error,
    )


def _waiting(row: Any, models: Mapping[Role, str], status: str) -> TracedCall:
    role = cast(Role, row.role)
    return TracedCall(
        id=row.id,
        at=row.at,
        role=role,
        model=models.get(role, ""),
        status=status,
        seconds=None,
        prompt_tokens=None,
        completion_tokens=None,
        tokens=row.tokens,
        usd=row.usd,
        path=row.path,
        case_id=row.case_id,
        occurrence=0,
        request=row.request or "",
        answer=None,
        error="",
    )
