"""The outcomes that the heat map shows, loaded while somebody looks at it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from promptopt_tui.views.grid import NONE, Grid, column, kept

if TYPE_CHECKING:
    from promptopt.domain.dataset import Split
    from promptopt.runs.state import RunState
    from promptopt_tui.app import PromptoptApp
    from promptopt_tui.casebook import CaseRow

T = TypeVar("T")

AGAIN = 2.0
"""Seconds between looks at a candidate that is being scored."""


class HeatBook:
    """Loads what is asked for, in threads, one candidate after the other.

    Args:
        arrived: called when something was loaded.
    """

    def __init__(self, desk: PromptoptApp, run_id: str, arrived: Callable[[], object]) -> None:
        self._desk = desk
        self._run_id = run_id
        self._arrived = arrived
        self._split: Split | None = None
        self._grid: Grid | None = None
        self._order: Sequence[int] = ()
        self._by_failures = True
        self._loaded: dict[str, tuple[object, float]] = {}
        """Candidate id to what was known of it when it was loaded, and when that was."""
        self._busy = False

    def grid(
        self, state: RunState, split: Split, cases: Sequence[CaseRow] | None, *, by_failures: bool
    ) -> tuple[Grid | None, Sequence[int]]:
        """The outcomes so far, and the places of the cases in order. Call it under the follower's lock."""
        if split != self._split:
            self._split, self._grid, self._order = split, None, ()
            self._loaded.clear()
        if self._busy or cases is None:
            return self._grid, self._order
        if self._grid is None:
            self._in_thread(lambda: Grid([case.id for case in cases]), self._made, split)
        elif by_failures != self._by_failures:
            self._by_failures = by_failures
            self._in_thread(self._sort, lambda _: None, split)
        else:
            self._look_for_work(state, split)
        return self._grid, self._order

    def _look_for_work(self, state: RunState, split: Split) -> None:
        """Load the candidates of which there may be more than what is loaded."""
        assert self._grid
        wanted = kept(list(state.candidates), (state.best_id, state.current_id))
        for gone in set(self._grid.columns) - set(wanted):
            self._grid.drop(gone)
        now, stale = time.monotonic(), list[str]()
        for one in wanted:
            known = _known(state, one, split)
            before, at = self._loaded.get(one, (None, 0.0))
            if one not in self._loaded or (known != before and now - at >= AGAIN):
                self._loaded[one] = known, now
                stale.append(one)
        if stale:
            self._in_thread(lambda: self._load(stale, split), lambda _: None, split)

    def _load(self, candidates: Sequence[str], split: Split) -> None:
        """In a thread: one candidate after the other, each seen as soon as it is there."""
        grid = self._grid
        assert grid
        for one in candidates:
            if split != self._split or not self._desk.is_running:
                return
            found = column(self._desk.client.outcomes(self._run_id, one, split), grid.places)
            if found.strip(bytes([NONE])):
                grid.put(one, found)
                self._sort()

    def _sort(self) -> None:
        assert self._grid
        count = len(self._grid.case_ids)
        self._order = self._grid.by_failures() if self._by_failures else range(count)

    def _made(self, grid: Grid) -> None:
        self._grid, self._order = grid, range(len(grid.case_ids))

    def _in_thread(self, work: Callable[[], T], done: Callable[[T], object], split: Split) -> None:
        self._busy = True

        def finish(result: T) -> None:
            self._busy = False
            if split == self._split:
                done(result)
            self._arrived()

        def fail(error: BaseException) -> None:
            self._busy = False
            self._desk.show_error(error)

        self._desk.background(work, finish, fail)


def _known(state: RunState, candidate_id: str, split: Split) -> object:
    """Changes when there is more to load of a candidate."""
    score = state.candidates[candidate_id].scores.get(split)
    return score.interval if score else len(state.marks.get((candidate_id, split), ()))
