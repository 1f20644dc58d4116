"""Prompts for a business: its rules as constraints, optimizers that keep to them, texts for a team."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptopt.enterprise.adapters import EnterpriseDSPyAdapter, EnterpriseSequentialHybrid
    from promptopt.enterprise.assets import create_team_deployment_assets
    from promptopt.enterprise.case.assumptions import Assumptions
    from promptopt.enterprise.case.calculator import BusinessCase, EnterpriseROICalculator
    from promptopt.enterprise.case.documents import generate_executive_presentation
    from promptopt.enterprise.case.evidence import Evidence
    from promptopt.enterprise.case.impact import BusinessImpactTracker
    from promptopt.enterprise.compliance import ComplianceChecker, ComplianceProfile, ComplianceReport
    from promptopt.enterprise.config import EnterpriseConfig
    from promptopt.enterprise.context import BusinessContext
    from promptopt.enterprise.deployment.package import OnboardingPackage
    from promptopt.enterprise.deployment.rollout import RolloutPlan
    from promptopt.enterprise.poc.benchmarks import BusinessBenchmarkSuite, EnterpriseReport
    from promptopt.enterprise.poc.front import EnterprisePOC, ExecutiveSummary, POCResults
    from promptopt.enterprise.team import EnterpriseDeploymentPipeline, TeamDeploymentManager

_HOMES = {
    "Assumptions": "promptopt.enterprise.case.assumptions",
    "BusinessBenchmarkSuite": "promptopt.enterprise.poc.benchmarks",
    "BusinessCase": "promptopt.enterprise.case.calculator",
    "BusinessContext": "promptopt.enterprise.context",
    "BusinessImpactTracker": "promptopt.enterprise.case.impact",
    "ComplianceChecker": "promptopt.enterprise.compliance",
    "ComplianceProfile": "promptopt.enterprise.compliance",
    "ComplianceReport": "promptopt.enterprise.compliance",
    "EnterpriseConfig": "promptopt.enterprise.config",
    "EnterpriseDSPyAdapter": "promptopt.enterprise.adapters",
    "EnterpriseDeploymentPipeline": "promptopt.enterprise.team",
    "EnterprisePOC": "promptopt.enterprise.poc.front",
    "EnterpriseROICalculator": "promptopt.enterprise.case.calculator",
    "EnterpriseReport": "promptopt.enterprise.poc.benchmarks",
    "EnterpriseSequentialHybrid": "promptopt.enterprise.adapters",
    "Evidence": "promptopt.enterprise.case.evidence",
    "ExecutiveSummary": "promptopt.enterprise.poc.front",
    "OnboardingPackage": "promptopt.enterprise.deployment.package",
    "POCResults": "promptopt.enterprise.poc.front",
    "RolloutPlan": "promptopt.enterprise.deployment.rollout",
    "TeamDeploymentManager": "promptopt.enterprise.team",
    "create_team_deployment_assets": "promptopt.enterprise.assets",
    "generate_executive_presentation": "promptopt.enterprise.case.documents",
}
"""Where each name is made; it is imported when it is asked for."""

__all__ = [
    "Assumptions",
    "BusinessBenchmarkSuite",
    "BusinessCase",
    "BusinessContext",
    "BusinessImpactTracker",
    "ComplianceChecker",
    "ComplianceProfile",
    "ComplianceReport",
    "EnterpriseConfig",
    "EnterpriseDSPyAdapter",
    "EnterpriseDeploymentPipeline",
    "EnterprisePOC",
    "EnterpriseROICalculator",
    "EnterpriseReport",
    "EnterpriseSequentialHybrid",
    "Evidence",
    "ExecutiveSummary",
    "OnboardingPackage",
    "POCResults",
    "RolloutPlan",
    "TeamDeploymentManager",
    "create_team_deployment_assets",
    "generate_executive_presentation",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
