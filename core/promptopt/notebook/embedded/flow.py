"""How much of the terminal UI's output is let through: never more than a page shows, or a kernel can take."""

import threading
import time
from collections.abc import Callable

WINDOW = 2**20
"""Bytes that may be on their way to the page without its having shown them."""

RATE = 320_000
"""Bytes a second in the long run. Jupyter's server throws messages away beyond a million."""

AT_ONCE = 2**20
"""Bytes that may go at once after a rest: some full screens."""

APART = 0.03
"""Seconds between two messages: what is drawn meanwhile goes with the next one."""


class Flow:
    """Holds the output back. The process then waits at its full pipe, and draws no further.

    Args:
        now: seconds since whenever, that never go back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._sent = self._seen = 0
        self._allowed, self._at = float(AT_ONCE), now()
        self._closed = False

    def restart(self) -> None:
        """A new page begins: nothing is on its way to it."""
        with self._changed:
            self._sent = self._seen = 0
            self._changed.notify_all()

    def seen(self, total: int) -> None:
        """The page has shown so many bytes since it began."""
        with self._changed:
            self._seen = min(max(self._seen, total), self._sent)
            self._changed.notify_all()

    def close(self) -> None:
        """Let everything through from now on: nobody looks any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def sent(self, size: int) -> None:
        with self._changed:
            self._sent += size
            self._refill()
            self._allowed -= size

    def wait(self) -> None:
        """Return once more may be sent."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._sent - self._seen < WINDOW)
            self._changed.wait_for(lambda: self._closed, timeout=self.pause())

    def pause(self) -> float:
        """Seconds until the next message may go, by the rate alone."""
        self._refill()
        return max(APART, -self._allowed / RATE)

    def _refill(self) -> None:
        now = self._now()
        self._allowed = min(AT_ONCE, self._allowed + (now - self._at) * RATE)
        self._at = now
