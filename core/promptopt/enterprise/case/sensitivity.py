"""What the result hangs on: one quantity at a time, its share in the spread, and where the case tips over."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ConfigDict

from promptopt.enterprise.case.money import money
from promptopt.enterprise.case.quantity import Quantity

_GRID = 400
_FAR = 20.0
"""Times its high end up to which a quantity without a bound is looked at for its break-even."""

_STEPS = 50


class Influence(BaseModel):
    """What one quantity does to the net present value.

    Attributes:
        name: of the quantity.
        at_low, at_high: net present value, in USD, with the quantity at that end and all others at their
            likeliest.
        share: its share in the spread of the draws, by squared rank correlation (Spearman), of all that vary.
        break_even: where the net present value is 0, all others at their likeliest; None if there is no such
            value that the quantity can have.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    quantity: Quantity
    at_low: float
    at_high: float
    share: float
    break_even: float | None = None

    @property
    def swing(self) -> float:
        """How far it moves the net present value."""
        return abs(self.at_high - self.at_low)


def influences(
    quantities: Mapping[str, Quantity], drawn: Mapping[str, Any], npv: Any
) -> tuple[Influence, ...]:
    """All quantities that vary, and the gain, the one that moves most first.

    Args:
        drawn: draws by name, as :func:`promptopt.enterprise.case.draws.draw` makes them.
        npv: the draws of the net present value that follow.
    """
    base = {name: one.value for name, one in quantities.items()}
    varying = [name for name, one in quantities.items() if not one.fixed or name == "gain"]
    shares = _shares({name: drawn[name] for name in varying}, npv)
    found = [
        Influence(
            name=name,
            quantity=quantities[name],
            at_low=_npv(base, name, quantities[name].low),
            at_high=_npv(base, name, quantities[name].high),
            share=shares.get(name, 0.0),
            break_even=_break_even(base, name, quantities[name]),
        )
        for name in varying
    ]
    return tuple(sorted(found, key=lambda one: (-one.swing, one.name)))


def _npv(base: Mapping[str, float], name: str, value: Any) -> Any:
    found = money({**base, name: value}).npv
    return float(found) if getattr(found, "ndim", 0) == 0 else found


def _shares(drawn: Mapping[str, Any], npv: Any) -> dict[str, float]:
    stats: Any = import_module("scipy.stats")
    np: Any = import_module("numpy")
    arrays = {name: values for name, values in drawn.items() if getattr(values, "ndim", 0)}
    if not arrays or not getattr(npv, "ndim", 0) or float(np.ptp(npv)) == 0:
        return {}
    ranked = stats.rankdata(npv)
    squares = {
        name: float(np.corrcoef(stats.rankdata(values), ranked)[0, 1]) ** 2 for name, values in arrays.items()
    }
    total = sum(squares.values())
    return {name: square / total for name, square in squares.items()} if total else {}


def _break_even(base: Mapping[str, float], name: str, one: Quantity) -> float | None:
    """The place nearest to the likeliest value where the net present value crosses 0."""
    np: Any = import_module("numpy")
    least, most = one.bounds
    if not np.isfinite(most):
        most = max(1.0, one.high) * _FAR
    grid = np.linspace(least, most, _GRID + 1)
    signs = np.sign(_npv(base, name, grid))
    places = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    if not len(places):
        return None
    at = places[np.argmin(np.abs(grid[places] - one.value))]
    low, high = float(grid[at]), float(grid[at + 1])
    rising = _npv(base, name, high) > 0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if (_npv(base, name, middle) > 0) == rising:
            high = middle
        else:
            low = middle
    return (low + high) / 2
