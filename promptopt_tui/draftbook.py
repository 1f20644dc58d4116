"""The cases that a run has made up, as far as they are loaded: its events' totals do not carry them."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from promptopt_tui.casebook import CaseRow

if TYPE_CHECKING:
    from promptopt.domain.drafted import LeftOut
    from promptopt.runs.draftlog import Drafts
    from promptopt.runs.drafts import Generation
    from promptopt_tui.app import PromptoptApp

AGAIN = 0.5
"""Seconds between looks at cases that are being made."""


class DraftRow(CaseRow):
    """A case that was made up; the case itself is made when it is looked at.

    Args:
        case_id: its id.
        body: the case as JSON.
        cell: place of its cell in the grid.
        note: what of it was left out, and why.
        batch: number of the request that brought it.
    """

    __slots__ = ("batch", "cell", "note")

    def __init__(self, case_id: str, body: str, cell: int, note: str, batch: int) -> None:
        super().__init__(case_id, body)
        self.cell, self.note, self.batch = cell, note, batch


class DraftBook:
    """The cases of one run. What is there more of than is loaded is being loaded.

    Args:
        desk: the app, which loads in threads.
        run_id: the run.
        arrived: called when something was loaded.
    """

    def __init__(self, desk: PromptoptApp, run_id: str, arrived: Callable[[], object]) -> None:
        self._desk = desk
        self._run_id = run_id
        self._arrived = arrived
        self.rows: list[DraftRow] = []
        """In the order in which they were made."""
        self.reasons: dict[str, str] = {}
        """What the judge said of each, by id."""
        self.left_out: list[LeftOut] = []
        self.version = 0
        """Goes up with whatever is loaded."""
        self._seen: set[str] = set()
        self._upto = 0
        self._told: tuple[int, int] = (0, 0)
        self._at = float("-inf")
        self._busy = False

    def follow(self, made: Generation) -> None:
        """Load what there is more of. Call it under the follower's lock."""
        told = (len(made.batches), len(made.ratings))
        if told == self._told or self._busy or time.monotonic() - self._at < AGAIN:
            return
        self._busy = True

        def load() -> tuple[Drafts, list[DraftRow]]:
            import promptopt.synthetic.lookover  # here, so that no key has to wait for it

            assert promptopt.synthetic.lookover
            found = self._desk.client.drafts(self._run_id, self._upto)
            rows = [
                DraftRow(name, json.dumps(draft.case, ensure_ascii=False), draft.cell, draft.note,
                         found.batches[name])
                for name, draft in found.cases.items()
            ]  # fmt: skip
            gc.freeze()  # as for other cases: to look through them for garbage would stop the screen
            return found, rows

        def done(loaded: tuple[Drafts, list[DraftRow]]) -> None:
            found, rows = loaded
            self._busy, self._told, self._at = False, told, time.monotonic()
            new = [row for row in rows if row.id not in self._seen]
            self._seen.update(row.id for row in new)
            self.rows = [*self.rows, *new]
            self.reasons.update((name, rated.reason) for name, rated in found.ratings.items())
            self.left_out = [*self.left_out, *found.left_out]
            self._upto = found.upto
            self.version += 1
            self._arrived()

        def failed(error: BaseException) -> None:
            self._busy, self._at = False, time.monotonic()

        self._desk.background(load, done, failed)

    def like(self, case_id: str) -> list[LeftOut]:
        """Drafts that were left out since they are nearly this case."""
        return [left for left in self.left_out if left.reason == f"it is nearly {case_id}"]
