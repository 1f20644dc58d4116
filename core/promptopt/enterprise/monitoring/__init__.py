"""Keeping an eye on a prompt in use: fresh cases against its test, over time."""
