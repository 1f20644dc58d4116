"""The cockpit's tree of candidates: which came from which, who made it, what became of it."""

from typing import Any

from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.views.candidates import maker, standing, under_way
from promptopt_tui.views.lineage import Member, family
from promptopt_tui.views.view import View
from promptopt_tui.widgets.panels import set_title
from promptopt_tui.widgets.table import Column, Table


class LineagePanel(Table):
    """A row for each candidate, under the one that it was made from; enter shows one everywhere."""

    def __init__(self) -> None:
        columns = [
            Column("candidate", 0, self._name),
            Column("made by", 12, self._maker, least=54),
            Column("validation", 18, self._score, least=72),
            Column("score", 6, self._mean, "right"),
            Column("Δ from", 6, self._gain, "right", least=40),
            Column("state", 10, self._state),
        ]
        super().__init__(columns, lambda member: member.candidate.id, id="lineage", classes="panel")
        self._view: View | None = None
        self._drawn: Any = None

    def show(self, view: View) -> None:
        """Draw ``view``."""
        self._view = view
        state = view.state
        human = sum(candidate.source == "human" for candidate in state.everyone)
        set_title(self, f"{fm.plural(human, 'prompt')} of people" if human else "")
        self.mark(view.shown_id)
        drawn = (
            (state.current_id, state.best_id, state.over, len(state.given_up)),
            [(c.id, c.parent_id, c.validation, standing(view, c)) for c in state.everyone],
        )
        if drawn != self._drawn:
            self._drawn = drawn
            self.set_empty([[("no candidate yet", "muted")]])
            self.set_rows(family(state.candidates, (state.best_id, state.current_id)))

    def _name(self, member: Member) -> paint.Span:
        glyph, _, style = fm.SOURCES[member.candidate.source]
        rejected = member.candidate.accepted is False
        return f"{member.branch}{glyph} {member.candidate.name}", "muted" if rejected else style

    def _maker(self, member: Member) -> paint.Span:
        assert self._view
        return maker(self._view, member.candidate), "human" if member.candidate.source == "human" else "muted"

    def _score(self, member: Member) -> paint.Span:
        assert self._view
        if member.candidate.validation:
            return fm.interval(member.candidate.validation), ""
        return "being scored" if under_way(self._view, member.candidate) else "not scored", "muted"

    def _mean(self, member: Member) -> paint.Span:
        score = member.candidate.validation
        return fm.percent(score.mean if score else None), "bold" if score else "muted"

    def _gain(self, member: Member) -> paint.Span:
        """Against the candidate that it was made from."""
        score = member.candidate.validation
        before = member.parent.validation if member.parent else None
        if not score or not before:
            return "", ""
        change = score.mean - before.mean
        return fm.points(change), "good" if change > 0 else "bad" if change < 0 else "muted"

    def _state(self, member: Member) -> paint.Span:
        assert self._view
        return standing(self._view, member.candidate)
