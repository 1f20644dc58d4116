"""What those who carry commands out need of a run, and how they answer."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from promptopt.domain import events as ev
from promptopt.models.budget import Stopwatch
from promptopt.runs.state import RunState
from promptopt.store.commands import Command, Sent

When = Literal["early", "search", "late"]
"""Whether the run searches: not yet, now, or not any more."""

Handler = Callable[[Sent, Any], str | None]
"""Carries a command out and says what came of it; None: not now, ask again."""


class Voice(Protocol):
    """The engine, as far as they are concerned."""

    state: RunState
    watch: Stopwatch

    def emit(self, event: ev.Event) -> None: ...


class Room(Protocol):
    """Where commands of some kinds are carried out."""

    handlers: Mapping[type[Command], Handler]
