"""Which optimizer to try first for a project, and why. The rules are those that the README states."""

from dataclasses import dataclass

from promptopt.domain.dataset import Dataset
from promptopt.domain.settings import ProjectSettings

FEW_CALLS = 300
"""Target calls that leave no room for more than choosing demonstrations."""

FEW_CASES = 30
"""Training and validation cases with which a gain found by much trying is mostly luck."""

AMPLE_CALLS = 3000
"""Target calls from which trying optimizers out by cross-validation pays …"""

AMPLE_CASES = 60
"""… with at least so many cases."""

SHORT = 40
"""Characters of an expected output that is a label or a value."""

_JUDGED = frozenset({"judge", "pairwise"})


@dataclass(frozen=True)
class Recommendation:
    """An optimizer, and why this one."""

    optimizer: str
    why: str


def recommend(settings: ProjectSettings, dataset: Dataset) -> Recommendation:
    """The optimizer to try first.

    Args:
        dataset: its training and validation cases are looked at; the test split is not.
    """
    cases = [*dataset.train, *dataset.validation]
    limits = settings.budget.limits()
    calls = min(limits.get("calls", float("inf")), limits.get("target_calls", float("inf")))
    labeled = bool(cases) and all(case.expected is not None for case in cases)
    if settings.checks and all(check.type in _JUDGED for check in settings.checks):
        why = "only judges score this task: prompts that play each other tell more than scores"
        return Recommendation("grpo", why)
    if len(cases) < FEW_CASES:
        why = f"{len(cases)} cases are few: one prompt, rewritten by what fails, overfits them least"
        return Recommendation("refine", why)
    if calls < FEW_CALLS and labeled:
        why = f"{calls:.0f} calls are few: demonstrations cost next to nothing to find"
        return Recommendation("dspy-bootstrap", why)
    if AMPLE_CALLS <= calls < float("inf") and len(cases) >= AMPLE_CASES:
        why = f"{len(cases)} cases and {calls:.0f} calls are enough to try optimizers out and choose"
        return Recommendation("auto", why)
    if labeled and all(len(case.expected or "") > SHORT for case in cases):
        why = "the expected outputs are long: demonstrations show their form better than rules"
        return Recommendation("dspy-mipro", why)
    why = "checks say what is wrong with an output: rewriting by what fails needs the fewest calls"
    return Recommendation("refine", why)
