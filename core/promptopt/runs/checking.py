"""Refusing, before a run is made, what its worker would refuse."""

from pathlib import Path

from promptopt.domain.errors import ModelError
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.checks import build_judge
from promptopt.models.keys import missing_key
from promptopt.models.litellm_transport import LiteLLMTransport
from promptopt.optimizers import registry
from promptopt.runs.engine import NOTHING, Own
from promptopt.runs.setup import model_of, price_of, roles_in_use


def check_runnable(
    settings: ProjectSettings,
    project_dir: Path,
    kind: str = "optimize",
    own: Own = NOTHING,
    *,
    to_try: str = "give the option --simulate",
) -> None:
    """Raise what is wrong with a project's checks, optimizer, models or keys; sends nothing.

    Args:
        own: what the calling program brings.
        to_try: how to run it without a key.

    Raises:
        SettingsError: a check, a constraint, the optimizer, a setting of its or of a model is wrong.
        ModelError: the key of a model in use is missing, or its price while there is a cap on USD.
    """
    judge = build_judge(settings, project_dir, functions=own.functions)
    if kind != "eval" and own.optimizer is None:
        registry.make(settings)
    for role in roles_in_use(kind, judge=judge.needs_model):
        model = model_of(settings, role)
        if not model.simulated:
            LiteLLMTransport(model)
        price_of(settings, role)
        problem = missing_key(model)
        if problem:
            raise ModelError(problem, where=f"models.{role}", fix=f"to try without any key: {to_try}")
