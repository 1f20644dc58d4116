"""Which optimizers there are: ours, and those that installed packages add.

A package adds one by an entry point of the group ``promptopt.optimizers``: name = ``module:Class``, the class
a ``BaseOptimizer``. Ours can't be replaced by one of the same name.
"""

import difflib
from importlib.metadata import EntryPoint, entry_points

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.optimizers.base import BaseOptimizer

GROUP = "promptopt.optimizers"

OURS = {
    "grpo": "promptopt.optimizers.grpo.optimizer:GrpoOptimizer",
    "refine": "promptopt.optimizers.refine:RefineOptimizer",
}


def names() -> list[str]:
    """Names of all optimizers, sorted."""
    return sorted(_entries())


def make(settings: ProjectSettings) -> BaseOptimizer:
    """The optimizer that a project asks for.

    Raises:
        SettingsError: there is none of that name, it can't be loaded, or its settings are wrong.
    """
    wanted = settings.optimizer.name
    entries = _entries()
    if wanted not in entries:
        near = difflib.get_close_matches(wanted, entries, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SettingsError(
            f"there is no optimizer {wanted!r}",
            where="optimizer.name",
            fix=f"{hint}there are: {', '.join(sorted(entries))}",
        )
    try:
        optimizer: type[BaseOptimizer] = entries[wanted].load()
    except Exception as error:
        raise SettingsError(
            f"the optimizer {wanted!r} can't be loaded: {type(error).__name__}: {error}",
            where="optimizer.name",
            fix=f"check the package that brings it: {entries[wanted].value}",
        ) from error
    return optimizer.from_settings(settings)


def _entries() -> dict[str, EntryPoint]:
    added = {entry.name: entry for entry in entry_points(group=GROUP)}
    return added | {name: EntryPoint(name, value, GROUP) for name, value in OURS.items()}
