"""A person's word where a proof of concept waits for it, and whether a new one may begin."""

import getpass
import json
import time

from promptopt.domain.errors import RunError
from promptopt.enterprise.poc.month import spent_this_month
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.store.database import Database
from promptopt.store.forgetting import MARK
from promptopt.store.pocs import PocRow, Pocs


def agree(database: Database, row: PocRow, *, accept_cases: bool = False, emergency: bool = False) -> PocRow:
    """Keep a person's word: the cases were looked at, are good enough, or the monthly budget may be exceeded.

    One that waits for a review goes on: who resumes it has looked at the cases.

    Raises:
        RunError: there is no emergency budget to agree to, or its texts were removed.
    """
    refuse_without_texts(database, row)
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


def refuse_without_texts(database: Database, row: PocRow) -> None:
    """Refuse to go on with one whose texts were removed; what has come to its end is only read.

    Raises:
        RunError: it has no texts any more.
    """
    if row.status != "finished" and MARK in Pocs(database).parts(row.id):
        raise RunError(
            f"the texts of {row.id} were removed, since they were older than they may be: it can't go on",
            fix="begin anew: promptopt poc run",
        )


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
