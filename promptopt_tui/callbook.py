"""The model calls that the cockpit shows: a window on the trace, which the store has whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptopt.store.trace import TracedCall, Wanted
    from promptopt.store.tracepages import Page, TracePages
    from promptopt_tui.app import PromptoptApp

PAGE = 200
"""Calls that are read at once."""

HELD = 1000
"""Calls that are held at most."""

AGAIN = 1.0
"""Seconds between looks at the newest calls."""


class CallBook:
    """Holds some calls in a row; reads others in a thread.

    Args:
        arrived: called when other calls are held.
    """

    def __init__(self, desk: PromptoptApp, run_id: str, arrived: Callable[[], object]) -> None:
        self._desk = desk
        self._run_id = run_id
        self._arrived = arrived
        self._pages: TracePages | None = None
        self._busy = False
        self._seen: tuple[Hashable, ...] = ()
        self._looked = float("-inf")
        self.page: Page | None = None
        """What is held; None until the first calls are read."""
        self.wanted: Wanted | None = None

    def want(self, wanted: Wanted) -> None:
        """Show other calls from now on: the newest of them."""
        if wanted != self.wanted:
            self.wanted = wanted
            self._seen, self._looked = (), float("-inf")

    def follow(self, moved: Hashable, *, live: bool) -> None:
        """Read the newest calls, if there may be new ones.

        Args:
            moved: changes when calls were sent or ended.
            live: the run has a worker.
        """
        seen = (moved, live, self.wanted)
        if self._busy or seen == self._seen or time.monotonic() - self._looked < AGAIN:
            return
        self._seen, self._looked = seen, time.monotonic()
        self._read(lambda pages, wanted: pages.newest(wanted, PAGE, live=live), lambda page: page)

    def older(self) -> None:
        """Read on before the first call, letting go of the last ones."""
        page = self.page
        if page and page.calls and page.older:
            first = page.calls[0]
            self._read(lambda pages, wanted: pages.before(first, wanted, PAGE), self._put_before)

    def newer(self) -> None:
        """Read on after the last call, letting go of the first ones."""
        page = self.page
        if page and page.calls and page.newer:
            last = page.calls[-1]
            self._read(lambda pages, wanted: pages.after(last, wanted, PAGE), self._put_after)

    def whole(self, call: TracedCall, done: Callable[[TracedCall], object]) -> None:
        """Read what was sent, too."""
        self._desk.background(lambda: self._open().whole(call), done)

    def _put_before(self, found: Page) -> Page:
        from promptopt.store.tracepages import Page

        held = self.page.calls if self.page else ()
        known = {(call.id, call.status) for call in held}
        calls = (*(call for call in found.calls if (call.id, call.status) not in known), *held)
        newer = bool(self.page and self.page.newer) or len(calls) > HELD
        return Page(calls[:HELD], found.older, newer)

    def _put_after(self, found: Page) -> Page:
        from promptopt.store.tracepages import Page

        held = self.page.calls if self.page else ()
        known = {(call.id, call.status) for call in held}
        calls = (*held, *(call for call in found.calls if (call.id, call.status) not in known))
        older = bool(self.page and self.page.older) or len(calls) > HELD
        return Page(calls[-HELD:], older, found.newer)

    def _open(self) -> TracePages:
        if self._pages is None:
            self._pages = self._desk.client.calls(self._run_id)
        return self._pages

    def _read(self, work: Callable[[TracePages, Wanted], Page], put: Callable[[Page], Page]) -> None:
        wanted = self.wanted
        if self._busy or wanted is None:
            return
        self._busy = True

        def done(page: Page) -> None:
            self._busy = False
            if wanted == self.wanted:
                self.page = put(page)
            self._arrived()

        def failed(error: BaseException) -> None:
            self._busy = False
            self._desk.show_error(error)

        self._desk.background(lambda: work(self._open(), wanted), done, failed)
