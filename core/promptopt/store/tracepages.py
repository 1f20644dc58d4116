"""The trace of a run's calls page by page, for those who watch it while it grows."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from promptopt.store.database import Database
from promptopt.store.runs import Runs
from promptopt.store.trace import TracedCall, Wanted, models_of, says, trace
from promptopt.store.withholding import Withholder

LONGEST_CALL = 900.0
"""Seconds after which a call of a live run that has no outcome is not looked for any more."""


@dataclass(frozen=True)
class Page:
    """Calls in the order in which they ended.

    Attributes:
        older, newer: there are more before the first, after the last.
    """

    calls: tuple[TracedCall, ...]
    older: bool
    newer: bool = False


class TracePages:
    """Reads pages of one run's calls; keys are left out of all of them.

    Args:
        now: seconds since the epoch.
    """

    def __init__(self, database: Database, run_id: str, now: Callable[[], float] = time.time) -> None:
        settings = Runs(database).settings(run_id)
        self._database = database
        self._run_id = run_id
        self._models = models_of(settings)
        self._withhold = Withholder(settings)
        self._now = now

    def newest(self, wanted: Wanted, limit: int, *, live: bool) -> Page:
        """The last calls, those under way included if the run is ``live``."""
        since = self._now() - LONGEST_CALL if live else None
        calls, more = self._read(replace(wanted, open_since=since), limit, live=live, newest_first=True)
        return Page(tuple(reversed(calls)), more)

    def before(self, first: TracedCall, wanted: Wanted, limit: int) -> Page:
        """The calls before ``first``."""
        asked = replace(wanted, until=first.at, open_since=self._now())
        calls, more = self._read(asked, limit, live=True, newest_first=True, but=first)
        return Page(tuple(reversed(calls)), more, newer=True)

    def after(self, last: TracedCall, wanted: Wanted, limit: int) -> Page:
        """The calls after ``last``, without those under way."""
        asked = replace(wanted, since=last.at, open_since=self._now())
        calls, more = self._read(asked, limit, live=True, newest_first=False, but=last)
        return Page(tuple(calls), True, newer=more)

    def whole(self, call: TracedCall) -> TracedCall:
        """The call with what was sent, and with its answer if it has come since."""
        wanted = Wanted(call_id=call.id, requests=True)
        found = list(self._clean(trace(self._database, self._run_id, self._models, wanted, live=True)))
        return next((each for each in found if each.status == call.status), found[-1] if found else call)

    def _read(
        self, wanted: Wanted, limit: int, *, live: bool, newest_first: bool, but: TracedCall | None = None
    ) -> tuple[list[TracedCall], bool]:
        """At most ``limit`` calls, and whether there are more."""
        text = wanted.text.casefold()
        asked = replace(wanted, requests=bool(text))
        every = trace(self._database, self._run_id, self._models, asked, live=live, newest_first=newest_first)
        found = (
            replace(call, request="")
            for call in self._clean(every)
            if (not text or says(call, text)) and not _same(call, but)
        )
        calls = list(islice(found, limit + 1))
        return calls[:limit], len(calls) > limit

    def _clean(self, calls: Iterable[TracedCall]) -> Iterator[TracedCall]:
        return (self._withhold.clean(call) for call in calls)


def _same(call: TracedCall, other: TracedCall | None) -> bool:
    return other is not None and (call.id, call.status) == (other.id, other.status)
