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

_HYBRIDS = "promptopt.optimizers.hybrids"
_DSPY = "promptopt.optimizers.dspy_adapter.families"

OURS = {
    "refine": "promptopt.optimizers.refine:RefineOptimizer",
    "grpo": "promptopt.optimizers.grpo.optimizer:GrpoOptimizer",
    "dspy-bootstrap": f"{_DSPY}:Bootstrap",
    "dspy-bootstrap-random-search": f"{_DSPY}:RandomSearch",
    "dspy-mipro": f"{_DSPY}:MIPRO",
    "dspy-copro": f"{_DSPY}:COPRO",
    "dspy-simba": f"{_DSPY}:SIMBA",
    "dspy-gepa": f"{_DSPY}:GEPA",
    "sequential": f"{_HYBRIDS}.sequential:Sequential",
    "ensemble": f"{_HYBRIDS}.ensemble:Ensemble",
    "feedback": f"{_HYBRIDS}.feedback:Feedback",
    "simple-feedback": f"{_HYBRIDS}.feedback:SimpleFeedback",
    "auto": f"{_HYBRIDS}.auto:Auto",
    "cost-aware": f"{_HYBRIDS}.cost_aware:CostAware",
}


def names() -> list[str]:
    """Names of all optimizers, sorted."""
    return sorted(_entries())


def make(settings: ProjectSettings) -> BaseOptimizer:
    """The optimizer that a project asks for.

    Raises:
        SettingsError: there is none of that name, it can't be loaded, or its settings are wrong.
    """
    return find(settings.optimizer.name).from_settings(settings)


def find(wanted: str, where: str = "optimizer.name") -> type[BaseOptimizer]:
    """The optimizer of a name.

    Args:
        where: the setting that names it, for messages.

    Raises:
        SettingsError: there is none of that name, or it can't be loaded.
    """
    entries = _entries()
    if wanted not in entries:
        near = difflib.get_close_matches(wanted, entries, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SettingsError(
            f"there is no optimizer {wanted!r}",
            where=where,
            fix=f"{hint}there are: {', '.join(sorted(entries))}",
        )
    try:
        return entries[wanted].load()
    except Exception as error:
        raise SettingsError(
            f"the optimizer {wanted!r} can't be loaded: {type(error).__name__}: {error}",
            where=where,
            fix=f"check the package that brings it: {entries[wanted].value}",
        ) from error


def _entries() -> dict[str, EntryPoint]:
    added = {entry.name: entry for entry in entry_points(group=GROUP)}
    return added | {name: EntryPoint(name, value, GROUP) for name, value in OURS.items()}
