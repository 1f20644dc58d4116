"""The settings that the runs of a proof of concept have in common."""

from collections.abc import Mapping
from typing import Any

from promptopt.domain.settings import BudgetSettings, ModelSettings, ProjectSettings
from promptopt.domain.words import Role
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.runs.generating import GenerationPlan, planned

TODAY = "none"
"""The optimizer of a run that only scores a prompt."""


def project_of(plan: POCPlan) -> ProjectSettings:
    """The task with today's prompt, the company's rules, the models and the checks, as a project has them."""
    context = plan.business
    task: dict[str, Any] = plan.scenario.task()
    known = {str(rule["name"]) for rule in task["constraints"]}
    rules = [
        rule.model_dump(exclude_unset=True) for rule in context.checked_rules() if rule.name not in known
    ]
    task["constraints"] = [*task["constraints"], *rules]
    task["description"] = "\n\n".join(part for part in (plan.scenario.description, plan.company) if part)
    return ProjectSettings.model_validate(
        {
            "name": plan.name,
            "prompt": plan.prompt or plan.scenario.prompt,
            "task": task,
            "models": {role: _dumped(model) for role, model in plan.models.items()},
            "checks": [_dumped(check) for check in plan.checks],
            "compliance": _dumped(plan.compliance),
            "optimizer": {"name": TODAY},
        }
    )


def generation_of(plan: POCPlan, caps: Mapping[str, float]) -> ProjectSettings:
    """The settings of the run that makes the cases up.

    Raises:
        SettingsError: there is no generator, or no judge to say how real they seem.
    """
    making = GenerationPlan(
        scenario=plan.scenario,
        company=plan.company,
        count=plan.count,
        realism=plan.realism,
        seed=plan.seed,
    )
    roles: tuple[Role, ...] = ("generator", "judge", "target") if plan.realism else ("generator", "target")
    models: dict[Role, ModelSettings] = {role: plan.models[role] for role in roles if role in plan.models}
    settings = planned(making, models, BudgetSettings.model_validate(dict(caps)), plan.name)
    return settings.model_copy(update={"compliance": plan.compliance})


def scoring(settings: ProjectSettings, caps: Mapping[str, float], **changes: Any) -> ProjectSettings:
    """Settings of a run that only scores a prompt on the cases of the sealed split.

    Args:
        caps: of the run.
        changes: other settings, as a project file has them.
    """
    raw = settings.model_dump(mode="json", exclude_unset=True)
    raw |= {"optimizer": {"name": TODAY, "split": "test"}, "budget": dict(caps), **changes}
    return ProjectSettings.model_validate(raw)


def _dumped(part: Any) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude_unset=True)
