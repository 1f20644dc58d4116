"""What the machine has, and how much a run should ask of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SMALL_CORES = 2
SMALL_GB = 16.0
CALLS_AT_ONCE = {"target": 8, "optimizer": 2, "judge": 4, "generator": 2, "embedding": 4}
"""Calls at once that a small machine makes of a model in each role at most (the default is 16)."""


@dataclass(frozen=True)
class Machine:
    """Cores and memory that this program may use.

    Attributes:
        cores: of the processor.
        gb: of memory, in 10^9 bytes; None if the system does not tell.
    """

    cores: int
    gb: float | None

    @property
    def small(self) -> bool:
        """As the free tier of a hosted notebook, or less: then fewer calls are made at once."""
        return self.cores <= SMALL_CORES and (self.gb is None or self.gb <= SMALL_GB)

    def __repr__(self) -> str:
        memory = "" if self.gb is None else f", {self.gb:.0f} GB of memory"
        return f"{self.cores} cores{memory}"


def machine() -> Machine:
    """This one."""
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    try:
        gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        gb = None
    return Machine(cores, gb)


def fitted(models: Mapping[str, Mapping[str, Any]], on: Machine) -> tuple[dict[str, dict[str, Any]], str]:
    """Models by role with as many calls at once as the machine should make, and a line that says so.

    The line is empty, and the models as they are, on a machine that is not small. A lower number stays.
    """
    given = {role: dict(model) for role, model in models.items()}
    if not on.small:
        return given, ""
    for role, model in given.items():
        most = CALLS_AT_ONCE.get(role, CALLS_AT_ONCE["target"])
        model["max_concurrency"] = min(int(model.get("max_concurrency", most)), most)
    said = ", ".join(f"{role} {model['max_concurrency']}" for role, model in given.items())
    return given, f"a small machine ({on!r}): fewer calls at once ({said}), one run at a time"
