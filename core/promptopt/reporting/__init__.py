"""Pictures of runs and experiments. matplotlib (extra ``reports``) is imported when one is drawn."""
