"""From quantities to money: one set of formulas, for single figures and for arrays of draws alike.

Per request that uses the new prompt, with ``gain`` the measured difference in score and ``failing`` what was
missing to a full score::

    effect  = gain / failing, at most 1;  × transfer if it is a gain, in full if it is a loss
    fewer   = rework_share × effect                        (unusable outputs less, as a share of requests)
    hours   = (minutes_per_request × faster_share + fewer × (1 − unnoticed_share) × rework_minutes) / 60
    time    = hours × hourly_cost;                         × time_used if it is a gain, in full if a loss
    quality = fewer × unnoticed_share × error_cost
    tokens  = (tokens_in_today − tokens_in_new) × price_input / 10⁶ + the same of those generated

In month ``m`` there are ``requests_per_month × adoption × min(1, m / ramp_months)`` such requests. Cost once:
``(setup_hours + people × training_hours) × hourly_cost + optimization_usd``; each month
``maintenance_hours × hourly_cost + monitoring_usd``. All are counted at the end of their month, discounted at
``(1 + discount_rate) ** (m / 12)``.

The workbook (``reporting/business/workbook.py``) has the same formulas; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

YEAR = 12

Numbers = Any
"""A float, or an array of floats with one of each draw."""


@dataclass(frozen=True)
class Money:
    """What follows. Money is in USD, the figures of a year are of the first one, costs are positive.

    Attributes:
        fewer: unusable outputs less, as a share of the requests that use the new prompt.
        hours: of people, saved.
        errors: unnoticed unusable outputs that there were less.
        time, quality, tokens: what that is worth; less than 0 if it is a loss.
        setup: cost once.
        running: cost of the year.
        net: of the year, with the set-up.
        roi: net over all costs of the year; dearer tokens are a cost.
        npv: of all months that are looked at.
        payback: months until all is paid back; infinite if not within them.
    """

    fewer: Numbers
    hours: Numbers
    errors: Numbers
    time: Numbers
    quality: Numbers
    tokens: Numbers
    setup: Numbers
    running: Numbers
    net: Numbers
    roi: Numbers
    npv: Numbers
    payback: Numbers


def money(given: Mapping[str, Numbers]) -> Money:
    """What follows from quantities by name (see above); scalars and arrays of one length may be mixed."""
    np: Any = import_module("numpy")
    q = {name: np.asarray(value, dtype=float) for name, value in given.items()}
    effect = np.minimum(q["gain"] / q["failing"], 1.0)
    effect = np.where(effect > 0, effect * q["transfer"], effect)
    fewer = np.maximum(q["rework_share"] * effect, q["rework_share"] - 1.0)
    noticed = fewer * (1 - q["unnoticed_share"]) * q["rework_minutes"]
    hours = (q["minutes_per_request"] * q["faster_share"] + noticed) / 60
    time = hours * q["hourly_cost"]
    time = np.where(time > 0, time * q["time_used"], time)
    errors = fewer * q["unnoticed_share"]
    quality = errors * q["error_cost"]
    tokens = (q["tokens_in_today"] - q["tokens_in_new"]) * q["price_input"] / 1e6
    tokens = tokens + (q["tokens_out_today"] - q["tokens_out_new"]) * q["price_output"] / 1e6

    months = np.arange(1, round(float(np.max(q["horizon_months"]))) + 1)
    ramp = np.minimum(1.0, months / np.maximum(1.0, q["ramp_months"])[..., None])
    requests = (q["requests_per_month"] * q["adoption"])[..., None] * ramp
    year = requests[..., :YEAR].sum(axis=-1)

    setup = (q["setup_hours"] + q["people"] * q["training_hours"]) * q["hourly_cost"] + q["optimization_usd"]
    upkeep = q["maintenance_hours"] * q["hourly_cost"] + q["monitoring_usd"]
    flow = requests * (time + quality + tokens)[..., None] - upkeep[..., None]
    rate = (1 + q["discount_rate"])[..., None] ** (months / YEAR)
    net = flow[..., :YEAR].sum(axis=-1) - setup
    running = upkeep * YEAR
    costs = setup + running + np.maximum(0.0, -tokens * year)
    return Money(
        fewer=fewer,
        hours=hours * year,
        errors=errors * year,
        time=time * year,
        quality=quality * year,
        tokens=tokens * year,
        setup=setup,
        running=running,
        net=net,
        roi=net / np.maximum(costs, 0.01),
        npv=(flow / rate).sum(axis=-1) - setup,
        payback=_payback(np, flow, setup),
    )


def _payback(np: Any, flow: Numbers, setup: Numbers) -> Numbers:
    """Months until the sum of the flow reaches the set-up, within a month evenly; infinite if never."""
    flow, setup = np.broadcast_arrays(flow, setup[..., None])
    total = np.cumsum(flow, axis=-1) - setup
    paid = total >= 0
    first = paid.argmax(axis=-1)
    there = paid.any(axis=-1)
    after = np.take_along_axis(total, first[..., None], axis=-1)[..., 0]
    gained = np.take_along_axis(flow, first[..., None], axis=-1)[..., 0]
    part = np.where(gained > 0, after / np.where(gained > 0, gained, 1.0), 0.0)
    return np.where(there, np.maximum(0.0, first + 1 - part), np.inf)
