"""Refusing, before a run is made, what its worker would refuse."""

from pathlib import Path

from promptopt.domain.errors import ModelError
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.checks import build_judge
from promptopt.models.endpoint import setting_of
from promptopt.models.keys import missing_key
from promptopt.models.litellm_transport import LiteLLMTransport
from promptopt.models.simulator import Simulator
from promptopt.runs.setup import model_of, price_of, seats_in_use


def check_runnable(
    settings: ProjectSettings, project_dir: Path, kind: str = "optimize", *, panel: bool = False
) -> None:
    """Raise what is wrong with a project's checks, optimizer, models or keys; sends nothing.

    Args:
        panel: matches are judged.

    Raises:
        SettingsError: a check, a constraint, the optimizer, a setting of its or of a model is wrong.
        ModelError: the key of a model in use is missing, or its price while there is a cap on USD.
    """
    judge = build_judge(settings, project_dir)
    if kind == "optimize":
        from promptopt.optimizers import registry

        panel = registry.make(settings).needs_judges
    for seat in seats_in_use(settings, kind, judge=judge.needs_model, panel=panel):
        model = model_of(settings, seat)
        if model.simulated:
            Simulator(model.model, None, settings, seed=0, latency=0.0)
        else:
            LiteLLMTransport(model)
        price_of(settings, seat)
        problem = missing_key(model)
        if problem:
            raise ModelError(
                problem, where=setting_of(seat), fix="to try without any key: give the option --simulate"
            )
