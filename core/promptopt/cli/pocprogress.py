"""How a proof of concept goes, while it goes: a line whenever a stage has something new to say."""

import time
from typing import TYPE_CHECKING

from promptopt.cli.output import note

if TYPE_CHECKING:
    from promptopt.store.database import Database

EVERY = 1.0
"""Seconds between looks."""


class Lines:
    """Called again and again: tells stage, share, figures so far and what was spent, on standard error."""

    def __init__(self, database: "Database", poc_id: str, *, quiet: bool = False) -> None:
        self._db = database
        self._id = poc_id
        self._quiet = quiet
        self._told = ""
        self._next = 0.0

    def __call__(self) -> None:
        if self._quiet or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        from promptopt.enterprise.poc.state import state_of
        from promptopt.store.pocs import Pocs

        state = state_of(self._db, Pocs(self._db).find(self._id))
        stage = state.stage
        if stage is None:
            return
        said = f"{stage.title}: {stage.figures}" if stage.figures else stage.title
        if state.status == "paused":
            said += " (paused)"
        if said == self._told:
            return
        self._told = said
        simulated = " (simulated)" if state.simulated else ""
        spent = state.spent
        note(
            f"{time.strftime('%H:%M:%S')}  {state.share:4.0%}  {said}{simulated}; "
            f"spent ${spent.usd:.4f}, {spent.calls:,} calls"
        )
