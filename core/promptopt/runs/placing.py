"""Where a candidate stands in its run, in words."""

from promptopt.domain.figures import Look, percent
from promptopt.runs.standings import Candidate
from promptopt.runs.state import Progress, RunState


def under_way(state: RunState, candidate: Candidate) -> Progress | None:
    """Its evaluation under way; several candidates may be scored side by side."""
    if candidate.id in state.given_up:
        return None
    return next((each for each in state.under_way if each.candidate_id == candidate.id), None)


def standing(state: RunState, candidate: Candidate) -> Look:
    """Whether it leads, was taken or not, waits for an answer, or is being scored."""
    progress = under_way(state, candidate)
    if candidate.id in state.given_up:
        return "✗", "dropped", "muted"
    if progress:
        return "…", _done(progress), "accent"
    edit = state.edit
    if edit and edit.waiting and edit.candidate_id == candidate.id:
        return "?", "decide", "human"
    if state.finished and state.finished.stop_reason == "scored":
        return "✓", "scored", "good"
    if candidate.id == state.best_id and candidate.validation:
        return "★", "best", "good"
    if candidate.id == state.current_id and state.has_search and not state.over:
        return "▸", "current", "accent"
    if candidate.barred and candidate.accepted is not False:
        return "⊘", "not as asked", "warn"
    return _JUDGED[candidate.accepted]


_JUDGED: dict[bool | None, Look] = {
    True: ("✓", "accepted", ""),
    False: ("✗", "rejected", "muted"),
    None: ("", "", ""),
}


def _done(progress: Progress) -> str:
    """``13/30``, or a share where the numbers are too long for a column."""
    if progress.total < 1000:
        return f"{progress.done}/{progress.total}"
    return percent(progress.done / progress.total)
