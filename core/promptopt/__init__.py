"""Measured prompt optimization: the headless engine, its command line and its public types.

Importing this package imports nothing heavy: each public name is loaded when it is first used.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptopt.data import EnterpriseDataGenerator, GeneratedDataset, SyntheticDataGenerator
    from promptopt.domain.chat import LLMResponse
    from promptopt.domain.dataset import Dataset, Example
    from promptopt.domain.errors import CallFailed
    from promptopt.domain.prompt import Message, OptimizedPrompt, Prompt
    from promptopt.domain.stopping import Redirected, StopRun
    from promptopt.domain.task import Constraint, TaskSpec
    from promptopt.enterprise.adapters import EnterpriseDSPyAdapter, EnterpriseSequentialHybrid
    from promptopt.enterprise.assets import create_team_deployment_assets
    from promptopt.enterprise.config import EnterpriseConfig
    from promptopt.enterprise.context import BusinessContext
    from promptopt.evaluation.analyzer import StatisticalAnalyzer
    from promptopt.evaluation.client import LLMClient
    from promptopt.evaluation.metrics import CheckMetric, EvaluationMetric
    from promptopt.models.prices import CostTracker
    from promptopt.notebook.colab import ColabManager
    from promptopt.notebook.differences import diff
    from promptopt.notebook.embedded.opening import tui
    from promptopt.notebook.run import Run
    from promptopt.notebook.starting import attach, list_runs, start
    from promptopt.optimizers.base import BaseOptimizer, OptimizerOptions, RunContext
    from promptopt.optimizers.grpo.adapter import GRPOAdapter
    from promptopt.optimizers.grpo.optimizer import GrpoOptimizer
    from promptopt.optimizers.grpo.reward import RewardCalculator
    from promptopt.optimizers.hybrids.fronts import (
        CostAwareHybrid,
        EnsembleHybrid,
        FeedbackHybrid,
        SimpleFeedbackHybrid,
    )
    from promptopt.optimizers.hybrids.tuning import MetaOptimizer, TunedOptimizer
    from promptopt.optimizers.refine.optimizer import RefineOptimizer
    from promptopt.reporting.dashboard import ResultsDashboard
    from promptopt.runs.library import evaluate, optimize, recommend_optimizer
    from promptopt.runs.state import RunState
    from promptopt.tournament.config import TournamentConfig
    from promptopt.tournament.manager import TournamentManager
    from promptopt.tournament.panel import JudgePanel
    from promptopt.tournament.results import TournamentResults

    __version__: str

__all__ = [
    "BaseOptimizer",
    "BusinessContext",
    "CallFailed",
    "CheckMetric",
    "ColabManager",
    "Constraint",
    "CostAwareHybrid",
    "CostTracker",
    "Dataset",
    "EnsembleHybrid",
    "EnterpriseConfig",
    "EnterpriseDSPyAdapter",
    "EnterpriseDataGenerator",
    "EnterpriseSequentialHybrid",
    "EvaluationMetric",
    "Example",
    "FeedbackHybrid",
    "GRPOAdapter",
    "GeneratedDataset",
    "GrpoOptimizer",
    "JudgePanel",
    "LLMClient",
    "LLMResponse",
    "Message",
    "MetaOptimizer",
    "OptimizedPrompt",
    "OptimizerOptions",
    "Prompt",
    "Redirected",
    "RefineOptimizer",
    "ResultsDashboard",
    "RewardCalculator",
    "Run",
    "RunContext",
    "RunState",
    "SimpleFeedbackHybrid",
    "StatisticalAnalyzer",
    "StopRun",
    "SyntheticDataGenerator",
    "TaskSpec",
    "TournamentConfig",
    "TournamentManager",
    "TournamentResults",
    "TunedOptimizer",
    "__version__",
    "attach",
    "create_team_deployment_assets",
    "diff",
    "evaluate",
    "list_runs",
    "optimize",
    "recommend_optimizer",
    "start",
    "tui",
]

_HOMES = {
    "BaseOptimizer": "promptopt.optimizers.base",
    "BusinessContext": "promptopt.enterprise.context",
    "CallFailed": "promptopt.domain.errors",
    "CheckMetric": "promptopt.evaluation.metrics",
    "ColabManager": "promptopt.notebook.colab",
    "Constraint": "promptopt.domain.task",
    "CostAwareHybrid": "promptopt.optimizers.hybrids.fronts",
    "CostTracker": "promptopt.models.prices",
    "Dataset": "promptopt.domain.dataset",
    "EnsembleHybrid": "promptopt.optimizers.hybrids.fronts",
    "EnterpriseConfig": "promptopt.enterprise.config",
    "EnterpriseDSPyAdapter": "promptopt.enterprise.adapters",
    "EnterpriseDataGenerator": "promptopt.data",
    "EnterpriseSequentialHybrid": "promptopt.enterprise.adapters",
    "EvaluationMetric": "promptopt.evaluation.metrics",
    "Example": "promptopt.domain.dataset",
    "FeedbackHybrid": "promptopt.optimizers.hybrids.fronts",
    "GRPOAdapter": "promptopt.optimizers.grpo.adapter",
    "GeneratedDataset": "promptopt.data",
    "GrpoOptimizer": "promptopt.optimizers.grpo.optimizer",
    "JudgePanel": "promptopt.tournament.panel",
    "LLMClient": "promptopt.evaluation.client",
    "LLMResponse": "promptopt.domain.chat",
    "Message": "promptopt.domain.prompt",
    "MetaOptimizer": "promptopt.optimizers.hybrids.tuning",
    "OptimizedPrompt": "promptopt.domain.prompt",
    "OptimizerOptions": "promptopt.optimizers.base",
    "Prompt": "promptopt.domain.prompt",
    "Redirected": "promptopt.domain.stopping",
    "RefineOptimizer": "promptopt.optimizers.refine.optimizer",
    "ResultsDashboard": "promptopt.reporting.dashboard",
    "RewardCalculator": "promptopt.optimizers.grpo.reward",
    "Run": "promptopt.notebook.run",
    "RunContext": "promptopt.optimizers.base",
    "RunState": "promptopt.runs.state",
    "SimpleFeedbackHybrid": "promptopt.optimizers.hybrids.fronts",
    "StatisticalAnalyzer": "promptopt.evaluation.analyzer",
    "StopRun": "promptopt.domain.stopping",
    "SyntheticDataGenerator": "promptopt.data",
    "TaskSpec": "promptopt.domain.task",
    "TournamentConfig": "promptopt.tournament.config",
    "TournamentManager": "promptopt.tournament.manager",
    "TournamentResults": "promptopt.tournament.results",
    "TunedOptimizer": "promptopt.optimizers.hybrids.tuning",
    "attach": "promptopt.notebook.starting",
    "diff": "promptopt.notebook.differences",
    "create_team_deployment_assets": "promptopt.enterprise.assets",
    "evaluate": "promptopt.runs.library",
    "optimize": "promptopt.runs.library",
    "recommend_optimizer": "promptopt.runs.library",
    "list_runs": "promptopt.notebook.starting",
    "start": "promptopt.notebook.starting",
    "tui": "promptopt.notebook.embedded.opening",
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


def load_ipython_extension(ipython: Any) -> None:
    """What ``%load_ext promptopt`` calls: the magics ``%promptopt`` and ``%%prompt``."""
    from promptopt.notebook.magics import load

    load(ipython)


if "IPython" in sys.modules:  # so that prompts and results show themselves in cells, whatever is used of it
    from promptopt.notebook.showing import introduce

    introduce()
