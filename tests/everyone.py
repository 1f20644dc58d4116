"""Every built-in optimizer, with as little to do as shows what it does.

One that is added to the registry is tested with its own defaults, until it has a line in :data:`SMALL`.
"""

from typing import Any

from promptopt.optimizers import registry

_PARTS: dict[str, Any] = {
    "refine": {"max_iterations": 2, "proposals": 2, "shorten": 1},
    "grpo": {"max_iterations": 1, "group": 3, "batch": 8, "widest": 8, "fewest": 4},
    "dspy-gepa": {"max_metric_calls": 30},
    "dspy-bootstrap-random-search": {"num_candidates": 2},
}


def _parts(*names: str) -> dict[str, Any]:
    """Settings of a hybrid's members."""
    return {name: _PARTS[name] for name in names if name in _PARTS}


SMALL: dict[str, dict[str, Any]] = {
    "refine": {"max_iterations": 4, "proposals": 3},
    "grpo": {"max_iterations": 3, "group": 4, "batch": 8, "widest": 8, "fewest": 4},
    "dspy-bootstrap-random-search": {"num_candidates": 3},
    "dspy-copro": {"breadth": 3, "depth": 2},
    "dspy-simba": {"batch_size": 8, "num_candidates": 3, "max_steps": 2},
    "dspy-gepa": {"max_metric_calls": 70},
    "sequential": {"stages": ["dspy-gepa", "refine"], "settings": _parts("dspy-gepa", "refine")},
    "ensemble": {
        "optimizers": ["refine", "dspy-bootstrap", "dspy-gepa"],
        "settings": _parts("refine", "dspy-gepa"),
    },
    "feedback": {"optimizer": "refine", "rounds": 2, "prompts": 1, "settings": _parts("refine")},
    "simple-feedback": {"optimizer": "dspy-gepa", "variations": 3, "settings": _parts("dspy-gepa", "grpo")},
    "cost-aware": {
        "optimizers": ["refine", "dspy-bootstrap", "grpo"],
        "max_slices": 4,
        "settings": _parts("refine", "grpo"),
    },
    "auto": {
        "configs": [{"name": "refine"}, {"name": "dspy-bootstrap"}],
        "folds": 2,
        "settings": _parts("refine"),
    },
}

NAMES = sorted(registry.OURS)

MINE = "Label the support ticket as billing, bug, account or feature. That is all there is to say of it."
"""What a person makes of the prompt in the middle of a run."""


def small(name: str) -> dict[str, Any]:
    """The table ``[optimizer]`` of a small run."""
    return {"name": name, **SMALL.get(name, {})}
