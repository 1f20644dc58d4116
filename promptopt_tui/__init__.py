"""The terminal UI. It knows the engine only through the store, its types and the fold over a run's events."""
