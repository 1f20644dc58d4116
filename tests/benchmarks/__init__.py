"""Speed, measured and printed; never asserted. ``python -m tests.benchmarks`` runs all of it."""
