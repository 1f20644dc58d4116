"""Draws of quantities, for Monte Carlo.

An assumption is drawn from the PERT distribution of its low, likeliest and high value (Malcolm, Roseboom,
Clark and Fazar 1959, Operations Research 7:646; the modified one of Vose 2008, Risk Analysis, shape 4). A
measured figure is drawn so that its median is the mean and that 2.5 % lie below and above its 95 % interval:
normal on either side, a confidence distribution (Xie and Singh 2013, International Statistical Review 81:3).
Each quantity is a Latin hypercube of its own (McKay, Beckman and Conover 1979, Technometrics 21:239), with a
stream that its name seeds, so that changing one leaves the draws of all others as they are. They are
independent of each other.
"""

import zlib
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from promptopt.enterprise.case.quantity import Quantity
from promptopt.evaluation.statistics import Z

DRAWS = 10_000
SEED = 20_261_126
_SHAPE = 4.0


def draw(quantities: Mapping[str, Quantity], draws: int = DRAWS, seed: int = SEED) -> dict[str, Any]:
    """Draws of each quantity: an array, or a plain float if it has no range."""
    return {name: _draws(name, one, draws, seed) for name, one in quantities.items()}


def _draws(name: str, one: Quantity, draws: int, seed: int) -> Any:
    if one.fixed:
        return one.value
    np: Any = import_module("numpy")
    special: Any = import_module("scipy.special")
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    even = (rng.permutation(draws) + rng.random(draws)) / draws
    if one.source == "measured":
        normal = special.ndtri(even)
        side = np.where(normal < 0, one.value - one.low, one.high - one.value)
        return np.clip(one.value + normal * side / Z, *one.bounds)
    width = one.high - one.low
    left = 1 + _SHAPE * (one.value - one.low) / width
    right = 1 + _SHAPE * (one.high - one.value) / width
    return one.low + width * special.betaincinv(left, right, even)
