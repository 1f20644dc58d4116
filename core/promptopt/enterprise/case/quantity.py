"""One figure that a business case rests on: its range, and where it comes from."""

import math
import re
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, model_validator

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line

Source = Literal["assumption", "measured", "price list"]

Unit = Literal["share", "points", "minutes", "hours", "usd", "usd/M tokens", "tokens", "number", "months"]
"""``share`` and ``points`` are of 1; ``points`` may be negative, nothing else may."""

_NUMBER = re.compile(r"\$?\s*([+-]?[\d,_]*\.?\d+(?:e[+-]?\d+)?)\s*(%?)", re.IGNORECASE)


class Quantity(BaseModel):
    """A figure with its range.

    Attributes:
        value: the likeliest one; of a measured figure its mean.
        low, high: the ends of what is held possible; of a measured figure its 95 % interval.
        unit: what it counts.
        label: its name for readers.
        source: measured by a run, read in a price list, or assumed.
        why: where exactly it comes from, or why this is assumed: a sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float
    high: float
    unit: Unit = "number"
    label: str = ""
    source: Source = "assumption"
    why: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> "Quantity":
        if not all(map(math.isfinite, (self.low, self.value, self.high))):
            raise ValueError("a figure must be finite")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"low ≤ value ≤ high is asked for, not {self.low}, {self.value}, {self.high}")
        least, most = self.bounds
        if self.low < least or self.high > most:
            raise ValueError(f"{self.unit} lies in [{least:g}, {most:g}], not {self.low:g} to {self.high:g}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """What such a figure can be at all."""
        return {"share": (0.0, 1.0), "points": (-1.0, 1.0)}.get(self.unit, (0.0, math.inf))

    @property
    def fixed(self) -> bool:
        """It has no range."""
        return self.low == self.high

    def ranging(self, given: Any, why: str) -> "Quantity":
        """This quantity with another range.

        Args:
            given: ``50``, ``"40..60"`` (the middle is the likeliest), ``"40..45..60"``, ``"20%..40%"``, a
                list of two or three numbers, or a table with ``value``, ``low``, ``high`` and perhaps
                ``why``, ``source`` and ``label``.
            why: where that comes from, unless the table says it.

        Raises:
            SettingsError: it is none of these, or not in order.
        """
        if isinstance(given, dict):
            table = dict(cast("dict[str, Any]", given))
            value = table.get("value")
            if isinstance(value, str | list):
                table |= zip(("low", "value", "high"), span_of(table.pop("value")), strict=True)
            elif value is not None:
                table = {"low": value, "high": value, **table}
            elif "low" in table and "high" in table:
                table |= zip(("low", "value", "high"), span_of([table["low"], table["high"]]), strict=True)
            if table.keys() & {"value", "low", "high"}:
                table.setdefault("why", why)
            return self._updated(table)
        low, value, high = span_of(given)
        return self._updated({"low": low, "value": value, "high": high, "source": "assumption", "why": why})

    def _updated(self, table: dict[str, Any]) -> "Quantity":
        try:
            return Quantity.model_validate(self.model_dump() | table)
        except ValueError as error:
            raise SettingsError(
                _first(error), fix="give a number, or low..high, or low..likely..high"
            ) from None


def span_of(given: Any) -> tuple[float, float, float]:
    """Low, likeliest and high of a number, a text such as ``40..60``, or a list.

    Raises:
        SettingsError: it is none of these.
    """
    shown = one_line(str(given), 60)
    parts: list[Any] = [given]
    if isinstance(given, str):
        parts = list(given.split(".."))
    elif isinstance(given, list | tuple):
        parts = list(cast("list[Any]", given))
    found = [_number(part) for part in parts]
    if any(one is None for one in found) or not 1 <= len(found) <= 3:
        raise SettingsError(
            f"{shown!r} is no range",
            fix="give 50, or 40..60, or 40..45..60 (also 20%..40%)",
        )
    low, high = found[0] or 0.0, found[-1] or 0.0
    middle = found[1] if len(found) == 3 else (low + high) / 2
    return low, middle or 0.0, high


def _number(given: Any) -> float | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, int | float):
        return float(given)
    match = _NUMBER.fullmatch(str(given).strip())
    if match is None:
        return None
    return float(match[1].replace(",", "").replace("_", "")) / (100 if match[2] else 1)


def _first(error: ValueError) -> str:
    text = str(error)
    found = re.search(r"Value error, (.+?) \[type", text, re.DOTALL)
    return one_line(found[1] if found else text.splitlines()[-1 if len(text.splitlines()) < 3 else 2], 200)
