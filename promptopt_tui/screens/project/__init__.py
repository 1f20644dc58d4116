"""The editor of a project."""
