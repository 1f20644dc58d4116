"""The task of a project, with its constraints as validators that anyone can call."""

from collections.abc import Sequence

from promptopt.domain.dataset import Example
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.checks.rules import build_rules
from promptopt.evaluation.functions import NO_FUNCTIONS, Functions


def build_task(
    settings: ProjectSettings, examples: Sequence[Example] = (), functions: Functions = NO_FUNCTIONS
) -> TaskSpec:
    """The task of a project, with validators that can be called without an event loop.

    Args:
        functions: those of the calling program.

    Raises:
        SettingsError: as ``build_rules``.
    """
    task = settings.task
    return TaskSpec(
        description=task.description,
        signature=task.signature,
        input_format=task.input_format,
        output_format=task.output_format,
        constraints=[rule.constraint for rule in build_rules(task.constraints, functions=functions)],
        examples=tuple(examples),
    )
