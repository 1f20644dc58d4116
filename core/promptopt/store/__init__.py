"""What is kept: runs and their events, the journal of model calls, cells, commands, project files."""
