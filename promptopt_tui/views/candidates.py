"""A candidate in words: what is going on with it, and who made it."""

from promptopt.runs import placing
from promptopt.runs.standings import Candidate
from promptopt.runs.state import Progress
from promptopt_tui.paint import Span
from promptopt_tui.views.view import View


def under_way(view: View, candidate: Candidate) -> Progress | None:
    """Its evaluation under way; several candidates may be scored side by side."""
    return placing.under_way(view.state, candidate)


def standing(view: View, candidate: Candidate) -> Span:
    """Whether it leads, was taken or not, waits for an answer, or is being scored."""
    glyph, word, style = placing.standing(view.state, candidate)
    return f"{glyph} {word}".strip(), style


def maker(view: View, candidate: Candidate) -> str:
    """Who made it: the optimizer by name, a person, or the one who wrote the project."""
    if candidate.source == "optimizer":
        return candidate.made_by or view.state.optimizer
    return {"seed": "the project", "human": "a person"}[candidate.source]
