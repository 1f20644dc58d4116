"""The terminal UI in a notebook: its process, and the ways that it is shown in a cell."""
