"""What an output is worth to a group: performance and form, apart and together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from promptopt.domain.errors import SettingsError
from promptopt.domain.results import CaseResult, CheckResult, Sample
from promptopt.evaluation.scores import form_score


class RewardConfig(BaseModel):
    """Weights of the reward's two parts; only their ratio counts.

    Attributes:
        performance: whether the output is right.
        format: whether it has the form, and keeps the constraints.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    performance: float = Field(default=0.7, ge=0)
    format: float = Field(default=0.3, ge=0)


@dataclass(frozen=True)
class Reward:
    """Of one output, or the mean of several.

    Attributes:
        total: in [0, 1].
        performance, form: its parts, in [0, 1]; None if no check looks at that.
    """

    total: float
    performance: float | None
    form: float | None


class RewardCalculator:
    """Makes rewards of case results.

    ``total = (wp * performance + wf * form) / (wp + wf)``, over the parts that there are. A hard check that
    fails is a gate: the reward is 0, whatever the form. A call without an answer has no reward: it is
    missing, not 0.

    Args:
        config: the weights, as a :class:`RewardConfig` or as a table like ``{"performance": 0.7}``.

    Raises:
        SettingsError: a weight that is none, both of them 0, or a table with other keys.
    """

    def __init__(self, config: RewardConfig | Mapping[str, Any] | None = None) -> None:
        if not isinstance(config, RewardConfig):
            try:
                config = RewardConfig.model_validate(dict(config or {}))
            except ValidationError as error:
                flaw = error.errors()[0]
                key = ".".join(str(part) for part in flaw["loc"])
                fix = f"it knows: {', '.join(RewardConfig.model_fields)}"
                raise SettingsError(flaw["msg"], where=f"reward_config.{key}", fix=fix) from None
        if config.performance + config.format <= 0:
            raise SettingsError(
                "performance and format can't both weigh nothing",
                where="reward_config",
                fix='give one of them a weight, as in {"performance": 0.7, "format": 0.3}',
            )
        self.config = config

    def reward(self, result: CaseResult) -> Reward | None:
        """The reward of a result, over its answered draws; None if no draw was answered."""
        if len(result.samples) < 2:
            return None if result.error else self._of(result.checks, result.score)
        drawn = [self._drawn(sample, result.checks) for sample in result.samples if not sample.error]
        if not drawn:
            return None
        return Reward(
            fmean(one.total for one in drawn),
            _mean([one.performance for one in drawn]),
            _mean([one.form for one in drawn]),
        )

    def combine(self, performance: float | None, form: float | None) -> float:
        """The two parts as one figure; 0 if there is neither."""
        parts = [(self.config.performance, performance), (self.config.format, form)]
        known = [(weight, value) for weight, value in parts if value is not None]
        total = sum(weight for weight, _ in known)
        if total <= 0:  # the only part there is weighs nothing
            return fmean(value for _, value in known) if known else 0.0
        return sum(weight * value for weight, value in known) / total

    def _of(self, checks: Sequence[CheckResult], score: float) -> Reward:
        form = form_score(checks)
        performance = _performance(checks) if checks else score
        if any(check.hard and not check.passed for check in checks):
            return Reward(0.0, performance, form)
        return Reward(self.combine(performance, form), performance, form)

    def _drawn(self, sample: Sample, checks: Sequence[CheckResult]) -> Reward:
        """Of one draw of several, of which only score and form were kept.

        Args:
            checks: of another draw of the case; their weights are the same.
        """
        of_form = sum(check.weight for check in checks if check.form)
        others = sum(check.weight for check in checks if not check.form)
        form = sample.form if of_form else None
        if form is None:
            return Reward(sample.score, sample.score, None)
        if sample.score == 0 and form > 0:  # a hard check failed: the form alone would be worth something
            return Reward(0.0, 0.0, form)
        if not others:
            return Reward(form, None, form)
        performance = (sample.score * (others + of_form) - of_form * form) / others
        performance = min(1.0, max(0.0, performance))
        return Reward(self.combine(performance, form), performance, form)


def _performance(checks: Sequence[CheckResult]) -> float | None:
    judging = [check for check in checks if not check.form]
    total = sum(check.weight for check in judging)
    return sum(check.weight * check.score for check in judging) / total if judging else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
