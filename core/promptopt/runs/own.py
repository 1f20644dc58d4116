"""What a program that carries a run out itself brings to it: objects, which no store can keep."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptopt.domain.dataset import Example
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.functions import NO_FUNCTIONS, Functions
from promptopt.optimizers import registry
from promptopt.optimizers.base import BaseOptimizer


@dataclass(frozen=True)
class Own:
    """What the program that carries a run out brings beside its settings: it lives in that program only.

    Attributes:
        optimizer: in the place of the one that the settings name.
        functions: that judge outputs.
        examples: cases that illustrate the task.
    """

    optimizer: BaseOptimizer | None = None
    functions: Functions = NO_FUNCTIONS
    examples: Sequence[Example] = ()

    @property
    def here_only(self) -> bool:
        """Whether there is anything: then no other program can carry the run out."""
        return bool(self.optimizer or self.functions or self.examples)

    def optimizer_for(self, settings: ProjectSettings) -> BaseOptimizer:
        """The optimizer of a run with these settings.

        Raises:
            SettingsError: as :func:`registry.make`, or the project lacks something that it needs.
        """
        if self.optimizer is None:
            return registry.make(settings)
        self.optimizer.fit_to(settings)
        return self.optimizer


NOTHING = Own()
