"""Which optimizers there are: ours, and those that installed packages add.

A package adds one by an entry point of the group ``promptopt.optimizers``: name = ``module:Class``, the class
a ``BaseOptimizer``. Ours can't be replaced by one of the same name.
"""

import difflib
import inspect
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

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


@dataclass(frozen=True)
class Listed:
    """An optimizer that there is, or would be if it could be loaded.

    Attributes:
        name: as in ``[optimizer] name = …``.
        place: ``module:Class``.
        package: the distribution that brings it, with its version; empty for ours.
        optimizer: its class; None if it can't be loaded.
        fault: why it can't be; empty if it can.
    """

    name: str
    place: str
    package: str
    optimizer: type[BaseOptimizer] | None
    fault: str = ""

    @property
    def summary(self) -> str:
        """What it does, in a line: the first one of its class's docstring."""
        doc = self.optimizer.__doc__ if self.optimizer else None
        return (doc or "").strip().partition("\n")[0].strip()


def names() -> list[str]:
    """Names of all optimizers, sorted. None is loaded."""
    return sorted(_entries())


def listed() -> list[Listed]:
    """All optimizers by name, each loaded; what can't be loaded says why."""
    return [_listed(name, entry) for name, entry in sorted(_entries().items())]


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
    found = one(wanted, where)
    if found.optimizer is None:
        brought = f" ({found.package})" if found.package else ""
        raise SettingsError(
            f"the optimizer {wanted!r} can't be loaded: {found.fault}",
            where=where,
            fix=f"check the package that brings it{brought}: {found.place}",
        )
    return found.optimizer


def one(wanted: str, where: str = "optimizer.name") -> Listed:
    """The optimizer of a name as lists tell it, loaded if it can be.

    Raises:
        SettingsError: there is none of that name.
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
    return _listed(wanted, entries[wanted])


def _entries() -> dict[str, EntryPoint]:
    added = {entry.name: entry for entry in entry_points(group=GROUP)}
    return added | {name: EntryPoint(name, value, GROUP) for name, value in OURS.items()}


def _listed(name: str, entry: EntryPoint) -> Listed:
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else ""
    try:
        found: Any = entry.load()
    except (Exception, SystemExit) as error:  # whatever the modules of others do when they are imported
        return Listed(name, entry.value, package, None, f"{type(error).__name__}: {error}")
    fault = _fault(found)
    return Listed(name, entry.value, package, None if fault else found, fault)


def _fault(found: Any) -> str:
    """Why what an entry point names is no optimizer; empty if it is one."""
    if not (isinstance(found, type) and issubclass(found, BaseOptimizer)):
        return "it is no subclass of promptopt.optimizers.base.BaseOptimizer"
    if inspect.isabstract(found):
        return f"it lacks {', '.join(sorted(found.__abstractmethods__))}"
    return "" if hasattr(found, "name") else "it has no name"
