"""Optimizers: they propose candidates, and reach the world only through their RunContext."""
