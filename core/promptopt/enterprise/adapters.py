"""Optimizers for a business: DSPy's, and DSPy's followed by GRPO."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptopt.domain.prompt import OptimizedPrompt, Prompt
from promptopt.domain.task import TaskSpec
from promptopt.enterprise.assets import create_team_deployment_assets
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.optimizing import optimize_for_business
from promptopt.experiments.words import DSPY, of_family
from promptopt.optimizers import registry
from promptopt.optimizers.base import BaseOptimizer
from promptopt.optimizers.fronts import Front, OptimizerLike
from promptopt.optimizers.hybrids.fronts import with_members
from promptopt.optimizers.hybrids.sequential import Sequential

Business = BusinessContext | Mapping[str, Any]


class EnterpriseDSPyAdapter(Front):
    """One of DSPy's optimizers, for a business.

    Args:
        optimizer_type: in DSPy's words or ours: ``"MIPROv2"``, ``"dspy-gepa"``.
        business_context: a ``BusinessContext``, or a table of one.
        settings: of the optimizer, by name.

    Attributes:
        business_context: what it keeps to.

    Raises:
        SettingsError: there is no such optimizer, or a setting or a key that can't be used.
    """

    def __init__(
        self, optimizer_type: str, business_context: Business | None = None, **settings: Any
    ) -> None:
        name = of_family(optimizer_type, DSPY, "optimizer_type")
        super().__init__(registry.find(name).from_options({"name": name, **settings}))
        self.business_context = BusinessContext.of(business_context)

    def optimize(
        self, task: TaskSpec | str | None = None, dataset: Any = None, **how: Any
    ) -> OptimizedPrompt:
        """The same as :meth:`optimize_for_business_use`."""
        return self.optimize_for_business_use(task, dataset, **how)

    def optimize_for_business_use(
        self,
        task_spec: TaskSpec | str | None = None,
        synthetic_dataset: Any = None,
        *,
        judged: bool = False,
        **how: Any,
    ) -> OptimizedPrompt:
        """Carry out a whole run under the rules of the business; blocks until it is over.

        The rules that can be checked are constraints of the task, and count in every score; all are in words
        in the prompt to start from.

        Args:
            task_spec, synthetic_dataset, how: as for :func:`promptopt.optimize`; any cases will do.
            judged: ``models["judge"]`` also scores tone, audience, values and compliance.

        Returns:
            The best prompt. Its ``metadata`` has ``business_context``, ``task`` and ``compliance`` beside
            what :func:`promptopt.optimize` tells: of each rule, how many outputs kept it, with an interval.

        Raises:
            PromptoptError: as :func:`promptopt.optimize`.
        """
        return optimize_for_business(
            super().optimize, self.business_context, task_spec, synthetic_dataset, judged=judged, how=how
        )

    def create_team_deployment_assets(self, optimized_prompt: Prompt) -> dict[str, str]:
        """Texts to give a prompt to a team; see :func:`create_team_deployment_assets`."""
        return create_team_deployment_assets(optimized_prompt, self.business_context)


class EnterpriseSequentialHybrid(Sequential):
    """The optimizer ``sequential`` for a business: by default DSPy's GEPA, then GRPO from what it found.

    Args:
        stages: optimizers, in order; default: those of ``sequential``.
        settings: of ``sequential``, by name.

    Raises:
        SettingsError: a setting or an optimizer that can't be used.
    """

    def __init__(self, stages: Sequence[OptimizerLike] | None = None, **settings: Any) -> None:
        super().__init__(**with_members("stages", stages, settings, "EnterpriseSequentialHybrid"))

    @classmethod
    def from_options(cls, given: Mapping[str, Any], where: str = "optimizer") -> BaseOptimizer:
        return Sequential.from_options(given, where)

    def optimize_for_enterprise(
        self,
        task_spec: TaskSpec | str | None,
        synthetic_dataset: Any,
        business_context: Business,
        *,
        judged: bool = False,
        **how: Any,
    ) -> OptimizedPrompt:
        """Carry out a whole run under the rules of a business; all stages are scored by them.

        Args and result as :meth:`EnterpriseDSPyAdapter.optimize_for_business_use`.
        """
        context = BusinessContext.of(business_context)
        return optimize_for_business(
            self.optimize, context, task_spec, synthetic_dataset, judged=judged, how=how
        )

    def create_team_deployment_assets(self, optimized_prompt: Prompt) -> dict[str, str]:
        """Texts to give a prompt to a team, with the business context that is in its ``metadata``."""
        return create_team_deployment_assets(optimized_prompt)
