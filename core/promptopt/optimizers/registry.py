"""Which optimizers there are: ours and those that installed packages add (group ``promptopt.optimizers``)."""

import difflib
from importlib.metadata import entry_points

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.optimizers.base import BaseOptimizer

GROUP = "promptopt.optimizers"


def names() -> list[str]:
    """Names of all optimizers, sorted."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def make(settings: ProjectSettings) -> BaseOptimizer:
    """The optimizer that a project asks for.

    Raises:
        SettingsError: there is none of that name, it can't be loaded, or its settings are wrong.
    """
    wanted = settings.optimizer.name
    found = [entry for entry in entry_points(group=GROUP) if entry.name == wanted]
    if not found:
        near = difflib.get_close_matches(wanted, names(), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SettingsError(
            f"there is no optimizer {wanted!r}",
            where="optimizer.name",
            fix=f"{hint}there are: {', '.join(names())}",
        )
    try:
        optimizer: type[BaseOptimizer] = found[0].load()
    except Exception as error:
        raise SettingsError(
            f"the optimizer {wanted!r} can't be loaded: {type(error).__name__}: {error}",
            where="optimizer.name",
            fix=f"check the package that brings it: {found[0].value}",
        ) from error
    return optimizer.from_settings(settings)
