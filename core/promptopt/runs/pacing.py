"""How far a run is, and how long it may still take."""

from promptopt.runs.state import Progress, RunState
from promptopt.store.runs import LIVE, RunRow

LEAST_DONE = 0.05
"""Share of the search that must be behind us before its end is estimated."""

LONGEST_BEAT = 5.0
"""Seconds since a worker's last sign of life that count as work."""


def going_on(state: RunState) -> Progress | None:
    """The evaluation that started last; one of a candidate that an edit replaced does not go on."""
    return next((p for p in state.under_way if p.candidate_id not in state.given_up), None)


def is_live(status: str) -> bool:
    """Whether a worker is at a run that stands so."""
    return status in LIVE


def active_seconds(state: RunState, row: RunRow | None, status: str, now: float) -> float:
    """Seconds that a run has been worked on, pauses left out as far as its worker has told.

    Args:
        status: how the run stands, ``interrupted`` included.
        now: seconds since the epoch.
    """
    if row is not None and row.active_seconds > 0:
        since = now - (row.heartbeat_at or now) if status == "running" else 0.0
        return row.active_seconds + min(LONGEST_BEAT, max(0.0, since))
    if not state.started_at:
        return 0.0
    return (now if is_live(status) else state.updated_at) - state.started_at


def share_done(state: RunState) -> float | None:
    """How much of the search, or of the making, is behind us, in (0, 1]; None if there is no telling."""
    making = state.generation
    if making is not None and making.done and not state.over:
        return min(1.0, making.done / making.plan.count)
    if state.over or not state.max_iterations or state.iteration == 0 or state.phase == "test":
        return None
    progress = going_on(state)
    begun = progress.done / progress.total if progress and progress.total else 0.0
    return min(1.0, max(0.02, (state.iteration - 1 + begun) / state.max_iterations))


def seconds_left(state: RunState, active: float, status: str) -> float | None:
    """Seconds of work until the search is over, at the pace so far; None if there is no telling.

    Args:
        active: seconds that it has been worked on.
    """
    share = share_done(state)
    if share is None or share < LEAST_DONE or not is_live(status):
        return None
    return active * (1 - share) / share
