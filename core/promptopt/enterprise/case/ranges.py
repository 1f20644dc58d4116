"""A result as a range with its confidence: never a bare number."""

import math
from importlib import import_module
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from promptopt.reporting.business.money import rounded, usd

Kind = Literal["usd", "hours", "count", "percent", "share", "months"]

CONFIDENCE = 0.9
"""Share of the draws that lie in a range."""


class Range(BaseModel):
    """What lies in the middle of the draws.

    Attributes:
        low, high: ends of the middle 90 % of the draws.
        middle: their median.
        base: what follows if every assumption has its likeliest value and the gain its mean.
        kind: what is counted; ``percent`` and ``share`` are of 1, the first told with its sign; months may
            be infinite: not within what is looked at.
        simulated: it rests on simulated figures.
        limit: months that are looked at, of ``months``.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    middle: float
    high: float
    base: float
    kind: Kind = "usd"
    simulated: bool = False
    limit: int = 0

    @classmethod
    def of(cls, draws: Any, base: float, kind: Kind, *, simulated: bool, limit: int = 0) -> "Range":
        """The range of an array of draws, or of a single number that does not vary."""
        np: Any = import_module("numpy")
        tail = (1 - CONFIDENCE) / 2
        found = np.quantile(np.asarray(draws, dtype=float), (tail, 0.5, 1 - tail), method="inverted_cdf")
        low, middle, high = (float(one) for one in found)
        return cls(
            low=low, middle=middle, high=high, base=float(base), kind=kind, simulated=simulated, limit=limit
        )

    @property
    def ends(self) -> str:
        """``$1,200 to $4,500``; ``2.6 to more than 24 months``."""
        low, high = self.told(self.low), self.told(self.high)
        if low == high:
            return low
        unit = {"months": " months", "hours": " h"}.get(self.kind, "")
        if self.kind == "months" and not math.isfinite(self.high):
            high = f"more than {self.limit} months"
        return f"{low.removesuffix(unit)} to {high}"

    def told(self, value: float) -> str:
        """A number of this kind, with two significant digits."""
        if self.kind == "months":
            return f"{value:.1f} months" if math.isfinite(value) else f"not within {self.limit} months"
        if self.kind in ("percent", "share"):
            shown = f"{rounded(value * 100):+,.0f}%" if abs(value) >= 0.095 else f"{value * 100:+z.1f}%"
            shown = shown.replace("-", "−")
            return shown.removeprefix("+") if self.kind == "share" else shown
        shown = usd(value) if self.kind == "usd" else f"{rounded(value):,.0f}"
        return f"{shown} h" if self.kind == "hours" else shown

    def __str__(self) -> str:
        label = "; SIMULATED" if self.simulated else ""
        return f"{self.ends} ({CONFIDENCE:.0%} of the draws{label})"
