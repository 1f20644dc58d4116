"""Following a run: a thread reads the stream of its events and folds them, for whoever shows it."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from promptopt.runs.snapshots import keep_if_possible, worth_keeping
from promptopt.runs.state import RunState
from promptopt.store.runlog import Stored
from promptopt.store.runs import RunRow

BATCH = 2000
"""Events read at once."""

SLICE = 100
"""Events folded before readers of the state get their turn."""

POLL = 0.1
"""Seconds between looks at the stream once its end is reached."""

LOOK = 1.0
"""Seconds between looks at the run itself, to see that its worker lives."""


class EventSource(Protocol):
    """What :class:`promptopt.store.runlog.RunLog` is to a follower."""

    def after(self, n: int = 0, limit: int = BATCH) -> Sequence[Stored]: ...


class SnapshotSource(Protocol):
    """What :class:`promptopt.runs.snapshots.Snapshots` is to a follower."""

    def latest(self) -> tuple[RunState, int] | None: ...

    def keep(self, state: RunState, n: int) -> None: ...


class Follower:
    """Keeps :attr:`state` up to date with a run's stream.

    Read :attr:`state` under :attr:`lock` and for a short time only: the thread waits for it meanwhile.

    Args:
        source: the stream.
        find: looks the run up in the store.
        snapshots: where the fold may begin from; None folds all.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        source: EventSource,
        find: Callable[[], RunRow],
        *,
        snapshots: SnapshotSource | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.state = RunState()
        self.lock = threading.Lock()
        self.row: RunRow | None = None
        self.logged = 0
        """Lines that ever came into the activity log."""
        self.caught_up = threading.Event()
        """Set once the stream's end was reached for the first time."""
        self.error = ""
        """Why the store can't be read just now; empty if it can."""
        self._source = source
        self._snapshots = snapshots
        self._begun: int | None = None
        """Events that the snapshot stands for; None until it was looked for."""
        self._find = find
        self._now = now
        self._read = 0
        self._looked = float("-inf")
        self._looked_after = 0
        """Events that were folded before the run was looked up last."""
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    @property
    def version(self) -> tuple[int, str, str]:
        """Changes whenever there is something new to show."""
        return self.state.version, self.status, self.error

    @property
    def status(self) -> str:
        """The run's status; ``interrupted`` if its worker died."""
        row, state = self.row, self.state
        if row is None:
            return state.status
        if state.version == 0 or (row.status == "interrupted" and not state.over):
            return row.status
        # A worker has taken up a run that was over, and has not said so yet.
        return row.status if state.over and row.live and row.pid is not None else state.status

    def start(self) -> None:
        """Begin to follow, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following. Returns at once; the thread ends with its current read."""
        self._stopped = True
        self._wake.set()

    def hurry(self) -> None:
        """Look again now: something was just asked of the run."""
        self._looked = float("-inf")
        self._wake.set()

    def poll(self) -> int:
        """Read and fold what is new, at most :data:`BATCH` events; returns how many."""
        if self._begun is None:
            self._begin()
        stored = self._source.after(self._read, BATCH)
        for start in range(0, len(stored), SLICE):
            with self.lock:
                for item in stored[start : start + SLICE]:
                    self._fold(item)
            # The lock is not fair: without a pause a reader might wait for the whole batch.
            time.sleep(0)
        if len(stored) < BATCH and not self.caught_up.is_set():
            self._keep()
            self.caught_up.set()
        return len(stored)

    def _begin(self) -> None:
        """Begin where the snapshot of the fold stands, if there is one."""
        found = self._snapshots.latest() if self._snapshots else None
        self._begun = found[1] if found else 0
        if found:
            with self.lock:
                self.state, self._read = found
                self.logged = len(self.state.activity)

    def _keep(self) -> None:
        """Keep where the run stands, if that took long to find out: the next one to look has it."""
        if self._snapshots and worth_keeping(self.state, self._read - (self._begun or 0)):
            with self.lock:
                keep_if_possible(self._snapshots, self.state, self._read)

    def look(self) -> None:
        """Look the run up, if it is time to, or if what it has said goes beyond what is known of it."""
        row = self.row
        ends = row is not None and row.live and self.state.over
        lives = row is not None and row.status == "interrupted" and self.state.version > self._looked_after
        if ends or lives or time.monotonic() - self._looked >= LOOK:
            self._looked, self._looked_after = time.monotonic(), self.state.version
            self.row = self._find()

    def _fold(self, item: Stored) -> None:
        kept = self.state.activity
        last, length = (kept[-1] if kept else None), len(kept)
        self.state.apply(item.event, item.at)
        if kept and kept[-1] is not last:
            self.logged += max(1, len(kept) - length)
        self._read = item.n

    def _run(self) -> None:
        while not self._stopped:
            try:
                self.look()
                full = self.poll() >= BATCH
                self.error = ""
            except Exception as error:  # the store may be away for a while: say so, and try again
                self.error = f"{type(error).__name__}: {error}"
                full = False
            if not full:
                self._wake.wait(POLL)
                self._wake.clear()
