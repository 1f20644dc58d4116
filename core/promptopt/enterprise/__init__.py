"""Prompts for a business: its rules as constraints, optimizers that keep to them, texts for a team."""

from promptopt.enterprise.adapters import EnterpriseDSPyAdapter, EnterpriseSequentialHybrid
from promptopt.enterprise.assets import create_team_deployment_assets
from promptopt.enterprise.context import BusinessContext

__all__ = [
    "BusinessContext",
    "EnterpriseDSPyAdapter",
    "EnterpriseSequentialHybrid",
    "create_team_deployment_assets",
]
