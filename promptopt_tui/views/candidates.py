"""A candidate in words: what is going on with it, and who made it."""

from promptopt.runs.standings import Candidate
from promptopt.runs.state import Progress
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Span
from promptopt_tui.views.view import View


def under_way(view: View, candidate: Candidate) -> Progress | None:
    """Its evaluation under way; several candidates may be scored side by side."""
    if candidate.id in view.state.given_up:
        return None
    running = reversed(view.state.evaluations.values())
    return next((each for each in running if each.candidate_id == candidate.id), None)


def standing(view: View, candidate: Candidate) -> Span:
    """Whether it leads, was taken or not, waits for an answer, or is being scored."""
    state = view.state
    progress = under_way(view, candidate)
    if candidate.id in state.given_up:
        return "✗ dropped", "muted"
    if progress:
        return f"… {_done(progress)}", "accent"
    edit = state.edit
    if edit and edit.waiting and edit.candidate_id == candidate.id:
        return "? decide", "human"
    if state.finished and state.finished.stop_reason == "scored":
        return "✓ scored", "good"
    if candidate.id == state.best_id and candidate.validation:
        return "★ best", "good"
    if candidate.id == state.current_id and state.has_search and not state.over:
        return "▸ current", "accent"
    if candidate.barred and candidate.accepted is not False:
        return "⊘ not as asked", "warn"
    words = {True: ("✓ accepted", ""), False: ("✗ rejected", "muted"), None: ("", "")}
    return words[candidate.accepted]


def maker(view: View, candidate: Candidate) -> str:
    """Who made it: the optimizer by name, a person, or the one who wrote the project."""
    if candidate.source == "optimizer":
        return candidate.made_by or view.state.optimizer
    return {"seed": "the project", "human": "a person"}[candidate.source]


def _done(progress: Progress) -> str:
    """``13/30``, or a share where the numbers are too long for the column."""
    if progress.total < 1000:
        return f"{progress.done}/{progress.total}"
    return fm.percent(progress.done / progress.total)
