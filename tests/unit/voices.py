"""Standing in for the engine where only its events are looked at."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from promptopt.domain import events as ev
from promptopt.models.budget import Stopwatch
from promptopt.runs.state import RunState


def voice(emit: Callable[[ev.Event], object]) -> Any:
    """An engine that tells its events to ``emit`` and folds them."""
    state = RunState()

    def said(event: ev.Event) -> None:
        state.apply(event, 1.0)
        emit(event)

    return SimpleNamespace(state=state, watch=Stopwatch(), emit=said)
