"""Widgets: each draws lines of :mod:`promptopt_tui.paint`, and only those that are visible."""
