"""What a run says before it asks its models anything: what it is, what it needs, and what it can find out."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from promptopt.domain import events as ev
from promptopt.domain.dataset import SPLITS, Dataset, Split
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.checks import Judge
from promptopt.evaluation.prospects import Prospect, data_faults, failing_references, outlook
from promptopt.models.endpoint import Endpoint, Seat, role_of
from promptopt.optimizers.base import BaseOptimizer
from promptopt.runs.compliance import warnings
from promptopt.runs.forecast import forecast
from promptopt.runs.generating import NAME as GENERATION
from promptopt.runs.generating import foreseen, generation_plan_of
from promptopt.runs.playing import TournamentPlan, outlook_of
from promptopt.runs.setup import describe, splits_to_score
from promptopt.store.database import Database
from promptopt.store.history import history
from promptopt.store.runs import RunRow

Emit = Callable[[ev.Event], None]


def announcement(
    row: RunRow,
    dataset: Dataset,
    limits: Mapping[str, float],
    endpoints: Mapping[Seat, Endpoint],
    optimizer: BaseOptimizer | None = None,
) -> ev.RunStarted:
    """A run's first event.

    Args:
        limits: the caps of its budget.
        endpoints: the models by seat; empty if they could not be opened.
        optimizer: None for a run that does not search.
    """
    sizes: dict[Split, int] = {split: len(dataset[split]) for split in SPLITS}
    models: dict[ev.Role, ev.ModelInfo] = {
        role_of(seat): describe(each) for seat, each in endpoints.items() if "/" not in seat
    }
    panel = [(seat.partition("/")[2], each) for seat, each in endpoints.items() if "/" in seat]
    return ev.RunStarted(
        run_id=row.id,
        project=row.project,
        optimizer=row.optimizer,
        models=models,
        judges=[describe(each, name) for name, each in panel],
        limits=dict(limits),
        sizes=sizes,
        held_back=dataset.held_back,
        max_iterations=optimizer.max_iterations if optimizer else None,
        simulated=any(each.settings.simulated for each in endpoints.values()),
        on_edit=optimizer.on_edit if optimizer else "",
    )


def needs(
    database: Database,
    row: RunRow,
    settings: ProjectSettings,
    dataset: Dataset,
    optimizer: BaseOptimizer | None,
    judge: Judge,
) -> ev.Forecast:
    """What a run is expected to need, by what earlier runs of its project took.

    Args:
        optimizer: None for a run that only scores its prompt.
    """
    if row.kind == GENERATION:
        return foreseen(generation_plan_of(settings), settings)
    folder = Path(row.project_dir)
    past = history(database, folder, row.optimizer, but=row.id, simulated=row.simulated)
    splits = SPLITS if optimizer else splits_to_score(settings, dataset)
    return forecast(settings, dataset, optimizer, past, splits, judge)


async def look_ahead(
    emit: Emit,
    kind: str,
    settings: ProjectSettings,
    dataset: Dataset,
    judge: Judge,
    plan: TournamentPlan | None,
) -> None:
    """Say what the cases can show, and which can't be passed, before anything is spent on them.

    Args:
        kind: of the run.
        plan: of a tournament.
    """
    if plan is not None:
        foretell(emit, outlook_of(plan, settings, dataset, judge))
    elif kind == GENERATION:
        return
    elif kind == "eval":
        scored = sum(len(dataset[split]) for split in splits_to_score(settings, dataset))
        foretell(emit, [outlook(scored, "all")])
    else:
        foretell(emit, [outlook(len(dataset.test))])
    if not settings.simulated:
        for text in await asyncio.to_thread(warnings, settings, dataset):
            emit(ev.Notice(level="warning" if "as they are" in text else "info", text=text))
    foretell(emit, data_faults(dataset, await failing_references(judge, dataset.cases())))


def foretell(emit: Emit, prospects: Iterable[Prospect]) -> None:
    """Tell people what is to be known beforehand."""
    for prospect in prospects:
        emit(ev.Notice(level=prospect.level, text=prospect.text))
