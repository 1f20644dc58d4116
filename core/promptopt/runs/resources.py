"""What a run may use: people change its caps, and how many calls are made at once, while it runs."""

import math
from collections.abc import Mapping

from promptopt.domain import events as ev
from promptopt.domain.settings import BudgetSettings
from promptopt.evaluation.runner import Runner
from promptopt.models.budget import Ledger
from promptopt.models.endpoint import Endpoint, Seat, role_of
from promptopt.runs.acts import words
from promptopt.runs.voice import Handler, Voice
from promptopt.store.commands import Command, Sent, SetConcurrency, SetLimits

CASES_PER_CALL = 2
"""Cases at work for each call at once: while one is booked and judged, another's call is under way."""


class Resources:
    """Caps and concurrency of one run.

    Args:
        endpoints: the models by seat.
    """

    def __init__(
        self, engine: Voice, ledger: Ledger, endpoints: Mapping[Seat, Endpoint], runner: Runner
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._endpoints = endpoints
        self._runner = runner
        self.handlers: Mapping[type[Command], Handler] = {
            SetLimits: self._set_limits,
            SetConcurrency: self._set_concurrency,
        }
        for role, most in engine.state.concurrency.items():
            self._resize(role, most)

    def _set_limits(self, sent: Sent, command: SetLimits) -> str:
        fault = next(
            (fault for name, value in command.limits.items() if (fault := self._fault(name, value))), ""
        )
        if fault:
            return fault
        merged = {**self._ledger.limits, **command.limits}
        limits = {name: value for name, value in merged.items() if value is not None}
        if limits == self._ledger.limits:
            return "these are the caps already"
        self._ledger.set_limits(limits)
        self._engine.emit(ev.LimitsSet(limits=limits, by=sent.author, reason=command.reason))
        meters = self._ledger.meters()
        used_up = [
            words(name)
            for name in command.limits
            if name in limits and meters[name].spent + meters[name].uncertain >= limits[name]
        ]
        if used_up:
            return f"the cap on {' and on '.join(used_up)} is used up: the run ends"
        tight = [
            words(name)
            for name, meter in meters.items()
            if name in command.limits and meter.limit is not None and meter.held > _left(meter)
        ]
        if tight:
            text = (
                f"the cap on {' and on '.join(tight)} leaves less than is held back for the sealed test: "
                "no gain can be proven under it"
            )
            self._engine.emit(ev.Notice(level="warning", text=text))
            return f"the caps were changed, but {text}"
        return "the caps were changed"

    def _fault(self, name: str, value: float | None) -> str:
        """Why a cap can't be what somebody wants; empty if it can."""
        if name not in BudgetSettings.model_fields:
            return f"there is no cap {name}; there are {', '.join(BudgetSettings.model_fields)}"
        if value is None:
            return ""
        if not math.isfinite(value) or value <= 0:
            return f"a cap must be more than 0; found {name} = {value:g}"
        role, _, dimension = name.rpartition("_")
        if dimension != "usd":
            return ""
        for seat, endpoint in self._endpoints.items():
            if role in ("", role_of(seat)) and endpoint.price is None:
                return f"the price of {endpoint.settings.model} is unknown, so a cap on USD can't be kept"
        return ""

    def _set_concurrency(self, sent: Sent, command: SetConcurrency) -> str:
        if not self._resize(command.role, command.most):
            return f"the run asks no {command.role} model"
        self._engine.emit(
            ev.ConcurrencySet(role=command.role, most=command.most, by=sent.author, reason=command.reason)
        )
        return f"at most {command.most} calls at once"

    def _resize(self, role: ev.Role, most: int) -> bool:
        """Allow so many calls at once of a role's models; False if there is none."""
        found = [endpoint for seat, endpoint in self._endpoints.items() if role_of(seat) == role]
        for endpoint in found:
            endpoint.limiter.resize(most)
        self._runner.resize(cases_at_once(self._endpoints))
        return bool(found)


def _left(meter: ev.Meter) -> float:
    return (meter.limit or 0.0) - meter.spent - meter.reserved - meter.uncertain


def cases_at_once(endpoints: Mapping[Seat, Endpoint]) -> int:
    """Cases that are worked on at once: enough for every model that answers to be kept busy."""
    answering = [seat for seat in endpoints if seat != "optimizer" and "/" not in seat]
    return CASES_PER_CALL * sum(endpoints[seat].limiter.most for seat in answering)
