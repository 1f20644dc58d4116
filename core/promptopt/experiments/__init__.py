"""Experiments: optimizers × datasets × seeds as runs of one budget, told in one table."""
