"""Refusing, before a run is made, what its worker would refuse."""

from collections.abc import Iterable
from pathlib import Path

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import ModelError
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.checks import build_judge
from promptopt.models.endpoint import role_of, setting_of
from promptopt.models.keys import missing_key
from promptopt.models.simulator import Simulator
from promptopt.runs.compliance import refuse_blocked
from promptopt.runs.own import NOTHING, Own
from promptopt.runs.setup import model_of, price_of, real_transport, seats_in_use


def check_runnable(
    settings: ProjectSettings,
    project_dir: Path,
    kind: str = "optimize",
    own: Own = NOTHING,
    *,
    panel: bool = False,
    to_try: str = "give the option --simulate",
) -> None:
    """Raise what is wrong with a project's checks, optimizer, models or keys; sends nothing.

    Args:
        own: what the calling program brings.
        panel: matches are judged.
        to_try: how to run it without a key.

    Raises:
        SettingsError: a check, a constraint, the optimizer, a setting of its or of a model is wrong.
        ModelError: the key of a model in use is missing, or its price while there is a cap on USD.
    """
    asked = build_judge(settings, project_dir, functions=own.functions).asks
    if kind == "optimize":
        optimizer = own.optimizer_for(settings)
        asked, panel = asked | optimizer.asks, optimizer.needs_judges
    _check_models(settings, seats_in_use(settings, kind, asked, panel=panel), to_try)


def check_cases(
    settings: ProjectSettings,
    dataset: Dataset,
    project_dir: Path,
    own: Own = NOTHING,
    to_try: str = "give the option --simulate",
) -> None:
    """Raise what is wrong with how the cases are judged: those of a run are frozen, and can't be mended.

    Raises:
        SettingsError: names the cases that can't be judged, the model that one of their checks lacks, or
            what the project's policy lets nobody send.
        ModelError: the key or the price of such a model is missing.
    """
    refuse_blocked(settings, dataset)
    asked = build_judge(settings, project_dir, dataset.cases(), functions=own.functions).asks
    _check_models(
        settings, [seat for seat in seats_in_use(settings, "eval", asked) if seat != "target"], to_try
    )


def _check_models(settings: ProjectSettings, seats: Iterable[str], to_try: str) -> None:
    for seat in seats:
        model = model_of(settings, seat)
        if model.simulated:
            Simulator(model.model, None, settings, seed=0, latency=0.0)
        else:
            real_transport(role_of(seat), model)
        price_of(settings, seat)
        problem = missing_key(model)
        if problem:
            raise ModelError(problem, where=setting_of(seat), fix=f"to try without any key: {to_try}")
