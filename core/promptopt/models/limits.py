"""How many calls an endpoint takes at once, and how soon after one another.

Concurrency adapts: it starts at what the user allows, shrinks in proportion to the share of calls that the
server refuses (rate limit, overload, no answer in time), and grows again step by step. So a stray refusal
costs nothing, while a server that takes ten calls at once soon gets about ten. The rule is DCTCP's (Alizadeh
et al., 2010: window × (1 − share / 2) once per window), with TCP's additive increase.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

WINDOW = 61.0
"""Seconds in which ``requests_per_minute`` and ``tokens_per_minute`` hold, wherever the window is laid: a
minute, and a second for requests that take their time to leave.
"""

STEPS = 16
"""So many windows without a refusal bring the concurrency from nothing to all."""

CROWDED = 0.2
"""Share of refusals above which the concurrency does not grow."""

IN_A_ROW = 4
"""Refusals without an answer between them after which ``Retry-After`` holds for the endpoint as a whole."""

LONGEST_HOLD = 60.0
"""Most seconds that an endpoint is left alone, whatever it asks for."""


@dataclass(eq=False)
class Turn:
    """Leave to send one request.

    Attributes:
        at: when it was given.
        tokens: what the call is expected to use, and, once it is answered, has used.
        over: it was given back.
    """

    at: float
    tokens: int
    over: bool = False


@dataclass
class _Window:
    """What a per-minute limit counts: the turns of the last minute, oldest first."""

    limit: float | None
    weigh: Callable[[Turn], int]
    used: int = 0
    turns: dict[Turn, None] = field(default_factory=dict[Turn, None])

    def wait(self, now: float, more: int) -> float:
        """Seconds until ``more`` fits; what alone is over the limit goes into an empty window."""
        if self.limit is None:
            return 0.0
        for turn in list(itertools.takewhile(lambda turn: turn.at <= now - WINDOW, self.turns)):
            self.drop(turn)
        over = self.used + more - self.limit
        last = None
        for turn in self.turns:
            if over <= 0:
                break
            over -= self.weigh(turn)
            last = turn
        return last.at + WINDOW - now if last else 0.0

    def add(self, turn: Turn) -> None:
        if self.limit is not None:
            self.turns[turn] = None
            self.used += self.weigh(turn)

    def drop(self, turn: Turn) -> bool:
        """Take a turn out; False if it was not in."""
        if turn not in self.turns:
            return False
        del self.turns[turn]
        self.used -= self.weigh(turn)
        return True


class Limiter:
    """Gives turns to send, in the order in which they are asked for. Used from one event loop.

    Args:
        most: calls at once that the user allows.
        requests_per_minute, tokens_per_minute: the user's limits; None: none.
        clock: seconds.
    """

    def __init__(
        self,
        most: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most = most
        self.in_use = 0
        self.refused = 0
        """Refusals so far, those included that were no answer in time."""
        self.late = 0
        """No answer in time, so far."""
        self._limit = float(most)
        self._clock = clock
        self._requests = _Window(requests_per_minute, lambda turn: 1)
        self._tokens = _Window(tokens_per_minute, lambda turn: turn.tokens)
        self._queue: deque[tuple[asyncio.Future[Turn], int]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._held_until = 0.0
        self._in_a_row = 0
        self._seen = self._crowded = 0
        self._busy = 0.0
        self._counted_at = clock()

    @property
    def at_once(self) -> int:
        """Calls at once that are allowed now."""
        return max(1, int(self._limit))

    @property
    def held(self) -> float:
        """Seconds for which nothing is sent, because the server asked for it."""
        return max(0.0, self._held_until - self._clock())

    def resize(self, most: int) -> None:
        """Let the user allow another number of calls at once; what refusals have taught still holds."""
        held_back = self._limit < self.most
        self.most = most
        self._limit = min(self._limit, float(most)) if held_back else float(most)
        self._serve()

    def busy(self) -> float:
        """Calls at once, integrated over time: the difference of two looks, divided by the seconds between
        them, is the mean concurrency.
        """
        now = self._clock()
        self._busy += self.in_use * (now - self._counted_at)
        self._counted_at = now
        return self._busy

    def remember(self, requests: Iterable[tuple[float, int]]) -> None:
        """Count requests that went out before: how many seconds ago, and their tokens; oldest first."""
        for ago, tokens in requests:
            turn = Turn(self._clock() - ago, tokens, over=True)
            self._requests.add(turn)
            self._tokens.add(turn)

    async def enter(self, tokens: int) -> Turn:
        """Wait for a turn.

        Args:
            tokens: what the call is expected to use, prompt and answer together.
        """
        if not self._queue and self._wait(tokens) == 0.0:
            return self._take(tokens)
        granted: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._queue.append((granted, tokens))
        self._serve()
        try:
            return await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.unused(granted.result())
            self._serve()
            raise

    def leave(self, turn: Turn) -> None:
        """The answer is here, or none will come; leaving twice does nothing."""
        if turn.over:
            return
        turn.over = True
        self.busy()  # counts up to now
        self.in_use -= 1
        self._serve()

    def unused(self, turn: Turn) -> None:
        """Give a turn back: nothing was sent."""
        self._requests.drop(turn)
        self._tokens.drop(turn)
        self.leave(turn)

    def answered(self, turn: Turn, tokens: int) -> None:
        """An answer came, and used so many tokens."""
        if turn in self._tokens.turns:
            self._tokens.used += tokens - turn.tokens
        turn.tokens = tokens
        self._in_a_row = 0
        self._count(crowded=False)

    def failed(self, *, crowded: bool, late: bool = False, retry_after: float | None = None) -> None:
        """No answer came. ``crowded``: the server has, or is sent, too much; ``late``: none came in time."""
        if crowded:
            self.refused += 1
            self.late += late
            self._in_a_row += 1
            if retry_after and self._in_a_row >= IN_A_ROW:
                self.hold(retry_after)
        self._count(crowded=crowded)

    def hold(self, seconds: float) -> None:
        """Send nothing for a while: the server says that it would refuse."""
        self._held_until = max(self._held_until, self._clock() + min(seconds, LONGEST_HOLD))

    def _count(self, *, crowded: bool) -> None:
        self._seen += 1
        self._crowded += crowded
        if self._seen < self.at_once:
            return
        share, self._seen, self._crowded = self._crowded / self._seen, 0, 0
        grown = self.most / STEPS if share <= CROWDED else 0.0
        self._limit = min(float(self.most), max(1.0, self._limit * (1 - share / 2) + grown))
        self._serve()

    def _wait(self, tokens: int) -> float:
        """Seconds until the next turn can be given; infinite if another must end before."""
        if self.in_use >= self.at_once:
            return float("inf")
        now = self._clock()
        return max(self.held, self._requests.wait(now, 1), self._tokens.wait(now, tokens), 0.0)

    def _take(self, tokens: int) -> Turn:
        self.busy()
        turn = Turn(self._clock(), tokens)
        self.in_use += 1
        self._requests.add(turn)
        self._tokens.add(turn)
        return turn

    def _serve(self) -> None:
        """Give turns to those who wait, as many as there are; look again when time alone brings one."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._queue:
            granted, tokens = self._queue[0]
            if granted.done():
                self._queue.popleft()
                continue
            wait = self._wait(tokens)
            if wait == float("inf"):
                return
            if wait > 0:
                self._timer = asyncio.get_running_loop().call_later(wait + 0.001, self._serve)
                return
            self._queue.popleft()
            granted.set_result(self._take(tokens))
