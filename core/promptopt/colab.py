"""Colab under the names of the plan: a front on ``promptopt.notebook.colab``."""

from promptopt.notebook.colab import ColabManager, Recovered

__all__ = ["ColabManager", "Recovered"]
