"""``MetaOptimizer``: which optimizer with which settings, tried out by ``auto`` in an ordinary run."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, cast

from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.events import TrialMark
from promptopt.domain.prompt import OptimizedPrompt
from promptopt.domain.results import Interval
from promptopt.domain.task import TaskSpec
from promptopt.optimizers.fronts import Front, Given, OptimizerLike
from promptopt.optimizers.hybrids.auto import Auto

WHERE = "MetaOptimizer.auto_tune()"

Grid = Mapping[str, Mapping[str, Sequence[Any]]]
"""Name of an optimizer to its settings, each with the values to try."""

_ONCE = ("prompt", "resume", "progress", "name")
"""Keywords that say something of one run only."""


class TunedOptimizer(Front):
    """The optimizer that was chosen, with what is known of the choice. It is used like any other.

    Attributes:
        config: its name and settings, as ``[optimizer]`` in a project file.
        score: of the prompts that it found, on cases that it did not search on, with the 95 % interval over
            these cases. It is the best of several, which flatters it: what the run came to in the end is told
            by the sealed test (``prompt.metadata["comparison"]``).
        gain: the same less the score of the prompt to start from, case by case.
        folds: gain on each fold: how much it depends on the cases.
        trials: all configurations that were tried out.
        runner_up: the best of the others.
        comparison: paired comparison of the chosen one with the runner-up, corrected for the number of
            configurations: ``verdict`` (*better*, *worse* or *not distinguishable*), ``difference``,
            ``interval``, ``p_value``, ``p_adjusted``.
        reason: why it was chosen, in words.
        simulated: the models were simulated: the figures say nothing of real ones.
        prompt: what the run came to.
    """

    def __init__(self, given: Given, prompt: OptimizedPrompt, asked: Mapping[str, Any]) -> None:
        told: dict[str, Any] = prompt.metadata["trials"]
        listed: list[Any] = told["trials"]
        self.trials: tuple[TrialMark, ...] = tuple(TrialMark.model_validate(trial) for trial in listed)
        chosen = self.trials[int(told["chosen"])]
        assert chosen.score is not None and chosen.gain is not None  # it played every fold
        self.config: dict[str, Any] = {"name": chosen.optimizer, **chosen.settings}
        super().__init__(given.make(self.config, WHERE))
        self.score: Interval = chosen.score
        self.gain: Interval = chosen.gain
        self.folds = tuple(chosen.folds)
        self.runner_up = self.trials[int(told["runner_up"])]
        self.comparison: Mapping[str, Any] = told["comparison"]
        self.reason = str(told["reason"])
        self.simulated = bool(prompt.metadata["simulated"])
        self.prompt = prompt
        self._asked = asked
        self._chosen = chosen

    def optimize(
        self, task: TaskSpec | str | None = None, dataset: Any = None, **how: Any
    ) -> OptimizedPrompt:
        """Carry out a whole run with the chosen optimizer; what is not given is as in the tuning.

        Args:
            task, dataset, how: as for :func:`promptopt.optimize`.
        """
        if "resume" in how:
            return super().optimize(task, dataset, **how)
        given = {**self._asked, **how}
        return super().optimize(task or given.pop("task"), dataset, **_without(given, ("task",)))

    @property
    def table(self) -> list[dict[str, Any]]:
        """All configurations, the chosen one first, as rows for a data frame."""
        order = sorted(
            self.trials, key=lambda one: (one is not self._chosen, -len(one.folds), -_mean(one.gain))
        )
        return [
            {
                "configuration": str(trial),
                "chosen": trial is self._chosen,
                "folds": len(trial.folds),
                "given_up_after": trial.given_up,
                "target_calls": trial.calls,
                **_bounds("gain", trial.gain),
                **_bounds("score", trial.score),
                "cases": trial.score.n if trial.score else 0,
            }
            for trial in order
        ]

    def __str__(self) -> str:
        gap, (low, high) = self.comparison["difference"], self.comparison["interval"]
        simulated = " (simulated)" if self.simulated else ""
        score = f"{self.score.mean:.1%} [{self.score.low:.1%}, {self.score.high:.1%}]"
        against = f"{gap * 100:+.1f} points [{low * 100:+.1f}, {high * 100:+.1f}]"
        return (
            f"{self._chosen}: {score} on {self.score.n} cases not searched on{simulated}; "
            f"against {self.runner_up}: {against}, {self.comparison['verdict']}"
        )


class MetaOptimizer:
    """Finds out which optimizer, with which settings, does most for a task."""

    def auto_tune(
        self,
        optimizers: Sequence[OptimizerLike],
        task_spec: TaskSpec | str | None = None,
        dataset: Any = None,
        *,
        grid: Grid | None = None,
        tuning: Mapping[str, Any] | None = None,
        **how: Any,
    ) -> TunedOptimizer:
        """Try configurations out by cross-validation with successive halving; blocks until that is done.

        It is a run of the optimizer ``auto``: with journal, budget, sealed test, watched, steered and resumed
        like any other. It ends with a search by the one that was chosen, on all training and validation
        cases.

        Args:
            optimizers: names, tables, classes or instances.
            task_spec, dataset, how: as for :func:`promptopt.optimize`. ``resume`` goes on with a tuning run,
                ``optimizers`` and ``grid`` being the same.
            grid: settings to try, each combination of them a configuration: ``{"refine": {"proposals":
                [3, 5], "plateau": [3, 5]}}``.
            tuning: settings of ``auto``: ``folds``, ``block_calls``, ``calls``, ``seed``, ``final``.

        Returns:
            The chosen optimizer with figures, among them how surely it is better than the runner-up.

        Raises:
            SettingsError: fewer than two configurations, or one that can't be used; nothing was sent.
            RunError: the run ended before one was chosen, for want of budget, say.
            PromptoptError: as :func:`promptopt.optimize`.
        """
        given = Given(optimizers, WHERE)
        configs = configurations(given.tables, grid or {})
        auto = Auto(configs=configs, classes=given.classes, **tuning or {})
        prompt = auto.optimize(task_spec, dataset, **how)
        trials = prompt.metadata.get("trials")
        if not trials or trials["chosen"] is None:
            of = f"{trials['played']} of {trials['folds']} folds" if trials else "no fold"
            raise RunError(
                f"the run ended before an optimizer was chosen, {of} played: {prompt.metadata['detail']}",
                where=f"run {prompt.metadata['run_id']}",
                fix="give a larger budget, fewer configurations or folds, or a smaller block_calls",
            )
        return TunedOptimizer(given, prompt, {"task": task_spec, **_without(how, _ONCE)})


def configurations(tables: Sequence[Mapping[str, Any]], grid: Grid) -> list[dict[str, Any]]:
    """Each table with each combination of its optimizer's grid; equal ones once.

    Raises:
        SettingsError: fewer than two, or a grid of an optimizer that is not among them or without values.
    """
    names = {str(table["name"]) for table in tables}
    for name, settings in grid.items():
        if name not in names:
            raise SettingsError(
                f"there are settings to try of {name!r}, which is not among the optimizers",
                where=f"{WHERE}, grid",
                fix=f"there are: {', '.join(sorted(names))}",
            )
        for key, values in settings.items():
            if isinstance(values, str) or not isinstance(cast(object, values), Sequence) or not values:
                raise SettingsError(
                    f"expected a list of values to try, found {values!r}", where=f"{WHERE}, grid.{name}.{key}"
                )
    found: list[dict[str, Any]] = []
    for table in tables:
        settings = grid.get(str(table["name"]), {})
        for values in itertools.product(*settings.values()):
            config = {**table, **dict(zip(settings, values, strict=True))}
            if config not in found:
                found.append(config)
    if len(found) < 2:
        raise SettingsError(
            f"{len(found)} configuration leaves nothing to choose",
            where=WHERE,
            fix='give several optimizers, or settings to try: grid={"refine": {"plateau": [3, 5]}}',
        )
    return found


def _without(how: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in how.items() if key not in keys}


def _mean(interval: Interval | None) -> float:
    return interval.mean if interval else 0.0


def _bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    if interval is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
