"""One optimizer after the other, each from the best prompt of the one before."""

from collections.abc import Sequence
from typing import ClassVar, cast

from pydantic import Field, model_validator

from promptopt.domain.stopping import StopRun
from promptopt.optimizers.base import OptimizerOptions
from promptopt.optimizers.hybrids.combined import Combined, CombinedOptions, Part, Play


class SequentialOptions(CombinedOptions):
    """Settings of ``sequential``.

    Attributes:
        stages: optimizers, in order.
        shares: of ``calls``, one per stage; default: equal ones. What a stage leaves, the next ones have.
    """

    stages: list[str] = Field(default=["dspy-gepa", "grpo"], min_length=1)
    shares: list[float] = Field(default_factory=list[float])

    @model_validator(mode="after")
    def _one_share_per_stage(self) -> "SequentialOptions":
        if self.shares and (len(self.shares) != len(self.stages) or min(self.shares) <= 0):
            raise ValueError(f"give {len(self.stages)} shares above 0, one per stage")
        return self


class Sequential(Combined):
    """Optimizers one after the other: by default DSPy's GEPA, then GRPO from what it found."""

    name: ClassVar[str] = "sequential"
    on_edit: ClassVar[str] = (
        "The stage under way goes on from your prompt, and the next one from what that made of it."
    )
    Options: ClassVar[type[OptimizerOptions]] = SequentialOptions

    def members(self) -> Sequence[str]:
        return cast(SequentialOptions, self.options).stages

    async def combine(self, play: Play) -> StopRun:
        options = cast(SequentialOptions, self.options)
        shares = options.shares or [1.0] * len(options.stages)
        best = play.edited(play.best)
        for at, name in enumerate(options.stages):
            left = play.left
            calls = None if left is None else int(left * shares[at] / sum(shares[at:]))
            outcome = await play.stage(Part(name, best, f"stage {at + 1} of {len(shares)}", calls))
            best = play.edited(outcome.best)
            if outcome.score >= 1.0:
                return StopRun("all_pass", f"every validation case passes after stage {at + 1}, {name}")
        return StopRun("max_iterations", f"all {len(options.stages)} stages came to their end")
