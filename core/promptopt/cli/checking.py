"""Refusing, before a run is made, what its worker would refuse."""

from collections.abc import Iterable
from pathlib import Path

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import ModelError
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.words import ROLES, Role
from promptopt.evaluation.checks import build_judge
from promptopt.models.keys import missing_key
from promptopt.runs.setup import model_of, price_of, real_transport, roles_in_use


def check_runnable(settings: ProjectSettings, project_dir: Path, kind: str = "optimize") -> None:
    """Raise what is wrong with a project's checks, optimizer, models or keys; sends nothing.

    Raises:
        SettingsError: a check, a constraint, the optimizer, a setting of its or of a model is wrong.
        ModelError: the key of a model in use is missing, or its price while there is a cap on USD.
    """
    asked = build_judge(settings, project_dir).asks
    if kind != "eval":
        from promptopt.optimizers import registry

        asked |= registry.make(settings).asks
    _check_models(settings, roles_in_use(kind, asked))


def check_cases(settings: ProjectSettings, dataset: Dataset, project_dir: Path) -> None:
    """Raise what is wrong with how the cases are judged: those of a run are frozen, and can't be mended.

    Raises:
        SettingsError: names the cases that can't be judged, or the model that one of their checks lacks.
        ModelError: the key or the price of such a model is missing.
    """
    asked = build_judge(settings, project_dir, dataset.cases()).asks
    _check_models(settings, [role for role in ROLES if role in asked])


def _check_models(settings: ProjectSettings, roles: Iterable[Role]) -> None:
    for role in roles:
        model = model_of(settings, role)
        if not model.simulated:
            real_transport(role, model)
        price_of(settings, role)
        problem = missing_key(model)
        if problem:
            raise ModelError(
                problem, where=f"models.{role}", fix="to try without any key: give the option --simulate"
            )
