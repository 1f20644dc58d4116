"""Hybrids for programs: made of optimizers as they are given, names, tables, classes or instances."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import OptimizedPrompt
from promptopt.domain.task import TaskSpec
from promptopt.optimizers.base import BaseOptimizer
from promptopt.optimizers.fronts import Given, OptimizerLike
from promptopt.optimizers.hybrids.cost_aware import CostAware
from promptopt.optimizers.hybrids.ensemble import Ensemble
from promptopt.optimizers.hybrids.feedback import Feedback, SimpleFeedback


class EnsembleHybrid(Ensemble):
    """The optimizer ``ensemble``: several side by side, a tournament of their best prompts decides.

    Args:
        optimizers: those that take part; default: those of ``ensemble``.
        settings: of ``ensemble``, by name.

    Raises:
        SettingsError: a setting or an optimizer that can't be used.
    """

    def __init__(self, optimizers: Sequence[OptimizerLike] | None = None, **settings: Any) -> None:
        super().__init__(**with_members("optimizers", optimizers, settings, "EnsembleHybrid"))

    @classmethod
    def from_options(cls, given: Mapping[str, Any], where: str = "optimizer") -> BaseOptimizer:
        return Ensemble.from_options(given, where)


class CostAwareHybrid(CostAware):
    """The optimizer ``cost-aware``: slices of optimizers, the most promising for what it costs next.

    Args:
        optimizers: those to choose from; default: those of ``cost-aware``.
        settings: of ``cost-aware``, by name.

    Raises:
        SettingsError: a setting or an optimizer that can't be used.
    """

    def __init__(self, optimizers: Sequence[OptimizerLike] | None = None, **settings: Any) -> None:
        super().__init__(**with_members("optimizers", optimizers, settings, "CostAwareHybrid"))

    @classmethod
    def from_options(cls, given: Mapping[str, Any], where: str = "optimizer") -> BaseOptimizer:
        return CostAware.from_options(given, where)

    def optimize_within_budget(
        self, task_spec: TaskSpec | str, dataset: Any, budget_limit: float, **how: Any
    ) -> OptimizedPrompt:
        """Carry out a whole run for at most ``budget_limit`` USD: no call is sent that could cross it.

        Args:
            how: as for :func:`promptopt.optimize`; ``budget`` may have further caps, a table without ``usd``.

        Raises:
            PromptoptError: as :func:`promptopt.optimize`; a limit that is no amount, or two of them.
        """
        caps = how.pop("budget", {})
        if not isinstance(caps, Mapping) or "usd" in caps:
            raise SettingsError(
                "the USD are given twice",
                where="CostAwareHybrid.optimize_within_budget()",
                fix='leave budget out, or give other caps in it, as in budget={"calls": 500}',
            )
        budget = {**cast("Mapping[str, Any]", caps), "usd": budget_limit}
        return self.optimize(task_spec, dataset, budget=budget, **how)


class FeedbackHybrid(Feedback):
    """The optimizer ``feedback``: rounds of searches and tournaments, each steered by the last tournament.

    Args:
        optimizer: what finds prompts; default: that of ``feedback``.
        max_iterations: most rounds (its setting ``rounds``).
        candidates_per_iteration: searches per round (its setting ``prompts``).
        settings: of ``feedback``, by name.

    Raises:
        SettingsError: a setting or an optimizer that can't be used.
    """

    def __init__(
        self,
        optimizer: OptimizerLike | None = None,
        *,
        max_iterations: int | None = None,
        candidates_per_iteration: int | None = None,
        **settings: Any,
    ) -> None:
        _put(settings, "rounds", max_iterations, "FeedbackHybrid")
        _put(settings, "prompts", candidates_per_iteration, "FeedbackHybrid")
        super().__init__(**with_members("optimizer", optimizer, settings, "FeedbackHybrid"))

    @classmethod
    def from_options(cls, given: Mapping[str, Any], where: str = "optimizer") -> BaseOptimizer:
        return Feedback.from_options(given, where)


class SimpleFeedbackHybrid(SimpleFeedback):
    """The optimizer ``simple-feedback``: one search, variations of its prompt, demonstrations from the best.

    Args:
        optimizer: what finds the first prompt; default: that of ``simple-feedback``.
        n_variations: prompts around it (its setting ``variations``).
        settings: of ``simple-feedback``, by name.

    Raises:
        SettingsError: a setting or an optimizer that can't be used.
    """

    def __init__(
        self, optimizer: OptimizerLike | None = None, *, n_variations: int | None = None, **settings: Any
    ) -> None:
        _put(settings, "variations", n_variations, "SimpleFeedbackHybrid")
        super().__init__(**with_members("optimizer", optimizer, settings, "SimpleFeedbackHybrid"))

    @classmethod
    def from_options(cls, given: Mapping[str, Any], where: str = "optimizer") -> BaseOptimizer:
        return SimpleFeedback.from_options(given, where)


def with_members(
    key: str, given: Sequence[OptimizerLike] | OptimizerLike | None, settings: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """Settings of a hybrid with its members by name, their own settings, and their classes.

    Args:
        key: of the hybrid's setting that names them: a list of several, or (``optimizer``) one.

    Raises:
        SettingsError: something that is no optimizer, or one optimizer with two settings.
    """
    if given is None:
        return dict(settings)
    found = Given(given, where)
    own: dict[str, Any] = dict(settings.get("settings") or {})
    for table in found.tables:
        name = str(table["name"])
        more = {setting: value for setting, value in table.items() if setting != "name"}
        if more and own.get(name, more) != more:
            raise SettingsError(
                f"{name} is given with two settings, and a hybrid runs it with one",
                where=where,
                fix="give one of them; MetaOptimizer tries several settings of one optimizer",
            )
        own |= {name: more} if more else {}
    names = [str(table["name"]) for table in found.tables]
    members = names[0] if key == "optimizer" else names
    return {**settings, key: members, "settings": own, "classes": found.classes}


def _put(settings: dict[str, Any], key: str, value: Any, where: str) -> None:
    if value is None:
        return
    if key in settings:
        raise SettingsError(f"{key} is given twice, once by another name", where=where)
    settings[key] = value
