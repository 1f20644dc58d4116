"""What the search of a run keeps of its way, so that a worker which takes the run up goes on from there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptopt.store.cells import Cells


@dataclass(frozen=True)
class Checkpoint:
    """Where a search stood at the end of an iteration.

    Attributes:
        leg: number of the search in its run, from 1: each time that it begins anew counts.
        edits: how many of the edits adopted since it began had been taken up.
        state: the optimizer's own, as JSON values; None before it has kept any.
        must_pass: how prompts did on the cases that must pass (:meth:`MustPass.state`); None if that was not
            kept.
    """

    leg: int = 1
    edits: int = 0
    state: dict[str, Any] | None = None
    must_pass: Mapping[str, Any] | None = None


class Checkpoints:
    """The checkpoints of one run, of which each takes the place of the one before."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._last: Checkpoint | None = None
        self._leg = 1

    @property
    def last(self) -> Checkpoint:
        """The last one: this worker's own, which may not be in the store yet, or the store's."""
        if self._last is None:
            body = self._cells.checkpoint()
            self._last = Checkpoint(**json.loads(body)) if body else Checkpoint()
        return self._last

    def begin(self, leg: int) -> Checkpoint:
        """Begin the search of that number; returns its last one, an empty one if it was not begun before."""
        self._leg = leg
        return self.last if self.last.leg == leg else Checkpoint(leg)

    def keep(
        self, iteration: int, state: dict[str, Any], *, edits: int, must_pass: Mapping[str, Any]
    ) -> None:
        """Keep where the search stands."""
        self._last = Checkpoint(self._leg, edits, state, must_pass)
        self._cells.save_checkpoint(iteration, json.dumps(vars(self._last), ensure_ascii=False))
