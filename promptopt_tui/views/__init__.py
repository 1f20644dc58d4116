"""From a run's state to lines of text: plain functions, tested without a terminal."""
