"""What the proofs of concept of an organization have spent in a calendar month, and what is left of it."""

import time

from promptopt.domain.errors import RunError
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.enterprise.poc.spending import own_runs, spent_by
from promptopt.store.database import Database
from promptopt.store.journal import spending_of
from promptopt.store.pocs import PocRow, Pocs


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


def left_of_month(database: Database, row: PocRow, plan: POCPlan) -> str:
    """What the month leaves, in words, where that is less than the budget of the whole; else empty.

    Raises:
        RunError: as :func:`headroom`.
    """
    left, cap = headroom(database, row, plan), plan.budget.limits().get("usd")
    if left is None or (cap is not None and left >= cap):
        return ""
    which = "emergency" if plan.emergency_allowed else "monthly"
    whose = plan.organization or "the organization"
    return f"the {which} budget of {whose} leaves ${left:,.2f} for all stages, which is less than its own cap"


def _more(plan: POCPlan) -> str:
    if plan.emergency_allowed:
        return "wait for the next month, or raise emergency_budget in the configuration"
    if plan.emergency is None:
        return "wait for the next month, or raise monthly_optimization_budget in the configuration"
    return f"wait for the next month, or agree to up to ${plan.emergency:,.2f} with --emergency"


def _open_cap(database: Database, row: PocRow) -> float:
    """What one that is under way may still come to: its cap, if it has one."""
    return POCPlan.model_validate_json(row.plan).budget.limits().get("usd", 0.0)
