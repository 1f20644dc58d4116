"""Measured prompt optimization: the headless engine, its command line and its public types.

Importing this package imports nothing heavy: each public name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptopt.domain.chat import LLMResponse
    from promptopt.domain.dataset import Dataset, Example
    from promptopt.domain.prompt import Message, OptimizedPrompt, Prompt
    from promptopt.domain.stopping import Redirected, StopRun
    from promptopt.domain.task import Constraint, TaskSpec
    from promptopt.evaluation.analyzer import StatisticalAnalyzer
    from promptopt.evaluation.client import LLMClient
    from promptopt.evaluation.metrics import CheckMetric, EvaluationMetric
    from promptopt.models.prices import CostTracker
    from promptopt.models.sending import CallFailed
    from promptopt.optimizers.base import BaseOptimizer, OptimizerOptions, RunContext
    from promptopt.reporting.dashboard import ResultsDashboard
    from promptopt.runs.library import evaluate, optimize
    from promptopt.runs.state import RunState
    from promptopt.tournament.config import TournamentConfig
    from promptopt.tournament.manager import TournamentManager
    from promptopt.tournament.panel import JudgePanel
    from promptopt.tournament.results import TournamentResults

    __version__: str

__all__ = [
    "BaseOptimizer",
    "CallFailed",
    "CheckMetric",
    "Constraint",
    "CostTracker",
    "Dataset",
    "EvaluationMetric",
    "Example",
    "JudgePanel",
    "LLMClient",
    "LLMResponse",
    "Message",
    "OptimizedPrompt",
    "OptimizerOptions",
    "Prompt",
    "Redirected",
    "ResultsDashboard",
    "RunContext",
    "RunState",
    "StatisticalAnalyzer",
    "StopRun",
    "TaskSpec",
    "TournamentConfig",
    "TournamentManager",
    "TournamentResults",
    "__version__",
    "evaluate",
    "optimize",
]

_HOMES = {
    "BaseOptimizer": "promptopt.optimizers.base",
    "CallFailed": "promptopt.models.sending",
    "CheckMetric": "promptopt.evaluation.metrics",
    "Constraint": "promptopt.domain.task",
    "CostTracker": "promptopt.models.prices",
    "Dataset": "promptopt.domain.dataset",
    "EvaluationMetric": "promptopt.evaluation.metrics",
    "Example": "promptopt.domain.dataset",
    "JudgePanel": "promptopt.tournament.panel",
    "LLMClient": "promptopt.evaluation.client",
    "LLMResponse": "promptopt.domain.chat",
    "Message": "promptopt.domain.prompt",
    "OptimizedPrompt": "promptopt.domain.prompt",
    "OptimizerOptions": "promptopt.optimizers.base",
    "Prompt": "promptopt.domain.prompt",
    "Redirected": "promptopt.domain.stopping",
    "ResultsDashboard": "promptopt.reporting.dashboard",
    "RunContext": "promptopt.optimizers.base",
    "RunState": "promptopt.runs.state",
    "StatisticalAnalyzer": "promptopt.evaluation.analyzer",
    "StopRun": "promptopt.domain.stopping",
    "TaskSpec": "promptopt.domain.task",
    "TournamentConfig": "promptopt.tournament.config",
    "TournamentManager": "promptopt.tournament.manager",
    "TournamentResults": "promptopt.tournament.results",
    "evaluate": "promptopt.runs.library",
    "optimize": "promptopt.runs.library",
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
