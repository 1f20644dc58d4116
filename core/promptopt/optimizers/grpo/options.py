"""Settings of ``grpo``."""

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from promptopt.optimizers.base import OptimizerOptions


class OperatorMix(BaseModel):
    """How often each way to write a variant is taken before any is known to be better; shares of their sum.

    Attributes:
        lessons: apply what earlier groups taught.
        patch: mend one kind of failure.
        merge: take over what another prompt does better.
        shorten: leave out what does no work.
        explore: a different strategy.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lessons: float = Field(default=0.35, ge=0)
    patch: float = Field(default=0.25, ge=0)
    merge: float = Field(default=0.15, ge=0)
    shorten: float = Field(default=0.10, ge=0)
    explore: float = Field(default=0.15, gt=0)


class GrpoOptions(OptimizerOptions):
    """Settings of ``grpo``.

    Attributes:
        max_iterations: most groups.
        plateau: stop after so many groups in a row of which none was accepted.
        group: prompts that are compared in a step, the parent among them.
        batch: training cases that a group is measured on …
        widest: … and most of them, if the group can't be told apart on fewer; not given: ``batch``.
        block: cases between two looks at who can be dropped.
        race: who is dropped early: ``paired_t`` (whoever is clearly behind), ``halving`` (the worse half as
            cases double) or ``none``.
        level: of the test of ``paired_t``.
        fewest: cases before anybody is dropped.
        reward: where performance comes from: ``metric`` (the checks), ``judges`` (a tournament judged by the
            judge model), or ``auto``: judges if no check looks at whether an output is right.
        performance: weight of performance in the reward.
        format: weight of form and constraints in the reward; a case without such checks is all performance.
        judged_cases: cases of a tournament, with judges.
        lessons: most lessons that are kept.
        lesson_chars: their length together.
        operators: how variants are written, before it is known what works.
        explore: share of the variants that explore, whatever works.
        pareto: share of the groups whose parent is drawn from the Pareto front; else it is the best prompt.
        distance: how far variants should be from their parent at first, from 0 (same) to 1 …
        distance_end: … and at the end.
        distance_max: a variant further away is refused, unless it explores.
        beta: what distance beyond that costs at first, in reward; it adapts.
        seed_anchor: the same for the distance to the first prompt beyond ``distance_max``.
        length_penalty: what twice the length of the first prompt (of 1,200 characters at least) costs.
        tries: requests for variants per group, the first included; later ones ask for what can't be used.
        recent: earlier variants that are told of, of each kind: the best, the last, and half of it failures.
        feedback_chars: length of the feedback text.
        max_growth: a prompt may grow to this multiple of the first one …
        room: … or by so many characters, whichever is more.
        trim: at the end, leave out added sections without which the prompt does as well.
        protected: texts of the prompt that every variant must keep, byte for byte.
    """

    max_iterations: int = Field(default=20, ge=1)
    plateau: int = Field(default=5, ge=1)
    group: int = Field(default=4, ge=2, le=16)
    batch: int = Field(default=10, ge=4)
    widest: int = Field(default=10, ge=4)
    block: int = Field(default=5, ge=1)
    race: Literal["paired_t", "halving", "none"] = "paired_t"
    level: float = Field(default=0.1, gt=0, lt=0.5)
    fewest: int = Field(default=5, ge=2)
    reward: Literal["auto", "metric", "judges"] = "auto"
    performance: float = Field(default=0.7, ge=0)
    format: float = Field(default=0.3, ge=0)
    judged_cases: int = Field(default=12, ge=2)
    lessons: int = Field(default=12, ge=0)
    lesson_chars: int = Field(default=1600, ge=200)
    operators: OperatorMix = OperatorMix()
    explore: float = Field(default=0.1, ge=0, le=1)
    pareto: float = Field(default=0.8, ge=0, le=1)
    distance: float = Field(default=0.35, gt=0, le=1)
    distance_end: float = Field(default=0.15, gt=0, le=1)
    distance_max: float = Field(default=0.6, gt=0, le=1)
    beta: float = Field(default=0.2, ge=0)
    seed_anchor: float = Field(default=0.1, ge=0)
    length_penalty: float = Field(default=0.05, ge=0)
    tries: int = Field(default=3, ge=1)
    recent: int = Field(default=5, ge=0)
    feedback_chars: int = Field(default=6000, ge=500)
    max_growth: float = Field(default=1.5, ge=1.0)
    room: int = Field(default=2000, ge=0)
    trim: bool = True
    protected: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _as_wide_as_the_batch(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        table = cast("Mapping[str, Any]", given)
        return {"widest": table["batch"], **table} if "batch" in table else table

    @model_validator(mode="after")
    def _consistent(self) -> "GrpoOptions":
        if self.performance + self.format <= 0:
            raise ValueError("performance and format can't both weigh nothing")
        if self.widest < self.batch:
            raise ValueError(f"widest is {self.widest}, less than batch, which is {self.batch}")
        return self
