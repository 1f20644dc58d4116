"""What a proof of concept has spent, and may still spend."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from promptopt.runs.state import fold
from promptopt.store.database import Database
from promptopt.store.journal import spending_of
from promptopt.store.pocs import Pocs
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs

KINDS: tuple[str, ...] = ("usd", "calls", "tokens", "minutes")


@dataclass(frozen=True)
class Spent:
    """What was spent. ``uncertain``: USD that calls without a known outcome may have cost beside ``usd``.

    Attributes:
        unpriced: some calls have no known price, and are not in ``usd``.
    """

    usd: float = 0.0
    uncertain: float = 0.0
    calls: int = 0
    tokens: int = 0
    minutes: float = 0.0
    unpriced: bool = False


def spent_by(database: Database, run_ids: Iterable[str]) -> Spent:
    """What runs have spent together, uncertain calls and tokens included."""
    runs, total = Runs(database), Spent()
    for run_id in run_ids:
        one = spending_of(database, run_id)
        total = Spent(
            usd=total.usd + one.usd,
            uncertain=total.uncertain + one.uncertain_usd,
            calls=total.calls + one.calls + one.uncertain_calls,
            tokens=total.tokens + one.tokens + one.uncertain_tokens,
            minutes=total.minutes + runs.find(run_id).active_seconds / 60,
            unpriced=total.unpriced or one.unpriced_calls > 0,
        )
    return total


def own_runs(database: Database, poc_id: str) -> list[str]:
    """Its runs, without one whose cases it has found made already."""
    parts = Pocs(database).parts(poc_id).values()
    reused = {part.ref for part in parts if part.kind == "run" and _reused(part.body)}
    return [run_id for run_id in Pocs(database).run_ids(poc_id) if run_id not in reused]


def committed(database: Database, poc_id: str) -> dict[str, float]:
    """What is spent, or can still be spent by runs that may go on, by the name of the cap.

    A run that was stopped, or has failed, can be taken up again: so its own caps count, not what it spent.
    """
    total = dict.fromkeys(KINDS, 0.0)
    runs = Runs(database)
    for run_id in own_runs(database, poc_id):
        one = spent_by(database, [run_id])
        used = {
            "usd": one.usd + one.uncertain,
            "calls": one.calls,
            "tokens": one.tokens,
            "minutes": one.minutes,
        }
        row = runs.find(run_id)
        caps: dict[str, float] = {}
        if row.status != "finished":
            state = fold(RunLog(database, run_id))
            if state.resumable:
                caps = dict(state.limits) if state.version else runs.settings(run_id).budget.limits()
        for name, value in used.items():
            total[name] += max(value, caps.get(name, 0.0))
    return total


def _reused(body: str) -> bool:
    return bool(body) and bool(json.loads(body).get("reused"))
