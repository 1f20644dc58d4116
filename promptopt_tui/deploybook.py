"""Prompts in use as the store has them: their test figures, and every look at them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptopt.domain.results import Interval

if TYPE_CHECKING:
    from promptopt.store.database import Database
    from promptopt.store.deployments import DeploymentRow, MonitoringRow


@dataclass(frozen=True)
class Look:
    """One look that is over.

    Attributes:
        told: as ``promptopt monitor --json`` says it.
        shifted: how the inputs differ from those of the test, beyond chance.
        alarm: the running sum at which a fall is told.
    """

    told: Mapping[str, Any]
    shifted: Sequence[Mapping[str, Any]] = ()
    alarm: float = 0.0

    @property
    def score(self) -> Interval:
        return Interval(
            mean=self.told["score"], low=self.told["low"], high=self.told["high"], n=self.told["cases"]
        )

    @property
    def verdict(self) -> str:
        return str(self.told["verdict"])


@dataclass(frozen=True)
class InUse:
    """A prompt in use.

    Attributes:
        figure: of its test; None if the deployment can't be read.
        split: that it was measured on.
        model: that answers.
        teams: who has it.
        advice: what was said of giving it out.
        looks: those that are over, oldest first.
        under_way: the look that was begun and is not over; ``going`` says whether a worker is at it.
    """

    row: DeploymentRow
    figure: Interval | None = None
    split: str = ""
    model: str = ""
    teams: Sequence[str] = ()
    advice: str = ""
    looks: Sequence[Look] = ()
    under_way: MonitoringRow | None = None
    going: bool = False

    @property
    def last(self) -> Look | None:
        """The newest look."""
        return self.looks[-1] if self.looks else None


def read_deployments(database: Database) -> list[InUse]:
    """All prompts in use, newest first."""
    from promptopt.store.deployments import Deployments

    store = Deployments(database)
    return [_in_use(database, row, store.history(row.id)) for row in store.list()]


def look_of(told: Mapping[str, Any]) -> Look:
    """A look as the store, or the command line, has it.

    Raises:
        KeyError, TypeError, ValueError: it can't be read.
    """
    from promptopt.evaluation.shifts import SIGNIFICANT

    shifted = [one for one in told["shifts"] if one["p_adjusted"] < SIGNIFICANT]
    look = Look(told, shifted, float(told["alarm"]))
    assert look.score and look.verdict
    return look


def _in_use(database: Database, row: DeploymentRow, history: Sequence[MonitoringRow]) -> InUse:
    """What a row says; one that can't be read is listed, and says nothing."""
    looks = [look for one in history if one.done and (look := _readable(one.body)) is not None]
    under_way = next((one for one in reversed(history) if not one.done), None)
    going = under_way is not None and _goes_on(database, under_way.eval_run)
    try:
        reference, settings = json.loads(row.reference), json.loads(row.settings)
        figure = reference["figure"]
        return InUse(
            row,
            Interval(mean=figure["score"], low=figure["low"], high=figure["high"], n=figure["n"]),
            str(figure["split"]),
            str(settings["models"]["target"]["model"]),
            [str(team) for team in reference["teams"]],
            str(reference["advice"]),
            looks,
            under_way,
            going,
        )
    except (KeyError, TypeError, ValueError):
        return InUse(row, looks=looks, under_way=under_way, going=going)


def _goes_on(database: Database, run_id: str) -> bool:
    from promptopt.domain.errors import RunError
    from promptopt.store.runs import Runs

    try:
        return Runs(database).find(run_id).live
    except RunError:
        return False


def _readable(body: str) -> Look | None:
    try:
        return look_of(json.loads(body))
    except (KeyError, TypeError, ValueError):
        return None
