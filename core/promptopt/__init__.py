"""Measured prompt optimization: the headless engine, its command line and its public types.

Importing this package imports nothing heavy: each public name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptopt.domain.chat import LLMResponse
    from promptopt.domain.dataset import Dataset, Example
    from promptopt.domain.prompt import OptimizedPrompt, Prompt
    from promptopt.domain.task import Constraint, TaskSpec
    from promptopt.models.prices import CostTracker
    from promptopt.runs.state import RunState
    from promptopt.tournament.config import TournamentConfig
    from promptopt.tournament.manager import TournamentManager
    from promptopt.tournament.panel import JudgePanel
    from promptopt.tournament.results import TournamentResults

    __version__: str

__all__ = [
    "Constraint",
    "CostTracker",
    "Dataset",
    "Example",
    "JudgePanel",
    "LLMResponse",
    "OptimizedPrompt",
    "Prompt",
    "RunState",
    "TaskSpec",
    "TournamentConfig",
    "TournamentManager",
    "TournamentResults",
    "__version__",
]

_HOMES = {
    "Constraint": "promptopt.domain.task",
    "CostTracker": "promptopt.models.prices",
    "Dataset": "promptopt.domain.dataset",
    "Example": "promptopt.domain.dataset",
    "JudgePanel": "promptopt.tournament.panel",
    "LLMResponse": "promptopt.domain.chat",
    "OptimizedPrompt": "promptopt.domain.prompt",
    "Prompt": "promptopt.domain.prompt",
    "RunState": "promptopt.runs.state",
    "TaskSpec": "promptopt.domain.task",
    "TournamentConfig": "promptopt.tournament.config",
    "TournamentManager": "promptopt.tournament.manager",
    "TournamentResults": "promptopt.tournament.results",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("promptopt")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
