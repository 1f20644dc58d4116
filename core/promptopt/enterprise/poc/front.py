"""``EnterprisePOC``: a proof of concept from a program, in a few calls. It is in the store like any other."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.prompt import OptimizedPrompt
from promptopt.domain.settings import OPTIMIZER_MODEL, BudgetSettings, ModelSettings
from promptopt.domain.words import Role
from promptopt.enterprise.case.assumptions import Assumptions
from promptopt.enterprise.case.calculator import BusinessCase
from promptopt.enterprise.case.evidence import Evidence
from promptopt.enterprise.case.ranges import Range
from promptopt.enterprise.config import EnterpriseConfig, load_company
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.deployment.package import OnboardingPackage
from promptopt.enterprise.deployment.rollout import RolloutPlan
from promptopt.enterprise.environment import current
from promptopt.enterprise.poc.cases import made_already
from promptopt.enterprise.poc.concluding import Conclusion, best_prompt, concluded
from promptopt.enterprise.poc.driving import POCDriver
from promptopt.enterprise.poc.live import Watching
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.enterprise.poc.planning import Wanted, check_plan, create, default_folder, plan_for
from promptopt.enterprise.poc.settings import generation_of
from promptopt.enterprise.poc.shares import allowance
from promptopt.enterprise.poc.steering import agree, check_month
from promptopt.enterprise.poc.writing import left_out, summary_of
from promptopt.enterprise.team import EnterpriseDeploymentPipeline
from promptopt.runs.assembling import model_table
from promptopt.runs.generating import create_planned
from promptopt.runs.given import budget_table
from promptopt.runs.inprocess import run_here
from promptopt.runs.library import shown_by
from promptopt.runs.own import NOTHING
from promptopt.runs.scoreboard import NONE
from promptopt.store.database import Database
from promptopt.store.pocs import PocRow, Pocs
from promptopt.synthetic.scenarios import Scenario, find_scenario

if TYPE_CHECKING:
    from promptopt.runs.assembling import Model

WHERE = "EnterprisePOC"

NOT_SHOWN = "not shown: no prompts were compared"


@dataclass(frozen=True)
class Improvement:
    """What one optimizer reached on the sealed cases, against today's prompt; all in [0, 1].

    Attributes:
        low, high: of the difference, 95 %; of several optimizers simultaneous (Bonferroni).
        verdict: corrected for the number of optimizers (Holm).
        chosen: its winner is the prompt that is gone on with, by its score on validation.
    """

    optimizer: str
    score: float
    difference: float
    low: float
    high: float
    verdict: str
    n: int
    chosen: bool
    simulated: bool

    def __str__(self) -> str:
        label = ", SIMULATED" if self.simulated else ""
        chosen = " (chosen)" if self.chosen else ""
        return (
            f"{self.optimizer}{chosen}: {self.score:.1%}, {self.difference * 100:+z.1f} points "
            f"[{self.low * 100:+z.1f}, {self.high * 100:+z.1f}] on {self.n} sealed cases: "
            f"{self.verdict}{label}"
        )


class Improvements(tuple[Improvement, ...]):
    """The optimizers, the chosen one first."""

    def __str__(self) -> str:
        return "; ".join(map(str, self)) or NOT_SHOWN

    __repr__ = __str__


@dataclass(frozen=True)
class POCResults:
    """What a proof of concept came to. All of it is in the store, and is read from there again at any time.

    Attributes:
        poc_id: in the store.
        synthetic_data_quality: of the cases, from 0 to 10.
        optimization_improvements: what each optimizer reached.
        roi_projections: the business case; None without a comparison.
        deployment_strategy: the roll-out plan; None without a comparison.
        executive_summary: as Markdown.
        best_prompts: by scenario; empty without a comparison.
        artefacts: files by name.
        simulated: the figures say nothing about a real model.
        left_out: what the budget did not carry, a sentence each.
    """

    poc_id: str
    synthetic_data_quality: float
    optimization_improvements: Improvements
    roi_projections: BusinessCase | None
    deployment_strategy: RolloutPlan | None
    executive_summary: str
    best_prompts: Mapping[str, OptimizedPrompt]
    artefacts: Mapping[str, Path]
    simulated: bool
    left_out: tuple[str, ...]
    conclusion: Conclusion

    @property
    def evidence(self) -> Evidence | None:
        """What was measured, for the calculator of business cases."""
        return self.conclusion.evidence

    def __repr__(self) -> str:
        label = ", SIMULATED" if self.simulated else ""
        return f"<POCResults {self.poc_id}{label}: {self.conclusion.headline}>"

    def _repr_markdown_(self) -> str:
        return self.executive_summary


@dataclass(frozen=True)
class ExecutiveSummary:
    """The business case in words.

    Attributes:
        text: as Markdown.
        annual_roi: prints as a range; a sentence if none was computed.
        business_case: all of it; None without a comparison.
        results: what it sums up.
    """

    text: str
    annual_roi: Range | str
    business_case: BusinessCase | None
    results: POCResults

    @property
    def headline(self) -> str:
        return self.results.conclusion.headline

    @property
    def simulated(self) -> bool:
        return self.results.simulated

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


class EnterprisePOC:
    """Proofs of concept.

    Args:
        models: one model for all roles, or models by role (``target``, ``optimizer``, ``generator``,
            ``judge``). Default: those of ``setup_enterprise_environment()``, else the simulator.
        config: an enterprise configuration or its file. Default: that of the environment.
        budget: most USD, or a table of caps. Default: the configuration's, else the environment's.
        assumptions: of the business case.
        progress: tell how it goes: in lines, in a notebook as stages in the cell.

    Raises:
        SettingsError: a model, the configuration or the budget can't be used.
    """

    def __init__(
        self,
        models: "Model | Mapping[Role, Model] | None" = None,
        config: EnterpriseConfig | Mapping[str, Any] | str | Path | None = None,
        budget: float | Mapping[str, float] | BudgetSettings | None = None,
        *,
        assumptions: Assumptions | None = None,
        progress: bool = True,
    ) -> None:
        environment = current()
        self._models = _by_role(environment.models if models is None and environment else models)
        self._config = environment.config if config is None and environment else None
        if config is not None:
            self._config = EnterpriseConfig.of(config)
        said: Any = budget if budget is not None else (environment.budget if environment else {})
        caps = {} if not said else budget_table(said, WHERE)
        self._budget = BudgetSettings.model_validate(caps).limits()
        self._assumptions = assumptions
        self._progress = progress
        self._counts: dict[tuple[str, str], int] = {}

    def generate_realistic_scenarios(
        self,
        scenario_type: str | Scenario = "customer_support",
        company_context: Any = None,
        count: int | None = None,
        **more: Any,
    ) -> Any:
        """Have cases made up; blocks until they are made. The same again is read, not paid for again.

        Args:
            scenario_type: a scenario's name or file.
            company_context: a ``BusinessContext``, a table, or a company file.
            count: cases.
            more: other fields of the plan, as ``realism``.

        Returns:
            A ``promptopt.data.GeneratedDataset``.

        Raises:
            SettingsError, ModelError: something can't be used; nothing was sent.
            RunError: not one case could be made.
        """
        plan = self.plan(scenario_type, company_context, {"count": count, **more})
        check_plan(plan)
        caps = allowance(plan.budget.limits(), {}, "data", plan.shares)
        with closing(Database.open()) as database:
            check_month(database, plan)
            settings = generation_of(plan, caps)
            row = made_already(database, settings, None)
            run_id = row.id if row else create_planned(database, settings)
            if row is None:
                run_here(database, run_id, NOTHING, shown_by(self._progress, run_id))
            self._counts[plan.scenario.name, plan.company] = plan.count
            # The public name of what is made stands above this floor: it opens a run in the hand, too.
            return import_module("promptopt.data").generated_dataset(run_id, database)

    def run_complete_poc(
        self,
        business_scenario: str | Scenario = "customer_support",
        company_context: Any = None,
        budget_limit: float | None = None,
        **more: Any,
    ) -> POCResults:
        """Go from a scenario to a business case; blocks until it is over. Ctrl-C stops it, nothing is lost.

        The same again goes on where it was, and pays for nothing twice; cases that were made for the same
        scenario, company and number are taken.

        Args:
            business_scenario: a scenario's name or file.
            company_context: a ``BusinessContext``, a table, or a company file.
            budget_limit: most USD of all stages.
            more: ``count``, ``cases`` (a ``Dataset`` of yours), ``optimizers``, ``out`` (a folder),
                ``fresh``, ``accept_cases``, ``budget`` (a table of caps), ``emergency``, and other fields of
                the plan.

        Raises:
            SettingsError, ModelError: something can't be used; nothing was sent.
            RunError: it failed, was stopped, or waits for a person's word.
        """
        out, fresh, accept = more.pop("out", None), more.pop("fresh", False), more.pop("accept_cases", False)
        own = cast("Dataset | None", more.get("cases"))
        plan = self.plan(business_scenario, company_context, more, budget_limit)
        check_plan(plan)
        with closing(Database.open()) as database:
            check_month(database, plan)
            folder = Path(out) if out is not None else default_folder(plan)
            row, _ = create(database, plan, folder, own, fresh=fresh)
            if row.status != "finished":
                row = self._carried_out(database, agree(database, row, accept_cases=accept))
            return results_of(database, row)

    def attach(self, reference: str = "latest") -> POCResults:
        """What a finished proof of concept of the store came to.

        Raises:
            RunError: there is none, or it is not finished.
        """
        with closing(Database.open()) as database:
            row = Pocs(database).find(reference)
            if row.status != "finished":
                raise _not_finished(row)
            return results_of(database, row)

    def create_executive_summary(self, results: POCResults) -> ExecutiveSummary:
        """The business case in words; its ``annual_roi`` prints as a range."""
        case = results.roi_projections
        return ExecutiveSummary(
            results.executive_summary, case.annual_roi if case else NOT_SHOWN, case, results
        )

    def create_team_rollout_strategy(self, results: POCResults) -> RolloutPlan:
        """The roll-out plan.

        Raises:
            RunError: no prompts were compared.
        """
        if results.deployment_strategy is None:
            raise RunError(NOT_SHOWN, where=results.poc_id, fix="raise the budget, and run it again")
        return results.deployment_strategy

    def create_deployment_package(self, best_prompts: Mapping[str, OptimizedPrompt]) -> OnboardingPackage:
        """What the teams get; ``write(folder)`` or ``zip(file)`` keeps it.

        Raises:
            SettingsError: there is no prompt.
        """
        return EnterpriseDeploymentPipeline(self._config).create_team_onboarding_package(dict(best_prompts))

    def _carried_out(self, database: Database, row: PocRow) -> PocRow:
        watch = Watching(database, row.id, quiet=not self._progress)
        row = POCDriver(database, row, watch).run()
        watch.conclude()
        if row.status != "finished":
            raise _not_finished(row)
        return row

    def plan(
        self,
        scenario: str | Scenario,
        company: Any = None,
        given: Mapping[str, Any] | None = None,
        usd: float | None = None,
    ) -> POCPlan:
        """What would be carried out; nothing is sent. ``given`` and errors as for :meth:`run_complete_poc`.

        Args:
            usd: most USD of all stages.
        """
        more = {name: value for name, value in (given or {}).items() if value is not None}
        found, context = find_scenario(scenario), _context(company)
        own, optimizers = more.pop("cases", None), more.pop("optimizers", ())
        budget = {**self._budget, **budget_table(more.pop("budget", {}) or {}, WHERE)}
        if usd is not None:
            budget["usd"] = usd
        if more.pop("emergency", False):
            more["emergency_allowed"] = True
        unknown = sorted(more.keys() - POCPlan.model_fields.keys())
        if unknown:
            raise SettingsError(f"there is no option {unknown[0]!r}", where=WHERE)
        told = context.text() if context is not None else ""
        return plan_for(
            Wanted(
                scenario=found,
                context=context,
                config=self._config,
                models=self._models,
                count=more.pop("count", None) or self._counts.get((found.name, told)),
                own_cases=own,
                optimizers=cast("Sequence[str | Mapping[str, Any]]", optimizers),
                budget=budget,
                assumptions=self._assumptions,
                more=more,
            )
        )


def results_of(database: Database, row: PocRow) -> POCResults:
    """What a proof of concept came to."""
    told = concluded(database, row)
    prompt = None
    if told.evidence is not None and told.evidence.experiment_id and not told.texts_removed:
        prompt = best_prompt(database, told.evidence.experiment_id, told.evidence, told.case)
    folder = Path(row.output_dir)
    return POCResults(
        poc_id=row.id,
        synthetic_data_quality=told.gate.score if told.gate else 0.0,
        optimization_improvements=_improvements(told),
        roi_projections=told.case,
        deployment_strategy=told.rollout,
        executive_summary=summary_of(told),
        best_prompts={told.plan.scenario.name: prompt} if prompt else {},
        artefacts={str(path.relative_to(folder)): path for path in told.files},
        simulated=told.simulated,
        left_out=tuple(left_out(told)),
        conclusion=told,
    )


def _improvements(told: Conclusion) -> Improvements:
    if told.evidence is None:
        return Improvements()
    found = [
        Improvement(
            optimizer=one.label,
            score=one.score.mean,
            difference=one.gain.difference.mean,
            low=one.gain.difference.low,
            high=one.gain.difference.high,
            verdict=one.gain.verdict,
            n=one.gain.difference.n,
            chosen=one.chosen,
            simulated=told.simulated,
        )
        for one in told.evidence.contenders
        if one.label != NONE and one.score is not None and one.gain is not None
    ]
    return Improvements(sorted(found, key=lambda one: (not one.chosen, -one.difference)))


def _by_role(given: Any) -> dict[Role, ModelSettings]:
    if given is None:
        return {}
    if isinstance(given, Mapping) and "model" not in given:
        tables = {str(role): model_table(one) for role, one in cast("Mapping[str, Any]", given).items()}
    else:
        tables = {"target": model_table(given)}
    found: dict[Role, ModelSettings] = {}
    for role, table in tables.items():
        defaults = OPTIMIZER_MODEL if role in ("optimizer", "generator") else {}
        found[cast(Role, role)] = ModelSettings.model_validate({**defaults, **table})
    return found


def _context(given: Any) -> BusinessContext | None:
    if given is None or isinstance(given, BusinessContext):
        return given
    if isinstance(given, str | Path):
        return load_company(given)
    return BusinessContext.of(given)


def _not_finished(row: PocRow) -> RunError:
    return RunError(
        f"it is {row.status}: {row.detail}" if row.detail else f"it is {row.status}",
        where=f"proof of concept {row.id}",
        fix=f"to go on: promptopt poc resume {row.id}, or the same call again",
    )
