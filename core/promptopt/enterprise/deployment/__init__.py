"""Giving a prompt to a team: what to hand out, how to roll it out, and how to keep an eye on it."""
