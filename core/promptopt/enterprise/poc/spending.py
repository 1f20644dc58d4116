"""What a proof of concept has spent, and may still spend."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from promptopt.runs.state import fold
from promptopt.store.database import Database
from promptopt.store.journal import spending_of
from promptopt.store.pocs import Part, Pocs
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs

DATA = "data"
"""The part whose run makes the cases."""

ASIDE = "put aside"
"""In the body of a part: its run is over, and another one was begun in its place."""

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

    def by_cap(self) -> dict[str, float]:
        """What counts to each cap, by its name."""
        return {
            "usd": self.usd + self.uncertain,
            "calls": self.calls,
            "tokens": self.tokens,
            "minutes": self.minutes,
        }


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
    reused = {part.ref for part in parts if part.kind == "run" and is_reused(part.body)}
    return [run_id for run_id in Pocs(database).run_ids(poc_id) if run_id not in reused]


def committed(database: Database, poc_id: str) -> dict[str, float]:
    """What is spent, or can still be spent by runs that may go on, by the name of the cap.

    A run that was stopped, or has failed, can be taken up again: so its own caps count, not what it spent.
    One that was put aside is not.
    """
    total = dict.fromkeys(KINDS, 0.0)
    runs = Runs(database)
    aside = {part.ref for part in runs_aside(database, poc_id)}
    for run_id in own_runs(database, poc_id):
        used = spent_by(database, [run_id]).by_cap()
        row = runs.find(run_id)
        caps: dict[str, float] = {}
        if row.status != "finished" and run_id not in aside:
            state = fold(RunLog(database, run_id))
            if state.resumable:
                caps = dict(state.limits) if state.version else runs.settings(run_id).budget.limits()
        for name, value in used.items():
            total[name] += max(value, caps.get(name, 0.0))
    return total


def runs_aside(database: Database, poc_id: str) -> list[Part]:
    """The runs that were put aside, oldest first."""
    parts = Pocs(database).parts(poc_id)
    return [part for name, part in parts.items() if name.startswith(f"{DATA}/") and part.kind == "run"]


def is_reused(body: str) -> bool:
    """Whether a part's run was found, and not paid for by this proof of concept."""
    return bool(body) and bool(json.loads(body).get("reused"))
