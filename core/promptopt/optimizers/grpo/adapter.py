"""``GRPOAdapter``: ``grpo`` by the two tables that say how groups compete and what counts."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from promptopt.domain.errors import SettingsError
from promptopt.optimizers.base import BaseOptimizer
from promptopt.optimizers.grpo.optimizer import GrpoOptimizer
from promptopt.optimizers.grpo.options import GrpoOptions
from promptopt.optimizers.grpo.reward import RewardCalculator

__all__ = ["GRPOAdapter", "RewardCalculator"]

_SIZES = ("tournament_size", "size", "group")


class GRPOAdapter(GrpoOptimizer):
    """The optimizer ``grpo``, made from two tables.

    Args:
        tournament_config: settings of ``grpo`` by name; ``tournament_size`` is its ``group``.
        reward_config: the reward's weights, ``{"performance": 0.7, "format": 0.3}``.

    Attributes:
        reward_calculator: makes rewards of case results.

    Raises:
        SettingsError: a key or a value that can't be used.
    """

    def __init__(
        self,
        tournament_config: Mapping[str, Any] | None = None,
        reward_config: Mapping[str, Any] | None = None,
    ) -> None:
        self.reward_calculator = RewardCalculator(reward_config)
        weights = self.reward_calculator.config.model_dump()
        settings = {
            ("group" if key in _SIZES else key): value for key, value in (tournament_config or {}).items()
        }
        twice = weights.keys() & settings.keys()
        if twice:
            raise SettingsError(
                f"{', '.join(sorted(twice))} is no setting of the tournament",
                where="tournament_config",
                fix="give the weights in reward_config",
            )
        try:
            options = GrpoOptions.model_validate({**settings, **weights})
        except ValidationError as error:
            flaw = error.errors()[0]
            key = ".".join(str(part) for part in flaw["loc"])
            where = f"tournament_config.{key}" if key else "tournament_config"
            fix = f"grpo knows: {', '.join(name for name in GrpoOptions.model_fields if name != 'name')}"
            raise SettingsError(flaw["msg"], where=where, fix=fix) from None
        super().__init__(options)

    @classmethod
    def from_options(cls, given: Mapping[str, Any], where: str = "optimizer") -> BaseOptimizer:
        return GrpoOptimizer.from_options(given, where)
