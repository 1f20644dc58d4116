"""The cockpit's table of candidates."""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

from promptopt.domain.dataset import Split
from promptopt.domain.events import Rating
from promptopt.runs.standings import Candidate
from promptopt.runs.state import RunState
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.views.candidates import standing, under_way
from promptopt_tui.views.view import View
from promptopt_tui.widgets.panels import set_title
from promptopt_tui.widgets.table import Column, SortableTable


class StandingsPanel(SortableTable):
    """Candidates, best first unless sorted otherwise; enter shows one everywhere."""

    def __init__(self) -> None:
        columns = [
            Column("#", 2, self._rank, "right"),
            Column("candidate", 13, self._name),
            Column("validation", 18, self._score),
            Column("Δ seed", 6, self._delta, "right", least=50),
            Column("state", 0, self._state),
            Column("test", 6, self._test, "right", least=62),
        ]
        self._rated = [
            Column("rating", 18, self._rating, "right", least=84),
            Column("won–lost–tied", 13, self._record, "right", least=100),
        ]
        super().__init__(columns, lambda c: c.id, id="standings", classes="panel")
        self._ranked: Sequence[Candidate] = ()
        self._places: dict[str, int] = {}
        self._view: View | None = None
        self._drawn: list[tuple[Any, ...]] = []

    def show(self, view: View) -> None:
        """Draw ``view``."""
        self._view = view
        if view.state.tournament and self._rated[0] not in self.columns:
            self.columns = [*self.columns, *self._rated]
        note = fm.plural(len(view.state.candidates), "candidate")
        set_title(self, note if view.state.held_back else f"{note} · no case is held back")
        ranked = view.state.standings()
        drawn: list[tuple[Any, ...]] = [_turning_points(view.state), tuple(view.state.given_up)]
        drawn.append((id(view.state.tournament),))
        drawn += [(c.id, c.validation, c.accepted, c.scores.get("test")) for c in ranked]
        self.mark(view.shown_id)
        if drawn != self._drawn:
            self._drawn = drawn
            self._ranked = ranked
            self._places = {c.id: place for place, c in enumerate(ranked, 1) if c.validation}
            self.set_empty([[("no candidate yet", "muted")]])
            self.reorder()

    def reorder(self) -> None:
        """Sort anew; in each order what has no figure comes last."""
        if self.order is None:
            self.set_rows(self._ranked)
            return
        column, falling = self.order
        value = self._values()[self.columns[column].name]
        have = [(value(c), c) for c in self._ranked if value(c) is not None]
        have.sort(key=lambda pair: pair[0], reverse=falling)
        self.set_rows([c for _, c in have] + [c for c in self._ranked if value(c) is None])

    def _values(self) -> dict[str, Callable[[Candidate], Any]]:
        """What each column sorts by."""

        def score(candidate: Candidate, split: Split) -> float | None:
            scored = candidate.scores.get(split)
            return scored.interval.mean if scored else None

        return {
            "#": lambda c: self._places.get(c.id),
            "candidate": lambda c: c.iteration,
            "validation": lambda c: score(c, "validation"),
            "Δ seed": lambda c: score(c, "validation"),
            "state": lambda c: self._state(c)[0] or None,
            "test": lambda c: score(c, "test"),
            "rating": lambda c: (rated := self._rating_of(c)) and rated.rating,
            "won–lost–tied": lambda c: (rated := self._rating_of(c)) and rated.win_rate,
        }

    def on_sortable_table_sorted(self) -> None:
        self.reorder()

    def _rank(self, candidate: Candidate) -> paint.Span:
        return str(self._places.get(candidate.id, "–")), "muted"

    def _name(self, candidate: Candidate) -> paint.Span:
        glyph, _, style = fm.SOURCES[candidate.source]
        assert self._view
        return f"{glyph} {self._view.name(candidate.id)}", style

    def _score(self, candidate: Candidate) -> paint.Span:
        if candidate.validation:
            return fm.interval(candidate.validation), ""
        assert self._view
        if candidate.id in self._view.state.given_up:
            return "replaced by edit", "muted"
        return "being scored" if under_way(self._view, candidate) else "not scored", "muted"

    def _rating_of(self, candidate: Candidate) -> Rating | None:
        """What the run's tournament made of it."""
        table = self._view.state.tournament if self._view else None
        if table is None or not table.played:
            return None
        return next((each for each in table.ratings if each.candidate_id == candidate.id), None)

    def _rating(self, candidate: Candidate) -> paint.Span:
        rated = self._rating_of(candidate)
        if rated is None:
            return "", ""
        return f"{round(rated.rating):+d} [{round(rated.low):+d}, {round(rated.high):+d}]", ""

    def _record(self, candidate: Candidate) -> paint.Span:
        rated = self._rating_of(candidate)
        return (f"{rated.wins}–{rated.losses}–{rated.ties}" if rated else ""), "muted"

    def _delta(self, candidate: Candidate) -> paint.Span:
        assert self._view
        seed = self._view.state.candidates.get(self._view.state.seed_id)
        if not seed or not seed.validation or not candidate.validation or seed is candidate:
            return "–", "muted"
        change = candidate.validation.mean - seed.validation.mean
        return fm.points(change), "good" if change > 0 else "bad" if change < 0 else "muted"

    def _state(self, candidate: Candidate) -> paint.Span:
        assert self._view
        return standing(self._view, candidate)

    def _test(self, candidate: Candidate) -> paint.Span:
        score = candidate.scores.get("test")
        return (fm.percent(score.interval.mean), "bold") if score else ("", "")


def _turning_points(state: RunState) -> tuple[Any, ...]:
    """What the state column of the standings depends on, beside the candidates."""
    under_way = tuple(copy(each) for each in state.under_way)
    return state.current_id, state.best_id, state.over, under_way, copy(state.edit)
