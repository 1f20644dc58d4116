"""What a program has been set up with for a business: models, configuration, budget."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptopt.domain.settings import ModelSettings
from promptopt.domain.words import Role
from promptopt.enterprise.config import EnterpriseConfig


@dataclass(frozen=True)
class EnterpriseEnvironment:
    """What to work with, where nothing else is said.

    Attributes:
        models: tables as ``[models.ROLE]`` of a project file, by role; keys are named in them, never held.
        config: the enterprise configuration, if one was given.
        budget: caps by name, as ``[budget]`` of a project file.
        simulated: every model is a simulation, so that no figure says anything about a real one.
    """

    models: Mapping[Role, Mapping[str, Any]]
    config: EnterpriseConfig | None = None
    budget: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def simulated(self) -> bool:
        return all(ModelSettings.model_validate(model).simulated for model in self.models.values())

    def __repr__(self) -> str:
        names = ", ".join(f"{role} {model['model']}" for role, model in self.models.items())
        company = f", {self.config.organization.name}" if self.config else ""
        return f"<EnterpriseEnvironment: {names}{company}{', SIMULATED' if self.simulated else ''}>"


_current: list[EnterpriseEnvironment] = []


def use(environment: EnterpriseEnvironment) -> None:
    """Make it this program's, in the place of the one before."""
    _current[:] = [environment]


def current() -> EnterpriseEnvironment | None:
    """This program's; None if nothing was set up."""
    return _current[0] if _current else None
