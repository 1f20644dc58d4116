"""Tournaments: schedules, judge panels, when a match is decided, and ratings."""
