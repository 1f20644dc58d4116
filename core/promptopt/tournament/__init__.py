"""Tournaments: schedules, judge panels, when a match is decided, and ratings."""

from promptopt.tournament.config import TournamentConfig
from promptopt.tournament.manager import TournamentManager, panel_for
from promptopt.tournament.panel import JudgePanel, PairVerdict
from promptopt.tournament.results import TournamentResults

__all__ = [
    "JudgePanel",
    "PairVerdict",
    "TournamentConfig",
    "TournamentManager",
    "TournamentResults",
    "panel_for",
]
