"""Checks of what an answer took: ``latency``, ``cost``."""

from typing import ClassVar

from pydantic import Field

from promptopt.domain.dataset import Example
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import RIGHT, Check, Opinion, Tools


class Latency(Check):
    """The answer came within a time. A replayed answer counts with the time that it took when it was made.

    Attributes:
        max: most seconds from sending to the whole answer, without waiting for a turn.
    """

    about_form: ClassVar[bool] = True
    max: float = Field(gt=0)

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        if tools.response is None:
            return Opinion(0.0, "the time that the answer took is not known")
        if tools.response.latency <= self.max:
            return RIGHT
        return Opinion(
            0.0, f"{reasons.OVER_LIMIT}{tools.response.latency:.3g} s, at most {self.max:g} s allowed"
        )


class Cost(Check):
    """The answer cost no more than a limit. An unknown price is no price of zero: it fails.

    Attributes:
        max: most USD for the call that gave the answer.
    """

    about_form: ClassVar[bool] = True
    max: float = Field(ge=0)

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        cost = tools.response.cost if tools.response else None
        if cost is None:
            return Opinion(0.0, "the cost is not known: give the model a price")
        if cost <= self.max:
            return RIGHT
        return Opinion(0.0, f"{reasons.OVER_LIMIT}${cost:.6g}, at most ${self.max:.6g} allowed")
