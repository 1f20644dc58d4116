"""Proofs of concept: from a scenario to a business case, as ordinary runs under one budget."""
