"""The ledger: what may still be spent.

Before a request is sent, the most that it can cost is reserved; after it, the reservation is settled with
what it did cost. So no interleaving of concurrent calls crosses a cap: ``spent + uncertain + reserved +
held`` never exceeds a limit.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from promptopt.domain.events import Meter, Role
from promptopt.domain.stopping import StopRun
from promptopt.store.journal import Spending


@dataclass(frozen=True)
class Amount:
    """Calls, tokens (prompt and completion together) and USD."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.calls + other.calls, self.tokens + other.tokens, self.usd + other.usd)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.calls - other.calls, self.tokens - other.tokens, self.usd - other.usd)


WRAP_UP_SECONDS = 0.2
"""So long before the cap on minutes nothing more is sent and what is in flight is given up."""

DIMENSIONS = ("usd", "calls", "tokens")


@dataclass
class _Pot:
    """What one role, or the whole run, has used."""

    spent: Amount = field(default_factory=Amount)
    reserved: Amount = field(default_factory=Amount)
    uncertain: Amount = field(default_factory=Amount)
    held: Amount = field(default_factory=Amount)

    def total(self, dimension: str, *, with_held: bool) -> float:
        parts = [self.spent, self.reserved, self.uncertain, *([self.held] if with_held else [])]
        return sum(getattr(part, dimension) for part in parts)


class Stopwatch:
    """Running time in seconds, without pauses and across workers. It stands until :meth:`go_on`."""

    def __init__(self, before: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before = before
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        return self._before + (self._clock() - self._since if self._since is not None else 0.0)

    def pause(self) -> None:
        self._before, self._since = self.seconds, None

    def go_on(self) -> None:
        if self._since is None:
            self._since = self._clock()


class Ledger:
    """Budget of one run. Used from one event loop.

    Args:
        limits: as in ``BudgetSettings.limits``: ``usd``, ``calls``, ``tokens``, ``minutes``, ``ROLE_usd`` …
        watch: running time, for ``minutes``.
    """

    def __init__(self, limits: Mapping[str, float], watch: Stopwatch) -> None:
        self._limits = dict(limits)
        self._watch = watch
        self._pots: dict[str, _Pot] = {"": _Pot()}
        self._unpriced: set[Role] = set()
        self._held_seconds = 0.0
        self._changed = asyncio.Condition()
        self.version = 0
        """Grows with every movement."""

    def restore(self, spending: Mapping[Role, Spending]) -> None:
        """Take over what earlier workers of the run spent."""
        for role, past in spending.items():
            spent = Amount(past.calls, past.tokens, past.usd)
            uncertain = Amount(past.uncertain_calls, past.uncertain_tokens, past.uncertain_usd)
            for pot in self._both(role):
                pot.spent += spent
                pot.uncertain += uncertain
            if past.unpriced_calls:
                self._unpriced.add(role)
        self.version += 1

    @property
    def in_flight(self) -> int:
        return self._pots[""].reserved.calls

    @property
    def limited(self) -> bool:
        return bool(self._limits)

    def spent(self, role: Role) -> Amount:
        """What a role's answered calls have cost."""
        return self._pots[role].spent if role in self._pots else Amount()

    async def reserve(self, role: Role, bound: Amount, *, finishing: bool = False) -> None:
        """Wait until ``bound`` fits under every cap, and set it aside.

        Args:
            finishing: the call belongs to the sealed test, for which ``hold`` kept something back.

        Raises:
            StopRun: it does not fit, and nothing is in flight whose settling could make room.
        """
        async with self._changed:
            while (cap := self._too_much(role, bound, finishing)) is not None:
                if self.in_flight == 0 or cap == "minutes":
                    raise StopRun("budget", f"the budget's cap on {_words(cap)} is reached")
                await self._changed.wait()
            for pot in self._both(role):
                pot.reserved += bound
                if finishing:
                    pot.held = _less(pot.held, bound)
            self.version += 1

    async def settle(
        self, role: Role, bound: Amount, actual: Amount, *, uncertain: bool = False, priced: bool = True
    ) -> None:
        """Give a reservation back and book what was spent (or, ``uncertain``, may have been)."""
        async with self._changed:
            for pot in self._both(role):
                pot.reserved -= bound
                if uncertain:
                    pot.uncertain += actual
                else:
                    pot.spent += actual
            if not priced:
                self._unpriced.add(role)
            self.version += 1
            self._changed.notify_all()

    async def found(self, role: Role, bound: Amount, actual: Amount, *, priced: bool) -> None:
        """Book an answer that an earlier worker received: until now its ``bound`` counted as uncertain."""
        async with self._changed:
            for pot in self._both(role):
                pot.uncertain -= bound
                pot.spent += actual
            if not priced:
                self._unpriced.add(role)
            self.version += 1
            self._changed.notify_all()

    def hold(self, amounts: Mapping[Role, Amount], seconds: float) -> None:
        """Keep back for the sealed test: what each role will need, and time."""
        self._pots[""].held = sum(amounts.values(), Amount())
        for role, amount in amounts.items():
            self._pots.setdefault(role, _Pot()).held = amount
        self._held_seconds = seconds
        self.version += 1

    def seconds_left(self) -> float | None:
        """Running time until the cap on minutes, or None without one."""
        limit = self._limits.get("minutes")
        return None if limit is None else limit * 60 - WRAP_UP_SECONDS - self._watch.seconds

    def room(self, name: str) -> float | None:
        """How much of a cap (``usd``, ``target_calls`` …) is neither spent nor reserved; None without one."""
        if name not in self._limits:
            return None
        role, _, dimension = name.rpartition("_")
        pot = self._pots.get(role, _Pot())
        return self._limits[name] - pot.total(dimension, with_held=False)

    def meters(self) -> dict[str, Meter]:
        """Every meter of the run, and the roles' where they have spent or have a cap."""
        meters: dict[str, Meter] = {}
        for role in sorted({*self._pots, *(name.rpartition("_")[0] for name in self._limits)}):
            pot = self._pots.get(role, _Pot())
            for dimension in DIMENSIONS:
                name = f"{role}_{dimension}" if role else dimension
                meters[name] = Meter(
                    spent=_exact(getattr(pot.spent, dimension)),
                    reserved=_exact(getattr(pot.reserved, dimension)),
                    uncertain=_exact(getattr(pot.uncertain, dimension)),
                    held=_exact(getattr(pot.held, dimension)),
                    limit=self._limits.get(name),
                )
        meters["minutes"] = Meter(
            spent=self._watch.seconds / 60, held=self._held_seconds / 60, limit=self._limits.get("minutes")
        )
        return meters

    @property
    def unpriced(self) -> list[Role]:
        """Roles that have spent at an unknown price."""
        return sorted(self._unpriced)

    def _both(self, role: Role) -> tuple[_Pot, _Pot]:
        return self._pots[""], self._pots.setdefault(role, _Pot())

    def _too_much(self, role: Role, bound: Amount, finishing: bool) -> str | None:
        """The first cap that ``bound`` would cross."""
        left = self.seconds_left()
        if left is not None and left <= (0.0 if finishing else self._held_seconds):
            return "minutes"
        for prefix, pot in zip(("", f"{role}_"), self._both(role), strict=True):
            for dimension in DIMENSIONS:
                limit = self._limits.get(prefix + dimension)
                if limit is None:
                    continue
                wanted = pot.total(dimension, with_held=not finishing) + getattr(bound, dimension)
                if wanted > limit + 1e-9:  # sums of floats: a billionth of a dollar is not a crossing
                    return prefix + dimension
        return None


def _less(held: Amount, bound: Amount) -> Amount:
    rest = held - bound
    return replace(rest, calls=max(0, rest.calls), tokens=max(0, rest.tokens), usd=max(0.0, rest.usd))


def _exact(value: float) -> float:
    """Without the last bits of a sum of floats, which depend on the order of the calls."""
    return round(value, 9)


def _words(cap: str) -> str:
    role, _, dimension = cap.rpartition("_")
    named = {"usd": "USD"}.get(dimension, dimension)
    return f"{named} of the {role} model" if role else named
