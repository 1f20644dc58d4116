"""What a proof of concept is planned to be. It is frozen in the store: whoever takes it up reads it there."""

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from promptopt.domain.compliance import ComplianceSettings
from promptopt.domain.settings import BudgetSettings, CheckSettings, ModelSettings
from promptopt.domain.words import Role
from promptopt.enterprise.case.assumptions import Assumptions
from promptopt.enterprise.config import Rollout
from promptopt.enterprise.consistency import GOAL
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.poc.shares import SHARES
from promptopt.experiments.config import OptimizerEntry
from promptopt.synthetic.scenarios import Scenario

SPLIT = (0.4, 0.2, 0.4)
"""Of the cases: to learn from, to choose by, and sealed. The verdict rests on the sealed ones."""

LOWEST_QUALITY = 5.0

FEWEST_SEALED = 8
"""Fewer sealed cases could show no difference that matters, and the gate refuses them."""


class POCPlan(BaseModel):
    """A whole proof of concept.

    Attributes:
        scenario: the task, with the grid that cases are made up by.
        organization: whose monthly budget it counts to.
        context: what the company keeps to, as a table of a ``BusinessContext``.
        models: by role: ``target``, ``optimizer``, ``generator``, ``judge``.
        count: cases to make up; of no weight with cases of one's own.
        own_cases: fingerprint of the person's own cases; empty: they are made up.
        prompt: today's prompt, which all is measured against.
        optimizers: what is compared, the most important first: what the budget can't carry is left out
            from the end.
        seeds: each optimizer is run once with each.
        checks: by which outputs are judged.
        budget: caps on all stages together, by name.
        shares: of what is left, for each stage that pays.
        monthly, emergency: most USD of the organization's proofs of concept in a month; None: no cap.
        emergency_allowed: a person has agreed to go beyond ``monthly``, up to ``emergency``.
        assumptions: of the business case.
        compliance: what may be sent, by the norms that the organization names.
        review: it waits for a person to look at the cases before they are used.
        realism: the judge says of each made-up case how real it seems.
        least_gain: criterion that is set beforehand: the whole interval of the difference on the sealed
            cases, corrected for the number of optimizers, is to lie above it; in [0, 1].
        lowest_quality: of the cases, from 0 to 10, for the gate.
        tasks, phrasings: of the consistency: sealed cases, and ways of putting each.
        goal: agreement that is to be reached, in (0, 1].
        teams, rollout: who gets the prompt, and how.
        parallel: runs of the comparison at once.
        seed: of everything random.
    """

    model_config = ConfigDict(frozen=True)

    scenario: Scenario
    organization: str = ""
    context: dict[str, Any] = Field(default_factory=dict[str, Any])
    models: dict[Role, ModelSettings]
    count: int = Field(default=200, ge=1, le=100_000)
    own_cases: str = ""
    prompt: str = ""
    optimizers: tuple[OptimizerEntry, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = (0,)
    checks: tuple[CheckSettings, ...] = ()
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    shares: dict[str, float] = Field(default_factory=lambda: dict(SHARES))
    monthly: float | None = None
    emergency: float | None = None
    emergency_allowed: bool = False
    assumptions: Assumptions
    compliance: ComplianceSettings = Field(default_factory=ComplianceSettings)
    review: bool = False
    realism: bool = False
    least_gain: float = Field(default=0.0, ge=0, le=1)
    lowest_quality: float = Field(default=LOWEST_QUALITY, ge=0, le=10)
    tasks: int = Field(default=12, ge=2, le=200)
    phrasings: int = Field(default=3, ge=2, le=20)
    goal: float = Field(default=GOAL, gt=0, le=1)
    teams: tuple[str, ...] = ()
    rollout: Rollout = "gradual"
    parallel: int = Field(default=2, ge=1, le=16)
    seed: int = 0

    @model_validator(mode="after")
    def _shares_are_shares(self) -> "POCPlan":
        if set(self.shares) != set(SHARES) or any(share <= 0 for share in self.shares.values()):
            raise ValueError(f"a share above 0 is needed of each of: {', '.join(SHARES)}")
        return self

    @property
    def name(self) -> str:
        """What lists call it."""
        whose = self.organization or self.business.company
        title = self.scenario.title or self.scenario.name
        return f"{whose}: {title}"[:90] if whose else title[:90]

    @property
    def business(self) -> BusinessContext:
        """What the company keeps to."""
        return BusinessContext.of(self.context)

    @property
    def company(self) -> str:
        """The same as a model reads it."""
        return self.business.text()

    @property
    def judged(self) -> bool:
        """A judge model takes part: in checks, or in how real cases seem."""
        return self.realism or any(check.type == "judge" for check in self.checks)

    @property
    def simulated(self) -> bool:
        return any(model.simulated for model in self.models.values())

    @property
    def usd_free(self) -> bool:
        """Nothing of it costs anything."""
        return all(model.simulated for model in self.models.values())

    def frozen(self) -> str:
        """As JSON text."""
        return self.model_dump_json()

    def digest(self) -> str:
        """Hash of all that decides what its runs are: the same again goes on, and pays for nothing again."""
        body = self.model_dump_json(exclude={"emergency_allowed"})
        return hashlib.sha256(body.encode()).hexdigest()[:32]
