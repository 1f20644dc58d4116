"""``promptopt.data``: cases that a model makes up for a scenario, and how good a set of cases is.

Thin fronts. Making cases is a run (:mod:`promptopt.runs.generating`): it is in the store and in lists, is
watched and steered from any terminal, keeps its budget, and is taken up again. A report is
:mod:`promptopt.synthetic.quality`.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import ModelError, SettingsError
from promptopt.domain.events import Forecast
from promptopt.domain.pii.find import find_pii
from promptopt.domain.settings import BudgetSettings, ModelSettings, ProjectSettings
from promptopt.domain.words import Role
from promptopt.models.keys import missing_key
from promptopt.runs.assembling import Cases, Model, model_table, plain_dataset
from promptopt.runs.generated import Generated, generated_by, queue_of
from promptopt.runs.generating import (
    GenerationPlan,
    create_planned,
    ended_by_cap,
    foreseen,
    higher_caps,
    planned,
    same_generation,
)
from promptopt.runs.given import budget_table
from promptopt.runs.inprocess import run_here
from promptopt.runs.launch import may_resume
from promptopt.runs.library import Progress, shown_by
from promptopt.runs.own import NOTHING
from promptopt.store.commands import Commands, SetLimits
from promptopt.store.database import Database
from promptopt.store.newcases import DEFAULT_TARGET
from promptopt.store.runs import Runs
from promptopt.synthetic.quality import DataQuality, measure
from promptopt.synthetic.saving import Origin, save_as_project, save_cases
from promptopt.synthetic.scenarios import Scenario, find_scenario, scenarios

if TYPE_CHECKING:
    from promptopt.enterprise.context import BusinessContext
    from promptopt.notebook.making import MakingRun
    from promptopt.notebook.wizards.scenarios import InteractiveSyntheticWizard

__all__ = [
    "DataQuality",
    "DataValidator",
    "EnterpriseDataGenerator",
    "GeneratedDataset",
    "InteractiveSyntheticWizard",
    "Scenario",
    "SyntheticDataGenerator",
    "find_scenario",
    "generated_dataset",
    "scenarios",
    "validate",
]

WHERE = "promptopt.data"


def __getattr__(name: str) -> Any:
    """The wizard lives with the notebooks, above this module: it is fetched when it is first used."""
    if name == "InteractiveSyntheticWizard":
        from promptopt.notebook.wizards.scenarios import InteractiveSyntheticWizard

        return InteractiveSyntheticWizard
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_ROLES: tuple[Role, ...] = ("generator", "judge", "target")


class GeneratedDataset(Dataset):
    """Cases that a run made up, in splits.

    Attributes:
        run_id: of that run.
        scenario: that they are for.
        model: that made them up; ``simulated``: it is a simulation.
        report: how good they are.
    """

    run_id: str
    scenario: Scenario
    model: str = ""
    simulated: bool = False
    report: DataQuality = Field(exclude=True)

    @property
    def quality_score(self) -> float:
        """From 0 to 10."""
        return self.report.quality_score

    @property
    def run(self) -> "MakingRun":
        """The run, to watch and steer."""
        from promptopt.notebook.making import MakingRun
        from promptopt.notebook.starting import store

        return MakingRun(store(), self.run_id)

    @property
    def origin(self) -> Origin:
        """Where the cases come from."""
        return Origin(self.model, self.run_id, self.simulated)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the cases into a file (.jsonl, .json, .csv). Raises SettingsError."""
        return save_cases(self, Path(path).expanduser(), self.origin, overwrite=overwrite)

    def save_project(self, name: str, models: Mapping[Role, Model] | None = None) -> Path:
        """Make a project of them, with the scenario's task, prompt and checks. Returns its file.

        Args:
            models: of the project, by role; default: the usual target model, and no judge.

        Raises:
            SettingsError: the name can't be used, or is taken.
        """
        chosen: dict[Role, ModelSettings] = {
            role: ModelSettings.model_validate(model_table(each)) for role, each in (models or {}).items()
        }
        return save_as_project(self, self.scenario, name, chosen, self.origin)


class SyntheticDataGenerator:
    """Makes cases up for a scenario.

    Args:
        models: who makes them up; or a mapping of the roles ``generator``, ``judge`` (says of each case how
            real it seems) and ``target`` to models. A model is a litellm name, a table, or an ``LLMClient``.
        budget: most USD, or a table as ``[budget]`` in a project file.
        seed: of the grid, the samples and the splits.
        simulate: put the built-in simulator in the place of every model.
        compliance: a table as ``[compliance]`` in a project file, as in ``{"profile": "gdpr"}``.
    """

    def __init__(
        self,
        models: Model | Mapping[Role, Model] | None = None,
        budget: float | Mapping[str, float] | BudgetSettings | None = None,
        seed: int = 0,
        *,
        simulate: bool = False,
        compliance: Mapping[str, Any] | None = None,
    ) -> None:
        self._compliance = compliance
        self._models = _models(models, simulate=simulate)
        self._budget = (
            BudgetSettings() if budget is None else BudgetSettings.model_validate(budget_table(budget, WHERE))
        )
        self._seed = seed

    def plan(
        self, scenario: str | Scenario, company_context: Any = None, count: int = 100, **options: Any
    ) -> ProjectSettings:
        """The settings of the run that makes this: nothing is made.

        Args:
            scenario: a name (``customer_support``), the path of a scenario file, or a ``Scenario``.
            company_context: a mapping, a ``BusinessContext``, or a text. Norms that it names under
                ``compliance`` and that a profile covers hold for the run; its products are no persons' names.
            count: cases.
            options: ``personas``, ``difficulties``, ``situations`` (names; default: all), ``realism``
                (default: if there is a judge), ``answers`` (a good answer to each case too; default: true),
                ``batch`` (cases of a request), ``at_once`` (requests), ``name``.

        Raises:
            SettingsError: there is no such scenario, or something can't be used.
            ModelError: a key is missing.
        """
        wanted = dict(options)
        chosen = {name: _several(wanted.pop(name, ())) for name in ("personas", "difficulties", "situations")}
        name = str(wanted.pop("name", ""))
        unknown = sorted(wanted.keys() - {"realism", "answers", "batch", "at_once"})
        if unknown:
            raise SettingsError(f"there is no option {unknown[0]!r}", where=WHERE)
        if count < 1:
            raise SettingsError(f"{count} cases can't be made", where=f"{WHERE}, count", fix="give 1 or more")
        for model in self._models.values():
            problem = missing_key(model)
            if problem:
                raise ModelError(
                    problem, where=WHERE, fix="to try without any key: --simulate, in Python simulate=True"
                )
        plan = GenerationPlan(
            scenario=find_scenario(scenario).choosing(**chosen),
            company=company_text(company_context),
            count=count,
            seed=self._seed,
            **{"realism": "judge" in self._models, **wanted},
        )
        settings = planned(plan, self._models, self._budget, name, self._compliance)
        held = settings.compliance.with_norms(norms_of(company_context))
        products = products_of(company_context)
        if products:
            held = held.model_copy(update={"public": [*held.public, *products]})
        return settings.model_copy(update={"compliance": held})

    def quote(
        self, scenario: str | Scenario, company_context: Any = None, count: int = 100, **options: Any
    ) -> Forecast:
        """What it takes, least, likely and most; nothing is sent. Arguments and errors: :meth:`plan`."""
        settings = self.plan(scenario, company_context, count, **options)
        return foreseen(_plan_in(settings), settings)

    def generate(
        self,
        scenario: str | Scenario,
        company_context: Any = None,
        count: int = 100,
        *,
        progress: Progress = True,
        fresh: bool = False,
        **options: Any,
    ) -> GeneratedDataset:
        """Make the cases; blocks until they are made. Ctrl-C ends the run; what was paid for is kept.

        Who asks again for the same gets the same run: one that died, failed or was stopped goes on, so does
        one that a cap has ended if the budget is a higher one now; one that has ended is read. Nothing is
        paid twice.

        Args:
            progress: as for :func:`promptopt.optimize`.
            fresh: begin a new run in any case.
            scenario, company_context, count, options: as for :meth:`plan`.

        Raises:
            SettingsError, ModelError: as :meth:`plan`.
            RunError: not one case could be made.
        """
        settings = self.plan(scenario, company_context, count, **options)
        with closing(Database.open()) as database:
            row = None if fresh else same_generation(database, settings)
            if row is None:
                run_id = create_planned(database, settings)
                run_here(database, run_id, NOTHING, shown_by(progress, run_id))
            else:
                run_id = row.id
                _go_on(database, run_id, settings.budget, progress)
            return generated_dataset(run_id, database)

    def start(
        self,
        scenario: str | Scenario,
        company_context: Any = None,
        count: int = 100,
        *,
        live: bool = True,
        fresh: bool = False,
        **options: Any,
    ) -> "MakingRun":
        """Start making the cases and return at once; in a notebook it is shown in the cell.

        ``run.wait()`` gives the cases, ``run.dataset()`` those that are there. For arguments and errors see
        :meth:`generate`.
        """
        from promptopt.notebook.starting import start_making

        return start_making(self.plan(scenario, company_context, count, **options), live=live, fresh=fresh)


class EnterpriseDataGenerator:
    """Cases for the usual tasks of a company.

    Args:
        llm_client: who makes them up: an ``LLMClient``, a model's name, models by role; None: the simulator.

    Attributes:
        scenario_templates: the scenarios that there are, by name.
    """

    def __init__(
        self,
        llm_client: Model | Mapping[Role, Model] | None = None,
        *,
        budget: float | Mapping[str, float] | BudgetSettings | None = None,
        seed: int = 0,
    ) -> None:
        self.scenario_templates = {scenario.name: scenario for scenario in scenarios()}
        self.generator = SyntheticDataGenerator(llm_client, budget, seed, simulate=llm_client is None)

    def create_customer_support_data(
        self, company_context: Any, count: int = 200, **how: Any
    ) -> GeneratedDataset:
        """Messages of customers; ``how`` as for :meth:`SyntheticDataGenerator.generate`."""
        return self.generator.generate("customer_support", company_context, count, **how)

    def create_internal_communication_data(
        self, team_context: Any, count: int = 150, **how: Any
    ) -> GeneratedDataset:
        """Notes for e-mails, minutes and reports."""
        return self.generator.generate("internal_communication", team_context, count, **how)

    def create_content_creation_data(
        self, brand_context: Any, count: int = 100, **how: Any
    ) -> GeneratedDataset:
        """Briefs for marketing texts."""
        return self.generator.generate("content_creation", brand_context, count, **how)

    def create_technical_documentation_data(
        self, product_context: Any, count: int = 100, **how: Any
    ) -> GeneratedDataset:
        """Raw material for pages of documentation."""
        return self.generator.generate("technical_documentation", product_context, count, **how)


class DataValidator:
    """Measures sets of cases, and refuses those that are not good enough.

    Args:
        lowest: quality score, from 0 to 10, from which on a set is good enough.
    """

    def __init__(self, lowest: float = 5.0) -> None:
        self.lowest = lowest

    def validate(self, cases: Cases, prompt: str = "") -> DataQuality:
        """Measure; see :func:`validate`."""
        return validate(cases, prompt)

    def require(self, cases: Cases, prompt: str = "") -> DataQuality:
        """Measure, and refuse.

        Raises:
            SettingsError: the score is too low, or something makes a score over these cases meaningless.
        """
        report = validate(cases, prompt)
        if report.serious:
            raise SettingsError(report.serious[0].text, where=WHERE)
        if report.quality_score < self.lowest:
            weakest = min(report.parts, key=lambda name: report.parts[name], default="")
            raise SettingsError(
                f"the quality of the cases is {report.quality_score:.1f} of 10, expected {self.lowest:g}",
                where=WHERE,
                fix=f"the weakest part is {weakest!r}" if weakest else "",
            )
        return report


def validate(cases: Cases, prompt: str = "", seed: int = 0) -> DataQuality:
    """How good a set of cases is.

    Args:
        cases: a ``Dataset``, a list of ``Example`` or of mappings, a data frame, or the path of a file.
        prompt: that is scored on them: cases that stand in it are found.

    Raises:
        SettingsError: they can't be read.
    """
    if isinstance(cases, GeneratedDataset):
        return cases.report
    return measure(plain_dataset(cases), prompt=prompt, seed=seed)


def generated_dataset(reference: str = "latest", database: Database | None = None) -> GeneratedDataset:
    """What a run has made so far; what people have decided on its cases is carried out.

    Args:
        reference: the run's id, a part of it, or ``latest``.

    Raises:
        RunError: there is no such run, it makes no cases, or has made none.
    """
    if database is None:
        with closing(Database.open()) as opened:
            return generated_dataset(reference, opened)
    found = generated_by(database, reference)
    return _dataset(found, database)


def norms_of(context: Any) -> tuple[str, ...]:
    """The norms that a company's context names; a text names none."""
    if isinstance(context, Mapping):
        context = _context_of(context)
    named: Any = getattr(context, "compliance", ())
    return tuple(one for one in named if isinstance(one, str))


def products_of(context: Any) -> tuple[str, ...]:
    """The products of a company's context that may be sent though they look like a person's name.

    One of a single word is not among them, for it may be a customer's name as well; nor is one that has an
    address or a number of a person in it.
    """
    if isinstance(context, Mapping):
        context = _context_of(context)
    named: Any = getattr(context, "products", ())
    return tuple(
        one
        for one in named
        if isinstance(one, str)
        and len(one.split()) > 1
        and all(found.kind == "name" for found in find_pii(one))
    )


def _context_of(table: Any) -> "BusinessContext":
    from promptopt.enterprise.context import BusinessContext

    return BusinessContext.of(cast("Mapping[str, Any]", table))


def company_text(context: Any) -> str:
    """What a model is told of a company.

    Args:
        context: a text, a mapping, something with a method ``text()`` (``BusinessContext``), or None.

    Raises:
        SettingsError: it is none of these.
    """
    if context is None:
        return ""
    if isinstance(context, str):
        return context.strip()
    if not isinstance(context, Mapping) and callable(getattr(context, "text", None)):
        return str(context.text())
    if isinstance(context, Mapping):
        return _context_of(context).text()
    raise SettingsError(
        f"a company's context can't be a {type(context).__name__}",
        where=WHERE,
        fix="give a text, a mapping, or a BusinessContext",
    )


def _dataset(found: Generated, database: Database) -> GeneratedDataset:
    whole = found.dataset(queue_of(database, found).kept())
    there = {case.id for case in whole.cases()}
    ratings = {name: score for name, score in found.ratings.items() if name in there}
    report = measure(whole, ratings, found.plan.scenario.prompt, found.plan.seed)
    return GeneratedDataset(
        train=whole.train,
        validation=whole.validation,
        test=whole.test,
        held_back=whole.held_back,
        run_id=found.run.id,
        scenario=found.plan.scenario,
        model=found.model,
        simulated=found.simulated,
        report=report,
    )


def _go_on(database: Database, run_id: str, budget: BudgetSettings, progress: Progress) -> None:
    """Bring a run that there is to its end, under this budget if it has more than the run's own."""
    runs = Runs(database)
    row = runs.find(run_id)
    if row.live:
        while runs.find(run_id).live:
            time.sleep(0.2)
        return
    limits = higher_caps(database, row, budget)
    if row.status == "finished" and not (limits and ended_by_cap(database, row)):
        return
    may_resume(database, run_id, trusted=True)
    if limits:
        Commands(database, run_id).send(SetLimits(limits=limits))
    run_here(database, run_id, NOTHING, shown_by(progress, run_id))


def _plan_in(settings: ProjectSettings) -> GenerationPlan:
    return GenerationPlan.model_validate((settings.optimizer.model_extra or {})["plan"])


def _models(given: Any, *, simulate: bool) -> dict[Role, ModelSettings]:
    roles: Mapping[str, Any] = {"generator": DEFAULT_TARGET if given is None else given}
    if isinstance(given, Mapping) and "model" not in given:
        roles = cast("Mapping[str, Any]", given)
    unknown = [role for role in roles if role not in _ROLES]
    if unknown:
        raise SettingsError(
            f"there is no role {unknown[0]!r} here",
            where=f"{WHERE}, models",
            fix=f"there are: {', '.join(_ROLES)}",
        )
    if simulate:
        return {
            role: ModelSettings(model=f"sim/{role}") for role in _ROLES if role != "target" or role in roles
        }
    return {role: ModelSettings.model_validate(model_table(roles[role])) for role in _ROLES if role in roles}


def _several(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
