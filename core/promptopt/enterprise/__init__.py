"""Prompts for a business: its rules as constraints, optimizers that keep to them, texts for a team."""

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
