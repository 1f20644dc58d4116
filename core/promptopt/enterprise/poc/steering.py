"""What people ask of a proof of concept: pause, stop, go on, and their word where it waits for it."""

import getpass
import json
import time

from promptopt.domain.errors import RunError
from promptopt.enterprise.poc.month import spent_this_month
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.store.database import Database
from promptopt.store.pocs import PocRow, Pocs


def ask_for(database: Database, row: PocRow, wish: str) -> None:
    """Ask its driver to ``pause`` or to ``stop``; both end or hold its runs, too.

    Raises:
        RunError: nobody is at it.
    """
    if not row.live:
        fix = "" if row.status == "finished" else f"to go on: promptopt poc resume {row.id}"
        raise RunError(f"{row.id} is {row.status}: nobody is at it", fix=fix)
    Pocs(database).wish(row.id, wish)


def go_on(database: Database, row: PocRow) -> bool:
    """Let a paused one go on. False if nobody is at it: then it needs a driver."""
    if not row.live or row.status == "created":
        return False
    Pocs(database).wish(row.id, "")
    return True


def agree(database: Database, row: PocRow, *, accept_cases: bool = False, emergency: bool = False) -> PocRow:
    """Keep a person's word: the cases were looked at, are good enough, or the monthly budget may be exceeded.

    One that waits for a review goes on: who resumes it has looked at the cases.

    Raises:
        RunError: there is no emergency budget to agree to.
    """
    pocs, plan = Pocs(database), POCPlan.model_validate_json(row.plan)
    parts = pocs.parts(row.id)
    word = json.dumps({"author": _user(), "at": time.time()})
    if row.status == "held" and plan.review and "review" not in parts:
        pocs.assign(row.id, "review", "result", body=word)
    if accept_cases:
        pocs.assign(row.id, "accepted", "result", body=word)
    if emergency and not plan.emergency_allowed:
        if plan.emergency is None:
            raise RunError(
                "there is no emergency budget to agree to",
                where=row.id,
                fix="name one in the configuration: budget_limits.emergency_budget",
            )
        pocs.replan(row.id, plan.model_copy(update={"emergency_allowed": True}).frozen())
    return pocs.find(row.id)


def check_month(database: Database, plan: POCPlan) -> None:
    """Refuse a new one if its organization has used this month's budget up.

    Raises:
        RunError: nothing is left.
    """
    limit = plan.emergency if plan.emergency_allowed else plan.monthly
    if limit is None or plan.usd_free:
        return
    spent = spent_this_month(database, plan.organization)
    if spent >= limit:
        more = ""
        if not plan.emergency_allowed and plan.emergency is not None:
            more = f", or agree to up to ${plan.emergency:,.2f} with --emergency"
        raise RunError(
            f"this month's budget of ${limit:,.2f} is used up: ${spent:,.2f} are spent or promised",
            where=f"proofs of concept of {plan.organization or 'this organization'}",
            fix=f"wait for the next month{more}",
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
