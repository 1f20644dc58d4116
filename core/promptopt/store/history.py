"""What earlier runs of a project tell about its models: how much they say, how long they take."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import cast

from sqlalchemy import select

from promptopt.domain.events import Role
from promptopt.store.database import Database
from promptopt.store.schema import calls, runs

RUNS = 5
"""Earlier runs that are looked at, the newest ones."""

CALLS = 400
"""Calls of each that are looked at, the last ones."""


@dataclass(frozen=True)
class Past:
    """Answered calls of one model in one role.

    Attributes:
        calls: how many were looked at.
        prompt_tokens: mean.
        completion_tokens: mean; ``fewest`` and ``most`` beside it.
        latency: mean seconds; ``quickest`` and ``slowest`` beside it.
    """

    calls: int
    prompt_tokens: float
    completion_tokens: float
    fewest: int
    most: int
    latency: float
    quickest: float
    slowest: float


@dataclass(frozen=True)
class History:
    """Earlier runs of a project.

    Attributes:
        models: by role and name of the model.
        iterations: mean of the runs that searched and came to an end by themselves, None without any.
        runs: how many runs were looked at.
    """

    models: dict[tuple[Role, str], Past]
    iterations: float | None = None
    runs: int = 0


def history(
    database: Database, project_dir: Path, optimizer: str, but: str = "", *, simulated: bool = False
) -> History:
    """What the newest runs of the project in a folder tell; simulated models are told apart by name.

    Args:
        optimizer: its runs give the number of iterations.
        but: id of a run that is left out.
        simulated: iterations are those of simulated runs, else those of others.
    """
    query = (
        select(runs.c.id, runs.c.optimizer, runs.c.simulated, runs.c.status, runs.c.iteration)
        .where(runs.c.project_dir == str(project_dir), runs.c.id != but)
        .order_by(runs.c.created_at.desc())
        .limit(RUNS)
    )
    figures: dict[tuple[Role, str], list[tuple[int, int, float]]] = defaultdict(list)
    with database.read() as connection:
        found = connection.execute(query).all()
        for row in found:
            last = (
                select(
                    calls.c.role,
                    calls.c.model,
                    calls.c.prompt_tokens,
                    calls.c.completion_tokens,
                    calls.c.latency,
                )
                .where(
                    calls.c.run_id == row.id,
                    calls.c.response.is_not(None),
                    calls.c.reused_from == "",  # they are counted in the run that paid for them
                )
                .order_by(calls.c.at.desc())
                .limit(CALLS)
            )
            for role, model, sent, generated, latency in connection.execute(last):
                figures[cast(Role, role), model].append((sent, generated, latency))
    whole = [
        row.iteration
        for row in found
        if row.optimizer == optimizer and row.status == "finished" and row.simulated == simulated
    ]
    whole = [count for count in whole if count]  # without any, there was nothing to search for
    return History(
        models={place: _past(rows) for place, rows in figures.items()},
        iterations=fmean(whole) if whole else None,
        runs=len(found),
    )


def _past(rows: list[tuple[int, int, float]]) -> Past:
    sent, generated, latency = zip(*rows, strict=True)
    return Past(
        calls=len(rows),
        prompt_tokens=fmean(sent),
        completion_tokens=fmean(generated),
        fewest=min(generated),
        most=max(generated),
        latency=fmean(latency),
        quickest=min(latency),
        slowest=max(latency),
    )
