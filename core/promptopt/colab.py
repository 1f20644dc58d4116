"""Colab under the names of the plan: a front on ``promptopt.notebook.colab``, and what companies need."""

from promptopt.notebook.colab import ColabManager, Recovered
from promptopt.notebook.enterprise import ColabEnterpriseManager
from promptopt.notebook.workspace import WorkspaceConfig

__all__ = ["ColabEnterpriseManager", "ColabManager", "Recovered", "WorkspaceConfig"]
