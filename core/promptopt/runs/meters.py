"""What a run says, while it runs, of its budget and of what its models take."""

import asyncio
import json
from collections.abc import Callable, Mapping

from promptopt.domain import events as ev
from promptopt.domain.words import ROLES
from promptopt.models.budget import Ledger
from promptopt.models.endpoint import Seat, role_of
from promptopt.models.gateway import Gateway
from promptopt.models.limits import Limiter
from promptopt.models.shield import Shield
from promptopt.runs.standings import best_course
from promptopt.runs.state import RunState
from promptopt.store.runs import Runs

EVERY = 0.25
"""Seconds between looks at the ledger; an event goes out only if something moved."""


class Meters:
    """Tells everybody what has moved since the last look, and keeps the run's line in lists up to date."""

    def __init__(
        self, emit: Callable[[ev.Event], None], state: RunState, ledger: Ledger, runs: Runs, run_id: str
    ) -> None:
        self._emit = emit
        self._state = state
        self._ledger = ledger
        self._runs = runs
        self._run_id = run_id
        self._told: tuple[object, ...] = ()
        self._withheld = 0

    async def watch(self, gateway: Gateway) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look(gateway)
            await asyncio.sleep(EVERY)

    def say_budget(self, replayed: int, reused: Mapping[str, int]) -> None:
        """Where the money stands."""
        meters = self._ledger.meters()
        self._emit(
            ev.BudgetMoved(
                meters=meters,
                in_flight=self._ledger.in_flight,
                replayed=replayed,
                reused=dict(reused),
                unpriced=self._ledger.unpriced,
            )
        )
        candidates = self._state.candidates
        seed, best = candidates.get(self._state.seed_id), candidates.get(self._state.best_id)
        making = self._state.generation
        self._runs.summarize(
            self._run_id,
            made=making and making.done,
            asked=making and making.plan.count,
            status=self._state.status,
            iteration=self._state.iteration,
            seed_score=seed.validation.mean if seed and seed.validation else None,
            best_score=best.validation.mean if best and best.validation else None,
            usd=None if self._ledger.unpriced else meters["usd"].spent,
            calls=int(meters["calls"].spent),
            course=json.dumps(best_course(self._state.course())),
        )

    def look(self, gateway: Gateway) -> None:
        """Tell what has moved since the last look."""
        self._say_withheld(gateway.shield)
        moved = (self._ledger.version, self._ledger.ticks, gateway.replayed)
        now = (*moved, self._state.status, self._state.iteration)
        if now == self._told:
            return
        self._told = now
        self.say_budget(gateway.replayed, gateway.reused)
        for seat, endpoint in gateway.endpoints.items():
            self._say_endpoint(seat, endpoint.limiter)

    def _say_withheld(self, shield: Shield) -> None:
        """What was kept from the models, if that is more than was told."""
        if shield.version == self._withheld:
            return
        self._withheld = shield.version
        told = ev.Withheld(redacted={**shield.redacted}, calls=shield.calls, refused={**shield.refused})
        if told != self._state.withheld:
            self._emit(told)

    def _say_endpoint(self, seat: Seat, limiter: Limiter) -> None:
        """How much a model takes, once it has refused something and when that changes."""
        moved = ev.EndpointMoved(
            role=role_of(seat),
            judge=seat.partition("/")[2],
            at_once=limiter.at_once,
            most=limiter.most,
            refused=limiter.refused,
            late=limiter.late,
            held=round(limiter.held, 1),
        )
        if limiter.refused and moved != self._state.endpoints.get(f"{moved.role} {moved.judge}".strip()):
            self._emit(moved)


def seconds_by_role(state: RunState) -> dict[ev.Role, float]:
    """How long calls of each role were under way, as far as a run's workers have told."""
    seconds: dict[ev.Role, float] = {}
    for role in ROLES:
        meter = state.meters.get(f"{role}_minutes")
        if meter is not None:
            seconds[role] = meter.spent * 60
    return seconds
