"""The pictures under the names of the plan: a front on this room, for scripts and notebooks."""

from collections.abc import Sequence

from promptopt.reporting.canvas import Figure
from promptopt.reporting.comparison import optimizer_comparison
from promptopt.reporting.curves import learning_curves
from promptopt.reporting.tournaments import Tournament, tournament_brackets, tournament_of
from promptopt.reporting.tradeoffs import pareto_frontier, performance_vs_cost, performance_vs_time
from promptopt.runs.scoreboard import Entry, Scoreboard
from promptopt.runs.state import RunState


class ResultsDashboard:
    """Draws; every method returns a matplotlib figure.

    A ``Scoreboard`` and its entries come from ``promptopt.experiments.results.results_of`` (an experiment) or
    ``promptopt.reporting.drawing.board_of_runs`` (runs).
    """

    def plot_optimizer_comparison(self, results: Scoreboard) -> Figure:
        """Scores with intervals, by metric, judge and dataset."""
        return optimizer_comparison(results)

    def plot_learning_curves(self, optimization_history: Sequence[Entry]) -> Figure:
        """The best validation score by calls spent."""
        return learning_curves(optimization_history)

    def plot_tournament_brackets(self, tournament_results: Tournament | RunState) -> Figure:
        """Ratings, and the bracket or who beat whom; of a run its last tournament."""
        if isinstance(tournament_results, RunState):
            return tournament_brackets(tournament_of(tournament_results))
        return tournament_brackets(tournament_results)

    def plot_performance_vs_cost(self, results: Scoreboard) -> Figure:
        """Score against cost."""
        return performance_vs_cost(results)

    def plot_performance_vs_time(self, results: Scoreboard) -> Figure:
        """Score against running time."""
        return performance_vs_time(results)

    def plot_pareto_frontier(self, results: Scoreboard, metrics: Sequence[str] = ()) -> Figure:
        """Two measures against each other; default: cost and score."""
        return pareto_frontier(results, metrics)
