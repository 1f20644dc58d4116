"""From what a person says to the plan of a proof of concept, with defaults for the rest; nothing is sent."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from promptopt.domain.compliance import ComplianceSettings
from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import ModelError, SettingsError
from promptopt.domain.settings import (
    OPTIMIZER_MODEL,
    BudgetSettings,
    CheckSettings,
    ModelSettings,
    ProjectSettings,
)
from promptopt.domain.words import Role
from promptopt.enterprise.case.assumptions import GENERAL, Assumptions
from promptopt.enterprise.case.assumptions import scenarios as assumed_scenarios
from promptopt.enterprise.config import EnterpriseConfig
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.enterprise.poc.settings import project_of
from promptopt.experiments.config import OptimizerEntry
from promptopt.experiments.words import read_optimizers
from promptopt.models.keys import missing_key
from promptopt.runs.checking import check_runnable
from promptopt.store.database import Database
from promptopt.store.pocs import PocRow, Pocs
from promptopt.store.projects import slugify
from promptopt.synthetic.scenarios import Scenario, find_scenario

BUDGET_USD = 500.0
"""Most USD, where neither a person nor a configuration says how many."""

ROLES: tuple[Role, ...] = ("target", "optimizer", "generator", "judge")

OPTIMIZERS: tuple[str, ...] = ("refine", "dspy-mipro", "grpo")
"""What is compared, the most important first."""

SIMULATED: dict[Role, ModelSettings] = {role: ModelSettings(model=f"sim/{role}") for role in ROLES}

REHEARSAL: dict[str, dict[str, Any]] = {
    "refine": {"max_iterations": 3},
    "dspy-mipro": {"auto": "light"},
    "grpo": {"max_iterations": 2},
}
"""Settings of optimizers on the simulator, where all is to be over in a minute or two."""

TO_TRY = "name no model: the simulator stands in"

REHEARSED = 60
"""Cases on the simulator, where nobody says how many."""


@dataclass(frozen=True)
class Wanted:
    """What a person says of a proof of concept; the rest is taken from the configuration, then from defaults.

    Attributes:
        scenario: a name, the path of a scenario file, or a ``Scenario``.
        context: of the company.
        config: the enterprise configuration.
        models: by role; none: the simulator. A role that is left out gets the optimizer's model, or else the
            target's.
        own_cases: in place of made-up ones.
        optimizers: names, or tables as in an experiment file.
        budget: caps; ``usd`` is that of the configuration, or ``BUDGET_USD``, if it is left out.
        assumptions: of the business case.
        more: other fields of the plan.
    """

    scenario: str | Scenario
    context: BusinessContext | None = None
    config: EnterpriseConfig | None = None
    models: Mapping[Role, ModelSettings] = field(default_factory=dict[Role, ModelSettings])
    count: int | None = None
    own_cases: Dataset | None = None
    optimizers: Sequence[str | Mapping[str, Any]] = ()
    budget: Mapping[str, float] = field(default_factory=dict[str, float])
    assumptions: Assumptions | None = None
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])


def plan_for(wanted: Wanted) -> POCPlan:
    """The plan.

    Raises:
        SettingsError: something can't be used.
        ModelError: a key is missing.
    """
    scenario = find_scenario(wanted.scenario)
    config = wanted.config
    known = config is not None and scenario.name in config.business_scenarios
    context = wanted.context
    if context is None:
        context = config.context(scenario.name if known else "") if config else BusinessContext()
    models = _models(wanted.models)
    rehearsal = all(model.simulated for model in models.values())
    judged = "judge" in models
    told: dict[str, Any] = {
        "scenario": scenario,
        "organization": config.organization.name if config else context.company,
        "context": context.model_dump(mode="json", exclude_unset=True),
        "models": models,
        "count": wanted.count or _count(config, scenario, known=known, rehearsal=rehearsal),
        "own_cases": wanted.own_cases.fingerprint() if wanted.own_cases else "",
        "optimizers": [_entry(one, rehearsal=rehearsal) for one in wanted.optimizers or OPTIMIZERS],
        "checks": _checks(scenario, context, judged=judged),
        "budget": _budget(wanted.budget, config),
        "assumptions": wanted.assumptions or _assumptions(scenario),
        "realism": judged and not wanted.own_cases,
        **(_of_config(config) if config else {}),
        **wanted.more,
    }
    try:
        told["compliance"] = _compliance(config, context, wanted.more.get("compliance"))
        return POCPlan.model_validate(told)
    except ValidationError as error:
        flaw = error.errors()[0]
        where = ".".join(map(str, flaw["loc"])) or "proof of concept"
        raise SettingsError(str(flaw["msg"]).removeprefix("Value error, "), where=where) from None


def rehearsed(wanted: Wanted, plan: POCPlan) -> str:
    """That the simulator makes another number of cases up than the configuration says; else empty."""
    config = wanted.config
    if wanted.count or wanted.own_cases or config is None:
        return ""
    if plan.scenario.name not in config.business_scenarios:
        return ""
    said = config.scenario(plan.scenario.name).synthetic_data_count
    if said == plan.count:
        return ""
    return f"the simulator makes {plan.count} cases up where the configuration says {said}; --count has a say"


def create(
    database: Database, plan: POCPlan, folder: Path, own_cases: Dataset | None = None, *, fresh: bool = False
) -> tuple[PocRow, bool]:
    """Keep a plan, or find the same one that is there; nothing is sent. Returns it, and whether it is new.

    Args:
        folder: for what it writes.
        fresh: keep it anew in any case.
    """
    pocs, digest = Pocs(database), plan.digest()
    row = None if fresh else pocs.like(digest)
    new = row is None
    if row is None:
        row = pocs.create(
            plan.name,
            plan.organization,
            digest,
            plan.frozen(),
            str(folder.expanduser().absolute()),
            simulated=plan.simulated,
        )
    if own_cases is not None:
        pocs.freeze(row.id, "own cases", own_cases.model_dump_json(exclude_defaults=True))
    return row, new


def default_folder(plan: POCPlan) -> Path:
    """Where a plan's files go if nobody says where: beside those of earlier ones."""
    base = f"poc-{slugify(plan.scenario.name)}"
    number = 1
    while (place := Path(base if number == 1 else f"{base}-{number}")).exists():
        number += 1
    return place


def check_plan(plan: POCPlan) -> None:
    """Raise what would end it later: an optimizer or a check that can't be used, a key or a price.

    Raises:
        SettingsError: an optimizer, a setting of its, or a check can't be used.
        ModelError: the key of a model is missing, or its price while there is a cap on USD.
    """
    base = project_of(plan).model_dump(mode="json", exclude_unset=True)
    base["budget"] = plan.budget.model_dump(exclude_none=True)
    for named in read_optimizers(plan.optimizers, "optimizer"):
        said = {**named.config, "seed": plan.seeds[0], "name": named.name}
        settings = ProjectSettings.model_validate({**base, "optimizer": said})
        check_runnable(settings, Path.cwd(), to_try=TO_TRY)
    for role, model in plan.models.items():
        problem = missing_key(model)
        if problem:
            raise ModelError(problem, where=f"models.{role}", fix=TO_TRY)


def _models(given: Mapping[Role, ModelSettings]) -> dict[Role, ModelSettings]:
    if not given:
        return {role: _quick(model) for role, model in SIMULATED.items()}
    if "target" not in given:
        raise SettingsError("there is no model that the prompt is for", where="models.target", fix="name one")
    strong = given.get("optimizer") or ModelSettings.model_validate(
        {**OPTIMIZER_MODEL, **_set(given["target"])}
    )
    found: dict[Role, ModelSettings] = {}
    for role in ROLES:
        model = given.get(role)
        if model is None:
            model = SIMULATED[role] if given["target"].simulated else strong
        found[role] = _quick(model)
    return found


def _quick(model: ModelSettings) -> ModelSettings:
    """A simulated model that answers at once, unless somebody said how long it takes."""
    said = model.latency is not None
    return model.model_copy(update={"latency": 0.0}) if model.simulated and not said else model


def _set(model: ModelSettings) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_unset=True)


def _count(config: EnterpriseConfig | None, scenario: Scenario, *, known: bool, rehearsal: bool) -> int:
    if rehearsal:
        return REHEARSED
    return config.scenario(scenario.name).synthetic_data_count if config and known else 200


def _entry(given: str | Mapping[str, Any], *, rehearsal: bool) -> OptimizerEntry:
    if not isinstance(given, str):
        return OptimizerEntry.model_validate(dict(given))
    return OptimizerEntry(type=given, config=REHEARSAL.get(given, {}) if rehearsal else {})


def _checks(scenario: Scenario, context: BusinessContext, *, judged: bool) -> list[CheckSettings]:
    found = scenario.checks_for(judged=judged)
    if judged and context.text():
        with suppress(SettingsError):  # nothing that a judge could go by
            found = [*found, context.judge_check()]
    return [CheckSettings.model_validate(check) for check in found]


def _budget(given: Mapping[str, float], config: EnterpriseConfig | None) -> BudgetSettings:
    limit = config.budget_limits.poc_budget if config else None
    usd = BUDGET_USD if limit is None else limit
    caps = {"usd": usd, **given}
    if limit is not None:
        caps["usd"] = min(caps["usd"], limit)
    if caps["usd"] <= 0:
        raise SettingsError("the budget is 0, so nothing can be sent", where="budget.usd", fix="raise it")
    return BudgetSettings.model_validate(caps)


def _assumptions(scenario: Scenario) -> Assumptions:
    names = (scenario.name, *scenario.aliases)
    known = next((name for name in names if name in assumed_scenarios()), None)
    return Assumptions.of(known or GENERAL)


def _compliance(config: EnterpriseConfig | None, context: BusinessContext, said: Any) -> ComplianceSettings:
    """What somebody said, held to the norms that the organization names as well."""
    named = [*(config.organization.compliance if config else ()), *context.compliance]
    return ComplianceSettings.model_validate(said or {}).with_norms(named)


def _of_config(config: EnterpriseConfig) -> dict[str, Any]:
    return {
        "monthly": config.budget_limits.monthly_optimization_budget,
        "emergency": config.budget_limits.emergency_budget,
        "teams": config.deployment.target_teams,
        "rollout": config.deployment.rollout_strategy,
    }
