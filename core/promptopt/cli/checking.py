"""Refusing, before a run is made, what its worker would refuse."""

from pathlib import Path

from promptopt.domain.errors import ModelError
from promptopt.domain.settings import ProjectSettings
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
    for role in roles_in_use(kind, asked):
        model = model_of(settings, role)
        if not model.simulated:
            real_transport(role, model)
        price_of(settings, role)
        problem = missing_key(model)
        if problem:
            raise ModelError(
                problem, where=f"models.{role}", fix="to try without any key: give the option --simulate"
            )
