"""Runs in notebooks: started, watched and steered from a cell."""
