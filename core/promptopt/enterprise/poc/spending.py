"""What proofs of concept have spent: one of them, and those of an organization in a calendar month."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

from promptopt.domain.errors import RunError
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.runs.state import fold
from promptopt.store.database import Database
from promptopt.store.journal import spending_of
from promptopt.store.pocs import PocRow, Pocs
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


def month_began(now: float | None = None) -> float:
    """When this calendar month began here, in seconds since the epoch."""
    today = time.localtime(now)
    return time.mktime((today.tm_year, today.tm_mon, 1, 0, 0, 0, 0, 0, -1))


def spent_this_month(database: Database, organization: str, *, but: str = "") -> float:
    """USD that an organization's proofs of concept have spent this calendar month, uncertain ones included.

    Of those that are under way what they may still spend counts, too.

    Args:
        but: id of one that is left out.
    """
    since = month_began()
    pocs, seen, total = Pocs(database), set[str](), 0.0
    for row in pocs.of(organization):
        here = [run_id for run_id in pocs.run_ids(row.id) if run_id not in seen]
        seen.update(here)
        if row.id == but:
            continue
        spent = 0.0
        for run_id in here:
            one = spending_of(database, run_id, since)
            spent += one.usd + one.uncertain_usd
        total += max(spent, _open_cap(database, row) if row.live else 0.0)
    return total


def headroom(database: Database, row: PocRow, plan: POCPlan) -> float | None:
    """USD that one may have in all, by what its organization may spend this month; None: no cap.

    Raises:
        RunError: nothing is left of it.
    """
    limit = plan.emergency if plan.emergency_allowed else plan.monthly
    if limit is None or plan.usd_free:
        return None
    others = spent_this_month(database, row.organization, but=row.id)
    since = month_began()
    mine = [spending_of(database, run_id, since) for run_id in own_runs(database, row.id)]
    before = spent_by(database, own_runs(database, row.id))
    this_month = sum(one.usd + one.uncertain_usd for one in mine)
    left = limit - others - this_month
    if left <= 0:
        raise RunError(
            f"this month's budget of ${limit:,.2f} is used up: ${others + this_month:,.2f} spent",
            where=f"proofs of concept of {row.organization or 'this organization'}",
            fix=_more(plan),
        )
    return left + before.usd + before.uncertain


def _more(plan: POCPlan) -> str:
    if plan.emergency_allowed:
        return "wait for the next month, or raise emergency_budget in the configuration"
    if plan.emergency is None:
        return "wait for the next month, or raise monthly_optimization_budget in the configuration"
    return f"wait for the next month, or agree to up to ${plan.emergency:,.2f} with --emergency"


def _open_cap(database: Database, row: PocRow) -> float:
    """What one that is under way may still come to: its cap, if it has one."""
    return POCPlan.model_validate_json(row.plan).budget.limits().get("usd", 0.0)


def _reused(body: str) -> bool:
    return bool(body) and bool(json.loads(body).get("reused"))
