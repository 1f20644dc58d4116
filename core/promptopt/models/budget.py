"""The ledger: what may still be spent.

Before a request is sent, the most that it can cost is reserved; after it, the reservation is settled with
what it did cost. So no interleaving of concurrent calls crosses a cap: ``spent + uncertain + reserved +
held`` never exceeds a limit.

Time is bounded by the timeouts of requests: none has more than what is left. The run's is its running time;
a role's is the time, by the clock on the wall, in which at least one call of it is under way.
"""

import asyncio
import math
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
"""So long before a cap on minutes nothing more is sent and what is in flight is given up."""

DIMENSIONS = ("usd", "calls", "tokens")


@dataclass
class _Pot:
    """What one role, or the whole run, has used.

    Attributes:
        watch: its time.
        held_seconds: of its time, for the sealed test.
    """

    watch: "Stopwatch"
    held_seconds: float = 0.0
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

    @property
    def runs(self) -> bool:
        return self._since is not None

    def another(self) -> "Stopwatch":
        """One by the same clock, that stands at zero."""
        return Stopwatch(clock=self._clock)

    def add(self, seconds: float) -> None:
        """Count time that went by before."""
        self._before += seconds

    def pause(self) -> None:
        self._before, self._since = self.seconds, None

    def go_on(self) -> None:
        if self._since is None:
            self._since = self._clock()


class Ledger:
    """Budget of one run. Used from one event loop.

    Args:
        limits: as in ``BudgetSettings.limits``: ``usd``, ``calls``, ``tokens``, ``minutes``, ``ROLE_usd`` …
        watch: running time, for ``minutes``; its clock is that of the roles' times, too.
    """

    def __init__(self, limits: Mapping[str, float], watch: Stopwatch) -> None:
        self._limits = dict(limits)
        self._pots: dict[str, _Pot] = {"": _Pot(watch)}
        for name in limits:
            self._pot(name.rpartition("_")[0])
        self._unpriced: set[Role] = set()
        self._changed = asyncio.Condition()
        self._waking: asyncio.Task[None] | None = None
        self.version = 0
        """Grows with every movement."""

    def restore(self, spending: Mapping[Role, Spending], seconds: Mapping[Role, float] | None = None) -> None:
        """Take over what earlier workers of the run spent, and the roles' ``seconds``."""
        for role, time_before in (seconds or {}).items():
            self._pot(role).watch.add(time_before)
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
    def limits(self) -> dict[str, float]:
        """The caps that hold."""
        return dict(self._limits)

    def set_limits(self, limits: Mapping[str, float]) -> None:
        """Let other caps hold from now on. What was spent stays, and what is in flight ends by itself."""
        self._limits = dict(limits)
        for name in limits:
            self._pot(name.rpartition("_")[0])
        self.version += 1
        self._waking = asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        """Have those look again who wait for room."""
        async with self._changed:
            self._changed.notify_all()

    @property
    def in_flight(self) -> int:
        return self._pots[""].reserved.calls

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
            self.check_time(role, finishing=finishing)
            while (cap := self._too_much(role, bound, finishing)) is not None:
                if self.in_flight == 0:
                    raise _reached(cap)
                await self._changed.wait()
                self.check_time(role, finishing=finishing)
            for pot in self._both(role):
                pot.reserved += bound
                if finishing:
                    pot.held = _less(pot.held, bound)
            self._pot(role).watch.go_on()
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
            if not self._pot(role).reserved.calls:
                self._pot(role).watch.pause()
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

    def hold(self, amounts: Mapping[Role, Amount], seconds: Mapping[Role, float]) -> None:
        """Keep back for the sealed test what each role will need, and the time that it will take."""
        self._pots[""].held = sum(amounts.values(), Amount())
        self._pots[""].held_seconds = sum(seconds.values())
        for role, amount in amounts.items():
            self._pot(role).held = amount
            self._pot(role).held_seconds = seconds.get(role, 0.0)
        self.version += 1

    def hold_more(self, amounts: Mapping[Role, Amount]) -> None:
        """Keep back so much beside, until it is let go."""
        for role, amount in amounts.items():
            for pot in self._both(role):
                pot.held += amount
        self.version += 1

    def let_go(self, amounts: Mapping[Role, Amount]) -> None:
        """Let calls that are not of the sealed test have what ``hold_more`` kept back."""
        for role, amount in amounts.items():
            for pot in self._both(role):
                pot.held = _less(pot.held, amount)
        self.version += 1

    def share_of_rest(self, amounts: Mapping[Role, Amount]) -> float:
        """The largest part that ``amounts`` have in what is free under a cap; 0 without any cap."""
        shares = [0.0]
        wanted = {"": sum(amounts.values(), Amount()), **amounts}
        for name, amount in wanted.items():
            for dimension in DIMENSIONS:
                limit, most = self._limits.get(_cap(name, dimension)), getattr(amount, dimension)
                if limit is not None and most:
                    free = limit - self._pot(name).total(dimension, with_held=True)
                    shares.append(most / free if free > 0 else math.inf)
        return max(shares)

    def no_room(self, role: Role, amount: Amount) -> str | None:
        """The first cap under which there is no room for calls of the sealed test; None if they fit."""
        return self._too_much(role, amount, finishing=True)

    def seconds_left(self, role: Role) -> float | None:
        """Time until the first cap on minutes that holds for calls of ``role``, or None without one."""
        left = [self._left(name) for name in ("", role)]
        return min((seconds for seconds in left if seconds is not None), default=None)

    def check_time(self, role: Role, *, finishing: bool = False) -> None:
        """Raise StopRun if there is no time left for calls of ``role``; for ``finishing`` see ``reserve``."""
        for name, pot in zip(("", role), self._both(role), strict=True):
            left = self._left(name)
            if left is not None and left <= (0.0 if finishing else pot.held_seconds):
                raise _reached(_cap(name, "minutes"))

    @property
    def ticks(self) -> tuple[int, ...]:
        """Changes each second in which a call is under way of a role whose time has a cap."""
        return tuple(
            int(pot.watch.seconds)
            for name, pot in self._pots.items()
            if name and self._left(name) is not None
        )

    def meters(self) -> dict[str, Meter]:
        """Every meter of the run, and the roles' where they have spent or have a cap."""
        meters: dict[str, Meter] = {}
        for role, pot in sorted(self._pots.items()):
            for dimension in DIMENSIONS:
                name = _cap(role, dimension)
                meters[name] = Meter(
                    spent=_exact(getattr(pot.spent, dimension)),
                    reserved=_exact(getattr(pot.reserved, dimension)),
                    uncertain=_exact(getattr(pot.uncertain, dimension)),
                    held=_exact(getattr(pot.held, dimension)),
                    limit=self._limits.get(name),
                )
            meters[_cap(role, "minutes")] = Meter(
                spent=pot.watch.seconds / 60,
                held=pot.held_seconds / 60,
                limit=self._limits.get(_cap(role, "minutes")),
            )
        return meters

    @property
    def unpriced(self) -> list[Role]:
        """Roles that have spent at an unknown price."""
        return sorted(self._unpriced)

    def _both(self, role: Role) -> tuple[_Pot, _Pot]:
        return self._pots[""], self._pot(role)

    def _pot(self, role: str) -> _Pot:
        if role not in self._pots:
            self._pots[role] = _Pot(self._pots[""].watch.another())
        return self._pots[role]

    def _left(self, role: str) -> float | None:
        """Seconds until the cap on the minutes of a role, or of the run (""); None without one."""
        limit = self._limits.get(_cap(role, "minutes"))
        return None if limit is None else limit * 60 - WRAP_UP_SECONDS - self._pots[role].watch.seconds

    def _too_much(self, role: Role, bound: Amount, finishing: bool) -> str | None:
        """The first cap that ``bound`` would cross."""
        for name, pot in zip(("", role), self._both(role), strict=True):
            for dimension in DIMENSIONS:
                limit = self._limits.get(_cap(name, dimension))
                if limit is None:
                    continue
                wanted = pot.total(dimension, with_held=not finishing) + getattr(bound, dimension)
                if wanted > limit + 1e-9:  # sums of floats: a billionth of a dollar is not a crossing
                    return _cap(name, dimension)
        return None


def _cap(role: str, dimension: str) -> str:
    """The name of a cap, as in the settings; the run's has no role."""
    return f"{role}_{dimension}" if role else dimension


def _less(held: Amount, bound: Amount) -> Amount:
    rest = held - bound
    return replace(rest, calls=max(0, rest.calls), tokens=max(0, rest.tokens), usd=max(0.0, rest.usd))


def _exact(value: float) -> float:
    """Without the last bits of a sum of floats, which depend on the order of the calls."""
    return round(value, 9)


def _reached(cap: str) -> StopRun:
    return StopRun("budget", f"the budget's cap on {_words(cap)} is reached")


def _words(cap: str) -> str:
    role, _, dimension = cap.rpartition("_")
    named = {"usd": "USD"}.get(dimension, dimension)
    return f"{named} of the {role} model" if role else named
